/*
 * refund_state.h
 *	  The states of a refund.
 */
#ifndef BILLING_REFUND_STATE_H
#define BILLING_REFUND_STATE_H

typedef enum RefundStatus
{
	REFUND_REQUESTED,
	REFUND_APPROVED,
	REFUND_COMPLETED,
	REFUND_FAILED,
} RefundStatus;

#define REFUND_STATUS_COUNT 4

extern const char *refund_status_name(RefundStatus status);
extern RefundStatus refund_status_of(const char *name);
extern bool refund_may_become(RefundStatus from, RefundStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void refund_require_transition(RefundStatus from, RefundStatus to);

#endif
