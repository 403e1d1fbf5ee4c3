/*
 * settlement.h
 *	  Settling a month: what a customer's invoice would be, and issuing it.
 */
#ifndef BILLING_SETTLEMENT_H
#define BILLING_SETTLEMENT_H

#include "domain/invoice/invoice.h"
#include "nodes/pg_list.h"

#define SETTLE_CHUNK 60       /* customers of one transaction */
#define SETTLE_MAX_ATTEMPTS 3 /* of one customer in one start, when the failure is retriable */
#define SETTLE_MAX_WORKERS 64
#define SETTLE_MAX_REASON 1024 /* bytes of a recorded reason */

typedef struct SettleUsage
{
	Period month;
	char *resource_type;
	Decimal quantity;
	int64 events;
} SettleUsage;

/* What was billed already for a charge in a month, on invoices that count. */
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

typedef struct SettleItem
{
	const char *customer_id;

	/* the customer, as loaded */
	bool found;
	const Currency *currency; /* NULL: not fixed yet */
	bool currency_fixed;
	char *time_zone;
	char *tax_code;
	int net_days;
	bool automatic;
	char *snapshot;
	PeriodBounds bounds;
	char *invoice_id; /* of the live invoice of the period, NULL: none */
	char *replaces_invoice_id;
	List *usage;  /* SettleUsage */
	List *billed; /* SettleBilled */
	List *dirty;  /* SettleDirty */
	Decimal carried;

	/* the result */
	Invoice *invoice; /* NULL: nothing to bill */
	bool paid;
	bool skipped;                /* the total is 0 and such invoices are not wanted */
	const char *payment_failure; /* of a declined charge */
	char *failure_code;          /* NULL: no failure */
	char *failure_reason;
	bool retriable;
	ErrorData *error; /* the failure whole, for who raises it */
} SettleItem;

typedef struct Settlement
{
	Period period;
	int count;
	SettleItem *items;           /* by customer_id, in C order */
	const PricingPlan *override; /* prices of a preview instead of those in force */
	int64 lock_wait_us;
} Settlement;

extern void settlement_init(void);
extern bool settlement_skips_zero(void);
extern int64 settlement_grace_us(void);

extern Settlement *settlement_new(Period period, char **customer_ids, int count);
extern void settlement_lock(Settlement *settlement);
extern void settlement_load(Settlement *settlement);
extern void settlement_compose(Settlement *settlement);
extern void settlement_issue(Settlement *settlement);
extern void settlement_record(Settlement *settlement);
extern void settle_item_fail(SettleItem *item, ErrorData *error);

#endif
