/*
 * hold_state.c
 *	  The states of a hold as a table. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/wallet/hold_state.h"

static const char *const status_names[HOLD_STATUS_COUNT] = {
	[HOLD_OPEN] = "OPEN",
	[HOLD_CAPTURED] = "CAPTURED",
	[HOLD_RELEASED] = "RELEASED",
	[HOLD_EXPIRED] = "EXPIRED",
};

typedef struct HoldTransition
{
	HoldStatus from;
	HoldStatus to;
	const char *why;
} HoldTransition;

static const HoldTransition transitions[] = {
	{HOLD_OPEN, HOLD_CAPTURED, "it was charged, wholly or in part"},
	{HOLD_OPEN, HOLD_RELEASED, "it is not needed any more"},
	{HOLD_OPEN, HOLD_EXPIRED, "its time has come"},
};

const char *
hold_status_name(HoldStatus status)
{
	return status_names[status];
}

HoldStatus
hold_status_of(const char *name)
{
	for (int i = 0; i < HOLD_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (HoldStatus) i;
	}
	Ensure(false, "unknown hold status \"%s\"", name);
	return HOLD_OPEN; /* not reached */
}

bool
hold_may_become(HoldStatus from, HoldStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
hold_require_transition(HoldStatus from, HoldStatus to)
{
	if (!hold_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("hold cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}
