/*
 * fold_store.c
 *	  Folding usage events by (customer, resource type, day in the customer's zone).
 *
 * Guarantees: each committed event is folded exactly once, whatever runs beside it; see
 * core/window.h. Several sessions share the work by buckets: those that another session is folding
 * are passed by. Locks: the cursor of a bucket, then rows of aggregated_usage and unbilled_usage.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/spi.h"
#include "core/window.h"
#include "domain/metering/fold.h"
#include "domain/metering/metering.h"
#include "miscadmin.h"
#include "utils/array.h"

#define FOLD_PARTS 2 /* the buckets are folded in so many statements: sessions share the parts */
#define FOLD_BUCKETS (WINDOW_BUCKETS / FOLD_PARTS)
#define FOLD_SMALL 10000 /* rows of a window; a larger one is joined by hashing */

/*
 * The rows of a window: of the cursors' era what the old snapshot ($3) did not see, of the eras
 * between it and the present everything, of the present era what the new snapshot ($5) sees.
 */
#define WINDOW_COLUMNS                                                                             \
	"e.customer_id, e.resource_type, e.quantity, e.occurred_at, e.position, e.reverses, e.era, e.xid"

#define WINDOW_ROWS                                                                                \
	"(SELECT " WINDOW_COLUMNS " FROM billing.usage_events e WHERE e.bucket = ANY ($1)"             \
	" AND (e.era, e.xid) >= ($2, pg_catalog.pg_snapshot_xmax($3))"                                 \
	" UNION ALL SELECT o.* FROM pg_catalog.pg_snapshot_xip($3) x CROSS JOIN unnest($1) b(bucket)"  \
	" CROSS JOIN LATERAL (SELECT " WINDOW_COLUMNS " FROM billing.usage_events e"                   \
	" WHERE e.bucket = b.bucket AND e.era = $2 AND e.xid = x OFFSET 0) o) e"

#define WINDOW_VISIBLE "(e.era < $4 OR pg_catalog.pg_visible_in_snapshot(e.xid, $5))"

#define MARK_MONTHS                                                                                               \
	" INSERT INTO billing.unbilled_usage AS u (customer_id, month, changes)"                                      \
	" SELECT DISTINCT g.customer_id, pg_catalog.date_trunc('month', g.day)::date, 1 FROM grouped g ORDER BY 1, 2" \
	" ON CONFLICT (customer_id, month) DO UPDATE SET changes = u.changes + 1"

#define WINDOW_ARGTYPES INT2ARRAYOID, INT4OID, PG_SNAPSHOTOID, INT4OID, PG_SNAPSHOTOID, TEXTARRAYOID

/* SUM and COUNT: what came less what was reversed, added to the day. $6: the other meters. */
#define FOLD_SUMS                                                                                  \
	"WITH grouped AS MATERIALIZED (SELECT e.customer_id,"                                          \
	" (e.occurred_at AT TIME ZONE c.time_zone)::date AS day, e.resource_type,"                     \
	" pg_catalog.sum(e.quantity) AS total, pg_catalog.count(*) AS events,"                         \
	" pg_catalog.count(e.reverses) AS reversals,"                                                  \
	" pg_catalog.sum(e.quantity) FILTER (WHERE e.reverses IS NOT NULL) AS reversed"                \
	" FROM " WINDOW_ROWS " JOIN billing.customers c ON c.customer_id = e.customer_id"              \
	" WHERE " WINDOW_VISIBLE " AND e.resource_type <> ALL ($6)"                                    \
	" GROUP BY e.customer_id, day, e.resource_type),"                                              \
	" folded AS (INSERT INTO billing.aggregated_usage AS a"                                        \
	" (customer_id, day, resource_type, quantity, event_count)"                                    \
	" SELECT g.customer_id, g.day, g.resource_type, CASE m.aggregation"                            \
	" WHEN 'COUNT' THEN g.events - 2 * g.reversals"                                                \
	" ELSE g.total - 2 * COALESCE(g.reversed, 0) END, g.events - 2 * g.reversals"                  \
	" FROM grouped g JOIN billing.meter_definitions m ON m.resource_type = g.resource_type"        \
	" ON CONFLICT (customer_id, day, resource_type) DO UPDATE SET"                                 \
	" quantity = a.quantity + EXCLUDED.quantity,"                                                  \
	" event_count = a.event_count + EXCLUDED.event_count),"                                        \
	" marked AS (" MARK_MONTHS ")"                                                                 \
	" SELECT COALESCE(pg_catalog.sum(g.events), 0)::bigint AS events FROM grouped g"

