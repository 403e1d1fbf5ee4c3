/*
 * webhook_purge_api.c
 *	  purge_gateway_webhooks(): deletes events of the provider that are too old to come again.
 *
 * Guarantees: an event stays for longer than any signature counts, so that a delivery which was
 * recorded on the way cannot be replayed after it is gone. What a provider itself signs anew changes
 * nothing either: its payment or refund has ended. Everybody else is refused by the trigger below.
 * Locks: the rows that it deletes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/append_only.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"

#define PURGE_BATCH 10000
#define KEEP_DAYS 7 /* far above the greatest billing.gateway_webhook_tolerance */

static Stmt purge_events = {
	.name = "purge_webhook_events",
	.sql = "WITH old AS (SELECT w.provider, w.event_id FROM billing.gateway_webhooks w"
		   " WHERE w.received_at < $1 ORDER BY w.received_at LIMIT $2)"
		   " DELETE FROM billing.gateway_webhooks w USING old"
		   " WHERE w.provider = old.provider AND w.event_id = old.event_id",
	.expect = SPI_OK_DELETE,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT4OID},
	.by_index = true,
};

/* purge_gateway_webhooks(before timestamptz) -> bigint, how many were deleted */
PG_FUNCTION_INFO_V1(billing_purge_gateway_webhooks);
Datum
billing_purge_gateway_webhooks(PG_FUNCTION_ARGS)
{
	TimestampTz before;
	int64 deleted;

	actor_require_admin();
	before = arg_time_required(fcinfo, 0, "before");
	if (before > clock_real() - KEEP_DAYS * USECS_PER_DAY)
		billing_error(INVALID_ARGUMENT, errmsg("before is too late"),
					  errdetail("Events of the provider are kept for %d days.", KEEP_DAYS));
	spi_begin();
	deleted = purge_run(&purge_events, before, PURGE_BATCH);
	spi_end();
	PG_RETURN_INT64(deleted);
}

/* Trigger of gateway_webhooks: append-only for everybody but purge_gateway_webhooks(). */
PG_FUNCTION_INFO_V1(billing_webhook_append_only);
Datum
billing_webhook_append_only(PG_FUNCTION_ARGS)
{
	return append_only_but(fcinfo, &purge_events,
						   "Delete old events with purge_gateway_webhooks().");
}
