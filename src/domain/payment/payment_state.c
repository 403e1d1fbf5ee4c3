/*
 * payment_state.c
 *	  The states of a payment as a table. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/payment/payment_state.h"

static const char *const status_names[PAYMENT_STATUS_COUNT] = {
	[PAYMENT_PENDING] = "PENDING",
	[PAYMENT_APPROVED] = "APPROVED",
	[PAYMENT_FAILED] = "FAILED",
};

typedef struct PaymentTransition
{
	PaymentStatus from;
	PaymentStatus to;
	const char *why;
} PaymentTransition;

/* A payment whose outcome is known at once is made in its final state. */
static const PaymentTransition transitions[] = {
	{PAYMENT_PENDING, PAYMENT_APPROVED, "the provider captured all of it"},
	{PAYMENT_PENDING, PAYMENT_FAILED, "the provider captured nothing"},
};

const char *
payment_status_name(PaymentStatus status)
{
	return status_names[status];
}

PaymentStatus
payment_status_of(const char *name)
{
	for (int i = 0; i < PAYMENT_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (PaymentStatus) i;
	}
	Ensure(false, "unknown payment status \"%s\"", name);
	return PAYMENT_PENDING; /* not reached */
}

bool
payment_may_become(PaymentStatus from, PaymentStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
payment_require_transition(PaymentStatus from, PaymentStatus to)
{
	if (!payment_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("payment cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}
