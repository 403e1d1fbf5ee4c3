/*
 * payment_end_store.c
 *	  The rows of payments that are ended, one statement for many.
 *
 * Locks: the invoices, then the orders, then the payments, each in the order of their keys. What is
 * read before the locks never changes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/order/order_batch.h"
#include "domain/payment/payment_end_rows.h"
#include "domain/payment/payment_rows.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

static Stmt select_endings = {
	.name = "select_payments_to_end",
	.sql =
		"SELECT k.n, p.operation, p.target_type, p.target_id, p.amount, p.currency::text AS currency,"
		" p.provider, p.idempotency_key::text AS key"
		" FROM unnest($1, $2) WITH ORDINALITY k(customer_id, payment_id, n)"
		" JOIN billing.payments p"
		" ON p.customer_id = k.customer_id AND p.payment_id = k.payment_id",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt lock_payments = {
	.name = "lock_payments_to_end",
	.sql = "SELECT k.n, p.status, p.late_captured_at IS NOT NULL AS late"
		   " FROM unnest($1, $2) WITH ORDINALITY k(customer_id, payment_id, n)"
		   " JOIN billing.payments p"
		   " ON p.customer_id = k.customer_id AND p.payment_id = k.payment_id"
		   " ORDER BY p.customer_id, p.payment_id FOR NO KEY UPDATE OF p",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt end_attempts = {
	.name = "end_payment_attempts",
	.sql = "UPDATE billing.payment_attempts a SET"
		   " status = CASE WHEN e.mine THEN e.status ELSE 'UNKNOWN' END,"
		   " provider_reference = CASE WHEN e.mine THEN e.provider_reference END,"
		   " failure_code = CASE WHEN e.mine THEN e.failure_code END,"
		   " failure_message = CASE WHEN e.mine THEN e.failure_message END, finished_at = $8"
		   " FROM (SELECT e.*, a.attempt_no AS open_no, e.attempt_no IN (0, a.attempt_no) AS mine"
		   " FROM unnest($1, $2, $3, $4, $5, $6, $7) e(customer_id, payment_id, attempt_no, status,"
		   " provider_reference, failure_code, failure_message) JOIN billing.payment_attempts a"
		   " ON a.customer_id = e.customer_id AND a.payment_id = e.payment_id"
		   " WHERE a.finished_at IS NULL) e"
		   " WHERE a.customer_id = e.customer_id AND a.payment_id = e.payment_id"
		   " AND a.attempt_no = e.open_no",
	.expect = SPI_OK_UPDATE,
	.nargs = 8,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt end_payments = {
	.name = "end_payments",
	.sql =
		"UPDATE billing.payments p SET status = e.status, provider_reference = e.provider_reference,"
		" failure_code = e.failure_code, failure_message = e.failure_message, completed_at = $7"
		" FROM unnest($1, $2, $3, $4, $5, $6) e(customer_id, payment_id, status, provider_reference,"
		" failure_code, failure_message)"
		" WHERE p.customer_id = e.customer_id AND p.payment_id = e.payment_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 7,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt capture_late = {
	.name = "capture_payments_late",
	.sql = "UPDATE billing.payments p SET late_reference = COALESCE(e.reference, ''),"
		   " late_captured_at = $4"
		   " FROM unnest($1, $2, $3) e(customer_id, payment_id, reference)"
		   " WHERE p.customer_id = e.customer_id AND p.payment_id = e.payment_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

/* The ending that a row is of: n is its place in the arrays. */
static PaymentEnding *
row_ending(Rows *rows, PaymentEnding *endings, int count)
{
	int64 n = row_int64(rows, "n");

	Ensure(n >= 1 && n <= count, "row of an ending that was not asked for");
	return &endings[n - 1];
}

static StmtArgs
key_args(const PaymentEnding *endings, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, endings[i].customer_id);
		batch_datum(batch, endings[i].payment_id);
	}
	batch_args(batch, &args);
	return args;
}

