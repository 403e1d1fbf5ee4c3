/*
 * invoice_number_store.c
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
#include "core/ids.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_store.h"
#include "utils/timestamp.h"

#define INVOICE_SERIES "INV"
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

static void
invoice_number(Invoice *invoice, int32 year, int64 number, DateADT issued_on)
{
	invoice->invoice_id = id_new();
	invoice->number =
		psprintf("%s-%04d-%0*lld", INVOICE_SERIES, year, NUMBER_DIGITS, (long long) number);
	invoice->issued_on = issued_on;
	invoice->issued_at = clock_now();
	invoice->due_at = invoice->issued_at + (int64) invoice->net_days * USECS_PER_DAY;
}

void
invoices_number(Invoice **invoices, int count)
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

	arg_text(&take, INVOICE_SERIES);
	arg_datum(&take, Int64GetDatum(count));
	arg_datum(&take, DateADTGetDatum(zone_day(clock_now(), house_time_zone())));
	rows = stmt_run(&take_numbers, &take);
	Ensure(row_next(&rows), "no number series");
	year = row_int32(&rows, "year");
	first = row_int64(&rows, "last_number") - count + 1;
	issued_on = DatumGetDateADT(row_datum(&rows, "last_issued_on", DATEOID, &isnull));
	for (int i = 0; i < count; i++)
	{
		invoice_number(invoices[i], year, first + i, issued_on);
		batch_row(batch);
		batch_datum(batch, Int64GetDatum(first + i));
		batch_datum(batch, invoices[i]->invoice_id);
		batch_text(batch, invoices[i]->customer_id);
	}
	batch_args(batch, &args);
	arg_text(&args, INVOICE_SERIES);
	arg_datum(&args, Int32GetDatum(year));
	arg_datum(&args, DateADTGetDatum(issued_on));
	stmt_run(&insert_numbers, &args);
}
