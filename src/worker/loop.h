/*
 * loop.h
 *	  The one loop of all background workers. See loop.c.
 */
#ifndef BILLING_WORKER_LOOP_H
#define BILLING_WORKER_LOOP_H

#include "core/wake.h"

typedef struct WorkerSpec
{
	WorkerKind kind;
	const char *name;  /* in pg_stat_activity */
	const char *actor; /* SYSTEM:... of the audit log */

	/* Once, when the process starts. */
	void (*open)(void);

	/*
	 * Outside of transactions: sleeps on MyLatch and what else it likes, at most most_ms, and resets
	 * the latch. True: there is something for a transaction. paused: none follows, so it sleeps most_ms
	 * whatever there is to do. Interrupts are the loop's.
	 */
	bool (*idle)(long most_ms, bool paused);

	/* In a transaction, between spi_begin() and spi_end(). */
	void (*tick)(void);

	/* After that one; what tick() did is durable, or it never happened. May raise. */
	void (*committed)(void);
	void (*aborted)(void);

	/* The settings were read again. */
	void (*reload)(void);

	/* When the process ends, however. Must not raise. */
	void (*close)(void);
} WorkerSpec;

/* Registers `count` workers with the postmaster; `entry` is their exported function. */
extern void worker_register(const WorkerSpec *spec, const char *entry, int count);

/* What an entry does: never returns. `number` is its argument. */
extern void worker_run(const WorkerSpec *spec, int number);

/* Settings of all workers. */
extern void worker_init(void);

/* Whether workers are to be registered: billing.database is set, while the library is preloaded. */
extern bool worker_wanted(void);

#endif
