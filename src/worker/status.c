/*
 * status.c
 *	  What billing.workers shows of each worker, in shared memory.
 *
 * Guarantees: a place belongs to a worker's number, not to its process: what the last process died
 * of is still there when the next one runs. Counts are since the start of the server. Locks its own
 * lock, briefly.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/shared.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"
#include "worker/status.h"

#define MAX_ERROR_BYTES 512

typedef struct WorkerStatus
{
	int pid; /* 0: no process now */
	WorkerState state;
	TimestampTz since; /* of the state; 0: this number never ran */
	int in_flight;
	int64 starts;
	WorkerCounts counts;
	int64 errors;
	TimestampTz failed_at;
	char error[MAX_ERROR_BYTES];
} WorkerStatus;

typedef struct StatusMemory
{
	WorkerStatus workers[WORKER_KINDS][WORKERS_OF_A_KIND];
} StatusMemory;

static StatusMemory *memory = NULL;
static LWLock *lock = NULL;      /* guards all of memory */
static WorkerStatus *own = NULL; /* of this process */

static const char *const kinds[WORKER_KINDS] = {[WORKER_GATEWAY] = "gateway"};

static const char *const states[] = {
	[WORKER_STOPPED] = "STOPPED",           [WORKER_STARTING] = "STARTING",
	[WORKER_NO_EXTENSION] = "NO_EXTENSION", [WORKER_OTHER_VERSION] = "OTHER_VERSION",
	[WORKER_FAILING] = "FAILING",           [WORKER_RUNNING] = "RUNNING",
};

void
status_init(void)
{
	shared_register("billing workers", sizeof(StatusMemory), (void **) &memory, &lock);
}

static void
detach(int code, Datum argument)
{
	(void) code;
	(void) argument;
	status_state(WORKER_STOPPED);
	LWLockAcquire(lock, LW_EXCLUSIVE);
	own->pid = 0;
	own->in_flight = 0;
	LWLockRelease(lock);
	own = NULL;
}

void
status_attach(WorkerKind kind, int number)
{
	Ensure(memory != NULL, "a worker without shared memory");
	Ensure(number >= 0 && number < WORKERS_OF_A_KIND, "worker %d", number);
	own = &memory->workers[kind][number];
	before_shmem_exit(detach, (Datum) 0);
	status_state(WORKER_STARTING);
	LWLockAcquire(lock, LW_EXCLUSIVE);
	own->pid = MyProcPid;
	own->starts++;
	LWLockRelease(lock);
}

void
status_state(WorkerState state)
{
	if (own->state == state && own->since != 0)
		return;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	own->state = state;
	own->since = GetCurrentTimestamp();
	LWLockRelease(lock);
}

void
status_error(const char *message)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	own->errors++;
	own->failed_at = GetCurrentTimestamp();
	strlcpy(own->error, message, MAX_ERROR_BYTES);
	LWLockRelease(lock);
}

void
status_count(const WorkerCounts *more, int in_flight)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	own->counts.transactions += more->transactions;
	own->counts.started += more->started;
	own->counts.recorded += more->recorded;
	own->in_flight = in_flight;
	LWLockRelease(lock);
}

/* A text that was cut may end within a character. */
static Datum
error_text(const WorkerStatus *status)
{
	int length = pg_mbcliplen(status->error, (int) strlen(status->error), MAX_ERROR_BYTES - 1);

	return PointerGetDatum(cstring_to_text_with_len(status->error, length));
}

static void
put_status(ReturnSetInfo *result, const char *kind, int number, const WorkerStatus *status)
{
	Datum values[] = {
		CStringGetTextDatum(kind),
		Int32GetDatum(number),
		Int32GetDatum(status->pid),
		CStringGetTextDatum(states[status->state]),
		TimestampTzGetDatum(status->since),
		Int32GetDatum(status->in_flight),
		Int64GetDatum(status->starts),
		Int64GetDatum(status->counts.transactions),
		Int64GetDatum(status->counts.started),
		Int64GetDatum(status->counts.recorded),
		Int64GetDatum(status->errors),
		error_text(status),
		TimestampTzGetDatum(status->failed_at),
	};
	bool nulls[lengthof(values)] =
		{[2] = status->pid == 0, [11] = status->failed_at == 0, [12] = status->failed_at == 0};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* worker_states() -> rows of billing.workers: none where the library is not preloaded */
PG_FUNCTION_INFO_V1(billing_worker_states);
Datum
billing_worker_states(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	StatusMemory *copy = palloc0(sizeof(StatusMemory));

	InitMaterializedSRF(fcinfo, 0);
	if (memory != NULL)
	{
		LWLockAcquire(lock, LW_SHARED);
		memcpy(copy, memory, sizeof(StatusMemory));
		LWLockRelease(lock);
	}
	for (int kind = 0; kind < WORKER_KINDS; kind++)
	{
		for (int i = 0; i < WORKERS_OF_A_KIND; i++)
		{
			if (copy->workers[kind][i].since != 0)
				put_status(result, kinds[kind], i, &copy->workers[kind][i]);
		}
	}
	return (Datum) 0;
}
