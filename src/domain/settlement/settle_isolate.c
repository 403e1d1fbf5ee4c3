/*
 * settle_isolate.c
 *	  Issuing a settlement in a subtransaction: all of it or nothing, numbers included.
 */
#include "postgres.h"

#include "access/xact.h"
#include "domain/settlement/settle_isolate.h"
#include "utils/memutils.h"
#include "utils/resowner.h"

static void
undo_and_record(Settlement *settlement, MemoryContext context, ResourceOwner owner)
{
	ErrorData *error;

	MemoryContextSwitchTo(context);
	error = CopyErrorData();
	FlushErrorState();
	RollbackAndReleaseCurrentSubTransaction();
	MemoryContextSwitchTo(context);
	CurrentResourceOwner = owner;
	if (settlement->count == 1)
		settle_item_fail(&settlement->items[0], error);
	else if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
}

bool
settlement_issue_isolated(Settlement *settlement)
{
	MemoryContext context = CurrentMemoryContext;
	ResourceOwner owner = CurrentResourceOwner;
	volatile bool issued = false;

	BeginInternalSubTransaction(NULL);
	MemoryContextSwitchTo(context);
	PG_TRY();
	{
		settlement_issue(settlement);
		ReleaseCurrentSubTransaction();
		MemoryContextSwitchTo(context);
		CurrentResourceOwner = owner;
		issued = true;
	}
	PG_CATCH();
	{
		undo_and_record(settlement, context, owner);
	}
	PG_END_TRY();
	return issued;
}
