/*
 * metering_api.c
 *	  aggregate_usage() and correct_usage().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/spi.h"
#include "core/window.h"
#include "domain/metering/fold.h"
#include "domain/metering/metering.h"
#include "utils/builtins.h"

/* aggregate_usage() -> bigint, the number of events folded */
PG_FUNCTION_INFO_V1(billing_aggregate_usage);
Datum
billing_aggregate_usage(PG_FUNCTION_ARGS)
{
	int64 events;

	actor_require_service();
	spi_begin();
	events = usage_fold();
	spi_end();
	PG_RETURN_INT64(events);
}

static Stmt select_event = {
	.name = "select_usage_event",
	.sql = "SELECT e.resource_type, e.quantity::text AS quantity, e.occurred_at,"
		   " e.reverses FROM billing.usage_events e WHERE e.customer_id = $1 AND e.event_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

/* The reversing row is a copy of the event under an id of its own; the unique index lets it in once. */
static Stmt insert_reversal = {
	.name = "insert_reversal",
	.sql =
		"INSERT INTO billing.usage_events (customer_id, event_id, resource_type, quantity, occurred_at,"
		" received_at, era, bucket, properties, reverses)"
		" SELECT e.customer_id, $3, e.resource_type, e.quantity, e.occurred_at, $4, $5, e.bucket,"
		" pg_catalog.jsonb_build_object('reason', $6), e.event_id"
		" FROM billing.usage_events e WHERE e.customer_id = $1 AND e.event_id = $2"
		" ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 6,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID},
	.by_index = true,
};

static Stmt select_reversal = {
	.name = "select_reversal",
	.sql =
		"SELECT e AS event FROM billing.usage_events e WHERE e.customer_id = $1 AND e.reverses = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

static TimestampTz
event_time(Rows *event)
{
	bool isnull;

	return DatumGetTimestampTz(row_datum(event, "occurred_at", TIMESTAMPTZOID, &isnull));
}

/* An event that is too old to be ingested is too old to be corrected: others of its day may be purged. */
static void
require_correctable(Rows *event, const char *event_id)
{
	int64 max_age = (int64) usage_max_age_minutes * SECS_PER_MINUTE * USECS_PER_SEC;

	if (row_text_or_null(event, "reverses") != NULL)
		billing_error(ILLEGAL_STATE, errmsg("usage event \"%s\" is itself a correction", event_id),
					  errhint("Ingest the usage again under a new event id."));
	if (event_time(event) < clock_now() - max_age)
		billing_error(ILLEGAL_STATE,
					  errmsg("usage event \"%s\" is too old to be corrected", event_id),
					  errdetail("It is older than billing.usage_max_age."));
}

static void
audit_correction(const char *customer_id, const char *event_id, Rows *event, const char *reason)
{
	JsonWriter before;
	AuditEntry entry = {
		.customer_id = customer_id,
		.action = "USAGE_CORRECTED",
		.target_type = "UsageEvent",
		.target_id = event_id,
		.reason = reason,
	};

	json_init(&before);
	json_open(&before, '{');
	json_key(&before, "resourceType");
	json_string(&before, row_text(event, "resource_type"));
	json_key(&before, "quantity");
	json_raw(&before, row_text(event, "quantity"));
	json_key(&before, "occurredAt");
	json_timestamp(&before, event_time(event));
	json_close(&before, '}');
	entry.before = json_to_jsonb(&before);
	audit_append(&entry, 1);
}

/* correct_usage(customer_id, event_id, reason) -> billing.usage_events, the reversing row */
PG_FUNCTION_INFO_V1(billing_correct_usage);
Datum
billing_correct_usage(PG_FUNCTION_ARGS)
{
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	char *event_id = arg_text_required(fcinfo, 1, "event_id", MAX_EVENT_ID);
	char *reason = arg_text_required(fcinfo, 2, "reason", MAX_REASON);
	StmtArgs find = {0};
	StmtArgs insert = {0};
	Rows event;
	Rows rows;
	Datum result;

	actor_require_service();
	spi_begin();
	arg_text(&find, customer_id);
	arg_text(&find, event_id);
	event = stmt_run(&select_event, &find);
	if (!row_next(&event))
		billing_error(EVENT_NOT_FOUND, errmsg("usage event \"%s\" does not exist", event_id),
					  errdetail("Customer \"%s\" has no such event.", customer_id));
	require_correctable(&event, event_id);
	arg_text(&insert, customer_id);
	arg_text(&insert, event_id);
	arg_text(&insert, id_text(id_new()));
	arg_datum(&insert, TimestampTzGetDatum(clock_now()));
	arg_datum(&insert, Int32GetDatum(window_era()));
	arg_text(&insert, reason);
	if (stmt_run(&insert_reversal, &insert).count == 1)
		audit_correction(customer_id, event_id, &event, reason);
	rows = stmt_run(&select_reversal, &find);
	if (!row_next(&rows))
		billing_retry(
			errmsg("usage event \"%s\" was corrected by a transaction that is not visible",
				   event_id));
	result = row_composite(&rows, "event");
	spi_end();
	return result;
}
