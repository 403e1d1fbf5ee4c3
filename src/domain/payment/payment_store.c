/*
 * payment_store.c
 *	  Payments and attempts, their postings, events and audit.
 *
 * Guarantees: a captured amount is posted in the transaction that records the capture, and there
 * the caller books it on its invoice; a declined one changes nothing but the payment. Locks: keys
 * of new rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/outbox.h"
#include "core/period.h"
#include "domain/customer/customer.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/payment.h"
#include "utils/timestamp.h"

static Stmt insert_payments = {
	.name = "insert_payments",
	.sql =
		"INSERT INTO billing.payments (operation, customer_id, payment_id, target_type, target_id, amount, currency,"
		" method, provider, provider_key, provider_reference, status, failure_code, failure_message,"
		" idempotency_key, fingerprint, metadata, created_at, completed_at)"
		" SELECT 'pay_invoice', p.customer_id, p.payment_id, p.target_type, p.target_id, p.amount, p.currency, p.method,"
		" $14, p.payment_id::text, p.provider_reference, p.status, p.failure_code, p.failure_message,"
		" p.idempotency_key, p.fingerprint, p.metadata::jsonb, $15, $15"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $16)"
		" p(customer_id, payment_id, target_type, target_id, amount, currency, method,"
		" provider_reference, status, failure_code, failure_message, idempotency_key, fingerprint, metadata)"
		" ON CONFLICT (customer_id, operation, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 16,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, UUIDARRAYOID, NUMERICARRAYOID,
				 TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TEXTARRAYOID, BYTEAARRAYOID, TEXTOID, TIMESTAMPTZOID, TEXTARRAYOID},
};

static Stmt insert_attempts = {
	.name = "insert_attempts",
	.sql = "INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status,"
		   " provider_reference, failure_code, failure_message, sent_at, finished_at)"
		   " SELECT a.customer_id, a.payment_id, 1, a.status, a.provider_reference, a.failure_code,"
		   " a.failure_message, $7, $7 FROM unnest($1, $2, $3, $4, $5, $6)"
		   " a(customer_id, payment_id, status, provider_reference, failure_code, failure_message)",
	.expect = SPI_OK_INSERT,
	.nargs = 7,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
};

static bool
is_approved(const Payment *payment)
{
	return payment->answer.outcome == PROVIDER_APPROVED;
}

static void
payment_to_batch(Batch *batch, const Payment *payment)
{
	batch_row(batch);
	batch_text(batch, payment->customer_id);
	batch_datum(batch, payment->payment_id);
	batch_text(batch, payment->target_type);
	batch_datum(batch, payment->target_id);
	batch_money(batch, payment->amount);
	batch_text(batch, payment->amount.currency->code);
	batch_text(batch, payment->method);
	batch_text(batch, payment->answer.reference);
	batch_text(batch, is_approved(payment) ? "APPROVED" : "FAILED");
	batch_text(batch, payment->answer.failure_code);
	batch_text(batch, payment->answer.failure_message);
	batch_text(batch, payment->idempotency_key);
	batch_datum_or_null(batch, payment->fingerprint);
}

static void
payments_insert(const Payment *payments, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID, UUIDOID, NUMERICOID, TEXTOID, TEXTOID,
								TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID,    BYTEAOID};
	Batch *batch = batch_new(types, lengthof(types));
	char **metadata = palloc(sizeof(char *) * count);
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
	{
		payment_to_batch(batch, &payments[i]);
		metadata[i] = unconstify(char *, payments[i].metadata);
	}
	batch_args(batch, &args);
	arg_text(&args, mock_provider.name);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text_array(&args, metadata, count);
	rows = stmt_run(&insert_payments, &args);
	if (rows.count != (uint64) count)
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
}

static void
attempts_insert(const Payment *payments, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, payments[i].customer_id);
		batch_datum(batch, payments[i].payment_id);
		batch_text(batch, is_approved(&payments[i]) ? "APPROVED" : "DECLINED");
		batch_text(batch, payments[i].answer.reference);
		batch_text(batch, payments[i].answer.failure_code);
		batch_text(batch, payments[i].answer.failure_message);
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_attempts, &args);
}

static Datum
payment_json(const Payment *payment)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "paymentId");
	json_string(&json, id_text(payment->payment_id));
	json_key(&json, "customerId");
	json_string(&json, payment->customer_id);
	json_key(&json, "targetType");
	json_string(&json, payment->target_type);
	json_key(&json, "targetId");
	json_string(&json, id_text(payment->target_id));
	json_key(&json, "amount");
	json_money(&json, payment->amount);
	json_key(&json, "currency");
	json_string(&json, payment->amount.currency->code);
	json_key(&json, is_approved(payment) ? "providerReference" : "failureCode");
	json_string(&json,
				is_approved(payment) ? payment->answer.reference : payment->answer.failure_code);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
payments_announce(const Payment *payments, int count)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * count);
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * count);

	for (int i = 0; i < count; i++)
	{
		bool approved = is_approved(&payments[i]);

		events[i].aggregate_type = "Payment";
		events[i].aggregate_id = id_text(payments[i].payment_id);
		events[i].type = approved ? "PaymentApproved" : "PaymentRejected";
		events[i].customer_id = payments[i].customer_id;
		events[i].payload = payment_json(&payments[i]);
		events[i].idempotency_key = payments[i].idempotency_key;
		entries[i].customer_id = payments[i].customer_id;
		entries[i].action = approved ? "PAYMENT_AUTHORIZED" : "PAYMENT_REJECTED";
		entries[i].target_type = "Payment";
		entries[i].target_id = events[i].aggregate_id;
		entries[i].after = events[i].payload;
	}
	outbox_append(events, count);
	audit_append(entries, count);
}

/* Posts the approved payments. */
static void
payments_post(const Payment *payments, int count)
{
	LedgerTransfer *transfers = palloc0(sizeof(LedgerTransfer) * count);
	DateADT today = zone_day(clock_now(), house_time_zone());
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		const Payment *payment = &payments[i];

		if (!is_approved(payment))
			continue;
		transfers[n++] = (LedgerTransfer){
			.journal_id = payment->payment_id,
			.customer_id = payment->customer_id,
			.debit_account = ACCOUNT_GATEWAY_CLEARING,
			.credit_account = ACCOUNT_RECEIVABLE,
			.amount = payment->amount,
			.kind = "PAYMENT_CAPTURED",
			.reference_type = "PAYMENT",
			.reference_id = id_text(payment->payment_id),
			.effective_on = today,
		};
	}
	ledger_post(transfers, n);
}

void
payments_authorize(Payment *payments, int count)
{
	for (int i = 0; i < count; i++)
	{
		payments[i].payment_id = id_new();
		payments[i].answer = mock_provider.authorize(&payments[i]);
		Ensure(payments[i].answer.outcome != PROVIDER_UNKNOWN, "the mock provider always knows");
	}
}

void
payments_record(const Payment *payments, int count)
{
	if (count == 0)
		return;
	payments_insert(payments, count);
	attempts_insert(payments, count);
	payments_announce(payments, count);
	payments_post(payments, count);
}
