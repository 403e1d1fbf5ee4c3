/*
 * hold_state.h
 *	  The states of a hold.
 */
#ifndef BILLING_HOLD_STATE_H
#define BILLING_HOLD_STATE_H

typedef enum HoldStatus
{
	HOLD_OPEN,
	HOLD_CAPTURED,
	HOLD_RELEASED,
	HOLD_EXPIRED,
} HoldStatus;

#define HOLD_STATUS_COUNT 4

extern const char *hold_status_name(HoldStatus status);
extern HoldStatus hold_status_of(const char *name);
extern bool hold_may_become(HoldStatus from, HoldStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void hold_require_transition(HoldStatus from, HoldStatus to);

#endif
