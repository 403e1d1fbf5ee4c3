/*
 * invoice_issue_store.c
 *	  Writing numbered invoices: header, lines, taxes, snapshots, postings, events and audit, all in
 *	  the caller's transaction.
 *
 * Locks: keys of new pricing snapshots, keys of the new rows.
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
#include "domain/invoice/invoice_store.h"
#include "domain/ledger/ledger.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static Stmt insert_headers = {
	.name = "insert_invoice_headers",
	.sql =
		"INSERT INTO billing.invoice_headers (customer_id, invoice_id, number, period, period_start,"
		" period_end, currency, net, tax, total, due_at, snapshot_hash, customer_snapshot,"
		" replaces_invoice_id, issued_on, issued_at, captured_at, status, applied_credit, amount_paid,"
		" paid_at)"
		" SELECT i.customer_id, i.invoice_id, i.number, i.period, i.period_start, i.period_end,"
		" i.currency, i.net, i.tax, i.total, i.due_at, i.snapshot_hash, i.customer_snapshot::jsonb,"
		" i.replaces::uuid, $17, $18, $18,"
		" CASE WHEN i.paid THEN 'PAID' ELSE 'ISSUED' END, i.applied_credit,"
		" CASE WHEN i.paid THEN i.total - i.applied_credit ELSE 0 END, CASE WHEN i.paid THEN $18 END"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
		" i(customer_id, invoice_id, number, period, period_start, period_end, currency, net, tax,"
		" total, due_at, snapshot_hash, customer_snapshot, replaces, paid, applied_credit)",
	.expect = SPI_OK_INSERT,
	.nargs = 18,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
				 TIMESTAMPTZARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID,
				 NUMERICARRAYOID, TIMESTAMPTZARRAYOID, BYTEAARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 BOOLARRAYOID, NUMERICARRAYOID, DATEOID, TIMESTAMPTZOID},
};

static const Oid header_types[] = {TEXTOID,        UUIDOID,        TEXTOID,        TEXTOID,
								   TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID,        NUMERICOID,
								   NUMERICOID,     NUMERICOID,     TIMESTAMPTZOID, BYTEAOID,
								   TEXTOID,        TEXTOID,        BOOLOID,        NUMERICOID};

static Stmt insert_lines = {
	.name = "insert_invoice_lines",
	.sql =
		"INSERT INTO billing.invoice_lines (customer_id, invoice_id, line_no, kind, code, resource_type,"
		" description, service_period, quantity, net, tax_code, tax, plan_id, snapshot_hash)"
		" SELECT l.customer_id, l.invoice_id, l.line_no, l.kind, l.code, l.resource_type, l.description,"
		" l.service_period, l.quantity, l.net, l.tax_code, l.tax, l.plan_id::uuid, l.snapshot_hash"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)"
		" l(customer_id, invoice_id, line_no, kind, code, resource_type, description, service_period,"
		" quantity, net, tax_code, tax, plan_id, snapshot_hash)",
	.expect = SPI_OK_INSERT,
	.nargs = 14,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,
				 NUMERICARRAYOID, TEXTARRAYOID, BYTEAARRAYOID},
};

static const Oid line_types[] = {TEXTOID, UUIDOID,    INT4OID, TEXTOID,    TEXTOID,
								 TEXTOID, TEXTOID,    TEXTOID, NUMERICOID, NUMERICOID,
								 TEXTOID, NUMERICOID, TEXTOID, BYTEAOID};

static Stmt insert_taxes = {
	.name = "insert_invoice_taxes",
	.sql =
		"INSERT INTO billing.invoice_taxes (customer_id, invoice_id, tax_code, category, percentage, net, tax)"
		" SELECT t.* FROM unnest($1, $2, $3, $4, $5, $6, $7) t",
	.expect = SPI_OK_INSERT,
	.nargs = 7,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID,
				 NUMERICARRAYOID, NUMERICARRAYOID},
};

static const Oid tax_types[] = {TEXTOID,    UUIDOID,    TEXTOID,   TEXTOID,
								NUMERICOID, NUMERICOID, NUMERICOID};

static void
headers_insert(Invoice **invoices, int count)
{
	Batch *batch = batch_new(header_types, lengthof(header_types));
	StmtArgs args = {0};
	char period[PERIOD_TEXT_SIZE];

	for (int i = 0; i < count; i++)
	{
		Invoice *invoice = invoices[i];

		batch_row(batch);
		batch_text(batch, invoice->customer_id);
		batch_datum(batch, invoice->invoice_id);
		batch_text(batch, invoice->number);
		batch_text(batch, period_print(invoice->period, period));
		batch_datum(batch, TimestampTzGetDatum(invoice->bounds.start));
		batch_datum(batch, TimestampTzGetDatum(invoice->bounds.end));
		batch_text(batch, invoice->currency->code);
		batch_money(batch, invoice->net);
		batch_money(batch, invoice->tax);
		batch_money(batch, invoice->total);
		batch_datum(batch, TimestampTzGetDatum(invoice->due_at));
		batch_datum(batch, invoice->snapshot.hash);
		batch_text(batch, invoice->customer_snapshot);
		batch_text(batch, invoice->replaces_invoice_id);
		batch_datum(batch, BoolGetDatum(invoice->paid));
		batch_money(batch, invoice->applied_credit);
	}
	batch_args(batch, &args);
	arg_datum(&args, DateADTGetDatum(invoices[0]->issued_on));
	arg_datum(&args, TimestampTzGetDatum(invoices[0]->issued_at));
	stmt_run(&insert_headers, &args);
}

static void
line_to_batch(Batch *batch, const Invoice *invoice, int number)
{
	const InvoiceLine *line = &invoice->lines[number];
	char period[PERIOD_TEXT_SIZE];

	batch_row(batch);
	batch_text(batch, invoice->customer_id);
	batch_datum(batch, invoice->invoice_id);
	batch_datum(batch, Int32GetDatum(number + 1));
	batch_text(batch, line->kind);
	batch_text(batch, line->code);
	batch_text(batch, line->resource_type);
	batch_text(batch, line->description);
	batch_text(batch, period_print(line->service_period, period));
	batch_decimal(batch, &line->quantity);
	batch_money(batch, line->net);
	batch_text(batch, invoice->tax_rate.code);
	batch_money(batch, line->tax);
	batch_text(batch, line->plan_id);
	batch_datum_or_null(batch, line->snapshot.hash);
}

static void
lines_insert(Invoice **invoices, int count)
{
	Batch *batch = batch_new(line_types, lengthof(line_types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		for (int line = 0; line < invoices[i]->line_count; line++)
			line_to_batch(batch, invoices[i], line);
	}
	batch_args(batch, &args);
	stmt_run(&insert_lines, &args);
}

static void
taxes_insert(Invoice **invoices, int count)
{
	Batch *batch = batch_new(tax_types, lengthof(tax_types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (invoices[i]->tax_rate.category == NULL)
			continue;
		batch_row(batch);
		batch_text(batch, invoices[i]->customer_id);
		batch_datum(batch, invoices[i]->invoice_id);
		batch_text(batch, invoices[i]->tax_rate.code);
		batch_text(batch, invoices[i]->tax_rate.category);
		batch_decimal(batch, &invoices[i]->tax_rate.percentage);
		batch_money(batch, invoices[i]->net);
		batch_money(batch, invoices[i]->tax);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	stmt_run(&insert_taxes, &args);
}

static void
snapshots_insert(Invoice **invoices, int count)
{
	PricingSnapshot *snapshots;
	int n = 0;

	for (int i = 0; i < count; i++)
		n += 1 + invoices[i]->line_count;
	snapshots = palloc(sizeof(PricingSnapshot) * n);
	n = 0;
	for (int i = 0; i < count; i++)
	{
		snapshots[n++] = invoices[i]->snapshot;
		for (int line = 0; line < invoices[i]->line_count; line++)
		{
			if (invoices[i]->lines[line].snapshot.document != NULL)
				snapshots[n++] = invoices[i]->lines[line].snapshot;
		}
	}
	snapshots_store(snapshots, n);
}

/* Net to revenue, tax to what is owed to the authorities. */
static void
invoices_post(Invoice **invoices, int count)
{
	LedgerTransfer *transfers = palloc(sizeof(LedgerTransfer) * 2 * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		Invoice *invoice = invoices[i];
		LedgerTransfer transfer = {
			.journal_id = id_new(),
			.customer_id = invoice->customer_id,
			.debit_account = ACCOUNT_RECEIVABLE,
			.credit_account = ACCOUNT_REVENUE,
			.amount = invoice->net,
			.kind = "INVOICE_ISSUED",
			.reference_type = "INVOICE",
			.reference_id = id_text(invoice->invoice_id),
			.effective_on = invoice->issued_on,
		};

		transfers[n++] = transfer;
		transfer.credit_account = ACCOUNT_TAX_PAYABLE;
		transfer.amount = invoice->tax;
		transfer.tax_code = invoice->tax_rate.code;
		transfers[n++] = transfer;
	}
	ledger_post(transfers, n);
}

