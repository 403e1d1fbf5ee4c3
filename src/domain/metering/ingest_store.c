/*
 * ingest_store.c
 *	  Many usage events in one statement.
 *
 * Guarantees: each event is accepted, known already or refused, and the three counts add up to
 * what was given. A bad event never stops the others.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/args.h"
#include "core/digest.h"
#include "core/window.h"
#include "domain/customer/customer.h"
#include "domain/metering/ingest.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define MAX_KEPT_DOCUMENT 8192 /* bytes of a refused document that are kept */

static const Oid event_types[] = {TEXTOID,        TEXTOID, TEXTOID, NUMERICOID,
								  TIMESTAMPTZOID, BOOLOID, INT2OID, TEXTOID};

static const Oid refused_types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BYTEAOID};

/* In the order of the customers: neighbours in the indexes, and one lock order for all loaders. */
static Stmt insert_events = {
	.name = "insert_usage_events",
	.sql =
		"INSERT INTO billing.usage_events (customer_id, event_id, resource_type, quantity,"
		" occurred_at, bucket, properties, received_at, era)"
		" SELECT u.customer_id, u.event_id, u.resource_type, u.quantity, u.occurred_at, u.bucket,"
		" u.properties::jsonb, $9, $10"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) WITH ORDINALITY"
		" u(customer_id, event_id, resource_type,"
		" quantity, occurred_at, given, bucket, properties, ordinal)"
		" ORDER BY u.customer_id COLLATE \"C\", u.ordinal"
		" ON CONFLICT (customer_id, event_id) DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 10,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, TIMESTAMPTZARRAYOID,
				 BOOLARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID, INT4OID},
};

