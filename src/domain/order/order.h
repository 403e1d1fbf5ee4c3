/*
 * order.h
 *	  Orders: their states, and how other modules pay and refund them.
 */
#ifndef BILLING_ORDER_H
#define BILLING_ORDER_H

#include "core/money.h"

typedef enum OrderStatus
{
	ORDER_CREATED,
	ORDER_PAID,
	ORDER_CANCELLED,
	ORDER_FAILED,
	ORDER_REFUNDED,
} OrderStatus;

#define ORDER_STATUS_COUNT 5

typedef struct Order
{
	const char *customer_id;
	Datum order_id;
	OrderStatus status;
	Money total, net, tax;
	const char *tax_code;
	Money refunded, refunded_tax;
} Order;

extern const char *order_status_name(OrderStatus status);
extern OrderStatus order_status_of(const char *name);
extern bool order_may_become(OrderStatus from, OrderStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void order_require_transition(OrderStatus from, OrderStatus to);

/* The customer of an order. ORDER_NOT_FOUND, or FORBIDDEN when the caller may not act for him. */
extern char *order_require_customer(Datum order_id);

/* Locks an order; callers of one idempotency key (NULL: none) meet here. Needs spi_begin(). */
extern Order order_lock(const char *customer_id, Datum order_id, const char *key);

/*
 * Writes a locked order anew as it is, so that a caller whose snapshot is older cannot lock it: for a
 * payment of it that is not decided, which that caller does not see.
 */
extern void order_touch(const Order *order);

/* Adds to what of a locked PAID order is back; all of it turns it REFUNDED, with its event. */
extern void order_add_refund(const Order *order, Money amount, Money tax, Datum refund_id);

#endif