static Datum
issued_json(const Invoice *invoice)
{
	JsonWriter json;
	char period[PERIOD_TEXT_SIZE];

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, id_text(invoice->invoice_id));
	json_key(&json, "number");
	json_string(&json, invoice->number);
	json_key(&json, "customerId");
	json_string(&json, invoice->customer_id);
	json_key(&json, "period");
	json_string(&json, period_print(invoice->period, period));
	json_key(&json, "total");
	json_money(&json, invoice->total);
	json_key(&json, "currency");
	json_string(&json, invoice->currency->code);
	json_key(&json, "dueAt");
	json_timestamp(&json, invoice->due_at);
	json_key(&json, "occurredAt");
	json_timestamp(&json, invoice->issued_at);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
invoices_announce(Invoice **invoices, int count)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * count);
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * count);

	for (int i = 0; i < count; i++)
	{
		char *id = id_text(invoices[i]->invoice_id);
		Datum json = issued_json(invoices[i]);

		events[i].aggregate_type = "Invoice";
		events[i].aggregate_id = id;
		events[i].type = "InvoiceIssued";
		events[i].customer_id = invoices[i]->customer_id;
		events[i].payload = json;
		entries[i].customer_id = invoices[i]->customer_id;
		entries[i].action = "INVOICE_ISSUED";
		entries[i].target_type = "Invoice";
		entries[i].target_id = id;
		entries[i].after = json;
	}
	outbox_append(events, count);
	audit_append(entries, count);
}

void
invoices_issue(Invoice **invoices, int count)
{
	snapshots_insert(invoices, count);
	headers_insert(invoices, count);
	lines_insert(invoices, count);
	taxes_insert(invoices, count);
	invoices_post(invoices, count);
	invoices_announce(invoices, count);
}
