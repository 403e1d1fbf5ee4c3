/*
 * settle_plan_store.c
 *	  The months that a settlement bills, and the prices of each.
 *
 * A month that was billed before keeps the snapshot that it was billed with; one that was not
 * takes the plan in force. Locks nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/errors.h"
#include "domain/settlement/settle_plan.h"
#include "utils/builtins.h"

/*
 * The snapshot of a month: of its own invoice, if that has a line of the month, else of the last late
 * line for it.
 */
static Stmt select_snapshots = {
	.name = "settle_snapshots",
	.sql =
		"SELECT r.ordinality AS ordinal, pg_catalog.encode(COALESCE("
		"(SELECT h.snapshot_hash FROM billing.invoice_headers h WHERE h.customer_id = r.customer_id"
		" AND h.period = r.period AND NOT h.rebilled"
		" AND EXISTS (SELECT FROM billing.invoice_lines o WHERE o.customer_id = h.customer_id"
		" AND o.invoice_id = h.invoice_id AND o.service_period = h.period AND o.kind <> 'ADJUSTMENT')"
		" ORDER BY h.issued_at DESC LIMIT 1),"
		"(SELECT l.snapshot_hash FROM billing.invoice_lines l JOIN billing.invoice_headers h"
		" ON h.customer_id = l.customer_id AND h.invoice_id = l.invoice_id AND NOT h.rebilled"
		" WHERE l.customer_id = r.customer_id AND l.service_period = r.period"
		" AND l.snapshot_hash IS NOT NULL ORDER BY h.issued_at DESC LIMIT 1)), 'hex') AS hash"
		" FROM unnest($1, $2) WITH ORDINALITY r(customer_id, period, ordinality)",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID},
	.by_index = true,
};

typedef struct MonthRef
{
	const SettleItem *item;
	MonthPlan *month;
} MonthRef;

typedef struct MonthRefs
{
	MonthRef *refs;
	int count;
	int capacity;
} MonthRefs;

bool
billed_any(const SettleItem *item, Period month)
{
	ListCell *cell;

	foreach (cell, item->billed)
	{
		const SettleBilled *billed = lfirst(cell);

		if (period_compare(billed->month, month) == 0)
			return true;
	}
	return false;
}

static void
refs_add(MonthRefs *refs, const SettleItem *item, MonthPlan *month)
{
	if (refs->count == refs->capacity)
	{
		refs->capacity = Max(refs->capacity * 2, SETTLE_CHUNK);
		refs->refs = refs->refs ? repalloc(refs->refs, sizeof(MonthRef) * refs->capacity)
								: palloc(sizeof(MonthRef) * refs->capacity);
	}
	refs->refs[refs->count++] = (MonthRef){item, month};
}

static MonthPlan *
month_new(const SettleItem *item, Period period, bool late)
{
	MonthPlan *month = palloc0(sizeof(MonthPlan));

	month->month = period;
	month->late = late;
	month->bounds = late ? period_bounds(period, item->time_zone) : item->bounds;
	return month;
}

static bool
has_month(List *months, Period period)
{
	ListCell *cell;

	foreach (cell, months)
	{
		if (period_compare(((MonthPlan *) lfirst(cell))->month, period) == 0)
			return true;
	}
	return false;
}

static int
month_compare(const ListCell *a, const ListCell *b)
{
	const MonthPlan *x = lfirst(a);
	const MonthPlan *y = lfirst(b);

	if (x->late != y->late)
		return x->late ? 1 : -1;
	return period_compare(x->month, y->month);
}

static List *
item_months(const SettleItem *item, Period own, MonthRefs *refs)
{
	List *months = list_make1(month_new(item, own, false));
	ListCell *cell;

	foreach (cell, item->dirty)
	{
		const SettleDirty *dirty = lfirst(cell);

		if (period_compare(dirty->month, own) < 0 && !has_month(months, dirty->month))
			months = lappend(months, month_new(item, dirty->month, true));
	}
	list_sort(months, month_compare);
	foreach (cell, months)
		refs_add(refs, item, lfirst(cell));
	return months;
}

/* Finds the stored snapshots of months that were billed before. */
static void
find_snapshots(MonthRefs *refs)
{
	static const Oid types[] = {TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	MonthRefs late = {0};
	StmtArgs args = {0};
	char period[PERIOD_TEXT_SIZE];
	Rows rows;

	for (int i = 0; i < refs->count; i++)
	{
		if (!billed_any(refs->refs[i].item, refs->refs[i].month->month))
			continue;
		refs_add(&late, refs->refs[i].item, refs->refs[i].month);
		batch_row(batch);
		batch_text(batch, refs->refs[i].item->customer_id);
		batch_text(batch, period_print(refs->refs[i].month->month, period));
	}
	if (late.count == 0)
		return;
	batch_args(batch, &args);
	rows = stmt_run(&select_snapshots, &args);
	while (row_next(&rows))
		late.refs[row_int64(&rows, "ordinal") - 1].month->hash_hex =
			row_text_or_null(&rows, "hash");
}

static void
find_plans(Settlement *settlement, MonthRefs *refs)
{
	PlanRequest *requests = palloc(sizeof(PlanRequest) * Max(refs->count, 1));
	const PricingPlan **plans = palloc0(sizeof(PricingPlan *) * Max(refs->count, 1));

	for (int i = 0; i < refs->count; i++)
	{
		const Currency *currency = refs->refs[i].item->currency;

		requests[i].customer_id = refs->refs[i].item->customer_id;
		requests[i].currency = currency != NULL ? currency->code : NULL;
		requests[i].bounds = refs->refs[i].month->bounds;
	}
	plans_for_periods(requests, refs->count, plans);
	for (int i = 0; i < refs->count; i++)
	{
		MonthPlan *month = refs->refs[i].month;

		month->plan = plans[i];
		if (settlement->override == NULL || month->late)
			continue;
		month->plan = settlement->override;
		month->hash_hex = NULL;
	}
}

void
settlement_months(Settlement *settlement, List **months)
{
	MonthRefs refs = {0};

	for (int i = 0; i < settlement->count; i++)
	{
		SettleItem *item = &settlement->items[i];

		if (item->found && item->invoice_id == NULL)
			months[i] = item_months(item, settlement->period, &refs);
	}
	find_snapshots(&refs);
	find_plans(settlement, &refs);
}

void
months_complete(const SettleItem *item, List *months)
{
	ListCell *cell;
	TaxRate rate = tax_rate_at(item->tax_code, item->bounds.end);

	foreach (cell, months)
	{
		MonthPlan *month = lfirst(cell);

		month->tax_rate = rate;
		if (month->hash_hex != NULL)
		{
			month->plan = snapshot_plan(month->hash_hex);
			month->snapshot.hash =
				DirectFunctionCall2(binary_decode, CStringGetTextDatum(month->hash_hex),
									CStringGetTextDatum("hex"));
		}
		else if (month->late && month->plan != NULL)
			month->snapshot = snapshot_make(month->plan, month->bounds, &rate);
	}
}
