/*
 * window.h
 *	  Change windows: how a consumer sees every committed row exactly once without marking it.
 */
#ifndef BILLING_WINDOW_H
#define BILLING_WINDOW_H

#include "core/spi.h"
#include "nodes/pg_list.h"

#define WINDOW_BUCKETS 64

/* Buckets that were consumed up to one snapshot. */
typedef struct WindowCursors
{
	int32 era;      /* 0: nothing was consumed yet */
	Datum snapshot; /* pg_snapshot */
	int count;
	int16 buckets[WINDOW_BUCKETS];
} WindowCursors;

extern int window_bucket(const char *customer_id);
extern int32 window_era(void);
extern void window_open(const char *consumer);

/*
 * Locks those of a consumer's cursors for `count` buckets from `first` on that no other session has,
 * grouped by what they have consumed; answers the groups (List of WindowCursors).
 */
extern List *window_lock(const char *consumer, int first, int count);

/* The snapshot to consume up to, taken after the lock. */
extern Datum window_take(void);

/* The buckets as an argument of a statement. */
extern void arg_buckets(StmtArgs *args, const WindowCursors *cursors);

/* Moves locked cursors. */
extern void
window_move(const char *consumer, const WindowCursors *cursors, int32 era, Datum snapshot);

#endif
