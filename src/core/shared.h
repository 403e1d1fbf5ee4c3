/*
 * shared.h
 *	  Shared memory: who needs some says so once, from _PG_init.
 */
#ifndef BILLING_SHARED_H
#define BILLING_SHARED_H

#include "storage/lwlock.h"

/*
 * Asks for `size` bytes, zeroed, under `name`. When the server has them, *where points to them and
 * *lock is theirs alone; both stay NULL where the library is not preloaded.
 */
extern void shared_register(const char *name, Size size, void **where, LWLock **lock);

/* After all of shared_register(). */
extern void shared_init(void);

#endif
