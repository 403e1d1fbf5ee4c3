/*
 * invoice_document.c
 *	  Writing an invoice as JSON. One writer for stored invoices and for previews, so that they have
 *	  one shape.
 */
#include "postgres.h"

#include "core/json.h"
#include "domain/invoice/invoice_document.h"

static void
write_text(JsonWriter *json, const char *key, const char *value)
{
	json_key(json, key);
	json_string(json, value);
}

static void
write_money(JsonWriter *json, const char *key, Money value)
{
	json_key(json, key);
	json_money(json, value);
}

static void
write_time(JsonWriter *json, const char *key, bool present, TimestampTz value)
{
	json_key(json, key);
	if (present)
		json_timestamp(json, value);
	else
		json_raw(json, NULL);
}

static void
write_line(JsonWriter *json, const Invoice *invoice, int number)
{
	const InvoiceLine *line = &invoice->lines[number];
	Decimal quantity = decimal_round(&line->quantity, decimal_significant_scale(&line->quantity));
	char period[PERIOD_TEXT_SIZE];

	json_open(json, '{');
	json_key(json, "lineNo");
	json_int(json, number + 1);
	write_text(json, "kind", line->kind);
	write_text(json, "code", line->code);
	write_text(json, "resourceType", line->resource_type);
	write_text(json, "description", line->description);
	write_text(json, "servicePeriod", period_print(line->service_period, period));
	json_key(json, "quantity");
	json_decimal(json, &quantity);
	write_money(json, "net", line->net);
	write_text(json, "taxCode", invoice->tax_rate.code);
	write_money(json, "tax", line->tax);
	write_text(json, "planId", line->plan_id);
	json_close(json, '}');
}

static void
write_taxes(JsonWriter *json, const Invoice *invoice)
{
	json_key(json, "taxes");
	json_open(json, '[');
	if (invoice->tax_rate.category != NULL)
	{
		json_open(json, '{');
		write_text(json, "code", invoice->tax_rate.code);
		write_text(json, "category", invoice->tax_rate.category);
		json_key(json, "percentage");
		json_decimal(json, &invoice->tax_rate.percentage);
		write_money(json, "net", invoice->net);
		write_money(json, "tax", invoice->tax);
		json_close(json, '}');
	}
	json_close(json, ']');
}

static void
write_totals(JsonWriter *json, const Invoice *invoice, const InvoiceState *state)
{
	write_money(json, "net", invoice->net);
	write_money(json, "tax", invoice->tax);
	write_money(json, "total", invoice->total);
	write_money(json, "appliedCredit", state->applied_credit);
	write_money(json, "amountPaid", state->amount_paid);
	write_money(json, "amountCredited", state->amount_credited);
	write_money(json, "amountDue", state->amount_due);
	write_text(json, "issuedOn", state->issued_on);
	write_time(json, "issuedAt", state->issued, state->issued_at);
	write_time(json, "dueAt", state->issued, state->due_at);
	write_time(json, "paidAt", state->has_paid_at, state->paid_at);
}

/* The stored document lacks capturedAt, which belongs to the invoice. */
static void
write_snapshot(JsonWriter *json, const Invoice *invoice, const InvoiceState *state)
{
	json_key(json, "pricingSnapshot");
	json_open(json, '{');
	write_time(json, "capturedAt", true, state->captured_at);
	json_members(json, invoice->snapshot.document);
	json_close(json, '}');
}

Datum
invoice_to_jsonb(const Invoice *invoice, const InvoiceState *state)
{
	JsonWriter json;
	char period[PERIOD_TEXT_SIZE];

	json_init(&json);
	json_open(&json, '{');
	write_text(&json, "invoiceId", state->invoice_id);
	write_text(&json, "number", state->number);
	write_text(&json, "status", state->status);
	json_key(&json, "customer");
	json_raw(&json, invoice->customer_snapshot);
	write_text(&json, "period", period_print(invoice->period, period));
	write_time(&json, "periodStart", true, invoice->bounds.start);
	write_time(&json, "periodEnd", true, invoice->bounds.end);
	write_text(&json, "currency", invoice->currency->code);
	json_key(&json, "lines");
	json_open(&json, '[');
	for (int i = 0; i < invoice->line_count; i++)
		write_line(&json, invoice, i);
	json_close(&json, ']');
	write_taxes(&json, invoice);
	write_totals(&json, invoice, state);
	write_text(&json, "replacesInvoiceId", invoice->replaces_invoice_id);
	write_snapshot(&json, invoice, state);
	json_key(&json, "metadata");
	json_raw(&json, state->metadata);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}
