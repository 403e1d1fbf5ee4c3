/*
 * credit_note_rules.c
 *	  How much of the tax of an invoice a credit note takes back.
 *
 * Guarantees: the notes of an invoice never exceed its net or its tax, however notes by amount and
 * notes by line follow each other, and notes of all of it sum to both. Pure C.
 */
#include "postgres.h"

#include "domain/credit_note/credit_note_rules.h"

Money
credited_left_net(const CreditedInvoice *invoice)
{
	return money_subtract(invoice->net, invoice->credited_net);
}

Money
credited_left_tax(const CreditedInvoice *invoice)
{
	return money_subtract(invoice->tax, invoice->credited_tax);
}

static Money
money_between(Money low, Money value, Money high)
{
	if (money_compare(value, high) > 0)
		value = high;
	return money_compare(value, low) < 0 ? low : value;
}

/* What of the tax has gone when `part` of `whole` has, less what went before. */
static Money
tax_to_date(const CreditedInvoice *invoice, Money part, Money whole)
{
	if (money_is_zero(whole))
		return money_zero(whole.currency);
	return money_subtract(money_portion(invoice->tax, part, whole), invoice->credited_tax);
}

/* Where the other kind of note took more tax or less, so much that net and tax both stay within. */
Money
credited_tax_of_amount(const CreditedInvoice *invoice, Money amount)
{
	Money zero = money_zero(amount.currency);
	Money before = money_add(invoice->credited_net, invoice->credited_tax);
	Money beyond_net = money_subtract(amount, credited_left_net(invoice));
	Money tax =
		tax_to_date(invoice, money_add(before, amount), money_add(invoice->net, invoice->tax));

	tax = money_between(zero, tax, amount);
	return money_between(beyond_net, tax, credited_left_tax(invoice));
}

Money
credited_tax_of_net(const CreditedInvoice *invoice, Money net)
{
	Money tax = tax_to_date(invoice, money_add(invoice->credited_net, net), invoice->net);

	return money_between(money_zero(net.currency), tax, credited_left_tax(invoice));
}
