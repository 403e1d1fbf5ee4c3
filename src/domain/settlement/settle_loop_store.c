/*
 * settle_loop_store.c
 *	  The loop over a month's queue: one transaction a chunk.
 *
 * Needs a non-atomic SPI connection. Nothing of a chunk outlives its commit but the key of its
 * last customer, so a session that dies loses at most the chunk that it was in.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/settlement/settle_loop.h"
#include "domain/settlement/settlement.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#define MAX_PASSES (SETTLE_MAX_ATTEMPTS + 1)

const char *const settle_worker_settings[] = {"billing.now", "billing.actor", "billing.trace_id",
											  "billing.zero_invoices", NULL};

static Stmt select_settings = {
	.name = "loop_settings",
	.sql = "SELECT s.key, s.value FROM billing.job_runs j, pg_catalog.jsonb_each_text(j.settings) s"
		   " WHERE j.job_run_id::text = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

/* Outlives the transactions of the loop, and ends with the CALL; a worker has no portal. */
static MemoryContext
loop_context(void)
{
	return PortalContext != NULL ? PortalContext : TopMemoryContext;
}

/*
 * The loop locks and then looks, so its transactions are READ COMMITTED whatever the default is:
 * an older snapshot would only make it begin again.
 */
static void
loop_read_committed(void)
{
	if (!FirstSnapshotSet)
		XactIsoLevel = XACT_READ_COMMITTED;
}

static void
loop_commit(void)
{
	spi_commit();
	loop_read_committed();
}

/*
 * Runs a statement of the loop. A procedure runs in a portal that has a snapshot, a worker has
 * none; and one that is not the portal's must be gone before the transaction ends.
 */
static Rows
loop_run(Stmt *stmt, StmtArgs *args)
{
	bool pushed = !ActiveSnapshotSet();
	Rows rows;

	if (pushed)
		PushActiveSnapshot(GetTransactionSnapshot());
	rows = stmt_run(stmt, args);
	if (pushed)
		PopActiveSnapshot();
	return rows;
}

void
settle_loop_take_settings(const char *job)
{
	StmtArgs args = {0};
	Rows rows;

	loop_read_committed();
	arg_text(&args, job);
	rows = loop_run(&select_settings, &args);
	while (row_next(&rows))
		SetConfigOption(row_text(&rows, "key"), row_text(&rows, "value"), PGC_SUSET, PGC_S_SESSION);
}

static Stmt check = {
	.name = "loop_check",
	.sql = "SELECT billing.settlement_check($1)",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt fold = {
	.name = "loop_fold",
	.sql = "SELECT billing.aggregate_usage()",
	.expect = SPI_OK_SELECT,
};

static Stmt open_job = {
	.name = "loop_open",
	.sql = "SELECT billing.settlement_open($1, $2) AS job",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID},
};

static Stmt close_job = {
	.name = "loop_close",
	.sql = "SELECT billing.settlement_close($1)",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt next_chunk = {
	.name = "loop_chunk",
	.sql = "SELECT c.last, c.claimed, c.redo FROM billing.settlement_chunk($1, $2, $3) c",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, INT4OID},
};

typedef struct Chunk
{
	char *last; /* NULL: nothing was claimed */
	int claimed;
	bool redo;
} Chunk;

/* One chunk in a transaction of its own. What it allocates is gone with it, but for its last key. */
static Chunk
chunk_run(const char *period, const char *after, int size)
{
	MemoryContext context =
		AllocSetContextCreate(CurrentMemoryContext, "settlement chunk", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(context);
	StmtArgs args = {0};
	Chunk chunk = {0};
	Rows rows;
	char *last;

	CHECK_FOR_INTERRUPTS();
	arg_text(&args, period);
	arg_text(&args, after);
	arg_datum(&args, Int32GetDatum(size));
	rows = loop_run(&next_chunk, &args);
	Ensure(row_next(&rows), "no answer of a chunk");
	last = row_text_or_null(&rows, "last");
	chunk.claimed = row_int32(&rows, "claimed");
	chunk.redo = row_bool(&rows, "redo");
	if (last != NULL)
		chunk.last = MemoryContextStrdup(loop_context(), last);
	rows_free(&rows);
	MemoryContextSwitchTo(before);
	MemoryContextDelete(context);
	loop_commit();
	return chunk;
}

/* Redoes the customers up to `last` one by one. */
static void
redo_singly(const char *period, const char *after, const char *last)
{
	char *place = MemoryContextStrdup(loop_context(), after);

	for (;;)
	{
		Chunk chunk = chunk_run(period, place, 1);

		pfree(place);
		place = chunk.last;
		if (place == NULL)
			return;
		if (strcmp(place, last) >= 0)
			break;
	}
	pfree(place);
}

/* One walk over the queue, by key; the number of customers that were claimed. */
static int64
walk(const char *period)
{
	char *place = MemoryContextStrdup(loop_context(), "");
	int64 claimed = 0;

	for (;;)
	{
		Chunk chunk = chunk_run(period, place, SETTLE_CHUNK);

		if (chunk.last == NULL)
			break;
		if (chunk.redo)
			redo_singly(period, place, chunk.last);
		pfree(place);
		place = chunk.last;
		claimed += chunk.claimed;
	}
	pfree(place);
	return claimed;
}

void
settle_loop(const char *period)
{
	for (int pass = 0; pass < MAX_PASSES; pass++)
	{
		if (walk(period) == 0)
			return;
	}
}

/*
 * Taken before the job can be seen, and held over all transactions of the loop: it ends with the
 * session, whatever ends that. Nobody ever waits for it.
 */
static int64
job_lock(const char *id)
{
	char *name = psprintf(SETTLE_JOB_LOCK "%s", id);
	Datum key = DirectFunctionCall2Coll(hashtextextended, DEFAULT_COLLATION_OID,
										CStringGetTextDatum(name), Int64GetDatum(0));

	DirectFunctionCall1(pg_advisory_lock_int8, key);
	return DatumGetInt64(key);
}

void
settle_loop_release(const SettleJob *job)
{
	DirectFunctionCall1(pg_advisory_unlock_int8, Int64GetDatum(job->lock));
}

SettleJob
settle_loop_open(const char *period, int workers)
{
	StmtArgs args = {0};
	Rows rows;
	SettleJob job;

	if (IsolationUsesXactSnapshot())
		loop_commit();
	arg_text(&args, period);
	loop_run(&check, &args);
	loop_run(&fold, NULL);
	loop_commit();
	arg_datum(&args, Int32GetDatum(workers));
	rows = loop_run(&open_job, &args);
	Ensure(row_next(&rows), "no job");
	job.id = MemoryContextStrdup(loop_context(), row_text(&rows, "job"));
	job.lock = job_lock(job.id);
	loop_commit();
	return job;
}

void
settle_loop_close(const SettleJob *job)
{
	StmtArgs args = {0};

	arg_text(&args, job->id);
	loop_run(&close_job, &args);
	loop_commit();
	settle_loop_release(job);
}
