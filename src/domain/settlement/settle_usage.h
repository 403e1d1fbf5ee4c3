/*
 * settle_usage.h
 *	  What a customer used, what was billed of it, and which months have something new.
 */
#ifndef BILLING_SETTLE_USAGE_H
#define BILLING_SETTLE_USAGE_H

#include "core/decimal.h"
#include "core/period.h"

typedef struct SettleUsage
{
	Period month;
	char *resource_type;
	Decimal quantity;
	int64 events;
} SettleUsage;

/* What was billed already for a charge in a month, on invoices that count */
typedef struct SettleBilled
{
	Period month;
	char *code;
	Decimal quantity;
	Decimal net;
} SettleBilled;

/* A month with usage that came since it was billed. */
typedef struct SettleDirty
{
	Period month;
	bool marked; /* has a row of unbilled_usage, with this count of changes */
	int64 changes;
} SettleDirty;

#endif
