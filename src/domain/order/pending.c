/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "domain/order/order.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(billing_place_order);
Datum
billing_place_order(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_cancel_order);
Datum
billing_cancel_order(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_fail_order);
Datum
billing_fail_order(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

const char *
order_status_name(OrderStatus status)
{
	Ensure(false, "not built");
	return NULL;
}
OrderStatus
order_status_of(const char *name)
{
	Ensure(false, "not built");
	return 0;
}
void
order_require_transition(OrderStatus from, OrderStatus to)
{
	Ensure(false, "not built");
}
char *
order_require_customer(Datum order_id)
{
	Ensure(false, "not built");
	return NULL;
}
Order
order_lock(const char *customer_id, Datum order_id, const char *key)
{
	Ensure(false, "not built");
	return (Order){0};
}
void
order_mark_paid(const Order *order, Datum payment_id)
{
	Ensure(false, "not built");
}
void
order_add_refund(const Order *order, Money amount, Money tax, Datum refund_id)
{
	Ensure(false, "not built");
}
