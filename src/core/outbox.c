/*
 * outbox.c
 *	  Appending domain events, in the transaction of what they tell.
 *
 * The outbox is three tables that rotate: an event goes into the current one, which is read anew
 * for each insert. Rows are never updated or deleted one by one, so no long snapshot of somebody
 * else can bloat them. See docs/adr/0002-change-windows.md for how they are read.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/outbox.h"
#include "core/window.h"
#include "utils/timestamp.h"

#define OUTBOX_SCHEMA_VERSION 1

static Stmt insert_events = {
	.name = "insert_events",
	.sql =
		"INSERT INTO billing.outbox (slot, id, aggregatetype, aggregateid, type, customer_id, payload,"
		" idempotency_key, bucket, era, trace_id, schema_version, created_at)"
		" SELECT " OUTBOX_CURRENT_SLOT ","
		" e.id, e.aggregatetype, e.aggregateid, e.type, e.customer_id, e.payload,"
		" e.idempotency_key, e.bucket, $9, $10, $11, $12"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"
		" e(id, aggregatetype, aggregateid, type, customer_id, payload, idempotency_key, bucket)",
	.expect = SPI_OK_INSERT,
	.nargs = 12,
	.argtypes = {UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 JSONBARRAYOID, TEXTARRAYOID, INT2ARRAYOID, INT4OID, TEXTOID, INT2OID,
				 TIMESTAMPTZOID},
};

static const Oid event_types[] = {UUIDOID, TEXTOID,  TEXTOID, TEXTOID,
								  TEXTOID, JSONBOID, TEXTOID, INT2OID};

/* Appends events in the given order. Needs spi_begin(). */
void
outbox_append(const OutboxEvent *events, int count)
{
	Batch *batch;
	StmtArgs args = {0};

	if (count == 0)
		return;
	batch = batch_new(event_types, lengthof(event_types));
	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_datum(batch, id_new());
		batch_text(batch, events[i].aggregate_type);
		batch_text(batch, events[i].aggregate_id);
		batch_text(batch, events[i].type);
		batch_text(batch, events[i].customer_id);
		batch_datum(batch, events[i].payload);
		batch_text(batch, events[i].idempotency_key);
		batch_datum(batch, Int16GetDatum(window_bucket(events[i].customer_id)));
	}
	batch_args(batch, &args);
	arg_datum(&args, Int32GetDatum(window_era()));
	arg_text(&args, actor_trace_id());
	arg_datum(&args, Int16GetDatum(OUTBOX_SCHEMA_VERSION));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_events, &args);
}

/* id, bucket, era and schema version of one event of a customer: OUTBOX_ARG_TYPES. */
void
arg_outbox(StmtArgs *args, const char *customer_id)
{
	arg_datum(args, id_new());
	arg_datum(args, Int16GetDatum(window_bucket(customer_id)));
	arg_datum(args, Int32GetDatum(window_era()));
	arg_datum(args, Int16GetDatum(OUTBOX_SCHEMA_VERSION));
}
