/*
 * bulkhead.h
 *	  How many calls of a downstream are in flight, over all processes. See bulkhead.c.
 */
#ifndef BILLING_BULKHEAD_H
#define BILLING_BULKHEAD_H

extern void bulkhead_init(void);

/* Takes a permit of this process. False: `most` are taken, which is counted. */
extern bool bulkhead_enter(const char *name, int most);
extern void bulkhead_leave(const char *name);

/* The queue before the downstream was full: counted. */
extern void bulkhead_refused(const char *name);

#endif
