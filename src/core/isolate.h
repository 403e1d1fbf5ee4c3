/*
 * isolate.h
 *	  Running a piece of work in a subtransaction of its own. See isolate.c.
 */
#ifndef BILLING_ISOLATE_H
#define BILLING_ISOLATE_H

/* NULL when the work was done; else all of it is undone, and this is its error. */
extern ErrorData *run_isolated(void (*work)(void *), void *argument);

/* The same, and all of it is undone in any case, the locks that it took included. */
extern ErrorData *run_undone(void (*work)(void *), void *argument);

#endif
