/*
 * collection_store.c
 *	  The rows of collections, and of their invoices what decides about them.
 *
 * Guarantees: what is decided was read under the locks, in a statement after them. Locks: invoices
 * that are due, never waiting; then the collections, whose invoice everybody locks before, so that
 * nobody waits there.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/collection/collection_rows.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

static Stmt lock_due = {
	.name = "lock_due_collections",
	.sql = "SELECT h.customer_id, h.invoice_id FROM billing.collections c"
		   " JOIN billing.invoice_headers h ON h.customer_id = c.customer_id"
		   " AND h.invoice_id = c.invoice_id"
		   " WHERE c.status = 'ACTIVE' AND c.next_attempt_at <= $1"
		   " ORDER BY c.next_attempt_at, c.invoice_id LIMIT $2"
		   " FOR NO KEY UPDATE OF h SKIP LOCKED",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT8OID},
	.by_index = true,
};

static Stmt lock_collections = {
	.name = "lock_collections",
	.sql = "SELECT FROM unnest($1, $2) k(customer_id, invoice_id)"
		   " JOIN billing.collections c ON c.customer_id = k.customer_id"
		   " AND c.invoice_id = k.invoice_id"
		   " ORDER BY k.customer_id, k.invoice_id FOR NO KEY UPDATE OF c",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt load_collections = {
	.name = "load_collections",
	.sql = "SELECT c.status, c.attempts, c.step, c.first_failed_at, c.next_attempt_at,"
		   " c.last_payment_id, c.last_failure_code, h.number, h.status AS invoice_status,"
		   " h.amount_due, h.currency, u.collection = 'AUTOMATIC' AS automatic,"
		   " EXISTS (SELECT FROM billing.payments p WHERE p.customer_id = h.customer_id"
		   " AND p.target_id = h.invoice_id AND p.status = 'PENDING'"
		   " AND p.target_type <> 'TOP_UP') AS pending"
		   " FROM unnest($1, $2) WITH ORDINALITY k(customer_id, invoice_id, position)"
		   " JOIN billing.invoice_headers h ON h.customer_id = k.customer_id"
		   " AND h.invoice_id = k.invoice_id"
		   " JOIN billing.customers u ON u.customer_id = k.customer_id"
		   " LEFT JOIN billing.collections c ON c.customer_id = k.customer_id"
		   " AND c.invoice_id = k.invoice_id"
		   " ORDER BY k.position",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt write_collections = {
	.name = "write_collections",
	.sql = "INSERT INTO billing.collections AS c (customer_id, invoice_id, status, attempts, step,"
		   " first_failed_at, next_attempt_at, last_payment_id, last_failure_code, stop_reason,"
		   " created_at, updated_at, ended_at)"
		   " SELECT n.customer_id, n.invoice_id, n.status, n.attempts, n.step, n.first_failed_at,"
		   " n.next_attempt_at, n.last_payment_id, n.last_failure_code, n.stop_reason, $11, $11,"
		   " CASE WHEN n.status <> 'ACTIVE' THEN $11 END"
		   " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) n(customer_id, invoice_id,"
		   " status, attempts, step, first_failed_at, next_attempt_at, last_payment_id,"
		   " last_failure_code, stop_reason)"
		   " ON CONFLICT (customer_id, invoice_id) DO UPDATE SET status = EXCLUDED.status,"
		   " attempts = EXCLUDED.attempts, step = EXCLUDED.step,"
		   " first_failed_at = EXCLUDED.first_failed_at,"
		   " next_attempt_at = EXCLUDED.next_attempt_at,"
		   " last_payment_id = EXCLUDED.last_payment_id,"
		   " last_failure_code = EXCLUDED.last_failure_code, stop_reason = EXCLUDED.stop_reason,"
		   " updated_at = EXCLUDED.updated_at, ended_at = EXCLUDED.ended_at",
	.expect = SPI_OK_INSERT,
	.nargs = 11,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, INT4ARRAYOID, INT4ARRAYOID,
				 TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt touch_invoices = {
	.name = "touch_collected_invoices",
	.sql = "UPDATE billing.invoice_headers h SET status = h.status"
		   " FROM unnest($1, $2) k(customer_id, invoice_id)"
		   " WHERE h.customer_id = k.customer_id AND h.invoice_id = k.invoice_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Datum
row_uuid_or_zero(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, UUIDOID, &isnull);

	return isnull ? (Datum) 0 : value;
}

static TimestampTz
row_time_or_zero(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, TIMESTAMPTZOID, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

static void
collection_read(Collection *collection, Rows *rows)
{
	const char *status = row_text_or_null(rows, "status");

	if (status != NULL)
	{
		collection->status = collection_status_of(status);
		collection->attempts = row_int32(rows, "attempts");
		collection->step = row_int32(rows, "step");
		collection->first_failed_at = row_time_or_zero(rows, "first_failed_at");
		collection->next_attempt_at = row_time_or_zero(rows, "next_attempt_at");
		collection->last_payment_id = row_uuid_or_zero(rows, "last_payment_id");
		collection->failure_code = row_text_or_null(rows, "last_failure_code");
	}
	collection->number = row_text(rows, "number");
	collection->facts.status = invoice_status_of(row_text(rows, "invoice_status"));
	collection->facts.due =
		row_money(rows, "amount_due", currency_require(row_text(rows, "currency")));
	collection->facts.automatic = row_bool(rows, "automatic");
	collection->facts.pending = row_bool(rows, "pending");
}

static void
arg_keys(StmtArgs *args, const Collection *const *collections, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, collections[i]->customer_id);
		batch_datum(batch, collections[i]->invoice_id);
	}
	batch_args(batch, args);
}

void
collections_load(Collection *collections, int count)
{
	const Collection **keys = palloc(sizeof(Collection *) * count);
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
		keys[i] = &collections[i];
	arg_keys(&args, keys, count);
	stmt_run(&lock_collections, &args);
	rows = stmt_run(&load_collections, &args);
	Ensure(rows.count == (uint64) count, "an invoice to be collected vanished");
	for (int i = 0; row_next(&rows); i++)
		collection_read(&collections[i], &rows);
}

int
collections_lock_due(Collection *collections, int most)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;
	int n = 0;

	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, Int64GetDatum(most));
	rows = stmt_run(&lock_due, &args);
	while (row_next(&rows))
		collections[n++] = (Collection){
			.customer_id = row_text(&rows, "customer_id"),
			.invoice_id = row_datum(&rows, "invoice_id", UUIDOID, &isnull),
		};
	if (n > 0)
		collections_load(collections, n);
	return n;
}

void
collections_touch(const Collection *const *collections, int count)
{
	StmtArgs args = {0};

	if (count == 0)
		return;
	arg_keys(&args, collections, count);
	stmt_run(&touch_invoices, &args);
}

static void
collection_to_batch(Batch *batch, const Collection *collection)
{
	batch_row(batch);
	batch_text(batch, collection->customer_id);
	batch_datum(batch, collection->invoice_id);
	batch_text(batch, collection_status_name(collection->status));
	batch_datum(batch, Int32GetDatum(collection->attempts));
	batch_datum(batch, Int32GetDatum(collection->step));
	batch_datum(batch, TimestampTzGetDatum(collection->first_failed_at));
	if (collection->status == COLLECTION_ACTIVE)
		batch_datum(batch, TimestampTzGetDatum(collection->next_attempt_at));
	else
		batch_null(batch);
	batch_datum(batch, collection->last_payment_id);
	batch_text(batch, collection->failure_code);
	batch_text(batch, collection->stop_reason);
}

void
collections_write(const Collection *collections, int count)
{
	static const Oid types[] = {TEXTOID,        UUIDOID,        TEXTOID, INT4OID, INT4OID,
								TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
		collection_to_batch(batch, &collections[i]);
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&write_collections, &args);
}
