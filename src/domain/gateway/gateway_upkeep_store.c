/*
 * gateway_upkeep_store.c
 *	  Telling of payments and refunds that are not decided for too long.
 *
 * Guarantees: each is told once, by an event and in the audit log, and stands in billing.stuck_payments
 * until it is decided; it is called on as before. Locks: the rows of calls that nobody else has, alone.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/gateway/gateway.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/timestamp.h"

#define US_PER_S INT64CONST(1000000)

static Stmt mark_stuck = {
	.name = "mark_stuck_calls",
	.sql =
		"UPDATE billing.gateway_calls g SET stuck_since = $2"
		" FROM (SELECT s.customer_id, s.subject_id, r.payment_id,"
		" COALESCE(p.amount, r.amount) AS amount, COALESCE(p.currency, r.currency)::text AS currency"
		" FROM (SELECT c.customer_id, c.subject_id FROM billing.gateway_calls c"
		" WHERE c.created_at <= $1 AND c.stuck_since IS NULL"
		" ORDER BY c.created_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED) s"
		" LEFT JOIN billing.payments p"
		" ON p.customer_id = s.customer_id AND p.payment_id = s.subject_id"
		" LEFT JOIN billing.refunds r"
		" ON r.customer_id = s.customer_id AND r.refund_id = s.subject_id) m"
		" WHERE g.customer_id = m.customer_id AND g.subject_id = m.subject_id"
		" AND m.amount IS NOT NULL"
		" RETURNING g.customer_id, g.subject, g.subject_id, m.payment_id, m.amount, m.currency,"
		" g.created_at, g.attempts, g.last_error",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 3,
	.argtypes = {TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID},
};

static Datum
stuck_json(Rows *rows, const char *id_key)
{
	const Currency *currency = currency_require(row_text(rows, "currency"));
	JsonWriter json;
	bool isnull;
	Datum payment_id = row_datum(rows, "payment_id", UUIDOID, &isnull);

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, id_key);
	json_string(&json, id_text(row_datum(rows, "subject_id", UUIDOID, &(bool){false})));
	if (!isnull)
	{
		json_key(&json, "paymentId");
		json_string(&json, id_text(payment_id));
	}
	json_key(&json, "customerId");
	json_string(&json, row_text(rows, "customer_id"));
	json_key(&json, "amount");
	json_money(&json, row_money(rows, "amount", currency));
	json_key(&json, "currency");
	json_string(&json, currency->code);
	json_key(&json, "since");
	json_timestamp(&json, DatumGetTimestampTz(
							  row_datum(rows, "created_at", TIMESTAMPTZOID, &(bool){false})));
	json_key(&json, "attempts");
	json_int(&json, row_int32(rows, "attempts"));
	json_key(&json, "lastError");
	json_string(&json, row_text_or_null(rows, "last_error"));
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

int
gateway_upkeep(int most)
{
	TimestampTz now = clock_real();
	StmtArgs args = {0};
	Rows rows;
	OutboxEvent *events;
	AuditEntry *entries;
	int n = 0;

	arg_datum(&args, TimestampTzGetDatum(now - gateway_settings.stuck_after_s * US_PER_S));
	arg_datum(&args, TimestampTzGetDatum(now));
	arg_datum(&args, Int64GetDatum(most));
	rows = stmt_run(&mark_stuck, &args);
	events = palloc0(sizeof(OutboxEvent) * (rows.count + 1));
	entries = palloc0(sizeof(AuditEntry) * (rows.count + 1));
	while (row_next(&rows))
	{
		bool refund = strcmp(row_text(&rows, "subject"), SUBJECT_REFUND) == 0;
		OutboxEvent *event = &events[n];
		AuditEntry *entry = &entries[n++];

		event->aggregate_type = entry->target_type = refund ? "Refund" : "Payment";
		event->aggregate_id = entry->target_id =
			id_text(row_datum(&rows, "subject_id", UUIDOID, &(bool){false}));
		event->type = refund ? "RefundStuck" : "PaymentStuck";
		entry->action = refund ? "REFUND_STUCK" : "PAYMENT_STUCK";
		event->customer_id = entry->customer_id = row_text(&rows, "customer_id");
		event->payload = entry->after = stuck_json(&rows, refund ? "refundId" : "paymentId");
	}
	outbox_append(events, n);
	audit_append(entries, n);
	return n;
}
