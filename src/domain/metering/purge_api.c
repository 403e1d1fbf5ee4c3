/*
 * purge_api.c
 *	  purge_usage(): deletes raw events that are billed and too old to come back.
 *
 * Guarantees: only events older than billing.usage_max_age go, which ingestion refuses, so a
 * purged event id can never be stored again; only whole days in the customer's zone; only events
 * that are folded and whose month has nothing unbilled. Their folded days stay. Everybody else is refused by the trigger below.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/append_only.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "domain/metering/metering.h"

#define PURGE_BATCH 10000

static Stmt purge_events = {
	.name = "purge_events",
	.sql =
		"WITH old AS (SELECT e.customer_id, e.event_id FROM billing.usage_events e"
		" JOIN billing.customers c ON c.customer_id = e.customer_id"
		" JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = e.bucket"
		" WHERE (e.occurred_at AT TIME ZONE c.time_zone)::date < ($1 AT TIME ZONE c.time_zone)::date"
		" AND (e.era < w.era OR (e.era = w.era AND pg_catalog.pg_visible_in_snapshot(e.xid, w.snapshot)))"
		" AND NOT EXISTS (SELECT FROM billing.unbilled_usage u WHERE u.customer_id = e.customer_id"
		" AND u.month = pg_catalog.date_trunc('month', e.occurred_at AT TIME ZONE c.time_zone)::date)"
		" LIMIT $2)"
		" DELETE FROM billing.usage_events e USING old"
		" WHERE e.customer_id = old.customer_id AND e.event_id = old.event_id",
	.expect = SPI_OK_DELETE,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT4OID},
};

/* purge_usage(before timestamptz) -> bigint, how many were deleted, at most 10000 a call */
PG_FUNCTION_INFO_V1(billing_purge_usage);
Datum
billing_purge_usage(PG_FUNCTION_ARGS)
{
	TimestampTz before = arg_time_required(fcinfo, 0, "before");
	int64 age = (int64) usage_max_age_minutes * SECS_PER_MINUTE * USECS_PER_SEC;
	int64 deleted;

	actor_require_admin();
	if (before > clock_now() - age)
		billing_error(INVALID_ARGUMENT, errmsg("before is too late"),
					  errdetail("Events are kept for billing.usage_max_age, %d days.",
								usage_max_age_minutes / (HOURS_PER_DAY * MINS_PER_HOUR)));
	spi_begin();
	deleted = purge_run(&purge_events, before, PURGE_BATCH);
	spi_end();
	PG_RETURN_INT64(deleted);
}

/* Trigger of usage_events: append-only for everybody but purge_usage(). */
PG_FUNCTION_INFO_V1(billing_usage_append_only);
Datum
billing_usage_append_only(PG_FUNCTION_ARGS)
{
	return append_only_but(fcinfo, &purge_events, "Reverse an event with correct_usage().");
}
