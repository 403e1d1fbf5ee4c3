/*
 * refund_state.c
 *	  The states of a refund as a table. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/refund/refund_state.h"

static const char *const status_names[REFUND_STATUS_COUNT] = {
	[REFUND_REQUESTED] = "REQUESTED",
	[REFUND_APPROVED] = "APPROVED",
	[REFUND_COMPLETED] = "COMPLETED",
	[REFUND_FAILED] = "FAILED",
};

typedef struct RefundTransition
{
	RefundStatus from;
	RefundStatus to;
	const char *why;
} RefundTransition;

static const RefundTransition transitions[] = {
	{REFUND_REQUESTED, REFUND_APPROVED, "the provider said yes"},
	{REFUND_REQUESTED, REFUND_FAILED, "the provider said no"},
	{REFUND_APPROVED, REFUND_COMPLETED, "the money is back, and booked"},
	{REFUND_APPROVED, REFUND_FAILED, "the provider took its word back"},
};

const char *
refund_status_name(RefundStatus status)
{
	return status_names[status];
}

RefundStatus
refund_status_of(const char *name)
{
	for (int i = 0; i < REFUND_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (RefundStatus) i;
	}
	Ensure(false, "unknown refund status \"%s\"", name);
	return REFUND_REQUESTED; /* not reached */
}

bool
refund_may_become(RefundStatus from, RefundStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
refund_require_transition(RefundStatus from, RefundStatus to)
{
	if (!refund_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("refund cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}
