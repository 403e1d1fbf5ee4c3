/*
 * wake.c
 *	  Waking at commit: workers that have something to do, and sessions that wait for an object.
 *
 * Guarantees: who looks after wake_worker_looks() or wake_told() and sleeps then, has seen what was
 * committed before, and is woken by what is committed after. Nothing is lost between the two. A
 * wake too many is harmless. A transaction that aborts wakes nobody. One that is prepared wakes
 * nobody either: COMMIT PREPARED runs elsewhere, so sleepers look again after a while by themselves.
 *
 * What a transaction is to wake is a few bits of this process, so the callback at commit can neither
 * fail nor allocate. Locks: that of the slots, for the time of a few SetLatch().
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "core/errors.h"
#include "core/shared.h"
#include "core/wake.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "port/atomics.h"
#include "storage/condition_variable.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "storage/proc.h"
#include "utils/wait_event.h"

#define BUCKETS 64 /* objects that share one wake each other for nothing; bits of a uint64 */

typedef struct WorkerSlot
{
	bool used;
	int proc; /* index of its PGPROC, whose latch is there whether it lives or not */
} WorkerSlot;

typedef struct WakeBucket
{
	pg_atomic_uint64 told;
	ConditionVariable sleepers;
} WakeBucket;

typedef struct WakeShared
{
	bool ready;                                          /* the lock guards it */
	WorkerSlot workers[WORKER_KINDS][WORKERS_OF_A_KIND]; /* the lock guards it */
	pg_atomic_uint32 woken[WORKER_KINDS];                /* 1: a wake that no worker has taken up */
	WakeBucket buckets[BUCKETS];
} WakeShared;

static WakeShared *shared = NULL;
static LWLock *lock = NULL;

/* of the running transaction */
static uint32 kinds_to_wake = 0;
static uint64 buckets_to_wake = 0;

StaticAssertDecl(WORKER_KINDS <= 32 && BUCKETS <= 64, "a bit each");

static void
shared_prepare(void)
{
	LWLockAcquire(lock, LW_EXCLUSIVE);
	if (!shared->ready)
	{
		for (int i = 0; i < WORKER_KINDS; i++)
			pg_atomic_init_u32(&shared->woken[i], 0);
		for (int i = 0; i < BUCKETS; i++)
		{
			pg_atomic_init_u64(&shared->buckets[i].told, 0);
			ConditionVariableInit(&shared->buckets[i].sleepers);
		}
		shared->ready = true;
	}
	LWLockRelease(lock);
}

/* False without preload. The zeroed piece of memory is made ready by who comes first. */
static bool
shared_ready(void)
{
	static bool ready = false;

	if (shared != NULL && !ready)
	{
		shared_prepare();
		ready = true;
	}
	return ready;
}

static void
wake_workers(int kind)
{
	if (pg_atomic_exchange_u32(&shared->woken[kind], 1) == 1)
		return;
	LWLockAcquire(lock, LW_SHARED);
	for (int i = 0; i < WORKERS_OF_A_KIND; i++)
	{
		if (shared->workers[kind][i].used)
			SetLatch(&ProcGlobal->allProcs[shared->workers[kind][i].proc].procLatch);
	}
	LWLockRelease(lock);
}

static void
wake_all(void)
{
	for (int i = 0; kinds_to_wake != 0 && i < WORKER_KINDS; i++)
	{
		if (kinds_to_wake & ((uint32) 1 << i))
			wake_workers(i);
	}
	for (int i = 0; buckets_to_wake != 0 && i < BUCKETS; i++)
	{
		if ((buckets_to_wake & (UINT64CONST(1) << i)) == 0)
			continue;
		pg_atomic_fetch_add_u64(&shared->buckets[i].told, 1);
		ConditionVariableBroadcast(&shared->buckets[i].sleepers);
	}
}

/* At commit all that was written is visible to others already. */
static void
wake_at_end(XactEvent event, void *arg)
{
	(void) arg;
	if ((kinds_to_wake | buckets_to_wake) == 0)
		return;
	if (event == XACT_EVENT_COMMIT)
		wake_all();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
	{
		kinds_to_wake = 0;
		buckets_to_wake = 0;
	}
}

void
wake_init(void)
{
	shared_register("billing wake", sizeof(WakeShared), (void **) &shared, &lock);
	RegisterXactCallback(wake_at_end, NULL);
}

void
wake_worker_at_commit(WorkerKind kind)
{
	if (shared_ready())
		kinds_to_wake |= (uint32) 1 << kind;
}

static int
bucket_of(Datum id)
{
	return (int) (hash_bytes(DatumGetUUIDP(id)->data, UUID_LEN) % BUCKETS);
}

void
wake_waiters_at_commit(Datum id)
{
	if (shared_ready())
		buckets_to_wake |= UINT64CONST(1) << bucket_of(id);
}

static void
worker_unregister(int code, Datum slot)
{
	(void) code;
	LWLockAcquire(lock, LW_EXCLUSIVE);
	((WorkerSlot *) DatumGetPointer(slot))->used = false;
	LWLockRelease(lock);
}

void
wake_register_worker(WorkerKind kind)
{
	WorkerSlot *slot = NULL;

	Ensure(shared_ready(), "a worker without shared memory");
	LWLockAcquire(lock, LW_EXCLUSIVE);
	for (int i = 0; i < WORKERS_OF_A_KIND && slot == NULL; i++)
	{
		if (!shared->workers[kind][i].used)
			slot = &shared->workers[kind][i];
	}
	if (slot != NULL)
		*slot = (WorkerSlot){true, (int) (MyProc - ProcGlobal->allProcs)};
	LWLockRelease(lock);
	Ensure(slot != NULL, "too many workers");
	before_shmem_exit(worker_unregister, PointerGetDatum(slot));
}

void
wake_worker_looks(WorkerKind kind)
{
	pg_atomic_write_u32(&shared->woken[kind], 0);
	pg_memory_barrier();
}

bool
wake_can_wait(void)
{
	return shared_ready();
}

uint64
wake_told(Datum id)
{
	uint64 told = shared_ready() ? pg_atomic_read_u64(&shared->buckets[bucket_of(id)].told) : 0;

	pg_memory_barrier();
	return told;
}

/*
 * The count, not the place in the queue of sleepers, says whether something was told since: a
 * subtransaction that is rolled back takes its process out of that queue.
 */
void
wake_wait(Datum id, uint64 told, long timeout_ms)
{
	WakeBucket *bucket = &shared->buckets[bucket_of(id)];

	ConditionVariablePrepareToSleep(&bucket->sleepers);
	if (pg_atomic_read_u64(&bucket->told) == told)
		(void) ConditionVariableTimedSleep(&bucket->sleepers, timeout_ms, PG_WAIT_EXTENSION);
	ConditionVariableCancelSleep();
}
