/*
 * invoice_overdue_api.c
 *	  mark_overdue_invoices(): ISSUED invoices whose due date has come become OVERDUE.
 *
 * Locks: the invoices, passing by those that another session has (it may be paying them).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/outbox.h"
#include "core/spi.h"
#include "miscadmin.h"
#include "utils/timestamp.h"

#define OVERDUE_BATCH 500
#define OVERDUE_MAX 10000 /* invoices of one call */

static Stmt mark_overdue = {
	.name = "mark_overdue",
	.sql = "UPDATE billing.invoice_headers h SET status = 'OVERDUE'"
		   " FROM (SELECT o.customer_id, o.invoice_id FROM billing.invoice_headers o"
		   " WHERE o.status = 'ISSUED' AND o.due_at <= $1 ORDER BY o.due_at LIMIT $2"
		   " FOR NO KEY UPDATE SKIP LOCKED) d"
		   " WHERE h.customer_id = d.customer_id AND h.invoice_id = d.invoice_id"
		   " RETURNING h.customer_id, h.invoice_id::text AS invoice_id, h.number, h.currency,"
		   " h.amount_due::text AS amount_due, h.due_at",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT4OID},
	.by_index = true,
};

static Datum
overdue_json(Rows *rows)
{
	JsonWriter json;
	bool isnull;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, row_text(rows, "invoice_id"));
	json_key(&json, "number");
	json_string(&json, row_text(rows, "number"));
	json_key(&json, "customerId");
	json_string(&json, row_text(rows, "customer_id"));
	json_key(&json, "amountDue");
	json_raw(&json, row_text(rows, "amount_due"));
	json_key(&json, "currency");
	json_string(&json, row_text(rows, "currency"));
	json_key(&json, "dueAt");
	json_timestamp(&json, DatumGetTimestampTz(row_datum(rows, "due_at", TIMESTAMPTZOID, &isnull)));
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static int
overdue_batch(void)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * OVERDUE_BATCH);
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * OVERDUE_BATCH);
	StmtArgs args = {0};
	Rows rows;
	int n = 0;

	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, Int32GetDatum(OVERDUE_BATCH));
	rows = stmt_run(&mark_overdue, &args);
	while (row_next(&rows))
	{
		events[n].aggregate_type = "Invoice";
		events[n].aggregate_id = row_text(&rows, "invoice_id");
		events[n].type = "InvoiceOverdue";
		events[n].customer_id = row_text(&rows, "customer_id");
		events[n].payload = overdue_json(&rows);
		entries[n].customer_id = events[n].customer_id;
		entries[n].action = "INVOICE_OVERDUE";
		entries[n].target_type = "Invoice";
		entries[n].target_id = events[n].aggregate_id;
		entries[n].before = json_status("ISSUED");
		entries[n].after = json_status("OVERDUE");
		n++;
	}
	outbox_append(events, n);
	audit_append(entries, n);
	return n;
}

/* mark_overdue_invoices() -> bigint, how many became overdue */
PG_FUNCTION_INFO_V1(billing_mark_overdue_invoices);
Datum
billing_mark_overdue_invoices(PG_FUNCTION_ARGS)
{
	int64 total = 0;
	int n;

	actor_require_service();
	spi_begin();
	do
	{
		CHECK_FOR_INTERRUPTS();
		n = overdue_batch();
		total += n;
	} while (n > 0 && total < OVERDUE_MAX);
	spi_end();
	PG_RETURN_INT64(total);
}
