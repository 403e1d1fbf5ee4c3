/*
 * invoice_document.h
 *	  An invoice as JSON: everything a printed one needs. The same for stored invoices and previews.
 */
#ifndef BILLING_INVOICE_DOCUMENT_H
#define BILLING_INVOICE_DOCUMENT_H

#include "domain/invoice/invoice.h"

/* What an issued invoice has and a preview has not: all zero then. */
typedef struct InvoiceState
{
	const char *invoice_id;
	const char *number;
	const char *status; /* PREVIEW for a preview */
	const char *issued_on;
	bool issued;
	TimestampTz issued_at;
	TimestampTz due_at;
	bool has_paid_at;
	TimestampTz paid_at;
	TimestampTz captured_at;
	Money applied_credit;
	Money amount_paid;
	Money amount_credited;
	Money amount_due;
	const char *metadata;
} InvoiceState;

extern Datum invoice_to_jsonb(const Invoice *invoice, const InvoiceState *state);

#endif
