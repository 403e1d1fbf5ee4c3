/*
 * refund_end.h
 *	  Ending a refund that is on its way: by what the provider answered a worker or told a webhook, or
 *	  by an operator.
 */
#ifndef BILLING_REFUND_END_H
#define BILLING_REFUND_END_H

#include "domain/refund/refund.h"

typedef enum RefundEndResult
{
	REFUND_LEFT,      /* skipped */
	REFUND_ENDED,     /* it was REQUESTED and is not any more */
	REFUND_WAS_ENDED, /* it is as it was */
} RefundEndResult;

typedef struct RefundEnding
{
	const char *customer_id;
	Datum refund_id;
	ProviderAnswer answer; /* APPROVED or DECLINED */
	const char *reason;    /* for the audit, of who reconciles it; NULL: the provider answered */
	int attempt_no;        /* that was answered; 0: none of them, all open ones take the answer */
	bool skip;             /* may be set between the two steps: it is left as it is */

	/* given by refund_ending_lock() */
	RefundStatus status;
	Refund refund;

	/* given by refund_ending_apply() */
	RefundEndResult result;
} RefundEnding;

/* Locks what was paid, the payment and the refund. Needs spi_begin(). */
extern void refund_ending_lock(RefundEnding *ending);

/* Ends what is locked, unless it is ended, and removes its gateway call. Needs spi_begin(). */
extern void refund_ending_apply(RefundEnding *ending);

#endif
