/*
 * invoice_paid_store.c
 *	  Booking what was paid on invoices.
 *
 * The ledger is posted by who captured the money; here the invoice, its event and its audit.
 * Locks: the invoices, in the order of the given rows.
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
#include "domain/invoice/invoice_state.h"
#include "utils/timestamp.h"

static Stmt pay_invoices = {
	.name = "pay_invoices",
	.sql = "UPDATE billing.invoice_headers h SET amount_paid = h.amount_paid + p.amount,"
		   " status = CASE WHEN h.amount_due = p.amount THEN 'PAID' ELSE h.status END,"
		   " paid_at = CASE WHEN h.amount_due = p.amount THEN $4 ELSE h.paid_at END"
		   " FROM unnest($1, $2, $3) p(customer_id, invoice_id, amount)"
		   " WHERE h.customer_id = p.customer_id AND h.invoice_id = p.invoice_id"
		   " AND h.status IN ('ISSUED', 'OVERDUE')"
		   " RETURNING h.invoice_id, h.number::text AS number, h.status",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 4,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, NUMERICARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

static const InvoicePayment *
payment_of(const InvoicePayment *payments, int count, Datum invoice_id)
{
	for (int i = 0; i < count; i++)
	{
		if (memcmp(DatumGetUUIDP(payments[i].invoice_id), DatumGetUUIDP(invoice_id), UUID_LEN) == 0)
			return &payments[i];
	}
	Ensure(false, "an invoice was paid that was not asked for");
	return NULL; /* not reached */
}

static Datum
paid_json(const InvoicePaid *paid)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, paid->invoice_id);
	json_key(&json, "number");
	json_string(&json, paid->number);
	json_key(&json, "customerId");
	json_string(&json, paid->customer_id);
	json_key(&json, "amount");
	json_money(&json, paid->amount);
	json_key(&json, "currency");
	json_string(&json, paid->amount.currency->code);
	json_key(&json, "paymentId");
	json_string(&json, paid->payment_id);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

void
invoices_announce_paid(const InvoicePaid *paid, int count)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * Max(count, 1));
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		events[i].aggregate_type = "Invoice";
		events[i].aggregate_id = paid[i].invoice_id;
		events[i].type = "InvoicePaid";
		events[i].customer_id = paid[i].customer_id;
		events[i].payload = paid_json(&paid[i]);
		entries[i].customer_id = paid[i].customer_id;
		entries[i].action = "INVOICE_PAID";
		entries[i].target_type = "Invoice";
		entries[i].target_id = paid[i].invoice_id;
		entries[i].after = events[i].payload;
	}
	outbox_append(events, count);
	audit_append(entries, count);
}

static Rows
headers_pay(const InvoicePayment *payments, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, NUMERICOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, payments[i].customer_id);
		batch_datum(batch, payments[i].invoice_id);
		batch_money(batch, payments[i].amount);
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	return stmt_run(&pay_invoices, &args);
}

void
invoices_pay(const InvoicePayment *payments, int count)
{
	InvoicePaid *paid = palloc0(sizeof(InvoicePaid) * Max(count, 1));
	Rows rows;
	int n = 0;
	bool isnull;

	if (count == 0)
		return;
	rows = headers_pay(payments, count);
	Ensure(rows.count == (uint64) count, "%d invoices to pay, " UINT64_FORMAT " were payable",
		   count, rows.count);
	while (row_next(&rows))
	{
		Datum id = row_datum(&rows, "invoice_id", UUIDOID, &isnull);
		const InvoicePayment *payment = payment_of(payments, count, id);

		if (invoice_status_of(row_text(&rows, "status")) != INVOICE_PAID)
			continue;
		paid[n++] = (InvoicePaid){payment->customer_id, id_text(id), row_text(&rows, "number"),
								  payment->amount, payment->payment_id};
	}
	invoices_announce_paid(paid, n);
}
