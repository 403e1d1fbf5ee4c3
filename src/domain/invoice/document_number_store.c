/*
 * document_number_store.c
 *	  Gap-free numbers of documents.
 *
 * Guarantees: within a series and year numbers are 1, 2, 3 ... without a gap, whatever crashes,
 * since the counter is updated in the transaction that writes the document; neither a number nor
 * an issue date goes back. Locks: the row of the series, until the transaction ends.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/period.h"
#include "domain/customer/customer.h"
#include "domain/invoice/document_number.h"
#include "utils/timestamp.h"

#define NUMBER_DIGITS 6

static Stmt take_numbers = {
	.name = "take_numbers",
	.sql =
		"INSERT INTO billing.document_series AS s (series, year, last_number, last_issued_on)"
		" VALUES ($1, pg_catalog.date_part('year', $3)::int, $2, $3)"
		" ON CONFLICT (series) DO UPDATE SET"
		" last_issued_on = GREATEST(s.last_issued_on, EXCLUDED.last_issued_on),"
		" year = pg_catalog.date_part('year', GREATEST(s.last_issued_on, EXCLUDED.last_issued_on))::int,"
		" last_number = EXCLUDED.last_number + CASE WHEN s.year = pg_catalog.date_part('year',"
		" GREATEST(s.last_issued_on, EXCLUDED.last_issued_on))::int THEN s.last_number ELSE 0 END"
		" RETURNING s.year, s.last_number, s.last_issued_on",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 3,
	.argtypes = {TEXTOID, INT8OID, DATEOID},
};

static Stmt insert_numbers = {
	.name = "insert_numbers",
	.sql =
		"INSERT INTO billing.document_numbers (series, year, number, document_id, customer_id, issued_on)"
		" SELECT $4, $5, n.number, n.document_id, n.customer_id, $6"
		" FROM unnest($1, $2, $3) n(number, document_id, customer_id)",
	.expect = SPI_OK_INSERT,
	.nargs = 6,
	.argtypes = {INT8ARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTOID, INT4OID, DATEOID},
};

void
documents_number(const char *series, DocumentNumber *documents, int count)
{
	static const Oid types[] = {INT8OID, UUIDOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs take = {0};
	StmtArgs args = {0};
	Rows rows;
	int32 year;
	int64 first;
	DateADT issued_on;
	bool isnull;

	arg_text(&take, series);
	arg_datum(&take, Int64GetDatum(count));
	arg_datum(&take, DateADTGetDatum(zone_day(clock_now(), house_time_zone())));
	rows = stmt_run(&take_numbers, &take);
	Ensure(row_next(&rows), "no number series");
	year = row_int32(&rows, "year");
	first = row_int64(&rows, "last_number") - count + 1;
	issued_on = DatumGetDateADT(row_datum(&rows, "last_issued_on", DATEOID, &isnull));
	for (int i = 0; i < count; i++)
	{
		int64 number = first + i;

		documents[i].number =
			psprintf("%s-%04d-%0*lld", series, year, NUMBER_DIGITS, (long long) number);
		documents[i].issued_on = issued_on;
		batch_row(batch);
		batch_datum(batch, Int64GetDatum(number));
		batch_datum(batch, documents[i].document_id);
		batch_text(batch, documents[i].customer_id);
	}
	batch_args(batch, &args);
	arg_text(&args, series);
	arg_datum(&args, Int32GetDatum(year));
	arg_datum(&args, DateADTGetDatum(issued_on));
	stmt_run(&insert_numbers, &args);
}
