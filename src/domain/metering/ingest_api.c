/*
 * ingest_api.c
 *	  ingest_usage(): one event.
 *
 * Guarantees: an event id is stored once per customer, refused by the primary key in the caller's
 * transaction; a second arrival with other content changes nothing and is listed in
 * rejected_usage. Locks nothing but the key of the new row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/spi.h"
#include "core/window.h"
#include "domain/customer/customer.h"
#include "domain/metering/ingest.h"
#include "domain/metering/metering.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"

#define DEFAULT_MAX_AGE_MINUTES (400 * 24 * 60)
#define MAX_MAX_AGE_MINUTES (3650 * 24 * 60)
#define DEFAULT_FUTURE_SECONDS 300
#define MAX_FUTURE_SECONDS 86400

int usage_max_age_minutes = DEFAULT_MAX_AGE_MINUTES;
int usage_future_seconds = DEFAULT_FUTURE_SECONDS;

void
metering_init(void)
{
	DefineCustomIntVariable("billing.usage_max_age",
							"Sets the age above which usage events are refused.", NULL,
							&usage_max_age_minutes, DEFAULT_MAX_AGE_MINUTES, 1, MAX_MAX_AGE_MINUTES,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("billing.usage_future_tolerance",
							"Sets how far ahead of the clock usage events may be.", NULL,
							&usage_future_seconds, DEFAULT_FUTURE_SECONDS, 0, MAX_FUTURE_SECONDS,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
}

/*
 * The insert names the partition of the customer: routing through the partitioned table costs more
 * than the insert itself. The partition's own constraint refuses a row that does not belong there.
 */
#define INSERT_EVENT_INTO(n)                                                                       \
	{                                                                                              \
		.name = "insert_event",                                                                    \
		.sql = "INSERT INTO billing.usage_events_" #n                                              \
			   " (customer_id, event_id, resource_type, quantity,"                                 \
			   " occurred_at, received_at, era, bucket, properties)"                               \
			   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"                                      \
			   " ON CONFLICT (customer_id, event_id) DO NOTHING",                                  \
		.expect = SPI_OK_INSERT, .nargs = 9,                                                       \
		.argtypes = {TEXTOID,        TEXTOID, TEXTOID, NUMERICOID, TIMESTAMPTZOID,                 \
					 TIMESTAMPTZOID, INT4OID, INT2OID, JSONBOID},                                  \
	}

static Stmt insert_event[USAGE_PARTITIONS] = {
	INSERT_EVENT_INTO(0), INSERT_EVENT_INTO(1), INSERT_EVENT_INTO(2), INSERT_EVENT_INTO(3),
	INSERT_EVENT_INTO(4), INSERT_EVENT_INTO(5), INSERT_EVENT_INTO(6), INSERT_EVENT_INTO(7),
};

/* The partition of a customer, by PostgreSQL's own hash of a partition key. */
static int
usage_partition(const char *customer_id)
{
	uint64 hash = hash_bytes_extended((const unsigned char *) customer_id,
									  (int) strlen(customer_id), USAGE_PARTITION_SEED);

	return (int) (hash_combine64(0, hash) % USAGE_PARTITIONS);
}

static void
event_from_args(FunctionCallInfo fcinfo, UsageEvent *event)
{
	event->event_id = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	event->customer_id = PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1));
	event->resource_type = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	event->quantity = PG_ARGISNULL(3)
						  ? NULL
						  : DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(3)));
	event->has_occurred_at = !PG_ARGISNULL(4);
	event->occurred_at = PG_ARGISNULL(4) ? 0 : PG_GETARG_TIMESTAMPTZ(4);
	event->properties = arg_json_optional(fcinfo, 5, "properties", USAGE_MAX_PROPERTIES);
}

static void
event_require_valid(const UsageEvent *event, TimestampTz now)
{
	UsageRefusal refusal = usage_event_check(event, now);

	if (refusal.reason != NULL)
		billing_error(INVALID_ARGUMENT, errmsg("usage event is not valid"),
					  errdetail("%s", refusal.detail));
}

/* ingest_usage(event_id, customer_id, resource_type, quantity, occurred_at, properties) -> boolean */
PG_FUNCTION_INFO_V1(billing_ingest_usage);
Datum
billing_ingest_usage(PG_FUNCTION_ARGS)
{
	TimestampTz now = clock_now();
	UsageEvent event;
	StmtArgs args = {0};
	bool stored;

	event_from_args(fcinfo, &event);
	event_require_valid(&event, now);
	actor_require_customer(event.customer_id);
	spi_begin();
	meter_use(event.resource_type, false);
	customer_ensure(event.customer_id, NULL);
	arg_datum(&args, PG_GETARG_DATUM(1));
	arg_datum(&args, PG_GETARG_DATUM(0));
	arg_datum(&args, PG_GETARG_DATUM(2));
	arg_datum(&args, PG_GETARG_DATUM(3));
	arg_datum(&args, TimestampTzGetDatum(event.has_occurred_at ? event.occurred_at : now));
	arg_datum(&args, TimestampTzGetDatum(now));
	arg_datum(&args, Int32GetDatum(window_era()));
	arg_datum(&args, Int16GetDatum(window_bucket(event.customer_id)));
	if (PG_ARGISNULL(5))
		arg_null(&args);
	else
		arg_datum(&args, PG_GETARG_DATUM(5));
	stored = stmt_run(&insert_event[usage_partition(event.customer_id)], &args).count == 1;
	if (!stored)
	{
		UsageBatch *batch = usage_batch_new(now);

		usage_batch_add(batch, &event);
		usage_batch_list_conflicts(batch);
	}
	spi_end();
	PG_RETURN_BOOL(stored);
}
