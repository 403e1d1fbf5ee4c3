/*
 * shared.c
 *	  Shared memory of the library, one piece for each part that asked.
 *
 * Guarantees: a piece is zeroed when the server starts, and again after a crash. It holds no pointer
 * and no descriptor: those are of one process.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/shared.h"
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/shmem.h"

#define MAX_PIECES 8
#define TRANCHE "billing"

typedef struct Piece
{
	const char *name;
	Size size;
	void **where;
	LWLock **lock;
} Piece;

static Piece pieces[MAX_PIECES];
static int piece_count = 0;

static shmem_request_hook_type previous_request = NULL;
static shmem_startup_hook_type previous_startup = NULL;

void
shared_register(const char *name, Size size, void **where, LWLock **lock)
{
	Ensure(piece_count < MAX_PIECES, "too many pieces of shared memory");
	pieces[piece_count++] = (Piece){name, size, where, lock};
}

static void
shared_request(void)
{
	if (previous_request)
		previous_request();
	for (int i = 0; i < piece_count; i++)
		RequestAddinShmemSpace(MAXALIGN(pieces[i].size));
	RequestNamedLWLockTranche(TRANCHE, piece_count);
}

static void
shared_startup(void)
{
	LWLockPadded *locks;
	bool found;

	if (previous_startup)
		previous_startup();
	LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
	locks = GetNamedLWLockTranche(TRANCHE);
	for (int i = 0; i < piece_count; i++)
	{
		*pieces[i].where = ShmemInitStruct(pieces[i].name, pieces[i].size, &found);
		*pieces[i].lock = &locks[i].lock;
		if (!found)
			memset(*pieces[i].where, 0, pieces[i].size);
	}
	LWLockRelease(AddinShmemInitLock);
}

void
shared_init(void)
{
	if (!process_shared_preload_libraries_in_progress || piece_count == 0)
		return;
	previous_request = shmem_request_hook;
	shmem_request_hook = shared_request;
	previous_startup = shmem_startup_hook;
	shmem_startup_hook = shared_startup;
}
