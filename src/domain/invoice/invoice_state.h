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

/* What was paid on one invoice. */
typedef struct InvoicePayment
{
	const char *customer_id;
	Datum invoice_id;
	Money amount;           /* may be 0: an invoice with nothing due is paid */
	const char *payment_id; /* NULL when nothing was captured */
} InvoicePayment;

extern const char *invoice_status_name(InvoiceStatus status);
extern InvoiceStatus invoice_status_of(const char *name);
extern bool invoice_may_become(InvoiceStatus from, InvoiceStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void invoice_require_transition(InvoiceStatus from, InvoiceStatus to);

/* Books payments on locked or new invoices; those with nothing due any more become PAID. */
extern void invoices_paid(const InvoicePayment *payments, int count);

#endif
