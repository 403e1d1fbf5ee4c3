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
	const char *tax_code;
	Datum credit_note_id; /* given with the lines */
	char *number;         /* given when it is issued */
} CreditNote;

/*
 * Three ways to make the lines of a note of a locked invoice. The tax is split cumulatively, so that the
 * notes of an invoice sum to it; beyond what is left they raise CREDIT_NOTE_EXCEEDS_INVOICE. They
 * write nothing. Need spi_begin().
 *
 * of_amount: one line for `amount`, tax included, of what is not credited yet.
 * of_lines: the lines have their invoice_line_no and net, the rest is added (a description where
 * there is none).
 * of_rest: all that is not credited yet, line by line unless a note of the invoice was by amount.
 */
extern void credit_note_of_amount(CreditNote *note, Money amount);
extern void credit_note_of_lines(CreditNote *note);
extern void credit_note_of_rest(CreditNote *note);

extern Money credit_note_total(const CreditNote *note);

/*
 * Numbers and writes a note, its postings (revenue and tax_payable to receivable), event and audit.
 * The invoice is locked; its amount_credited is the caller's to change. Needs spi_begin().
 */
extern void credit_note_issue(CreditNote *note);

#endif
