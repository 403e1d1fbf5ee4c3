/*
 * bulkhead.c
 *	  How many calls of a downstream are in flight, over all processes, in shared memory.
 *
 * Guarantees: never more than the caller's `most` permits are out. Those of a process end with it:
 * it gives them back when it exits, and what it left anyway is dropped before anybody is refused.
 * Where the library is not preloaded, only the process's own calls are counted.
 *
 * Locks its own LWLock; ProcArrayLock while it holds it, to see who is alive.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/shared.h"
#include "edge/bulkhead.h"
#include "edge/downstream.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/builtins.h"

#define MAX_HOLDERS 32 /* processes that call one downstream at once */

typedef struct Holder
{
	int pid; /* 0: free */
	int permits;
} Holder;

typedef struct Bulkhead
{
	Holder holders[MAX_HOLDERS];
	int64 refused_in_flight;
	int64 refused_queue;
} Bulkhead;

typedef struct BulkheadMemory
{
	Bulkhead bulkheads[lengthof(downstreams)];
} BulkheadMemory;

static BulkheadMemory *memory = NULL;
static LWLock *lock = NULL;       /* guards all of memory */
static BulkheadMemory own_memory; /* in place of it */

void
bulkhead_init(void)
{
	shared_register("billing bulkheads", sizeof(BulkheadMemory), (void **) &memory, &lock);
}

static Bulkhead *
lock_bulkhead(const char *name)
{
	int place = downstream_find(name);

	Ensure(place >= 0, "there is no downstream \"%s\"", name);
	if (memory == NULL)
		return &own_memory.bulkheads[place];
	LWLockAcquire(lock, LW_EXCLUSIVE);
	return &memory->bulkheads[place];
}

static void
unlock_bulkhead(void)
{
	if (memory != NULL)
		LWLockRelease(lock);
}

/* This process gives back all that it holds: at its exit, and at its first permit. */
static void
give_back_all(int code, Datum argument)
{
	for (size_t i = 0; i < lengthof(downstreams); i++)
	{
		Bulkhead *bulkhead = lock_bulkhead(downstreams[i].name);

		for (int j = 0; j < MAX_HOLDERS; j++)
		{
			if (bulkhead->holders[j].pid == MyProcPid)
				bulkhead->holders[j] = (Holder){0};
		}
		unlock_bulkhead();
	}
}

static int
count_permits(const Bulkhead *bulkhead)
{
	int count = 0;

	for (int i = 0; i < MAX_HOLDERS; i++)
		count += bulkhead->holders[i].permits;
	return count;
}

static void
drop_the_dead(Bulkhead *bulkhead)
{
	for (int i = 0; i < MAX_HOLDERS; i++)
	{
		int pid = bulkhead->holders[i].pid;

		if (pid != 0 && pid != MyProcPid && BackendPidGetProc(pid) == NULL)
			bulkhead->holders[i] = (Holder){0};
	}
}

/* The place of the process, or NULL when there is none left. */
static Holder *
find_holder(Bulkhead *bulkhead, int pid)
{
	for (int i = 0; i < MAX_HOLDERS; i++)
	{
		if (bulkhead->holders[i].pid == pid)
			return &bulkhead->holders[i];
	}
	return NULL;
}

bool
bulkhead_enter(const char *name, int most)
{
	static bool registered = false;
	Bulkhead *bulkhead;
	Holder *holder;
	bool entered;

	if (!registered)
	{
		give_back_all(0, (Datum) 0); /* of a dead process that had our pid */
		before_shmem_exit(give_back_all, (Datum) 0);
		registered = true;
	}
	bulkhead = lock_bulkhead(name);
	holder = find_holder(bulkhead, MyProcPid);
	if (count_permits(bulkhead) >= most || (holder == NULL && find_holder(bulkhead, 0) == NULL))
		drop_the_dead(bulkhead);
	if (holder == NULL)
		holder = find_holder(bulkhead, 0);
	entered = holder != NULL && count_permits(bulkhead) < most;
	if (entered)
	{
		holder->pid = MyProcPid;
		holder->permits++;
	}
	else
		bulkhead->refused_in_flight++;
	unlock_bulkhead();
	return entered;
}

/* Once for each bulkhead_enter() that said true. */
void
bulkhead_leave(const char *name)
{
	Bulkhead *bulkhead = lock_bulkhead(name);
	Holder *holder = find_holder(bulkhead, MyProcPid);

	if (holder != NULL && --holder->permits <= 0)
		*holder = (Holder){0};
	unlock_bulkhead();
}

void
bulkhead_refused(const char *name)
{
	Bulkhead *bulkhead = lock_bulkhead(name);

	bulkhead->refused_queue++;
	unlock_bulkhead();
}

/*
 * bulkhead_states() -> rows (name, in_flight, refused_in_flight, refused_queue): none where the
 * library is not preloaded
 */
PG_FUNCTION_INFO_V1(billing_bulkhead_states);
Datum
billing_bulkhead_states(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; memory != NULL && i < lengthof(downstreams); i++)
	{
		Bulkhead bulkhead;
		bool nulls[4] = {false};
		Datum values[4];

		LWLockAcquire(lock, LW_SHARED);
		bulkhead = memory->bulkheads[i];
		LWLockRelease(lock);
		values[0] = CStringGetTextDatum(downstreams[i].name);
		values[1] = Int32GetDatum(count_permits(&bulkhead));
		values[2] = Int64GetDatum(bulkhead.refused_in_flight);
		values[3] = Int64GetDatum(bulkhead.refused_queue);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
