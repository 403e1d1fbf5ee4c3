/*
 * test_refund.c
 *	  The states of refunds, and the tax that credit notes take back.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/credit_note/credit_note_rules.h"
#include "domain/refund/refund_state.h"
#include "harness.h"

#define RANDOM_INVOICES 5000

static Money
krw(int64 minor)
{
	return money_from_minor(minor, currency_find("KRW"));
}

static CreditedInvoice
invoice_of(int64 net, int64 tax)
{
	return (CreditedInvoice){krw(net), krw(tax), krw(0), krw(0)};
}

static void
credited_add(CreditedInvoice *invoice, Money net, Money tax)
{
	invoice->credited_net = money_add(invoice->credited_net, net);
	invoice->credited_tax = money_add(invoice->credited_tax, tax);
}

static int64
take_amount(CreditedInvoice *invoice, int64 amount)
{
	Money tax = credited_tax_of_amount(invoice, krw(amount));

	credited_add(invoice, money_subtract(krw(amount), tax), tax);
	return tax.minor;
}

static int64
take_net(CreditedInvoice *invoice, int64 net)
{
	Money tax = credited_tax_of_net(invoice, krw(net));

	credited_add(invoice, krw(net), tax);
	return tax.minor;
}

static void
the_tax_of_parts_is_computed_to_date(void)
{
	CreditedInvoice invoice = invoice_of(100, 10);

	CHECK_INT(take_amount(&invoice, 37), 3);
	CHECK_INT(take_amount(&invoice, 37), 4);
	CHECK_INT(take_amount(&invoice, 36), 3);
	invoice = invoice_of(15, 2);
	CHECK_INT(take_net(&invoice, 5), 1);
	CHECK_INT(take_net(&invoice, 5), 0);
	CHECK_INT(take_net(&invoice, 5), 1);
}

static void
an_invoice_of_nothing_has_no_tax_to_take(void)
{
	CreditedInvoice invoice = invoice_of(0, 0);

	CHECK_INT(take_amount(&invoice, 0), 0);
	CHECK_INT(take_net(&invoice, 0), 0);
}

/* Takes a random part in one of the two ways. */
static void
take_part(CreditedInvoice *invoice)
{
	int64 left_net = credited_left_net(invoice).minor;
	int64 left = left_net + credited_left_tax(invoice).minor;

	if (harness_random_below(2) == 0)
		take_amount(invoice, 1 + (int64) harness_random_below((uint64) left));
	else if (left_net > 0)
		take_net(invoice, 1 + (int64) harness_random_below((uint64) left_net));
}

static void
any_notes_stay_within_the_invoice_and_sum_to_it(void)
{
	harness_seed(20260601);
	for (int round = 0; round < RANDOM_INVOICES; round++)
	{
		int64 net = 1 + (int64) harness_random_below(60);
		CreditedInvoice invoice = invoice_of(net, (int64) harness_random_below((uint64) net + 1));

		while (invoice.credited_net.minor + invoice.credited_tax.minor <
			   invoice.net.minor + invoice.tax.minor)
		{
			int64 tax_before = invoice.credited_tax.minor;
			int64 net_before = invoice.credited_net.minor;

			take_part(&invoice);
			CHECK(invoice.credited_net.minor >= net_before);
			CHECK(invoice.credited_tax.minor >= tax_before);
			CHECK(invoice.credited_net.minor <= invoice.net.minor);
			CHECK(invoice.credited_tax.minor <= invoice.tax.minor);
		}
		CHECK_INT(invoice.credited_net.minor, invoice.net.minor);
		CHECK_INT(invoice.credited_tax.minor, invoice.tax.minor);
	}
}

static void
every_state_is_reached_from_requested(void)
{
	bool reached[REFUND_STATUS_COUNT] = {[REFUND_REQUESTED] = true};

	for (int step = 0; step < REFUND_STATUS_COUNT; step++)
		for (int from = 0; from < REFUND_STATUS_COUNT; from++)
			for (int to = 0; to < REFUND_STATUS_COUNT; to++)
				if (reached[from] && refund_may_become((RefundStatus) from, (RefundStatus) to))
					reached[to] = true;
	for (int i = 0; i < REFUND_STATUS_COUNT; i++)
		CHECK(reached[i]);
}

static void
completed_and_failed_are_final(void)
{
	for (int to = 0; to < REFUND_STATUS_COUNT; to++)
	{
		CHECK(!refund_may_become(REFUND_COMPLETED, (RefundStatus) to));
		CHECK(!refund_may_become(REFUND_FAILED, (RefundStatus) to));
		CHECK(!refund_may_become((RefundStatus) to, (RefundStatus) to));
	}
	CHECK(!refund_may_become(REFUND_REQUESTED, REFUND_COMPLETED));
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 refund_require_transition(REFUND_COMPLETED, REFUND_FAILED));
	CHECK(strstr(unit_error.message, "FAILED") != NULL);
	CHECK(strstr(unit_error.detail, "COMPLETED") != NULL);
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < REFUND_STATUS_COUNT; i++)
		CHECK_INT(refund_status_of(refund_status_name((RefundStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, refund_status_of("requested"));
}

static const UnitTest tests[] = {
	{"the tax of parts is computed to date", the_tax_of_parts_is_computed_to_date},
	{"an invoice of nothing has no tax to take", an_invoice_of_nothing_has_no_tax_to_take},
	{"any notes, by amount and by line, stay within the invoice and sum to it",
	 any_notes_stay_within_the_invoice_and_sum_to_it},
	{"every state is reached from REQUESTED", every_state_is_reached_from_requested},
	{"COMPLETED and FAILED are final, and nothing completes unapproved",
	 completed_and_failed_are_final},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
