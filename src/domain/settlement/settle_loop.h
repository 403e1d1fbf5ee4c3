/*
 * settle_loop.h
 *	  The loop over a month's queue: one transaction a chunk. For the procedure and its workers.
 */
#ifndef BILLING_SETTLE_LOOP_H
#define BILLING_SETTLE_LOOP_H

#include "core/period.h"

#define SETTLE_SETTING_SIZE 48 /* bytes of a setting that is handed to a worker */

/* What a worker gets in bgw_extra: how to be who the caller is, at his business time. */
typedef struct SettleWorkerArgs
{
	Oid database;
	Oid login; /* who the caller logged in as */
	Oid role;  /* what he acts as */
	char period[PERIOD_TEXT_SIZE];
	char now[SETTLE_SETTING_SIZE];  /* billing.now of the caller */
	char zero[SETTLE_SETTING_SIZE]; /* billing.zero_invoices of the caller */
} SettleWorkerArgs;

/* Folds, queues everybody with something to bill and opens a job; each in its own transaction. */
extern char *settle_loop_open(const char *period, int workers);

/* Settles chunks until no queued customer is left that another session has not got. */
extern void settle_loop(const char *period);
extern void settle_loop_close(const char *job);

#endif
