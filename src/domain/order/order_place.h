/*
 * order_place.h
 *	  An order before it is written: its items, its total and the tax that is in it. And its events.
 */
#ifndef BILLING_ORDER_PLACE_H
#define BILLING_ORDER_PLACE_H

#include "domain/order/order.h"
#include "domain/tax/tax.h"
#include "utils/jsonb.h"

#define ORDER_MAX_ITEMS 100
#define ORDER_MAX_SKU 128

typedef struct OrderItem
{
	char *sku;
	int32 quantity;
	Money unit_price;
	Money amount;
} OrderItem;

typedef struct OrderItems
{
	int count;
	OrderItem *items;
	Money total;
} OrderItems;

/* What an event tells besides the order. */
typedef struct OrderEvent
{
	const char *type; /* OrderPlaced, ... */
	const char *key;  /* of one more member, or NULL: paymentId, refundId, reason */
	const char *value;
	const char *idempotency_key;
} OrderEvent;

/*
 * The items of a document [{"sku", "quantity", "unitPrice"}]. MALFORMED_DOCUMENT, INVALID_ARGUMENT,
 * LIMIT_EXCEEDED and AMOUNT_OVERFLOW; the detail names the place.
 */
extern OrderItems order_items_parse(Jsonb *document, const Currency *currency);

/* The tax that a total contains: total - HALF_UP(total / (1 + rate)). */
extern Money order_contained_tax(Money total, const TaxRate *rate);

/* Appends an event of the order. Needs spi_begin(). */
extern void order_announce(const Order *order, const OrderEvent *event);

#endif
