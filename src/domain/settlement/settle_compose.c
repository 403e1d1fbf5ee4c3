/*
 * settle_compose.c
 *	  From usage and prices to invoices that are not written yet.
 *
 * Each customer is rated in a subtransaction of his own: what fails is recorded on his item and
 * stops nobody else. A month bills what its whole usage costs under its snapshot, less what
 * was billed for it. Locks nothing.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/ids.h"
#include "core/isolate.h"
#include "domain/settlement/settle_plan.h"
#include "domain/settlement/settlement.h"
#include "miscadmin.h"

static bool
same_month(Period a, Period b)
{
	return period_compare(a, b) == 0;
}

static const SettleUsage *
usage_of(const SettleItem *item, Period month, const char *resource_type)
{
	ListCell *cell;

	foreach (cell, item->usage)
	{
		const SettleUsage *usage = lfirst(cell);

		if (same_month(usage->month, month) && strcmp(usage->resource_type, resource_type) == 0)
			return usage;
	}
	return NULL;
}

static const SettleBilled *
billed_of(const SettleItem *item, Period month, const char *code)
{
	ListCell *cell;

	foreach (cell, item->billed)
	{
		const SettleBilled *billed = lfirst(cell);

		if (same_month(billed->month, month) && strcmp(billed->code, code) == 0)
			return billed;
	}
	return NULL;
}

static bool
plan_prices(const PricingPlan *plan, const char *resource_type)
{
	for (int i = 0; i < plan->charge_count; i++)
	{
		const char *priced = plan->charges[i].resource_type;

		if (priced != NULL && strcmp(priced, resource_type) == 0)
			return true;
	}
	return false;
}

/* Usage that the plan does not price must never be billed as zero. */
static void
require_priced(const SettleItem *item, const PricingPlan *plan, Period month)
{
	ListCell *cell;
	char text[PERIOD_TEXT_SIZE];

	foreach (cell, item->usage)
	{
		const SettleUsage *usage = lfirst(cell);

		if (!same_month(usage->month, month) || plan_prices(plan, usage->resource_type))
			continue;
		if (usage->events == 0 && decimal_is_zero(&usage->quantity))
			continue;
		billing_error(
			RESOURCE_NOT_PRICED, errmsg("resource type \"%s\" is not priced", usage->resource_type),
			errdetail("Plan \"%s\" has no charge for it, and customer \"%s\" used it in %s.",
					  plan->name, item->customer_id, period_print(month, text)),
			errhint("Price it with 0 if it is free."));
	}
}

static const char *
line_description(const Charge *charge, const Decimal *quantity)
{
	char buffer[DECIMAL_TEXT_SIZE];
	Decimal shown = decimal_round(quantity, decimal_significant_scale(quantity));

	if (charge->description != NULL)
		return charge->description;
	if (charge->model == CHARGE_FLAT)
		return charge->code;
	return psprintf("%s x %s", charge->resource_type, decimal_print(&shown, buffer));
}

/* Adds the line of one charge for one month, unless neither quantity nor amount is new. */
static void
add_charge(SettleItem *item, const MonthPlan *month, const Charge *charge)
{
	const SettleUsage *usage =
		charge->resource_type != NULL ? usage_of(item, month->month, charge->resource_type) : NULL;
	const SettleBilled *billed =
		item->whole && !month->late ? NULL : billed_of(item, month->month, charge->code);
	Decimal quantity = usage != NULL ? usage->quantity : decimal_zero();
	Decimal amount = charge_rate(charge, &quantity);
	InvoiceLine line = {
		.kind = month->late                    ? "LATE_USAGE"
				: charge->model == CHARGE_FLAT ? "RECURRING"
											   : "USAGE",
		.code = charge->code,
		.resource_type = charge->resource_type,
		.service_period = month->month,
		.plan_id = month->plan->plan_id[0] != '\0' ? month->plan->plan_id : NULL,
	};

	if (month->late)
		line.snapshot = month->snapshot;
	if (charge->model == CHARGE_FLAT)
		quantity = decimal_from_int64(1, 0);
	line.net = money_round(&amount, month->plan->currency);
	line.quantity = quantity;
	if (billed != NULL)
	{
		line.quantity = decimal_subtract(&quantity, &billed->quantity);
		line.net = money_subtract(line.net, money_round(&billed->net, month->plan->currency));
	}
	if (decimal_is_zero(&line.quantity) && money_is_zero(line.net))
		return;
	line.description = line_description(charge, &line.quantity);
	line.tax = money_zero(month->plan->currency);
	invoice_add_line(item->invoice, &line);
}

