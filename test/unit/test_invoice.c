/*
 * test_invoice.c
 *	  Totals, carry and tax of an invoice, and the states that it can be in.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/invoice/invoice.h"
#include "domain/invoice/invoice_state.h"
#include "harness.h"

#define RANDOM_INVOICES 20000

static Invoice *
invoice_of(const char *currency, const char *percentage, const int64 *nets, int count)
{
	Invoice *invoice = palloc0(sizeof(Invoice));

	invoice->currency = currency_require(currency);
	invoice->period = (Period){2026, 5};
	CHECK(decimal_parse(percentage, &invoice->tax_rate.percentage));
	for (int i = 0; i < count; i++)
	{
		InvoiceLine line = {
			.kind = "USAGE",
			.code = "A",
			.net = money_from_minor(nets[i], invoice->currency),
		};

		invoice_add_line(invoice, &line);
	}
	return invoice;
}

static Money
minor_of(const Invoice *invoice, int64 minor)
{
	return money_from_minor(minor, invoice->currency);
}

static void
the_tax_is_computed_once_and_spread(void)
{
	int64 nets[] = {5, 5, 5};
	Invoice *invoice = invoice_of("KRW", "10", nets, 3);

	invoice_complete(invoice, minor_of(invoice, 0));
	CHECK_INT(invoice->net.minor, 15);
	CHECK_INT(invoice->tax.minor, 2);
	CHECK_INT(invoice->total.minor, 17);
	CHECK_INT(invoice->lines[0].tax.minor, 1);
	CHECK_INT(invoice->lines[1].tax.minor, 1);
	CHECK_INT(invoice->lines[2].tax.minor, 0);
}

static void
a_negative_sum_is_carried_forward(void)
{
	int64 nets[] = {-5000, 3000};
	Invoice *invoice = invoice_of("KRW", "10", nets, 2);

	invoice_complete(invoice, minor_of(invoice, 700));
	CHECK_INT(invoice->line_count, 3);
	CHECK_TEXT(invoice->lines[2].kind, "ADJUSTMENT");
	CHECK_TEXT(invoice->lines[2].code, INVOICE_CARRY_CODE);
	CHECK_INT(invoice->lines[2].net.minor, 2000);
	CHECK_INT(invoice->net.minor, 0);
	CHECK_INT(invoice->tax.minor, 0);
	CHECK_INT(invoice->total.minor, 0);
}

static void
what_was_carried_is_used_up_to_the_sum(void)
{
	int64 nets[] = {3000};
	Invoice *less = invoice_of("KRW", "10", nets, 1);
	Invoice *more = invoice_of("KRW", "10", nets, 1);

	invoice_complete(less, minor_of(less, 2000));
	CHECK_INT(less->lines[1].net.minor, -2000);
	CHECK_INT(less->net.minor, 1000);
	CHECK_INT(less->tax.minor, 100);
	invoice_complete(more, minor_of(more, 5000));
	CHECK_INT(more->lines[1].net.minor, -3000);
	CHECK_INT(more->total.minor, 0);
}

static void
a_sum_of_zero_uses_nothing_that_was_carried(void)
{
	int64 nets[] = {0};
	Invoice *invoice = invoice_of("USD", "0", nets, 1);

	invoice_complete(invoice, minor_of(invoice, 500));
	CHECK_INT(invoice->line_count, 1);
	CHECK_INT(invoice->total.minor, 0);
}

static void
any_invoice_adds_up_and_is_never_negative(void)
{
	static const char *const rates[] = {"0", "10", "8.875", "19", "100"};

	harness_seed(20260501);
	for (int round = 0; round < RANDOM_INVOICES; round++)
	{
		int64 nets[8];
		int count = 1 + (int) harness_random_below(lengthof(nets));
		int64 carried = (int64) harness_random_below(1000);
		int64 sum = 0;
		int64 line_sum = 0;
		int64 tax_sum = 0;
		int64 used = 0;
		Invoice *invoice;

		for (int i = 0; i < count; i++)
		{
			nets[i] = (int64) harness_random_below(2001) - 700;
			sum += nets[i];
		}
		invoice = invoice_of("USD", rates[harness_random_below(lengthof(rates))], nets, count);
		invoice_complete(invoice, minor_of(invoice, carried));
		for (int i = 0; i < invoice->line_count; i++)
		{
			line_sum += invoice->lines[i].net.minor;
			tax_sum += invoice->lines[i].tax.minor;
			if (i >= count)
				used -= invoice->lines[i].net.minor;
		}
		CHECK(invoice->net.minor >= 0 && invoice->tax.minor >= 0);
		CHECK_INT(line_sum, invoice->net.minor);
		CHECK_INT(tax_sum, invoice->tax.minor);
		CHECK_INT(invoice->total.minor, invoice->net.minor + invoice->tax.minor);
		CHECK_INT(invoice->net.minor, sum - used);
		CHECK(sum < 0 ? used == sum : used == Min(carried, sum));
		stubs_free_all();
	}
}

static void
every_state_is_reached_from_a_draft(void)
{
	bool reached[INVOICE_STATUS_COUNT] = {[INVOICE_DRAFT] = true};

	for (int step = 0; step < INVOICE_STATUS_COUNT; step++)
		for (int from = 0; from < INVOICE_STATUS_COUNT; from++)
			for (int to = 0; to < INVOICE_STATUS_COUNT; to++)
				if (reached[from] && invoice_may_become((InvoiceStatus) from, (InvoiceStatus) to))
					reached[to] = true;
	for (int i = 0; i < INVOICE_STATUS_COUNT; i++)
		CHECK(reached[i]);
}

static void
paid_and_cancelled_are_final(void)
{
	for (int to = 0; to < INVOICE_STATUS_COUNT; to++)
	{
		CHECK(!invoice_may_become(INVOICE_PAID, (InvoiceStatus) to));
		CHECK(!invoice_may_become(INVOICE_CANCELLED, (InvoiceStatus) to));
		CHECK(!invoice_may_become((InvoiceStatus) to, (InvoiceStatus) to));
	}
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 invoice_require_transition(INVOICE_PAID, INVOICE_CANCELLED));
	CHECK(strstr(unit_error.message, "CANCELLED") != NULL);
	CHECK(strstr(unit_error.detail, "PAID") != NULL);
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < INVOICE_STATUS_COUNT; i++)
		CHECK_INT(invoice_status_of(invoice_status_name((InvoiceStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, invoice_status_of("paid"));
}

static const UnitTest tests[] = {
	{"the tax is computed once and spread by largest remainder",
	 the_tax_is_computed_once_and_spread},
	{"a negative sum is carried forward", a_negative_sum_is_carried_forward},
	{"what was carried is used up to the sum", what_was_carried_is_used_up_to_the_sum},
	{"a sum of zero uses nothing that was carried", a_sum_of_zero_uses_nothing_that_was_carried},
	{"any invoice adds up and is never negative", any_invoice_adds_up_and_is_never_negative},
	{"every state is reached from a draft", every_state_is_reached_from_a_draft},
	{"PAID and CANCELLED are final, and no state follows itself", paid_and_cancelled_are_final},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
