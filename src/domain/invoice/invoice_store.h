/*
 * invoice_store.h
 *	  Finding, numbering and writing invoices.
 */
#ifndef BILLING_INVOICE_STORE_H
#define BILLING_INVOICE_STORE_H

#include "domain/invoice/invoice.h"

/*
 * Gives invoices their ids, numbers and dates in one short counter update. Locks the number
 * series until the transaction ends, so it comes last before the writing.
 */
extern void invoices_number(Invoice **invoices, int count);

/* The customer of an invoice. INVOICE_NOT_FOUND, or FORBIDDEN when the caller may not act for him. */
extern char *invoice_require_customer(Datum invoice_id);

/* Writes numbered invoices with their lines, taxes, snapshots, postings, events and audit. */
extern void invoices_issue(Invoice **invoices, int count);

#endif
