/*
 * settle_loop.h
 *	  The loop over a month's queue: one transaction a chunk. For the procedure and its workers.
 */
#ifndef BILLING_SETTLE_LOOP_H
#define BILLING_SETTLE_LOOP_H

#include "core/period.h"

#define SETTLE_JOB_SIZE 37 /* the text of a uuid */

/* What a worker gets in bgw_extra: how to be who the caller is, and for which job. */
typedef struct SettleWorkerArgs
{
	Oid database;
	Oid login; /* who the caller logged in as */
	Oid role;  /* what he acts as */
	char period[PERIOD_TEXT_SIZE];
	char job[SETTLE_JOB_SIZE];
} SettleWorkerArgs;

/* The settings that a job hands to its workers, ended by NULL. */
extern const char *const settle_worker_settings[];

/* Takes the settings of the job's caller, in a worker. */
extern void settle_loop_take_settings(const char *job);

/* Folds, queues everybody with something to bill and opens a job; each in its own transaction. */
extern char *settle_loop_open(const char *period, int workers);

/* Settles chunks until no queued customer is left that another session has not got. */
extern void settle_loop(const char *period);
extern void settle_loop_close(const char *job);

#endif
