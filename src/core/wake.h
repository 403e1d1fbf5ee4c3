/*
 * wake.h
 *	  Waking at commit: workers that have something to do, and sessions that wait for an object.
 */
#ifndef BILLING_WAKE_H
#define BILLING_WAKE_H

#include "utils/uuid.h"

typedef enum WorkerKind
{
	WORKER_GATEWAY,
} WorkerKind;

#define WORKER_KINDS 1

extern void wake_init(void);

/* Wakes the workers of a kind once this transaction is committed; nothing when it is not. */
extern void wake_worker_at_commit(WorkerKind kind);

/* Wakes those that wait for the object once this transaction is committed. */
extern void wake_waiters_at_commit(Datum id);

#endif
