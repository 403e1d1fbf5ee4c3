/*
 * settlement.h
 *	  Settling a month: what a customer's invoice would be, and issuing it.
 */
#ifndef BILLING_SETTLEMENT_H
#define BILLING_SETTLEMENT_H

#include "core/spi.h"
#include "domain/settlement/settle_item.h"

#define SETTLE_CHUNK 60       /* customers of one transaction */
#define SETTLE_MAX_ATTEMPTS 3 /* of one customer in one start, when the failure is retriable */
#define SETTLE_MAX_WORKERS 64
#define SETTLE_MAX_REASON 1024 /* bytes of a recorded reason */

typedef struct Settlement
{
	Period period;
	int count;
	SettleItem *items;           /* by customer_id, in C order */
	const PricingPlan *override; /* prices of a preview instead of those in force */
	int64 lock_wait_us;
} Settlement;

extern void settlement_init(void);
extern void settle_workers_check(int workers);
extern bool settlement_skips_zero(void);
extern int64 settlement_grace_us(void);

extern Settlement *settlement_new(Period period, char **customer_ids, int count);
extern void settlement_arg_customers(StmtArgs *args, const Settlement *settlement);
extern void settlement_lock(Settlement *settlement);
extern void settlement_load(Settlement *settlement);
extern void settlement_compose(Settlement *settlement);
extern void settlement_issue(Settlement *settlement);
extern void settlement_record(Settlement *settlement);
extern void settle_item_fail(SettleItem *item, ErrorData *error);

#endif
