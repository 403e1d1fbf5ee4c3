/*
 * credit_note_rules.h
 *	  How much of the tax of an invoice a credit note takes back. Pure C.
 */
#ifndef BILLING_CREDIT_NOTE_RULES_H
#define BILLING_CREDIT_NOTE_RULES_H

#include "core/money.h"

/* An invoice and the sums of its notes. */
typedef struct CreditedInvoice
{
	Money net, tax;
	Money credited_net, credited_tax;
} CreditedInvoice;

extern Money credited_left_net(const CreditedInvoice *invoice);
extern Money credited_left_tax(const CreditedInvoice *invoice);

/* The tax in `amount`, tax included, which is at most what is left. */
extern Money credited_tax_of_amount(const CreditedInvoice *invoice, Money amount);

/* The tax on `net`, which is at most what is left of the net. */
extern Money credited_tax_of_net(const CreditedInvoice *invoice, Money net);

#endif
