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
#define WORKERS_OF_A_KIND 8

extern void wake_init(void);

/* Wakes the workers of a kind once this transaction is committed; nothing when it is not. */
extern void wake_worker_at_commit(WorkerKind kind);

/* Wakes those that wait for the object once this transaction is committed. */
extern void wake_waiters_at_commit(Datum id);

/* From now on until it exits, the latch of this process is set for the kind. */
extern void wake_register_worker(WorkerKind kind);

/* Said by a worker right before it looks for work: what commits from here on wakes it again. */
extern void wake_worker_looks(WorkerKind kind);

/* Whether sessions can wait: the library is preloaded. */
extern bool wake_can_wait(void);

/* How often the object was told of, to be read before it is looked at; and then wake_wait(). */
extern uint64 wake_told(Datum id);

/* Sleeps until the object is told of more often than `told`, at most timeout_ms. */
extern void wake_wait(Datum id, uint64 told, long timeout_ms);

#endif