static void
add_month(SettleItem *item, const MonthPlan *month)
{
	Ensure(month->plan != NULL, "a month without a plan is billed");
	require_priced(item, month->plan, month->month);
	if (item->currency != NULL && month->plan->currency != item->currency)
		billing_error(CURRENCY_MISMATCH,
					  errmsg("customer \"%s\" is billed in %s", item->customer_id,
							 item->currency->code),
					  errdetail("Plan \"%s\" is in %s.", month->plan->name,
								month->plan->currency->code));
	if (month->plan->currency != item->invoice->currency)
		billing_error(CURRENCY_MISMATCH,
					  errmsg("customer \"%s\" would be billed in two currencies",
							 item->customer_id),
					  errdetail("%s and %s.", item->invoice->currency->code,
								month->plan->currency->code));
	for (int i = 0; i < month->plan->charge_count; i++)
		add_charge(item, month, &month->plan->charges[i]);
}

static bool
has_usage(const SettleItem *item, Period month)
{
	ListCell *cell;

	foreach (cell, item->usage)
	{
		const SettleUsage *usage = lfirst(cell);

		if (same_month(usage->month, month) &&
			(usage->events != 0 || !decimal_is_zero(&usage->quantity)))
			return true;
	}
	return false;
}

/* A default plan alone bills nobody: a month counts with usage, or as own month under an own plan. */
static bool
bills_month(const SettleItem *item, const MonthPlan *month)
{
	return has_usage(item, month->month) || billed_any(item, month->month) ||
		   (!month->late && month->plan != NULL && month->plan->own);
}

/* The months that are billed, each with its plan. */
static List *
billable_months(const SettleItem *item, List *months)
{
	List *billable = NIL;
	ListCell *cell;

	foreach (cell, months)
	{
		MonthPlan *month = lfirst(cell);

		if (!bills_month(item, month))
			continue;
		if (month->plan == NULL)
			billing_error(PLAN_NOT_FOUND,
						  errmsg("no pricing plan for customer \"%s\"", item->customer_id),
						  errhint("Create one with create_pricing_plan()."));
		billable = lappend(billable, month);
	}
	return billable;
}

/* The prices of the month itself lead, else those of the first month that is billed. */
static Invoice *
invoice_begin(const Settlement *settlement, const SettleItem *item, const MonthPlan *own,
			  const PricingPlan *first)
{
	Invoice *invoice = palloc0(sizeof(Invoice));
	const PricingPlan *leading = own->plan != NULL ? own->plan : first;

	invoice->customer_id = item->customer_id;
	invoice->customer_snapshot = item->snapshot;
	invoice->currency = first->currency;
	invoice->period = settlement->period;
	invoice->bounds = item->bounds;
	invoice->net_days = item->net_days;
	invoice->replaces_invoice_id = item->replaces_invoice_id;
	invoice->tax_rate = own->tax_rate;
	invoice->snapshot = snapshot_make(leading, item->bounds, &own->tax_rate);
	return invoice;
}

static void
compose_item(Settlement *settlement, SettleItem *item, List *months)
{
	List *billable = billable_months(item, months);
	ListCell *cell;

	if (billable == NIL)
		return;
	item->invoice = invoice_begin(settlement, item, linitial(months),
								  ((const MonthPlan *) linitial(billable))->plan);
	foreach (cell, billable)
		add_month(item, lfirst(cell));
	if (item->invoice->line_count == 0)
		item->invoice = NULL;
	else
		invoice_complete(item->invoice, money_round(&item->carried, item->invoice->currency));
}

/* What composes one customer. */
typedef struct Composition
{
	Settlement *settlement;
	SettleItem *item;
	List *months;
} Composition;

static void
compose(void *argument)
{
	Composition *composition = argument;

	months_complete(composition->item, composition->months);
	compose_item(composition->settlement, composition->item, composition->months);
}

/*
 * Composes the invoice of each customer who has no live one, with the prices in force. An error
 * that is not the customer's own (a cancel, a lost connection) is raised.
 */
void
settlement_compose(Settlement *settlement)
{
	List **months = palloc0(sizeof(List *) * Max(settlement->count, 1));

	plans_begin();
	settlement_months(settlement, months);
	for (int i = 0; i < settlement->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (months[i] != NIL)
		{
			Composition composition = {settlement, &settlement->items[i], months[i]};
			ErrorData *error = run_isolated(compose, &composition);

			if (error != NULL)
				settle_item_fail(composition.item, error);
		}
	}
}