static Stmt insert_conflicts = {
	.name = "insert_usage_conflicts",
	.sql =
		"INSERT INTO billing.rejected_usage (customer_id, event_id, reason, detail, document, digest,"
		" received_at)"
		" SELECT u.customer_id, u.event_id, 'CONTENT_MISMATCH',"
		" 'The event id is known with another content, which stays.', d.document,"
		" pg_catalog.substr(pg_catalog.sha256(pg_catalog.convert_to("
		"'CONTENT_MISMATCH' || d.document::text, 'UTF8')), 1, 16), $9"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8) u(customer_id, event_id, resource_type,"
		" quantity, occurred_at, given, bucket, properties)"
		" JOIN billing.usage_events e ON e.customer_id = u.customer_id AND e.event_id = u.event_id"
		" CROSS JOIN LATERAL (SELECT pg_catalog.jsonb_build_object('eventId', u.event_id,"
		" 'customerId', u.customer_id, 'resourceType', u.resource_type, 'quantity', u.quantity,"
		" 'occurredAt', CASE WHEN u.given THEN u.occurred_at END,"
		" 'properties', u.properties::jsonb) AS document) d"
		" WHERE e.resource_type <> u.resource_type OR e.quantity <> u.quantity"
		" OR (u.given AND e.occurred_at <> u.occurred_at)"
		" OR e.properties IS DISTINCT FROM u.properties::jsonb"
		" ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 9,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, NUMERICARRAYOID, TIMESTAMPTZARRAYOID,
				 BOOLARRAYOID, INT2ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt insert_refused = {
	.name = "insert_refused_usage",
	.sql =
		"INSERT INTO billing.rejected_usage (customer_id, event_id, reason, detail, document, digest,"
		" received_at)"
		" SELECT r.customer_id, r.event_id, r.reason, r.detail, r.document::jsonb, r.digest, $7"
		" FROM unnest($1, $2, $3, $4, $5, $6)"
		" r(customer_id, event_id, reason, detail, document, digest) ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 7,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 BYTEAARRAYOID, TIMESTAMPTZOID},
};

UsageBatch *
usage_batch_new(TimestampTz now)
{
	UsageBatch *batch = palloc0(sizeof(UsageBatch));

	batch->now = now;
	customers_begin();
	batch->events = batch_new(event_types, lengthof(event_types));
	batch->refused = batch_new(refused_types, lengthof(refused_types));
	return batch;
}

void
usage_batch_add(UsageBatch *batch, const UsageEvent *event)
{
	batch_row(batch->events);
	batch_text(batch->events, event->customer_id);
	batch_text(batch->events, event->event_id);
	batch_text(batch->events, event->resource_type);
	batch_datum(batch->events,
				DirectFunctionCall3(numeric_in, CStringGetDatum(event->quantity),
									ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	batch_datum(batch->events,
				TimestampTzGetDatum(event->has_occurred_at ? event->occurred_at : batch->now));
	batch_datum(batch->events, BoolGetDatum(event->has_occurred_at));
	batch_datum(batch->events, Int16GetDatum(window_bucket(event->customer_id)));
	batch_text(batch->events, event->properties);
}

/* A copy that fits a column: cut at `max` characters. */
static char *
text_cut(const char *value, int max)
{
	char *copy = value ? pstrdup(value) : NULL;

	if (copy != NULL)
		copy[pg_mbcharcliplen(copy, (int) strlen(copy), max)] = '\0';
	return copy;
}

void
usage_batch_refuse(UsageBatch *batch, const UsageEvent *event, UsageRefusal refusal,
				   const char *document)
{
	char *content = psprintf("%s %s %s", refusal.reason, refusal.detail, document ? document : "");

	batch_row(batch->refused);
	batch_text(batch->refused, text_cut(event->customer_id, MAX_CUSTOMER_ID));
	batch_text(batch->refused, text_cut(event->event_id, MAX_EVENT_ID));
	batch_text(batch->refused, refusal.reason);
	batch_text(batch->refused, refusal.detail);
	batch_text(batch->refused,
			   document != NULL && strlen(document) <= MAX_KEPT_DOCUMENT ? document : NULL);
	batch_datum(batch->refused, digest_text(content));
	batch->rejected++;
}

void
usage_batch_take(UsageBatch *batch, const UsageEvent *event, const char *document)
{
	UsageRefusal refusal = usage_event_check(event, batch->now);

	if (refusal.reason == NULL && !meter_use(event->resource_type, true))
		refusal = (UsageRefusal){"METER_NOT_FOUND", psprintf("No meter for resource type \"%s\".",
															 event->resource_type)};
	if (refusal.reason == NULL && !customers_add(&batch->missing, event->customer_id))
		refusal = (UsageRefusal){"CUSTOMER_NOT_FOUND",
								 psprintf("Customer \"%s\" does not exist.", event->customer_id)};
	if (refusal.reason != NULL)
	{
		usage_batch_refuse(batch, event, refusal, document);
		return;
	}
	usage_batch_add(batch, event);
}

void
usage_batch_list_conflicts(UsageBatch *batch)
{
	StmtArgs args = {0};

	batch_args(batch->events, &args);
	arg_datum(&args, TimestampTzGetDatum(batch->now));
	stmt_run(&insert_conflicts, &args);
}

void
usage_batch_store(UsageBatch *batch)
{
	StmtArgs args = {0};
	StmtArgs refused = {0};

	if (batch->events->rows > 0)
	{
		customers_make(batch->missing);
		batch_args(batch->events, &args);
		arg_datum(&args, TimestampTzGetDatum(batch->now));
		arg_datum(&args, Int32GetDatum(window_era()));
		batch->accepted = (int64) stmt_run(&insert_events, &args).count;
		batch->duplicate = batch->events->rows - batch->accepted;
		if (batch->duplicate > 0)
			usage_batch_list_conflicts(batch);
	}
	if (batch->refused->rows > 0)
	{
		batch_args(batch->refused, &refused);
		arg_datum(&refused, TimestampTzGetDatum(batch->now));
		stmt_run(&insert_refused, &refused);
	}
}