static Stmt fold_sums_small = {
	.name = "fold_sums_small",
	.sql = FOLD_SUMS,
	.expect = SPI_OK_SELECT,
	.nargs = 6,
	.argtypes = {WINDOW_ARGTYPES},
	.by_index = true,
};

static Stmt fold_sums_large = {
	.name = "fold_sums_large",
	.sql = FOLD_SUMS,
	.expect = SPI_OK_SELECT,
	.nargs = 6,
	.argtypes = {WINDOW_ARGTYPES},
	.by_hash = true,
};

#define LATER " (EXCLUDED.last_at, EXCLUDED.last_position) > (a.last_at, a.last_position)"

/*
 * MAX and LAST: the greatest, or the last by time and then by arrival, of what was there and what
 * came. A day into which a correction came is computed anew from its events.
 */
static Stmt fold_extremes = {
	.name = "fold_extremes",
	.sql =
		"WITH came AS MATERIALIZED (SELECT e.customer_id,"
		" (e.occurred_at AT TIME ZONE c.time_zone)::date AS day, e.resource_type, m.aggregation,"
		" c.time_zone, pg_catalog.count(*) AS events,"
		" pg_catalog.bool_or(e.reverses IS NOT NULL) AS corrected,"
		" CASE m.aggregation WHEN 'MAX' THEN pg_catalog.max(e.quantity) ELSE (pg_catalog.array_agg("
		"e.quantity ORDER BY e.occurred_at DESC, e.position DESC))[1] END AS quantity,"
		" CASE m.aggregation WHEN 'LAST' THEN pg_catalog.max(e.occurred_at) END AS last_at,"
		" CASE m.aggregation WHEN 'LAST' THEN (pg_catalog.array_agg("
		"e.position ORDER BY e.occurred_at DESC, e.position DESC))[1] END AS last_position"
		" FROM " WINDOW_ROWS " JOIN billing.customers c ON c.customer_id = e.customer_id"
		" JOIN billing.meter_definitions m ON m.resource_type = e.resource_type"
		" WHERE " WINDOW_VISIBLE " AND e.resource_type = ANY ($6)"
		" GROUP BY e.customer_id, day, e.resource_type, m.aggregation, c.time_zone),"
		" more AS (INSERT INTO billing.aggregated_usage AS a"
		" (customer_id, day, resource_type, quantity, event_count, last_at, last_position)"
		" SELECT n.customer_id, n.day, n.resource_type, n.quantity, n.events, n.last_at,"
		" n.last_position FROM came n WHERE NOT n.corrected"
		" ON CONFLICT (customer_id, day, resource_type) DO UPDATE SET"
		" quantity = CASE WHEN EXCLUDED.last_at IS NULL THEN GREATEST(a.quantity, EXCLUDED.quantity)"
		" WHEN a.last_at IS NULL OR" LATER " THEN EXCLUDED.quantity ELSE a.quantity END,"
		" event_count = a.event_count + EXCLUDED.event_count,"
		" last_at = GREATEST(a.last_at, EXCLUDED.last_at),"
		" last_position = CASE WHEN a.last_at IS NULL OR" LATER
		" THEN EXCLUDED.last_position ELSE a.last_position END),"
		" anew AS (INSERT INTO billing.aggregated_usage AS a"
		" (customer_id, day, resource_type, quantity, event_count, last_at, last_position)"
		" SELECT n.customer_id, n.day, n.resource_type, COALESCE(d.quantity, 0), d.event_count,"
		" d.last_at, d.last_position FROM came n"
		" CROSS JOIN LATERAL billing.usage_day_extreme(n.customer_id, n.resource_type,"
		" n.aggregation, n.day, n.time_zone, $4, $5) d WHERE n.corrected"
		" ON CONFLICT (customer_id, day, resource_type) DO UPDATE SET quantity = EXCLUDED.quantity,"
		" event_count = EXCLUDED.event_count, last_at = EXCLUDED.last_at,"
		" last_position = EXCLUDED.last_position),"
		" grouped AS (SELECT n.customer_id, n.day, n.events FROM came n),"
		" marked AS (" MARK_MONTHS ")"
		" SELECT COALESCE(pg_catalog.sum(g.events), 0)::bigint AS events FROM grouped g",
	.expect = SPI_OK_SELECT,
	.nargs = 6,
	.argtypes = {WINDOW_ARGTYPES},
};

