/*
 * settle_loop.h
 *	  The loop over a month's queue: one transaction a chunk. For the procedure and its workers.
 */
#ifndef BILLING_SETTLE_LOOP_H
#define BILLING_SETTLE_LOOP_H

#include "core/period.h"

#define SETTLE_JOB_SIZE 37 /* the text of a uuid */

/* With the id of a job the name of its advisory lock, which the session that runs it holds. */
#define SETTLE_JOB_LOCK "billing.job "

typedef struct SettleJob
{
	char *id;
	int64 lock; /* key of its advisory lock */
} SettleJob;

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

/*
 * Folds, queues everybody with something to bill and opens a job; each in its own transaction. The
 * session holds the lock of the job until it closes it, or releases it when it fails.
 */
extern SettleJob settle_loop_open(const char *period, int workers);

/* Settles chunks until no queued customer is left that another session has not got. */
extern void settle_loop(const char *period);
extern void settle_loop_close(const SettleJob *job);
extern void settle_loop_release(const SettleJob *job);

#endif
