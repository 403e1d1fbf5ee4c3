/*
 * correction.h
 *	  A credit note that is asked for, and where its total is taken from.
 */
#ifndef BILLING_CORRECTION_H
#define BILLING_CORRECTION_H

#include "domain/invoice/invoice_credited.h"
#include "domain/invoice/invoice_state.h"
#include "domain/refund/refund.h"
#include "utils/jsonb.h"

typedef struct Correction
{
	CreditNote note;
	Jsonb *lines;            /* NULL: all that is not credited yet */
	const char *destination; /* of what was paid; NULL: nowhere */
	char *number;            /* of the invoice */
	InvoiceStatus status;
	InvoiceCredited taken; /* at first what there is, then what the note takes of it */
	int refund_count;
	Refund *refunds;
} Correction;

/* Locks what the lines of the note are taken from, and says how much of each. Needs spi_begin(). */
extern void correction_plan(Correction *correction);

/* Issues the note, lowers what is due, and gives back what was paid and applied. Needs spi_begin(). */
extern void correction_book(Correction *correction);

#endif
