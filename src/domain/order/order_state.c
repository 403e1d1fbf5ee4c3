/*
 * order_state.c
 *	  The states of an order as a table. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/order/order.h"

static const char *const status_names[ORDER_STATUS_COUNT] = {
	[ORDER_CREATED] = "CREATED", [ORDER_PAID] = "PAID",         [ORDER_CANCELLED] = "CANCELLED",
	[ORDER_FAILED] = "FAILED",   [ORDER_REFUNDED] = "REFUNDED",
};

typedef struct OrderTransition
{
	OrderStatus from;
	OrderStatus to;
	const char *why;
} OrderTransition;

/* A declined payment is none of them: the order stays CREATED, for another card. */
static const OrderTransition transitions[] = {
	{ORDER_CREATED, ORDER_PAID, "its total was captured"},
	{ORDER_CREATED, ORDER_CANCELLED, "the customer does not want it"},
	{ORDER_CREATED, ORDER_FAILED, "the house gave it up"},
	{ORDER_PAID, ORDER_REFUNDED, "all of it went back"},
};

const char *
order_status_name(OrderStatus status)
{
	return status_names[status];
}

OrderStatus
order_status_of(const char *name)
{
	for (int i = 0; i < ORDER_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (OrderStatus) i;
	}
	Ensure(false, "unknown order status \"%s\"", name);
	return ORDER_CREATED; /* not reached */
}

bool
order_may_become(OrderStatus from, OrderStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
order_require_transition(OrderStatus from, OrderStatus to)
{
	if (!order_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("order cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}
