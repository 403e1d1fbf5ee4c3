/*
 * gateway_call_store.c
 *	  The durable queue of what an outside provider is to be told.
 *
 * Guarantees: a call is queued in the transaction that writes its payment or refund, and gone in the
 * one that decides it; who waits for an answer is refused at once when too many wait before him. The
 * count is of committed calls: sessions that come at the same moment can exceed it by their number.
 * Calls that were sent leave dead entries in the index that is counted, which an old snapshot of
 * somebody else keeps there. So a session remembers how many of the old ones wait, and counts only the
 * new ones; all of them before it refuses, and once in a while, the more seldom the longer that takes.
 * Locks: keys of new rows; the row that is dropped.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/spi.h"
#include "core/wake.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define DEFAULT_MAX_QUEUED 50
#define OLD_US INT64CONST(2000000)
#define COUNT_PAUSE_US INT64CONST(1000000)
#define COUNT_SHARE 50 /* counting all takes at most this part of the time of a session */

GatewayCallPort gateway_call_port = {0};

static char *base_url = NULL;
static int max_queued = DEFAULT_MAX_QUEUED;

static Stmt count_waiting = {
	.name = "count_waiting_calls",
	.sql = "SELECT pg_catalog.count(*) AS waiting,"
		   " pg_catalog.count(*) FILTER (WHERE w.created_at < $3) AS old FROM ("
		   "SELECT g.created_at FROM billing.gateway_calls g WHERE g.priority = 0 AND g.sends = 0"
		   " AND g.created_at >= $2 ORDER BY g.created_at LIMIT $1) w",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt insert_calls = {
	.name = "insert_gateway_calls",
	.sql = "INSERT INTO billing.gateway_calls (customer_id, subject, subject_id, priority, action,"
		   " due_at, trace_id, created_at)"
		   " SELECT c.customer_id, c.subject, c.subject_id, c.priority, 'SEND', $5, $6, $5"
		   " FROM unnest($1, $2, $3, $4) c(customer_id, subject, subject_id, priority)",
	.expect = SPI_OK_INSERT,
	.nargs = 6,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, UUIDARRAYOID, INT2ARRAYOID, TIMESTAMPTZOID, TEXTOID},
};

static Stmt delete_calls = {
	.name = "delete_gateway_calls",
	.sql = "DELETE FROM billing.gateway_calls g USING unnest($1, $2) c(customer_id, subject_id)"
		   " WHERE g.customer_id = c.customer_id AND g.subject_id = c.subject_id",
	.expect = SPI_OK_DELETE,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

void
gateway_call_init(void)
{
	DefineCustomStringVariable("billing.gateway_url", "Sets the base URL of the payment gateway.",
							   "Empty: payments go to the mock provider, in process.", &base_url,
							   "", PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable(
		"billing.gateway_max_queued",
		"Sets how many payments and refunds may wait for their first call to the gateway.",
		"What comes beyond is refused with BULKHEAD_FULL. Charges of settlements do not count.",
		&max_queued, DEFAULT_MAX_QUEUED, 1, 1000000, PGC_SUSET, 0, NULL, NULL, NULL);
}

bool
gateway_configured(void)
{
	return base_url != NULL && base_url[0] != '\0';
}

const char *
gateway_url(void)
{
	return base_url;
}

/* What a session remembers of calls that were queued before a time. */
static struct
{
	TimestampTz before;
	int64 waiting;
	TimestampTz until; /* then they are counted again */
} old_calls = {0};

static Rows
calls_count(int64 most, TimestampTz from, TimestampTz old_before)
{
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, Int64GetDatum(most));
	arg_datum(&args, TimestampTzGetDatum(from));
	arg_datum(&args, TimestampTzGetDatum(old_before));
	rows = stmt_run(&count_waiting, &args);
	Ensure(row_next(&rows), "no count");
	return rows;
}

/* Whether as many wait for their first call as may. */
static bool
is_full(void)
{
	TimestampTz now = clock_real();
	Rows rows;

	if (now < old_calls.until && old_calls.waiting < max_queued)
	{
		rows = calls_count(max_queued - old_calls.waiting, old_calls.before, old_calls.before);
		if (row_int64(&rows, "waiting") + old_calls.waiting < max_queued)
			return false;
	}
	rows = calls_count(max_queued, DT_NOBEGIN, now - OLD_US);
	old_calls.before = now - OLD_US;
	old_calls.waiting = row_int64(&rows, "old");
	old_calls.until = now + Max(COUNT_PAUSE_US, (clock_real() - now) * COUNT_SHARE);
	return row_int64(&rows, "waiting") >= max_queued;
}

static void
require_room(void)
{
	if (!is_full())
		return;
	if (gateway_call_port.refused != NULL)
		gateway_call_port.refused();
	billing_error(BULKHEAD_FULL, errmsg("too many payments wait for the gateway"),
				  errdetail("%d of them have not been sent yet.", max_queued),
				  errhint("Retry in a few seconds with the same idempotency key."));
}

void
gateway_calls_queue(const GatewayCall *calls, int count)
{
	static const Oid types[] = {TEXTOID, TEXTOID, UUIDOID, INT2OID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	bool interactive = false;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		interactive |= calls[i].interactive;
		batch_row(batch);
		batch_text(batch, calls[i].customer_id);
		batch_text(batch, calls[i].subject);
		batch_datum(batch, calls[i].subject_id);
		batch_datum(batch, Int16GetDatum(calls[i].interactive ? 0 : 1));
	}
	if (interactive)
		require_room();
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_real()));
	arg_text(&args, actor_trace_id());
	stmt_run(&insert_calls, &args);
	wake_worker_at_commit(WORKER_GATEWAY);
}

void
gateway_calls_drop(const GatewayCall *calls, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, calls[i].customer_id);
		batch_datum(batch, calls[i].subject_id);
	}
	batch_args(batch, &args);
	stmt_run(&delete_calls, &args);
}
