/*
 * refund_lock.h
 *	  What a refund is decided on, under its locks. All of these need spi_begin().
 */
#ifndef BILLING_REFUND_LOCK_H
#define BILLING_REFUND_LOCK_H

#include "domain/refund/refund.h"

/* Locks what was paid, then the payment; callers of one key meet there. */
extern void refund_lock(Refund *refund, const PaymentTarget *target, Datum payment_id);

/* What of the locked payment is neither back nor on its way. */
extern Money refund_left(const Refund *refund);

#endif
