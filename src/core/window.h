/*
 * window.h
 *	  Change windows: how a consumer sees every committed row exactly once without marking it.
 */
#ifndef BILLING_WINDOW_H
#define BILLING_WINDOW_H

#define WINDOW_BUCKETS 64

typedef struct WindowCursor
{
	int bucket;
	int32 era;      /* 0: nothing was consumed yet */
	Datum snapshot; /* pg_snapshot that was consumed last */
} WindowCursor;

extern int window_bucket(const char *customer_id);
extern int32 window_era(void);
extern void window_open(const char *consumer);

/* Locks a consumer's cursor; false when another session has it. */
extern bool window_lock(const char *consumer, int bucket, WindowCursor *cursor);

/* The snapshot to consume up to, taken after the lock. */
extern Datum window_take(void);

/* Moves the locked cursor. */
extern void
window_move(const char *consumer, const WindowCursor *cursor, int32 era, Datum snapshot);

/* A snapshot in which nothing is visible: where an era begins. */
extern Datum window_nothing(void);

#endif
