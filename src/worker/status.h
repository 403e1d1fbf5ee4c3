/*
 * status.h
 *	  What billing.workers shows of each worker. See status.c.
 */
#ifndef BILLING_WORKER_STATUS_H
#define BILLING_WORKER_STATUS_H

#include "core/wake.h"

typedef enum WorkerState
{
	WORKER_STOPPED,
	WORKER_STARTING,
	WORKER_NO_EXTENSION,  /* the database has none */
	WORKER_OTHER_VERSION, /* the library is not of the version that the database has */
	WORKER_FAILING,       /* the last transaction failed: it waits, and tries again */
	WORKER_RUNNING,
} WorkerState;

typedef struct WorkerCounts
{
	int64 transactions;
	int64 started; /* calls */
	int64 recorded;
} WorkerCounts;

extern void status_init(void);

/* This process is worker `number` of the kind until it exits. */
extern void status_attach(WorkerKind kind, int number);
extern void status_state(WorkerState state);
extern void status_error(const char *message);
extern void status_count(const WorkerCounts *more, int in_flight);

#endif
