/*
 * invoice_rules.c
 *	  Totals, carry and tax of an invoice. Pure C.
 *
 * Guarantees: net, tax and total are never negative; total = net + tax; the lines sum to the net,
 * their taxes to the tax; what is taken off a negative sum is carried to the next invoice.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/invoice/invoice.h"

#define FIRST_LINE_CAPACITY 8

void
invoice_add_line(Invoice *invoice, const InvoiceLine *line)
{
	if (invoice->line_count == invoice->line_capacity)
	{
		if (invoice->line_count >= INVOICE_MAX_LINES)
			billing_error(LIMIT_EXCEEDED,
						  errmsg("an invoice has at most %d lines", INVOICE_MAX_LINES));
		if (invoice->lines == NULL)
			invoice->lines = palloc(sizeof(InvoiceLine) * FIRST_LINE_CAPACITY);
		else
			invoice->lines =
				repalloc(invoice->lines, sizeof(InvoiceLine) * invoice->line_capacity * 2);
		invoice->line_capacity = Max(invoice->line_capacity * 2, FIRST_LINE_CAPACITY);
	}
	invoice->lines[invoice->line_count++] = *line;
}

static Money
lines_net(const Invoice *invoice)
{
	Money net = money_zero(invoice->currency);

	for (int i = 0; i < invoice->line_count; i++)
		net = money_add(net, invoice->lines[i].net);
	return net;
}

static void
add_carry(Invoice *invoice, Money amount, const char *description)
{
	InvoiceLine line = {
		.kind = "ADJUSTMENT",
		.code = INVOICE_CARRY_CODE,
		.description = description,
		.service_period = invoice->period,
		.quantity = decimal_from_int64(1, 0),
		.net = amount,
		.tax = money_zero(invoice->currency),
	};

	invoice_add_line(invoice, &line);
}

/*
 * A sum below zero becomes zero by a line that carries the rest forward; a sum above zero takes
 * as much of what was carried before as it can bear.
 */
static void
invoice_carry(Invoice *invoice, Money carried)
{
	Money sum = lines_net(invoice);

	if (money_is_negative(sum))
		add_carry(invoice, money_negate(sum), "Carried forward to the next invoice");
	else if (!money_is_zero(carried) && !money_is_zero(sum))
	{
		Money used = money_compare(carried, sum) < 0 ? carried : sum;

		add_carry(invoice, money_negate(used), "Carried forward from an earlier invoice");
	}
}

/* Spreads the tax over the lines by largest remainder, in the proportion of their nets. */
static void
invoice_spread_tax(Invoice *invoice)
{
	int64 *weights = palloc(sizeof(int64) * Max(invoice->line_count, 1));
	Money *parts = palloc(sizeof(Money) * Max(invoice->line_count, 1));

	if (invoice->line_count == 0)
		return;
	for (int i = 0; i < invoice->line_count; i++)
		weights[i] = invoice->lines[i].net.minor;
	money_allocate(invoice->tax, weights, invoice->line_count, parts);
	for (int i = 0; i < invoice->line_count; i++)
		invoice->lines[i].tax = parts[i];
}

/*
 * Carries a negative sum forward and uses what `carried` has left, then taxes once on the summed
 * net and spreads the tax over the lines.
 */
void
invoice_complete(Invoice *invoice, Money carried)
{
	invoice_carry(invoice, carried);
	invoice->net = lines_net(invoice);
	invoice->tax = money_percentage(invoice->net, &invoice->tax_rate.percentage);
	invoice->total = money_add(invoice->net, invoice->tax);
	invoice->applied_credit = money_zero(invoice->currency);
	invoice_spread_tax(invoice);
}
