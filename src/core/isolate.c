/*
 * isolate.c
 *	  Running a piece of work in a subtransaction of its own: all of it or nothing.
 *
 * Memory context and resource owner are the caller's, during the work and after it. A cancel is an
 * error like any other: who does not raise it again swallows it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/isolate.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

static ErrorData *
undo(MemoryContext context)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	RollbackAndReleaseCurrentSubTransaction();
	return error;
}

static ErrorData *
run(void (*work)(void *), void *argument, bool keep)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	ErrorData *volatile error = NULL;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		work(argument);
		if (keep)
			ReleaseCurrentSubTransaction();
		else
			RollbackAndReleaseCurrentSubTransaction();
	}
	PG_CATCH();
	{
		error = undo(context);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	return error;
}

ErrorData *
run_isolated(void (*work)(void *), void *argument)
{
	return run(work, argument, true);
}

ErrorData *
run_undone(void (*work)(void *), void *argument)
{
	return run(work, argument, false);
}
