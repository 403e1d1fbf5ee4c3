/*
 * payment_end.h
 *	  Ending payments that exist, many at once: by what the provider answered a worker or told a
 *	  webhook, or by an operator.
 */
#ifndef BILLING_PAYMENT_END_H
#define BILLING_PAYMENT_END_H

#include "domain/payment/payment.h"

typedef enum PaymentEndResult
{
	PAYMENT_LEFT,          /* skipped */
	PAYMENT_ENDED,         /* it was PENDING and is not any more */
	PAYMENT_WAS_ENDED,     /* it is as it was */
	PAYMENT_CAPTURED_LATE, /* it stays FAILED; its money is booked, and on its way back */
} PaymentEndResult;

typedef struct PaymentEnding
{
	const char *customer_id;
	Datum payment_id;
	ProviderAnswer answer; /* APPROVED or DECLINED */
	const char *reason;    /* for the audit, of who reconciles it; NULL: the provider answered */
	int attempt_no;        /* that was answered; 0: none of them, all open ones take the answer */
	bool skip;             /* may be set between the two steps: it is left as it is */

	/* given by payments_ending_lock() */
	PaymentStatus status;
	bool late;       /* it is FAILED, and was captured late already */
	Payment payment; /* what is known of it */
	Order order;     /* its target, if that is an order */

	/* given by payments_ending_apply() */
	PaymentEndResult result;
} PaymentEnding;

/* What others do. Filled by them. */
typedef struct PaymentEndPort
{
	/* gives back what was captured late; the id of the refund */
	Datum (*refund_late)(const Payment *payment);
} PaymentEndPort;
extern PaymentEndPort payment_end_port;

/* Locks targets, then payments, each in the order of their keys. A payment comes once. Needs spi_begin(). */
extern void payments_ending_lock(PaymentEnding *endings, int count);

/* Ends what is locked and removes their gateway calls; tells who waits, at commit. Needs spi_begin(). */
extern void payments_ending_apply(PaymentEnding *endings, int count);

#endif
