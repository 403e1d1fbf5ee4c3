/*
 * payment_find.h
 *	  Finding and locking a payment that exists: to end it, or to refund it.
 */
#ifndef BILLING_PAYMENT_FIND_H
#define BILLING_PAYMENT_FIND_H

#include "domain/payment/payment.h"

/* What never changes of a payment. Its target is locked before it. */
typedef struct PaymentTarget
{
	char *customer_id;
	char *target_type;
	Datum target_id;
} PaymentTarget;

typedef struct LockedPayment
{
	const char *customer_id;
	Datum payment_id;
	PaymentStatus status;
	char *target_type;
	Datum target_id;
	Money amount;
	Money excess; /* beyond what was due: it became a credit already */
	char *method;
	const PaymentProvider *provider;
	char *provider_reference; /* of the capture, NULL: none */
	char *token;              /* of its payment method, NULL: none */
	bool late;                /* it FAILED and was captured after that */
} LockedPayment;

/* PAYMENT_NOT_FOUND, also when it is deleted, or FORBIDDEN when the caller may not act for its customer. */
extern PaymentTarget payment_require_target(Datum payment_id);

/* The same for one that exists, whoever asks. Needs spi_begin(). */
extern PaymentTarget payment_target(const char *customer_id, Datum payment_id);

/* Locks a payment; callers of one idempotency key (NULL: none) meet here. Needs spi_begin(). */
extern LockedPayment payment_lock(const char *customer_id, Datum payment_id, const char *key);

#endif
