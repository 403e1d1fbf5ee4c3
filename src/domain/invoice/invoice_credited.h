/*
 * invoice_credited.h
 *	  What credit notes take from an invoice.
 */
#ifndef BILLING_INVOICE_CREDITED_H
#define BILLING_INVOICE_CREDITED_H

#include "core/money.h"

/* One note and what it takes back: their sum is its total. */
typedef struct InvoiceCredited
{
	const char *customer_id;
	Datum invoice_id;
	Money due;     /* of what is due still */
	Money paid;    /* of what was paid, and goes back */
	Money applied; /* of credit that was applied, likewise */
} InvoiceCredited;

/*
 * Moves the amounts of a locked ISSUED, OVERDUE or PAID invoice to what is credited. Nothing due any
 * more: it becomes PAID, with its event. Needs spi_begin().
 */
extern void invoice_credit(const InvoiceCredited *credited);

#endif
