/*
 * settle_item.h
 *	  One customer of a settlement: what was loaded of him, and what came of it.
 */
#ifndef BILLING_SETTLE_ITEM_H
#define BILLING_SETTLE_ITEM_H

#include "domain/invoice/invoice.h"
#include "domain/settlement/settle_usage.h"
#include "nodes/pg_list.h"

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
	bool auto_apply_credit;
	char *snapshot;
	PeriodBounds bounds;
	char *invoice_id; /* of the live invoice of the period, NULL: none */
	char *replaces_invoice_id;
	List *usage;  /* SettleUsage */
	List *billed; /* SettleBilled */
	List *dirty;  /* SettleDirty */
	Decimal carried;
	bool whole; /* a preview: as if the own month had not been billed */

	/* the result */
	Invoice *invoice;            /* NULL: nothing to bill */
	bool skipped;                /* the total is 0 and such invoices are not wanted */
	const char *payment_id;      /* of a charge */
	const char *payment_failure; /* of a declined charge */
	char *failure_code;          /* NULL: no failure */
	char *failure_reason;
	bool retriable;
	ErrorData *error; /* the failure whole, for who raises it */
} SettleItem;

#endif
