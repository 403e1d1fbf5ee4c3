/*
 * credit_note.h
 *	  Credit notes: what corrects an issued invoice.
 */
#ifndef BILLING_CREDIT_NOTE_H
#define BILLING_CREDIT_NOTE_H

#include "core/money.h"

typedef struct CreditNoteLine
{
	int invoice_line_no; /* 0: the whole invoice */
	const char *description;
	Money net;
	Money tax;
} CreditNoteLine;

typedef struct CreditNote
{
	const char *customer_id;
	Datum invoice_id;
	const char *reason;
	const char *idempotency_key; /* of the caller, or NULL */
	Datum fingerprint;           /* bytea, 0 without a key */
	int line_count;
	CreditNoteLine *lines;
	Money net, tax; /* sums of the lines */

	/* given when it is issued */
	Datum credit_note_id;
	char *number;
} CreditNote;

/*
 * Makes a note of one line for a part of a locked invoice, tax included: `amount` of what is not
 * credited yet. The tax is split cumulatively, so that the notes of an invoice sum to it.
 */
extern void credit_note_of_amount(CreditNote *note, Money amount);

/*
 * Numbers and writes a note, its postings (revenue and tax_payable to receivable), event and audit.
 * The invoice is locked; its amount_credited is the caller's to change. Needs spi_begin().
 */
extern void credit_note_issue(CreditNote *note);

#endif
