/*
 * customer.h
 *	  Customers: the tenants, what they were told at registration, and their making at first write.
 */
#ifndef BILLING_CUSTOMER_H
#define BILLING_CUSTOMER_H

#include "nodes/pg_list.h"

extern void customer_init(void);

/*
 * Makes the customer with the defaults unless he exists; CUSTOMER_NOT_FOUND when that is off. Callers of
 * one idempotency key (NULL: none) for a new customer meet here.
 */
extern void customer_ensure(const char *customer_id, const char *key);

/*
 * For many at once: customers_begin(), then customers_add() for each, false where he does not exist and may not be
 * made, then customers_make() before anything refers to them: one statement, in one order for all.
 */
extern void customers_begin(void);
extern bool customers_add(List **missing, const char *customer_id);
extern void customers_make(List *missing);
extern void customer_make(const char *customer_id, const char *key);

/* Raises CUSTOMER_NOT_FOUND unless he exists. */
extern void customer_require(const char *customer_id);

/* The zone of the house: the row of billing_settings, else UTC. */
extern char *house_time_zone(void);

#endif
