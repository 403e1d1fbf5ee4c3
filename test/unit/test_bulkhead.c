/*
 * test_bulkhead.c
 *	  Permits of a bulkhead over several processes, which are only told by their pids here.
 */
#include "postgres.h"

#include "core/shared.h"
#include "edge/bulkhead.h"
#include "harness.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/procarray.h"

#define PIDS 1000

int MyProcPid = 1;

static bool dead[PIDS];
static char piece[4096];
static void **piece_pointer;
static pg_on_exit_callback exit_callback;

/* ---- what the server gives ---- */

void
shared_register(const char *name, Size size, void **where, LWLock **lock)
{
	CHECK(size <= sizeof(piece));
	piece_pointer = where;
}

bool
LWLockAcquire(LWLock *lock, LWLockMode mode)
{
	return true;
}

void
LWLockRelease(LWLock *lock)
{
}

void
before_shmem_exit(pg_on_exit_callback function, Datum arg)
{
	exit_callback = function;
}

PGPROC *
BackendPidGetProc(int pid)
{
	return dead[pid] ? NULL : (PGPROC *) piece;
}

/* ---- the tests ---- */

static void
begin(void)
{
	memset(piece, 0, sizeof(piece));
	memset(dead, 0, sizeof(dead));
	bulkhead_init();
	*piece_pointer = piece;
	MyProcPid = 1;
}

/* How many more permits the present process gets of `most`. */
static int
take_all(int most)
{
	int count = 0;

	while (bulkhead_enter("gateway", most))
		count++;
	return count;
}

static void
no_more_permits_are_out_than_the_most(void)
{
	begin();
	CHECK_INT(take_all(3), 3);
	bulkhead_leave("gateway");
	CHECK_INT(take_all(3), 1);
	CHECK_INT(take_all(5), 2); /* the most may change */
	CHECK_INT(take_all(2), 0);
}

static void
processes_share_the_permits(void)
{
	begin();
	CHECK(bulkhead_enter("gateway", 3));
	MyProcPid = 2;
	CHECK_INT(take_all(3), 2);
	MyProcPid = 1;
	CHECK(!bulkhead_enter("gateway", 3));
	bulkhead_leave("gateway");
	MyProcPid = 2;
	CHECK(bulkhead_enter("gateway", 3));
}

static void
what_a_dead_process_held_is_free_again(void)
{
	begin();
	CHECK_INT(take_all(3), 3);
	MyProcPid = 2;
	CHECK(!bulkhead_enter("gateway", 3));
	dead[1] = true;
	CHECK_INT(take_all(3), 3);
}

static void
a_process_gives_back_all_when_it_exits(void)
{
	begin();
	CHECK_INT(take_all(3), 3);
	exit_callback(0, (Datum) 0);
	MyProcPid = 2;
	CHECK_INT(take_all(3), 3);
}

static void
places_of_dead_processes_are_used_again(void)
{
	begin();
	for (int pid = 1; pid < PIDS; pid++)
	{
		MyProcPid = pid;
		CHECK(bulkhead_enter("gateway", PIDS));
		dead[pid] = true;
	}
}

static void
leaving_without_a_permit_frees_nothing(void)
{
	begin();
	CHECK_INT(take_all(2), 2);
	MyProcPid = 2;
	bulkhead_leave("gateway");
	CHECK(!bulkhead_enter("gateway", 2));
}

static void
without_shared_memory_a_process_counts_its_own(void)
{
	begin();
	*piece_pointer = NULL;
	CHECK_INT(take_all(3), 3);
	bulkhead_refused("gateway");
	exit_callback(0, (Datum) 0);
	CHECK_INT(take_all(3), 3);
	exit_callback(0, (Datum) 0);
}

static void
another_name_is_a_defect(void)
{
	begin();
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, bulkhead_enter("nowhere", 1));
}

static const UnitTest tests[] = {
	{"no more permits are out than the most", no_more_permits_are_out_than_the_most},
	{"processes share the permits", processes_share_the_permits},
	{"what a dead process held is free again", what_a_dead_process_held_is_free_again},
	{"a process gives back all when it exits", a_process_gives_back_all_when_it_exits},
	{"places of dead processes are used again", places_of_dead_processes_are_used_again},
	{"leaving without a permit frees nothing", leaving_without_a_permit_frees_nothing},
	{"without shared memory a process counts its own",
	 without_shared_memory_a_process_counts_its_own},
	{"another name is a defect", another_name_is_a_defect},
};

UNIT_MAIN(tests)
