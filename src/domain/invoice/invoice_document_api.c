/*
 * invoice_document_api.c
 *	  invoice_document(): a stored invoice as JSON.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/invoice/invoice_document.h"
#include "utils/builtins.h"

static Stmt select_header = {
	.name = "document_header",
	.sql =
		"SELECT h.customer_id, h.invoice_id::text AS invoice_id, h.number, h.status, h.period,"
		" h.period_start, h.period_end, h.currency, h.net, h.tax, h.total, h.applied_credit,"
		" h.amount_paid, h.amount_credited, h.amount_due, h.issued_on::text AS issued_on, h.issued_at,"
		" h.due_at, h.paid_at, h.captured_at, h.customer_snapshot::text AS customer_snapshot,"
		" h.metadata::text AS metadata, h.replaces_invoice_id::text AS replaces,"
		" s.document::text AS snapshot, t.tax_code, t.category, t.percentage"
		" FROM billing.invoice_headers h"
		" JOIN billing.pricing_snapshots s ON s.content_hash = h.snapshot_hash"
		" LEFT JOIN billing.invoice_taxes t ON t.customer_id = h.customer_id AND t.invoice_id = h.invoice_id"
		" WHERE h.invoice_id = $1 AND h.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.read_only = true,
	.by_index = true,
};

static Stmt select_lines = {
	.name = "document_lines",
	.sql =
		"SELECT l.kind, l.code, l.resource_type, l.description, l.service_period, l.quantity, l.net, l.tax,"
		" l.plan_id::text AS plan_id FROM billing.invoice_lines l"
		" WHERE l.customer_id = $1 AND l.invoice_id = $2 ORDER BY l.line_no",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.read_only = true,
	.by_index = true,
};

static TimestampTz
row_time(Rows *rows, const char *column, bool *present)
{
	bool isnull;
	Datum value = row_datum(rows, column, TIMESTAMPTZOID, &isnull);

	if (present != NULL)
		*present = !isnull;
	return isnull ? 0 : DatumGetTimestampTz(value);
}

static void
header_read(Rows *rows, Invoice *invoice, InvoiceState *state)
{
	const Currency *currency = currency_require(row_text(rows, "currency"));

	invoice->customer_id = row_text(rows, "customer_id");
	invoice->customer_snapshot = row_text(rows, "customer_snapshot");
	invoice->currency = currency;
	invoice->period = period_parse(row_text(rows, "period"));
	invoice->bounds.start = row_time(rows, "period_start", NULL);
	invoice->bounds.end = row_time(rows, "period_end", NULL);
	invoice->snapshot.document = row_text(rows, "snapshot");
	invoice->net = row_money(rows, "net", currency);
	invoice->tax = row_money(rows, "tax", currency);
	invoice->total = row_money(rows, "total", currency);
	invoice->replaces_invoice_id = row_text_or_null(rows, "replaces");
	invoice->tax_rate.code = row_text_or_null(rows, "tax_code");
	invoice->tax_rate.category = row_text_or_null(rows, "category");
	if (invoice->tax_rate.code == NULL)
		invoice->tax_rate.code = TAX_NONE;
	else
		invoice->tax_rate.percentage = row_decimal(rows, "percentage");
	state->invoice_id = row_text(rows, "invoice_id");
	state->number = row_text(rows, "number");
	state->status = row_text(rows, "status");
	state->issued_on = row_text(rows, "issued_on");
	state->issued_at = row_time(rows, "issued_at", &state->issued);
	state->due_at = row_time(rows, "due_at", NULL);
	state->paid_at = row_time(rows, "paid_at", &state->has_paid_at);
	state->captured_at = row_time(rows, "captured_at", NULL);
	state->applied_credit = row_money(rows, "applied_credit", currency);
	state->amount_paid = row_money(rows, "amount_paid", currency);
	state->amount_credited = row_money(rows, "amount_credited", currency);
	state->amount_due = row_money(rows, "amount_due", currency);
	state->metadata = row_text_or_null(rows, "metadata");
}

static void
lines_read(Invoice *invoice, Datum invoice_id)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, invoice->customer_id);
	arg_datum(&args, invoice_id);
	rows = stmt_run(&select_lines, &args);
	while (row_next(&rows))
	{
		InvoiceLine line = {
			.kind = row_text(&rows, "kind"),
			.code = row_text(&rows, "code"),
			.resource_type = row_text_or_null(&rows, "resource_type"),
			.description = row_text(&rows, "description"),
			.service_period = period_parse(row_text(&rows, "service_period")),
			.quantity = row_decimal(&rows, "quantity"),
			.net = row_money(&rows, "net", invoice->currency),
			.tax = row_money(&rows, "tax", invoice->currency),
			.plan_id = row_text_or_null(&rows, "plan_id"),
		};

		invoice_add_line(invoice, &line);
	}
}

/* invoice_document(invoice_id uuid) -> jsonb */
PG_FUNCTION_INFO_V1(billing_invoice_document);
Datum
billing_invoice_document(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Datum invoice_id = arg_required(fcinfo, 0, "invoice_id");
	Invoice invoice = {0};
	InvoiceState state = {0};
	StmtArgs args = {0};
	Rows rows;
	Datum result;

	spi_begin();
	arg_datum(&args, invoice_id);
	rows = stmt_run(&select_header, &args);
	if (!row_next(&rows))
		billing_error(INVOICE_NOT_FOUND, errmsg("invoice does not exist"));
	header_read(&rows, &invoice, &state);
	actor_require_customer(invoice.customer_id);
	lines_read(&invoice, invoice_id);
	MemoryContextSwitchTo(caller);
	result = invoice_to_jsonb(&invoice, &state);
	spi_end();
	return result;
}
