/*
 * idempotency.h
 *	  Where callers of one idempotency key meet.
 */
#ifndef BILLING_IDEMPOTENCY_H
#define BILLING_IDEMPOTENCY_H

#include "core/spi.h"

/* Runs the statement that locks the entity of a keyed call; `key` NULL: an unkeyed one. */
extern Rows key_meet(Stmt *lock, StmtArgs *args, const char *key);

/* Raises INCOMPATIBLE_PARAMS unless the call that used the key before was the same. */
extern void key_require_same(const char *key, bool same);

#endif
