/*
 * invoice.h
 *	  An invoice before it is written: its lines, its tax and its totals.
 *
 * The rules (invoice_rules.c) are pure C: no SPI, no server state.
 */
#ifndef BILLING_INVOICE_H
#define BILLING_INVOICE_H

#include "core/money.h"
#include "core/period.h"
#include "domain/pricing/snapshot.h"

#define INVOICE_CARRY_CODE "CARRY"
#define INVOICE_MAX_LINES 20000

typedef struct InvoiceLine
{
	const char *kind; /* USAGE, LATE_USAGE, RECURRING, ADJUSTMENT */
	const char *code;
	const char *resource_type; /* NULL for flat charges and adjustments */
	const char *description;
	Period service_period;
	Decimal quantity;
	Money net;
	Money tax;
	const char *plan_id;      /* NULL when there is none */
	PricingSnapshot snapshot; /* of a late line: hash 0 otherwise, document NULL if stored */
} InvoiceLine;

typedef struct Invoice
{
	const char *customer_id;
	const char *customer_snapshot; /* JSON text */
	const Currency *currency;
	Period period;
	PeriodBounds bounds;
	int net_days;
	PricingSnapshot snapshot;
	TaxRate tax_rate;
	int line_count, line_capacity;
	InvoiceLine *lines;
	Money net, tax, total;
	const char *replaces_invoice_id; /* NULL when it replaces none */

	/* given when it is issued */
	Datum invoice_id;
	const char *number;
	DateADT issued_on;
	TimestampTz issued_at;
	TimestampTz due_at;
	Money applied_credit;
	bool paid; /* whole, before it is written */
} Invoice;

extern void invoice_add_line(Invoice *invoice, const InvoiceLine *line);
/* Completes an invoice whose lines are added; `carried` is what earlier invoices carried forward. */
extern void invoice_complete(Invoice *invoice, Money carried);

#endif
