/*
 * settle_period_api.c
 *	  CALL settle_period(): settles a month chunk by chunk, each in a transaction of its own.
 *
 * Thin by need: a procedure that commits cannot be SECURITY DEFINER, so all work is in definer
 * functions. Any number of sessions may run it at once and share the queue; what one leaves when
 * it ends, the next start goes on with.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/fault.h"
#include "core/spi.h"
#include "domain/settlement/settle_loop.h"
#include "domain/settlement/settlement.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "utils/builtins.h"

typedef struct WorkerPool
{
	SettleJob job;
	int count;
	BackgroundWorkerHandle *handles[SETTLE_MAX_WORKERS];
} WorkerPool;

/* When the caller fails: ends his helpers, and lets the next start see that nobody runs the job. */
static void
workers_stop(int code, Datum arg)
{
	WorkerPool *pool = (WorkerPool *) DatumGetPointer(arg);

	for (int i = 0; i < pool->count; i++)
		TerminateBackgroundWorker(pool->handles[i]);
	settle_loop_release(&pool->job);
}

/* Starts helpers; fewer than asked for when the server has no free slots. */
static void
workers_start(WorkerPool *pool, int wanted, const char *period)
{
	for (int i = 0; i < wanted; i++)
	{
		BackgroundWorker worker = {0};
		SettleWorkerArgs args = {0};

		worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
		worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
		worker.bgw_restart_time = BGW_NEVER_RESTART;
		strlcpy(worker.bgw_library_name, "billing", sizeof(worker.bgw_library_name));
		strlcpy(worker.bgw_function_name, "billing_settle_worker_main", BGW_MAXLEN);
		snprintf(worker.bgw_name, BGW_MAXLEN, "billing settlement %s", period);
		strlcpy(worker.bgw_type, "billing settlement", BGW_MAXLEN);
		worker.bgw_notify_pid = MyProcPid;
		args.database = MyDatabaseId;
		args.login = actor_login_role();
		args.role = actor_role();
		strlcpy(args.period, period, sizeof(args.period));
		strlcpy(args.job, pool->job.id, sizeof(args.job));
		memcpy(worker.bgw_extra, &args, sizeof(args));
		if (!RegisterDynamicBackgroundWorker(&worker, &pool->handles[pool->count]))
		{
			ereport(NOTICE, errmsg("settling with %d of %d workers", pool->count + 1, wanted + 1),
					errhint("Increase max_worker_processes to run more."));
			return;
		}
		pool->count++;
	}
}

static void
workers_wait(WorkerPool *pool)
{
	for (int i = 0; i < pool->count; i++)
	{
		BgwHandleStatus status = WaitForBackgroundWorkerShutdown(pool->handles[i]);

		if (status == BGWH_POSTMASTER_DIED)
			ereport(FATAL, errcode(ERRCODE_ADMIN_SHUTDOWN),
					errmsg("postmaster exited during a settlement"));
	}
	pool->count = 0;
}

static void
require_top_level(FunctionCallInfo fcinfo)
{
	if (!IsA(fcinfo->context, CallContext) || castNode(CallContext, fcinfo->context)->atomic)
		billing_top_level(errmsg("settle_period cannot run inside a transaction block"),
						  errdetail("It commits after each chunk of customers."));
}

/* settle_period(period text, workers int) */
PG_FUNCTION_INFO_V1(billing_settle_period);
Datum
billing_settle_period(PG_FUNCTION_ARGS)
{
	Period parsed = period_parse(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));
	int workers = DatumGetInt32(arg_required(fcinfo, 1, "workers"));
	char period[PERIOD_TEXT_SIZE];
	static WorkerPool pool;

	period_print(parsed, period);
	settle_workers_check(workers);
	require_top_level(fcinfo);
	pool.count = 0;
	spi_begin_nonatomic();
	pool.job = settle_loop_open(period, workers);
	PG_ENSURE_ERROR_CLEANUP(workers_stop, PointerGetDatum(&pool));
	{
		FAULT_POINT("before", "helpers");
		workers_start(&pool, workers - 1, period);
		FAULT_POINT("after", "helpers");
		settle_loop(period);
		workers_wait(&pool);
		settle_loop(period);
		settle_loop_close(&pool.job);
	}
	PG_END_ENSURE_ERROR_CLEANUP(workers_stop, PointerGetDatum(&pool));
	spi_end();
	PG_RETURN_VOID();
}