static Stmt select_extremes = {
	.name = "select_extremes",
	.sql = "SELECT COALESCE(pg_catalog.array_agg(m.resource_type), '{}')::text[] AS types"
		   " FROM billing.meter_definitions m"
		   " WHERE m.aggregation IN ('MAX', 'LAST') AND m.frozen_at IS NOT NULL",
	.expect = SPI_OK_SELECT,
};

/* Counts a window up to FOLD_SMALL rows, one more meaning that it is larger. */
static Stmt count_news = {
	.name = "count_news",
	.sql = "SELECT pg_catalog.count(*) AS news FROM (SELECT 1 FROM unnest($1) b(bucket)"
		   " JOIN billing.usage_events e ON e.bucket = b.bucket"
		   " AND (e.era, e.xid) >= ($2, pg_catalog.pg_snapshot_xmax($3))"
		   " UNION ALL SELECT 1 FROM unnest($1) b(bucket)"
		   " CROSS JOIN pg_catalog.pg_snapshot_xip($3) x"
		   " CROSS JOIN LATERAL (SELECT 1 FROM billing.usage_events e"
		   " WHERE e.bucket = b.bucket AND e.era = $2 AND e.xid = x OFFSET 0) o"
		   " LIMIT $4) n",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {INT2ARRAYOID, INT4OID, PG_SNAPSHOTOID, INT4OID},
	.by_index = true,
};

static int64
window_news(const WindowCursors *cursors)
{
	StmtArgs args = {0};
	Rows rows;

	arg_buckets(&args, cursors);
	arg_datum(&args, Int32GetDatum(cursors->era));
	arg_datum(&args, cursors->snapshot);
	arg_datum(&args, Int32GetDatum(FOLD_SMALL + 1));
	rows = stmt_run(&count_news, &args);
	Ensure(row_next(&rows), "no count of news");
	return row_int64(&rows, "news");
}

/* Asked after the snapshot is taken: the meter of an event in the window is frozen by then. */
static Datum
extreme_types(bool *any)
{
	Rows rows = stmt_run(&select_extremes, NULL);
	bool isnull;
	Datum types;

	Ensure(row_next(&rows), "no list of meters");
	types = row_datum(&rows, "types", TEXTARRAYOID, &isnull);
	*any = ARR_NDIM(DatumGetArrayTypeP(types)) > 0;
	return types;
}

static int64
fold_with(Stmt *stmt, StmtArgs *args)
{
	Rows rows = stmt_run(stmt, args);

	return row_next(&rows) ? row_int64(&rows, "events") : 0;
}

/* Folds the window of locked cursors and moves them; those without news stay as they are. */
static int64
fold_window(const WindowCursors *cursors, int32 era)
{
	int64 news = window_news(cursors);
	StmtArgs args = {0};
	Datum snapshot;
	int64 events;
	bool extremes;

	if (news == 0)
		return 0;
	snapshot = window_take();
	arg_buckets(&args, cursors);
	arg_datum(&args, Int32GetDatum(cursors->era));
	arg_datum(&args, cursors->snapshot);
	arg_datum(&args, Int32GetDatum(era));
	arg_datum(&args, snapshot);
	arg_datum(&args, extreme_types(&extremes));
	events = fold_with(news > FOLD_SMALL ? &fold_sums_large : &fold_sums_small, &args);
	if (extremes)
		events += fold_with(&fold_extremes, &args);
	window_move(USAGE_CONSUMER, cursors, era, snapshot);
	return events;
}

int64
usage_fold(void)
{
	int32 era = window_era();
	int first = MyProcPid % FOLD_PARTS; /* sessions begin apart, so that they meet late */
	int64 events = 0;

	window_open(USAGE_CONSUMER);
	for (int i = 0; i < FOLD_PARTS; i++)
	{
		int part = (first + i) % FOLD_PARTS;
		List *windows = window_lock(USAGE_CONSUMER, part * FOLD_BUCKETS, FOLD_BUCKETS);
		ListCell *cell;

		foreach (cell, windows)
		{
			CHECK_FOR_INTERRUPTS();
			events += fold_window(lfirst(cell), era);
		}
	}
	return events;
}
