/*
 * idempotency.c
 *	  Where callers of one idempotency key meet.
 *
 * The key and the fingerprint of a call are columns of the row that it made. Callers of one key
 * meet on the lock of the entity that they change: the second waits for the first, and then finds
 * its row. One that may not wait that long is told DUPLICATE_REQUEST.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/idempotency.h"
#include "utils/memutils.h"

Rows
key_meet(Stmt *lock, StmtArgs *args, const char *key)
{
	MemoryContext context = CurrentMemoryContext;
	Rows volatile rows = {0};

	PG_TRY();
	{
		rows = stmt_run(lock, args);
	}
	PG_CATCH();
	{
		if (key == NULL || geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		billing_error(DUPLICATE_REQUEST, errmsg("idempotency key \"%s\" is in use", key),
					  errdetail("Another call has not ended within lock_timeout."),
					  errhint("Ask again later with the same key."));
	}
	PG_END_TRY();
	return rows;
}

void
key_require_same(const char *key, bool same)
{
	if (!same)
		billing_error(INCOMPATIBLE_PARAMS,
					  errmsg("idempotency key \"%s\" was used with other parameters", key));
}
