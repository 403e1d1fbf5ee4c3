/*
 * pending.h
 *	  Orders and invoices that are being paid: nothing else may touch what is due on them.
 */
#ifndef BILLING_PENDING_H
#define BILLING_PENDING_H

/*
 * Raises PAYMENT_IN_PROGRESS while a payment of the locked order or invoice is not decided; `what`
 * names it, `hint` (or NULL) says the way out. A top-up blocks nothing. Needs spi_begin().
 */
extern void
pending_require_none(const char *customer_id, Datum target_id, const char *what, const char *hint);

#endif
