/*
 * fold_store.c
 *	  Folding usage events by (customer, resource type, day in the customer's zone).
 *
 * Guarantees: each committed event is folded exactly once, whatever runs beside it; see
 * core/window.h. Several sessions share the work by bucket: one that another session is folding
 * is passed by. Locks: the cursor of a bucket, then rows of aggregated_usage and unbilled_usage.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/spi.h"
#include "core/window.h"
#include "domain/metering/fold.h"
#include "domain/metering/metering.h"
#include "miscadmin.h"

/*
 * The rows of a window: of the cursor's era what the old snapshot ($3) did not see, of the eras
 * between it and the present everything, of the present era what the new snapshot ($5) sees.
 */
#define WINDOW_ROWS                                                                                \
	"(SELECT e.* FROM billing.usage_events e WHERE e.bucket = $1"                                  \
	" AND (e.era, e.xid) >= ($2, pg_catalog.pg_snapshot_xmax($3))"                                 \
	" UNION ALL SELECT e.* FROM pg_catalog.pg_snapshot_xip($3) x"                                  \
	" JOIN billing.usage_events e ON e.xid = x WHERE e.bucket = $1 AND e.era = $2) e"              \
	" JOIN billing.customers c ON c.customer_id = e.customer_id"                                   \
	" JOIN billing.meter_definitions m ON m.resource_type = e.resource_type"                       \
	" WHERE (e.era < $4 OR pg_catalog.pg_visible_in_snapshot(e.xid, $5))"

#define MARK_MONTHS                                                                                               \
	" INSERT INTO billing.unbilled_usage AS u (customer_id, month, changes)"                                      \
	" SELECT DISTINCT g.customer_id, pg_catalog.date_trunc('month', g.day)::date, 1 FROM grouped g ORDER BY 1, 2" \
	" ON CONFLICT (customer_id, month) DO UPDATE SET changes = u.changes + 1"

#define WINDOW_ARGTYPES INT2OID, INT4OID, PG_SNAPSHOTOID, INT4OID, PG_SNAPSHOTOID

static Stmt fold_sums = {
	.name = "fold_sums",
	.sql =
		"WITH grouped AS MATERIALIZED (SELECT e.customer_id,"
		" (e.occurred_at AT TIME ZONE c.time_zone)::date AS day, e.resource_type,"
		" CASE m.aggregation WHEN 'SUM'"
		" THEN pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN e.quantity ELSE - e.quantity END)"
		" ELSE pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END) END AS quantity,"
		" pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END) AS event_count,"
		" pg_catalog.count(*) AS events"
		" FROM " WINDOW_ROWS " AND m.aggregation IN ('SUM', 'COUNT')"
		" GROUP BY e.customer_id, day, e.resource_type, m.aggregation),"
		" folded AS (INSERT INTO billing.aggregated_usage AS a"
		" (customer_id, day, resource_type, quantity, event_count)"
		" SELECT g.customer_id, g.day, g.resource_type, g.quantity, g.event_count FROM grouped g"
		" ON CONFLICT (customer_id, day, resource_type) DO UPDATE SET"
		" quantity = a.quantity + EXCLUDED.quantity,"
		" event_count = a.event_count + EXCLUDED.event_count),"
		" marked AS (" MARK_MONTHS ")"
		" SELECT COALESCE(pg_catalog.sum(g.events), 0)::bigint AS events FROM grouped g",
	.expect = SPI_OK_SELECT,
	.nargs = 5,
	.argtypes = {WINDOW_ARGTYPES},
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
		" FROM " WINDOW_ROWS " AND m.aggregation IN ('MAX', 'LAST')"
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
	.nargs = 5,
	.argtypes = {WINDOW_ARGTYPES},
};

static Stmt has_extremes = {
	.name = "has_extremes",
	.sql = "SELECT EXISTS (SELECT FROM billing.meter_definitions m"
		   " WHERE m.aggregation IN ('MAX', 'LAST') AND m.frozen_at IS NOT NULL) AS found",
	.expect = SPI_OK_SELECT,
};

/* A bucket without news is left as it is: its cursor need not move. */
static Stmt has_news = {
	.name = "has_news",
	.sql = "SELECT 1 FROM billing.usage_events e WHERE e.bucket = $1"
		   " AND (e.era, e.xid) >= ($2, pg_catalog.pg_snapshot_xmax($3))"
		   " UNION ALL SELECT 1 FROM pg_catalog.pg_snapshot_xip($3) x"
		   " JOIN billing.usage_events e ON e.xid = x WHERE e.bucket = $1 AND e.era = $2 LIMIT 1",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {INT2OID, INT4OID, PG_SNAPSHOTOID},
	.by_index = true,
};

static bool
bucket_has_news(const WindowCursor *cursor)
{
	StmtArgs args = {0};

	arg_datum(&args, Int16GetDatum(cursor->bucket));
	arg_datum(&args, Int32GetDatum(cursor->era));
	arg_datum(&args, cursor->snapshot);
	return stmt_run(&has_news, &args).count > 0;
}

static int64
fold_with(Stmt *stmt, const WindowCursor *cursor, int32 era, Datum snapshot)
{
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, Int16GetDatum(cursor->bucket));
	arg_datum(&args, Int32GetDatum(cursor->era));
	arg_datum(&args, cursor->snapshot);
	arg_datum(&args, Int32GetDatum(era));
	arg_datum(&args, snapshot);
	rows = stmt_run(stmt, &args);
	return row_next(&rows) ? row_int64(&rows, "events") : 0;
}

/* Asked after the snapshot is taken: the meter of an event in the window is frozen by then. */
static bool
extremes_in_use(void)
{
	Rows rows = stmt_run(&has_extremes, NULL);

	return row_next(&rows) && row_bool(&rows, "found");
}

int64
usage_fold(void)
{
	int32 era = window_era();
	int64 events = 0;

	window_open(USAGE_CONSUMER);
	for (int i = 0; i < WINDOW_BUCKETS; i++)
	{
		/* sessions start at different buckets, so that they meet late */
		int bucket = (i + MyProcPid) % WINDOW_BUCKETS;
		WindowCursor cursor;
		Datum snapshot;

		CHECK_FOR_INTERRUPTS();
		if (!window_lock(USAGE_CONSUMER, bucket, &cursor))
			continue;
		if (!bucket_has_news(&cursor))
			continue;
		snapshot = window_take();
		events += fold_with(&fold_sums, &cursor, era, snapshot);
		if (extremes_in_use())
			events += fold_with(&fold_extremes, &cursor, era, snapshot);
		window_move(USAGE_CONSUMER, &cursor, era, snapshot);
	}
	return events;
}
