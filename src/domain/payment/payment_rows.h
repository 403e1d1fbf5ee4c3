/*
 * payment_rows.h
 *	  The rows of payments, as the files of this module write and read them. Needs spi_begin().
 */
#ifndef BILLING_PAYMENT_ROWS_H
#define BILLING_PAYMENT_ROWS_H

#include "core/spi.h"
#include "domain/invoice/invoice_state.h"
#include "domain/payment/payment_find.h"

/* A locked invoice that is to be paid. */
typedef struct PayableInvoice
{
	char *number;
	InvoiceStatus status;
	Money due;
} PayableInvoice;

extern PaymentStatus payment_status(const Payment *payment);

/* False when a key was used meanwhile: fewer rows than given were written then. */
extern bool payments_insert(const Payment *payments, int count);
extern void attempts_insert(const Payment *payments, int count);

/* The row that the key of the payment made, or false when it made none. INCOMPATIBLE_PARAMS. */
extern bool payment_replay(const Payment *payment, Datum *row);
extern Datum payment_row(const Payment *payment);

/* Locks an invoice; callers of one idempotency key (NULL: none) meet here. */
extern PayableInvoice payable_lock(const char *customer_id, Datum invoice_id, const char *key);

typedef struct PayableKey
{
	const char *customer_id;
	Datum invoice_id;
} PayableKey;

/* Locks invoices in the order of their keys. */
extern void payables_lock(const PayableKey *keys, int count);

/* The same for an invoice as order_touch() for an order. */
extern void payable_touch(const char *customer_id, Datum invoice_id);

/* Finds the payment methods of payments: those that are named, and of the others the defaults. */
extern void payments_find_methods(Payment *payments, int count, DateADT today);

/* Events and audit of decided payments. */
extern void payments_announce(const Payment *payments, int count);
extern Datum payment_json(const Payment *payment);
extern Datum payment_late_json(const Payment *payment, Datum refund_id);

/* The wallets of approved payments and, under their locks, the postings. */
extern void payments_post(const Payment *payments, int count);
extern void payment_move_wallet(const Payment *payment);

/* What approvals do to their invoices and orders: they are paid. */
extern void payments_capture(const Payment *payments, int count);

#endif
