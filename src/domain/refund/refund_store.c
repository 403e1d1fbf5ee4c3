/*
 * refund_store.c
 *	  The rows of refunds, their events and audit.
 *
 * Guarantees: each change of status is stored, published and audited together. Locks: the key of a
 * new refund, which its caller has met on the payment.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/refund/refund_rows.h"
#include "utils/timestamp.h"

static Stmt insert_refund = {
	.name = "insert_refund",
	.sql =
		"INSERT INTO billing.refunds (customer_id, refund_id, payment_id, amount, currency, tax, destination,"
		" provider_key, status, reason, idempotency_key, fingerprint, metadata, requested_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $2::text, $8, $9, $10, $11, $12::jsonb, $13)"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 13,
	.argtypes = {TEXTOID, UUIDOID, UUIDOID, NUMERICOID, TEXTOID, NUMERICOID, TEXTOID, TEXTOID,
				 TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID},
};

static void
arg_or_null(StmtArgs *args, Datum pointer)
{
	if (pointer == (Datum) 0)
		arg_null(args);
	else
		arg_datum(args, pointer);
}

void
refund_insert(const Refund *refund)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->refund_id);
	arg_datum(&args, refund->payment.payment_id);
	arg_datum(&args, money_to_numeric(refund->amount));
	arg_text(&args, refund->amount.currency->code);
	arg_datum(&args, money_to_numeric(refund->tax));
	arg_text(&args, refund->destination);
	arg_text(&args, refund_status_name(refund->status));
	arg_text(&args, refund->reason);
	arg_text(&args, refund->idempotency_key);
	arg_or_null(&args, refund->fingerprint);
	arg_text(&args, refund->metadata);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = key_meet(&insert_refund, &args, refund->idempotency_key);
	if (rows.count == 0)
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
}

static Stmt update_refund = {
	.name = "update_refund",
	.sql =
		"UPDATE billing.refunds r SET status = $3, tax = $4, provider_reference = $5, failure_code = $6,"
		" failure_message = $7, credit_note_id = $8, credit_id = $9, completed_at = $10"
		" WHERE r.customer_id = $1 AND r.refund_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 10,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, UUIDOID,
				 TIMESTAMPTZOID},
	.by_index = true,
};

void
refund_update(const Refund *refund)
{
	bool completed = refund->status == REFUND_COMPLETED;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->refund_id);
	arg_text(&args, refund_status_name(refund->status));
	arg_datum(&args, money_to_numeric(refund->tax));
	arg_text(&args, refund->answer.reference);
	arg_text(&args, refund->answer.failure_code);
	arg_text(&args, refund->answer.failure_message);
	arg_or_null(&args, completed && refund->note != NULL ? refund->note->credit_note_id : 0);
	arg_or_null(&args, refund->credit_id);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&update_refund, &args);
	Ensure(rows.count == 1, "refund vanished");
}

static Stmt select_refund = {
	.name = "select_refund",
	.sql =
		"SELECT r AS refund FROM billing.refunds r WHERE r.customer_id = $1 AND r.refund_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

Datum
refund_row(const Refund *refund)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->refund_id);
	rows = stmt_run(&select_refund, &args);
	Ensure(row_next(&rows), "refund vanished");
	return row_composite(&rows, "refund");
}

/* What every event and audit entry of a refund begins with. */
static void
json_begin(JsonWriter *json, const Refund *refund)
{
	json_init(json);
	json_open(json, '{');
	json_key(json, "refundId");
	json_string(json, id_text(refund->refund_id));
	json_key(json, "paymentId");
	json_string(json, id_text(refund->payment.payment_id));
	json_key(json, "customerId");
	json_string(json, refund->customer_id);
	json_key(json, "amount");
	json_money(json, refund->amount);
	json_key(json, "currency");
	json_string(json, refund->amount.currency->code);
}

static Datum
json_end(JsonWriter *json)
{
	json_key(json, "occurredAt");
	json_timestamp(json, clock_now());
	json_close(json, '}');
	return json_to_jsonb(json);
}

static Datum
approved_json(const Refund *refund)
{
	JsonWriter json;

	json_begin(&json, refund);
	json_key(&json, "providerReference");
	json_string(&json, refund->answer.reference);
	return json_end(&json);
}

static Datum
completed_json(const Refund *refund)
{
	JsonWriter json;

	json_begin(&json, refund);
	json_key(&json, "destination");
	json_string(&json, refund->destination);
	json_key(&json, "creditNoteId");
	json_string(&json, refund->note != NULL ? id_text(refund->note->credit_note_id) : NULL);
	return json_end(&json);
}

static Datum
failed_json(const Refund *refund)
{
	JsonWriter json;

	json_begin(&json, refund);
	json_key(&json, "failureCode");
	json_string(&json, refund->answer.failure_code);
	json_key(&json, "reason");
	json_string(&json, refund->answer.failure_message);
	return json_end(&json);
}

static void
refund_publish(const Refund *refund, const char *type, Datum payload)
{
	OutboxEvent event = {
		.aggregate_type = "Refund",
		.aggregate_id = id_text(refund->refund_id),
		.type = type,
		.customer_id = refund->customer_id,
		.payload = payload,
		.idempotency_key = refund->idempotency_key,
	};

	outbox_append(&event, 1);
}

/* The state with what led to it, for the audit log. */
static Datum
state_json(const Refund *refund)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, refund_status_name(refund->status));
	json_key(&json, "paymentId");
	json_string(&json, id_text(refund->payment.payment_id));
	json_key(&json, "amount");
	json_money(&json, refund->amount);
	json_key(&json, "currency");
	json_string(&json, refund->amount.currency->code);
	json_key(&json, "destination");
	json_string(&json, refund->destination);
	json_key(&json, "providerReference");
	json_string(&json, refund->answer.reference);
	json_key(&json, "failureCode");
	json_string(&json, refund->answer.failure_code);
	json_key(&json, "failureMessage");
	json_string(&json, refund->answer.failure_message);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static const char *
audit_action(const Refund *refund)
{
	if (refund->status == REFUND_REQUESTED)
		return "REFUND_REQUESTED";
	if (refund->resolution != NULL)
		return "REFUND_RECONCILED";
	return refund->status == REFUND_FAILED ? "REFUND_FAILED" : "REFUND_APPROVED";
}

void
refund_announce(const Refund *refund)
{
	AuditEntry entry = {
		.customer_id = refund->customer_id,
		.action = audit_action(refund),
		.target_type = "Refund",
		.target_id = id_text(refund->refund_id),
		.after = state_json(refund),
		.reason = refund->resolution != NULL ? refund->resolution : refund->reason,
	};

	if (refund->status == REFUND_COMPLETED)
	{
		refund_publish(refund, "RefundApproved", approved_json(refund));
		refund_publish(refund, "RefundCompleted", completed_json(refund));
	}
	else if (refund->status == REFUND_FAILED)
		refund_publish(refund, "RefundFailed", failed_json(refund));
	if (refund->status != REFUND_REQUESTED)
		entry.before = json_status(refund_status_name(REFUND_REQUESTED));
	audit_append(&entry, 1);
}
