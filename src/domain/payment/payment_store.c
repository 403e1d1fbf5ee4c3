/*
 * payment_store.c
 *	  The rows of payments and attempts.
 *
 * Guarantees: one payment a key. Locks: keys of new rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "domain/payment/payment_rows.h"
#include "utils/timestamp.h"

static Stmt insert_payments = {
	.name = "insert_payments",
	.sql =
		"INSERT INTO billing.payments (customer_id, payment_id, operation, target_type, target_id,"
		" amount, excess, currency, method, payment_method_id, provider, provider_key,"
		" provider_reference, status, failure_code, failure_message, credit_id, reference,"
		" idempotency_key, fingerprint, metadata, created_at, completed_at)"
		" SELECT p.customer_id, p.payment_id, p.operation, p.target_type, p.target_id, p.amount,"
		" p.excess, p.currency, p.method, p.payment_method_id, p.provider, p.payment_id::text,"
		" p.provider_reference, p.status, p.failure_code, p.failure_message, p.credit_id,"
		" p.reference, p.idempotency_key, p.fingerprint, p.metadata::jsonb, $21,"
		" CASE WHEN p.status <> 'PENDING' THEN $21 END"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
		" $18, $19, $20) p(customer_id, payment_id, operation, target_type, target_id, amount,"
		" excess, currency, method, payment_method_id, provider, provider_reference, status,"
		" failure_code, failure_message, credit_id, reference, idempotency_key, fingerprint, metadata)"
		" ON CONFLICT (customer_id, operation, idempotency_key) WHERE idempotency_key IS NOT NULL"
		" DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 21,
	.argtypes = {TEXTARRAYOID,    UUIDARRAYOID,    TEXTARRAYOID, TEXTARRAYOID,  UUIDARRAYOID,
				 NUMERICARRAYOID, NUMERICARRAYOID, TEXTARRAYOID, TEXTARRAYOID,  UUIDARRAYOID,
				 TEXTARRAYOID,    TEXTARRAYOID,    TEXTARRAYOID, TEXTARRAYOID,  TEXTARRAYOID,
				 UUIDARRAYOID,    TEXTARRAYOID,    TEXTARRAYOID, BYTEAARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
};

static Stmt insert_attempts = {
	.name = "insert_attempts",
	.sql = "INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status,"
		   " provider_reference, failure_code, failure_message, sent_at, finished_at)"
		   " SELECT a.customer_id, a.payment_id, 1, a.status, a.provider_reference, a.failure_code,"
		   " a.failure_message, $7, CASE WHEN a.status <> 'UNKNOWN' THEN $7 END"
		   " FROM unnest($1, $2, $3, $4, $5, $6)"
		   " a(customer_id, payment_id, status, provider_reference, failure_code, failure_message)",
	.expect = SPI_OK_INSERT,
	.nargs = 7,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
};

static Stmt find_by_key = {
	.name = "find_payment_by_key",
	.sql =
		"SELECT p AS payment, COALESCE(p.fingerprint = $4, false) AS same FROM billing.payments p"
		" WHERE p.customer_id = $1 AND p.operation = $2 AND p.idempotency_key = $3",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static Stmt select_payment = {
	.name = "select_payment",
	.sql =
		"SELECT p AS payment FROM billing.payments p WHERE p.customer_id = $1 AND p.payment_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

/* What each outcome makes of a payment and of its attempt. */
static const struct
{
	PaymentStatus payment;
	const char *attempt;
} outcomes[] = {
	[PROVIDER_APPROVED] = {PAYMENT_APPROVED, "APPROVED"},
	[PROVIDER_DECLINED] = {PAYMENT_FAILED, "DECLINED"},
	[PROVIDER_UNKNOWN] = {PAYMENT_PENDING, "UNKNOWN"},
};

PaymentStatus
payment_status(const Payment *payment)
{
	return outcomes[payment->answer.outcome].payment;
}

static void
payment_to_batch(Batch *batch, const Payment *payment)
{
	const Currency *currency = payment->amount.currency;

	batch_row(batch);
	batch_text(batch, payment->customer_id);
	batch_datum(batch, payment->payment_id);
	batch_text(batch, payment->operation);
	batch_text(batch, payment->target_type);
	batch_datum(batch, payment->target_id);
	batch_money(batch, payment->amount);
	batch_money(batch, payment->credit_id != 0 ? payment->excess : money_zero(currency));
	batch_text(batch, currency->code);
	batch_text(batch, payment->method);
	batch_datum_or_null(batch, payment->payment_method_id);
	batch_text(batch, payment->provider->name);
	batch_text(batch, payment->answer.reference);
	batch_text(batch, payment_status_name(payment_status(payment)));
	batch_text(batch, payment->answer.failure_code);
	batch_text(batch, payment->answer.failure_message);
	batch_datum_or_null(batch, payment->credit_id);
	batch_text(batch, payment->reference);
	batch_text(batch, payment->idempotency_key);
	batch_datum_or_null(batch, payment->fingerprint);
	batch_text(batch, payment->metadata);
}

bool
payments_insert(const Payment *payments, int count)
{
	static const Oid types[] = {TEXTOID,    UUIDOID,    TEXTOID, TEXTOID,  UUIDOID,
								NUMERICOID, NUMERICOID, TEXTOID, TEXTOID,  UUIDOID,
								TEXTOID,    TEXTOID,    TEXTOID, TEXTOID,  TEXTOID,
								UUIDOID,    TEXTOID,    TEXTOID, BYTEAOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
		payment_to_batch(batch, &payments[i]);
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = key_meet(&insert_payments, &args, payments[0].idempotency_key);
	return rows.count == (uint64) count;
}

/* Of those that asked somebody outside; a remote provider is asked later, and by others. */
void
attempts_insert(const Payment *payments, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (!payments[i].provider->outside || payments[i].provider->remote)
			continue;
		batch_row(batch);
		batch_text(batch, payments[i].customer_id);
		batch_datum(batch, payments[i].payment_id);
		batch_text(batch, outcomes[payments[i].answer.outcome].attempt);
		batch_text(batch, payments[i].answer.reference);
		batch_text(batch, payments[i].answer.failure_code);
		batch_text(batch, payments[i].answer.failure_message);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_attempts, &args);
}

bool
payment_replay(const Payment *payment, Datum *row)
{
	StmtArgs args = {0};
	Rows rows;

	if (payment->idempotency_key == NULL)
		return false;
	arg_text(&args, payment->customer_id);
	arg_text(&args, payment->operation);
	arg_text(&args, payment->idempotency_key);
	arg_datum(&args, payment->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(payment->idempotency_key, row_bool(&rows, "same"));
	*row = row_composite(&rows, "payment");
	return true;
}

Datum
payment_row(const Payment *payment)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, payment->customer_id);
	arg_datum(&args, payment->payment_id);
	rows = stmt_run(&select_payment, &args);
	Ensure(row_next(&rows), "payment vanished");
	return row_composite(&rows, "payment");
}
