/*
 * plan_rules.c
 *	  Plans the statements that say by_index or by_hash, and no others, by those rules.
 *
 * Guarantees: what the caller's own queries are planned by is as it was, also after an error.
 */
#include "postgres.h"

#include "core/plan_rules.h"
#include "core/spi.h"
#include "jit/jit.h"
#include "optimizer/cost.h"
#include "optimizer/plancat.h"
#include "optimizer/planner.h"

/* What a table and an index count as at least while a by_index statement is planned. */
#define LARGE_TUPLES 1e6
#define LARGE_TABLE_PAGES 20000
#define LARGE_INDEX_PAGES 5000
#define LARGE_INDEX_HEIGHT 2

static bool planning_by_index = false;
static planner_hook_type next_planner = NULL;
static get_relation_info_hook_type next_get_relation_info = NULL;

static void
relation_info_as_large(PlannerInfo *root, Oid relid, bool inhparent, RelOptInfo *rel)
{
	ListCell *cell;

	if (next_get_relation_info != NULL)
		next_get_relation_info(root, relid, inhparent, rel);
	if (!planning_by_index || inhparent)
		return;
	rel->tuples = Max(rel->tuples, LARGE_TUPLES);
	rel->pages = Max(rel->pages, LARGE_TABLE_PAGES);
	foreach (cell, rel->indexlist)
	{
		IndexOptInfo *index = lfirst(cell);

		index->tuples = Max(index->tuples, LARGE_TUPLES);
		index->pages = Max(index->pages, LARGE_INDEX_PAGES);
		index->tree_height = Max(index->tree_height, LARGE_INDEX_HEIGHT);
	}
}

static PlannedStmt *
plan_next(Query *query, const char *text, int options, ParamListInfo params)
{
	return next_planner != NULL ? next_planner(query, text, options, params)
								: standard_planner(query, text, options, params);
}

/* What never pays for a few rows: to compile, to hash, to merge, to make a bitmap. */
static bool *const off_by_index[] = {&jit_enabled,    &enable_seqscan,  &enable_bitmapscan,
									 &enable_hashagg, &enable_hashjoin, &enable_mergejoin};

/* What never pays for many. */
static bool *const off_by_hash[] = {&jit_enabled, &enable_nestloop, &enable_sort};

#define MAX_OFF 6

/*
 * Plans the running statement by its rules, and nothing else: what runs inside of it (a trigger, a
 * function) has a text of its own. Here and not before an execution, since what a plan uses may
 * change while its locks are taken, and then it is made anew in the midst of it.
 */
static PlannedStmt *
plan_by_rules(Query *query, const char *text, int options, ParamListInfo params)
{
	const Stmt *running = stmt_running();
	bool by_index = running != NULL && running->by_index;
	bool *const *volatile off = by_index ? off_by_index : off_by_hash;
	volatile int count = by_index ? lengthof(off_by_index) : lengthof(off_by_hash);
	bool saved[MAX_OFF];
	PlannedStmt *volatile plan = NULL;

	if (running == NULL || !(running->by_index || running->by_hash) || text == NULL ||
		strcmp(text, running->sql) != 0)
		return plan_next(query, text, options, params);
	for (int i = 0; i < count; i++)
	{
		saved[i] = *off[i];
		*off[i] = false;
	}
	planning_by_index = by_index;
	PG_TRY();
	{
		plan = plan_next(query, text, options, params);
	}
	PG_FINALLY();
	{
		planning_by_index = false;
		for (int i = 0; i < count; i++)
			*off[i] = saved[i];
	}
	PG_END_TRY();
	return plan;
}

void
plan_rules_init(void)
{
	next_get_relation_info = get_relation_info_hook;
	get_relation_info_hook = relation_info_as_large;
	next_planner = planner_hook;
	planner_hook = plan_by_rules;
}
