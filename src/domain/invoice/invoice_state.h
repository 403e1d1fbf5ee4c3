/*
 * invoice_state.h
 *	  The states of an invoice, and its changes after it was issued.
 */
#ifndef BILLING_INVOICE_STATE_H
#define BILLING_INVOICE_STATE_H

#include "core/money.h"
#include "core/spi.h"

typedef enum InvoiceStatus
{
	INVOICE_DRAFT,
	INVOICE_ISSUED,
	INVOICE_OVERDUE,
	INVOICE_PAID,
	INVOICE_CANCELLED,
} InvoiceStatus;

#define INVOICE_STATUS_COUNT 5

/* What was captured for one invoice. */
typedef struct InvoicePayment
{
	const char *customer_id;
	Datum invoice_id;
	Money amount;
	const char *payment_id;
} InvoicePayment;

/* An invoice on which nothing is due any more, for its event and audit. */
typedef struct InvoicePaid
{
	const char *customer_id;
	const char *invoice_id;
	const char *number;
	Money amount;           /* 0 when nothing was captured */
	const char *payment_id; /* NULL when nothing was captured */
} InvoicePaid;

extern const char *invoice_status_name(InvoiceStatus status);
extern InvoiceStatus invoice_status_of(const char *name);
extern bool invoice_may_become(InvoiceStatus from, InvoiceStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void invoice_require_transition(InvoiceStatus from, InvoiceStatus to);

/* Books payments on locked invoices; those with nothing due any more become PAID, and announced. */
extern void invoices_pay(const InvoicePayment *payments, int count);
extern void invoices_announce_paid(const InvoicePaid *paid, int count);

#endif
