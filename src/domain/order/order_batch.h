/*
 * order_batch.h
 *	  Paying many orders at once. Needs spi_begin().
 */
#ifndef BILLING_ORDER_BATCH_H
#define BILLING_ORDER_BATCH_H

#include "domain/order/order.h"

typedef struct OrderPayment
{
	const Order *order;
	Datum payment_id;
} OrderPayment;

/* Locks orders, whose keys are given, in the order of their keys, and reads them. */
extern void orders_lock(Order *const *orders, int count);

/* Turns locked CREATED orders PAID, with their events. */
extern void orders_mark_paid(const OrderPayment *paid, int count);

#endif