static void
endings_read(PaymentEnding *endings, int count)
{
	StmtArgs args = key_args(endings, count);
	Rows rows = stmt_run(&select_endings, &args);
	bool isnull;

	Ensure(rows.count == (uint64) count, "a payment to end vanished");
	while (row_next(&rows))
	{
		PaymentEnding *ending = row_ending(&rows, endings, count);

		ending->payment = (Payment){
			.customer_id = ending->customer_id,
			.payment_id = ending->payment_id,
			.operation = row_text(&rows, "operation"),
			.target_type = row_text(&rows, "target_type"),
			.target_id = row_datum(&rows, "target_id", UUIDOID, &isnull),
			.amount = row_money(&rows, "amount", currency_require(row_text(&rows, "currency"))),
			.provider = provider_of(row_text(&rows, "provider")),
			.idempotency_key = row_text_or_null(&rows, "key"),
			.answer = ending->answer,
		};
	}
}

static bool
is_of(const PaymentEnding *ending, const char *target_type)
{
	return strcmp(ending->payment.target_type, target_type) == 0;
}

static void
invoices_lock(const PaymentEnding *endings, int count)
{
	PayableKey *keys = palloc(sizeof(PayableKey) * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (is_of(&endings[i], TARGET_INVOICE))
			keys[n++] = (PayableKey){endings[i].customer_id, endings[i].payment.target_id};
	}
	payables_lock(keys, n);
}

static void
endings_lock_orders(PaymentEnding *endings, int count)
{
	Order **orders = palloc(sizeof(Order *) * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (!is_of(&endings[i], TARGET_ORDER))
			continue;
		endings[i].order.customer_id = endings[i].customer_id;
		endings[i].order.order_id = endings[i].payment.target_id;
		endings[i].payment.order = &endings[i].order;
		orders[n++] = &endings[i].order;
	}
	orders_lock(orders, n);
}

void
payments_ending_lock(PaymentEnding *endings, int count)
{
	StmtArgs args;
	Rows rows;

	if (count == 0)
		return;
	endings_read(endings, count);
	invoices_lock(endings, count);
	endings_lock_orders(endings, count);
	args = key_args(endings, count);
	rows = stmt_run(&lock_payments, &args);
	Ensure(rows.count == (uint64) count, "a payment to end vanished");
	while (row_next(&rows))
	{
		PaymentEnding *ending = row_ending(&rows, endings, count);

		ending->status = payment_status_of(row_text(&rows, "status"));
		ending->late = row_bool(&rows, "late");
	}
}

static bool
approved(const PaymentEnding *ending)
{
	return ending->answer.outcome == PROVIDER_APPROVED;
}

static void
answer_to_batch(Batch *batch, const PaymentEnding *ending, const char *status)
{
	batch_text(batch, status);
	batch_text(batch, ending->answer.reference);
	batch_text(batch, ending->answer.failure_code);
	batch_text(batch, ending->answer.failure_message);
}

/*
 * Attempts that have no answer yet take it; those of other calls, which nobody waits for any more, have
 * none. An answer to the worker that comes later finds its attempt finished.
 */
void
attempts_end(PaymentEnding *const *endings, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, endings[i]->customer_id);
		batch_datum(batch, endings[i]->payment_id);
		batch_datum(batch, Int32GetDatum(endings[i]->attempt_no));
		answer_to_batch(batch, endings[i], approved(endings[i]) ? "APPROVED" : "DECLINED");
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&end_attempts, &args);
}

void
payments_end(PaymentEnding *const *endings, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, endings[i]->customer_id);
		batch_datum(batch, endings[i]->payment_id);
		answer_to_batch(batch, endings[i],
						payment_status_name(payment_status(&endings[i]->payment)));
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&end_payments, &args);
	Ensure(rows.count == (uint64) count, "a payment was to be ended twice");
}

void
payments_capture_late(PaymentEnding *const *endings, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, endings[i]->customer_id);
		batch_datum(batch, endings[i]->payment_id);
		batch_text(batch, endings[i]->answer.reference);
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&capture_late, &args);
	Ensure(rows.count == (uint64) count, "a payment was to be captured late twice");
}
