/*
 * wake.c
 *	  Waking at commit: workers that have something to do, and sessions that wait for an object.
 */
#include "postgres.h"

#include "core/wake.h"

void
wake_init(void)
{
}

void
wake_worker_at_commit(WorkerKind kind)
{
	(void) kind;
}

void
wake_waiters_at_commit(Datum id)
{
	(void) id;
}
