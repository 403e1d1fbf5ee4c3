/*
 * settle_loop.h
 *	  The loop over a month's queue: one transaction a chunk. For the procedure and its workers.
 */
#ifndef BILLING_SETTLE_LOOP_H
#define BILLING_SETTLE_LOOP_H

#include "core/period.h"

typedef struct SettleWorkerArgs
{
	Oid database;
	Oid login; /* who the caller logged in as */
	Oid role;  /* what he acts as */
	char period[PERIOD_TEXT_SIZE];
} SettleWorkerArgs;

/* Folds, queues everybody with something to bill and opens a job; each in its own transaction. */
extern char *settle_loop_open(const char *period, int workers);

/* Settles chunks until no queued customer is left that another session has not got. */
extern void settle_loop(const char *period);
extern void settle_loop_close(const char *job);

#endif
