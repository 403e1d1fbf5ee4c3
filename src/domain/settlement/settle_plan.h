/*
 * settle_plan.h
 *	  The months that a settlement bills, and the prices of each.
 */
#ifndef BILLING_SETTLE_PLAN_H
#define BILLING_SETTLE_PLAN_H

#include "domain/settlement/settlement.h"

typedef struct MonthPlan
{
	Period month;
	bool late; /* not the month that is settled */
	PeriodBounds bounds;
	const PricingPlan *plan; /* NULL: none is in force */
	char *hash_hex;          /* of the snapshot that it was billed with, NULL: none */
	PricingSnapshot snapshot;
	TaxRate tax_rate;
} MonthPlan;

/* For each customer without a live invoice the months to bill: his own first, then earlier ones. */
extern void settlement_months(Settlement *settlement, List **months);

/* Reads stored snapshots and tax rates of one customer's months; raises what is wrong with them. */
extern void months_complete(const SettleItem *item, List *months);

extern bool billed_any(const SettleItem *item, Period month);

#endif
