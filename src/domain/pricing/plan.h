/*
 * plan.h
 *	  Pricing plans: which one prices a period, and its charges.
 */
#ifndef BILLING_PLAN_H
#define BILLING_PLAN_H

#include "core/money.h"
#include "core/period.h"
#include "domain/pricing/charge.h"

#define PLAN_ID_TEXT 37

/* A plan is immutable, so a backend keeps those that it has read. */
typedef struct PricingPlan
{
	char plan_id[PLAN_ID_TEXT];
	char *name;
	const Currency *currency;
	bool own;           /* of a customer, not a default */
	char *charges_text; /* verbatim */
	int charge_count;
	Charge *charges;
} PricingPlan;

typedef struct PlanRequest
{
	const char *customer_id;
	const char *currency; /* NULL: the customer has none yet */
	PeriodBounds bounds;
} PlanRequest;

/* Begins an operation: plans answered until the next call stay. */
extern void plans_begin(void);

/* The plan that prices each period, NULL where there is none. Needs spi_begin(). */
extern void plans_for_periods(const PlanRequest *requests, int count, const PricingPlan **plans);

/* A plan that is not stored, from charges that a caller gives. */
extern PricingPlan *plan_of_charges(Datum charges, const Currency *currency);

#endif
