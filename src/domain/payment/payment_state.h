/*
 * payment_state.h
 *	  The states of a payment.
 */
#ifndef BILLING_PAYMENT_STATE_H
#define BILLING_PAYMENT_STATE_H

typedef enum PaymentStatus
{
	PAYMENT_PENDING,
	PAYMENT_APPROVED,
	PAYMENT_FAILED,
} PaymentStatus;

#define PAYMENT_STATUS_COUNT 3

extern const char *payment_status_name(PaymentStatus status);
extern PaymentStatus payment_status_of(const char *name);
extern bool payment_may_become(PaymentStatus from, PaymentStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void payment_require_transition(PaymentStatus from, PaymentStatus to);

#endif
