/*
 * plan_store.c
 *	  Which plan prices a period.
 *
 * One plan prices a whole period: a plan of the customer in force at its start, else a default
 * in force at its start, else the first plan of the customer, else the first default, that starts
 * inside it. So a change in the middle of a month takes effect with the next. Locks nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/pricing/charge_parse.h"
#include "domain/pricing/plan.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#define PLAN_CACHE_MAX 512 /* plans a backend keeps between operations */

typedef struct PlanCacheEntry
{
	char plan_id[PLAN_ID_TEXT];
	PricingPlan plan;
} PlanCacheEntry;

static MemoryContext plan_context = NULL;
static HTAB *plan_cache = NULL;

#define IN_FORCE_AT_START                                                                                   \
	" AND p.effective_from <= r.start_at AND (p.effective_until IS NULL OR p.effective_until > r.start_at)" \
	" ORDER BY p.effective_from DESC, p.position DESC LIMIT 1)"
#define STARTS_INSIDE                                                                              \
	" AND p.effective_from > r.start_at AND p.effective_from < r.end_at"                           \
	" ORDER BY p.effective_from, p.position DESC LIMIT 1)"
#define OWN "(SELECT p.plan_id FROM billing.pricing_plans p WHERE p.customer_id = r.customer_id"
#define DEFAULT                                                                                    \
	"(SELECT p.plan_id FROM billing.pricing_plans p WHERE p.customer_id IS NULL"                   \
	" AND (r.currency IS NULL OR p.currency = r.currency)"

static Stmt resolve_plans = {
	.name = "resolve_plans",
	.sql =
		"SELECT r.ordinality AS ordinal, COALESCE(" OWN IN_FORCE_AT_START
		"," DEFAULT IN_FORCE_AT_START "," OWN STARTS_INSIDE "," DEFAULT STARTS_INSIDE
		")::text AS plan_id"
		" FROM unnest($1, $2, $3, $4) WITH ORDINALITY r(customer_id, currency, start_at, end_at, ordinality)",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID},
	.by_index = true,
};

static Stmt select_plan = {
	.name = "select_plan",
	.sql =
		"SELECT p.name, p.currency COLLATE \"default\" AS currency, p.charges, p.customer_id IS NOT NULL AS own"
		" FROM billing.pricing_plans p WHERE p.plan_id = $1::uuid",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static void
plan_cache_reset(void)
{
	HASHCTL control = {0};

	if (plan_context == NULL)
		plan_context =
			AllocSetContextCreate(TopMemoryContext, "billing plans", ALLOCSET_DEFAULT_SIZES);
	plan_cache = NULL; /* nothing dangles if the next line but one fails */
	MemoryContextReset(plan_context);
	control.keysize = PLAN_ID_TEXT;
	control.entrysize = sizeof(PlanCacheEntry);
	control.hcxt = plan_context;
	plan_cache =
		hash_create("billing plans", 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
plan_fill(PricingPlan *plan, Datum charges)
{
	Jsonb *document = DatumGetJsonbP(charges);

	plan->charges_text = JsonbToCString(NULL, &document->root, VARSIZE(document));
	plan->charge_count = charges_parse(document, "charges", &plan->charges);
}

/* Reads a plan whole before it enters the cache, so that an error leaves no half of one. */
static const PricingPlan *
plan_load(const char *plan_id)
{
	StmtArgs args = {0};
	MemoryContext old;
	PricingPlan plan = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, plan_id);
	rows = stmt_run(&select_plan, &args);
	Ensure(row_next(&rows), "pricing plan %s vanished", plan_id);
	old = MemoryContextSwitchTo(plan_context);
	strlcpy(plan.plan_id, plan_id, PLAN_ID_TEXT);
	plan.name = row_text(&rows, "name");
	plan.currency = currency_require(row_text(&rows, "currency"));
	plan.own = row_bool(&rows, "own");
	plan_fill(&plan, row_datum(&rows, "charges", JSONBOID, &isnull));
	((PlanCacheEntry *) hash_search(plan_cache, plan_id, HASH_ENTER, NULL))->plan = plan;
	MemoryContextSwitchTo(old);
	return &((PlanCacheEntry *) hash_search(plan_cache, plan_id, HASH_FIND, NULL))->plan;
}

static const PricingPlan *
plan_find(const char *plan_id)
{
	PlanCacheEntry *entry = hash_search(plan_cache, plan_id, HASH_FIND, NULL);

	return entry != NULL ? &entry->plan : plan_load(plan_id);
}

void
plans_begin(void)
{
	if (plan_cache == NULL || hash_get_num_entries(plan_cache) >= PLAN_CACHE_MAX)
		plan_cache_reset();
}

static Rows
plans_resolve(const PlanRequest *requests, int count)
{
	static const Oid types[] = {TEXTOID, TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, requests[i].customer_id);
		batch_text(batch, requests[i].currency);
		batch_datum(batch, TimestampTzGetDatum(requests[i].bounds.start));
		batch_datum(batch, TimestampTzGetDatum(requests[i].bounds.end));
	}
	batch_args(batch, &args);
	return stmt_run(&resolve_plans, &args);
}

void
plans_for_periods(const PlanRequest *requests, int count, const PricingPlan **plans)
{
	Rows rows;

	if (count == 0)
		return;
	rows = plans_resolve(requests, count);
	while (row_next(&rows))
	{
		int64 ordinal = row_int64(&rows, "ordinal");
		char *plan_id = row_text_or_null(&rows, "plan_id");

		Ensure(ordinal >= 1 && ordinal <= count, "plan for an unknown request");
		plans[ordinal - 1] = plan_id != NULL ? plan_find(plan_id) : NULL;
	}
}

PricingPlan *
plan_of_charges(Datum charges, const Currency *currency)
{
	PricingPlan *plan = palloc0(sizeof(PricingPlan));

	plan->name = pstrdup("preview");
	plan->currency = currency;
	plan->own = true;
	plan_fill(plan, charges);
	return plan;
}
