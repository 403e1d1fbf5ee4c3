/*
 * breaker.h
 *	  A circuit breaker for each downstream, shared by all processes. See breaker.c.
 */
#ifndef BILLING_BREAKER_H
#define BILLING_BREAKER_H

#include "edge/breaker_rules.h"

extern void breaker_init(void);

/* *again: when to ask next, if the answer is REFUSE; a latch may wake the caller earlier. */
extern BreakerVerdict breaker_ask(const char *name, TimestampTz now, TimestampTz *again);

/* How a call ended that had passed. A decline is no failure: the downstream works. */
extern void breaker_tell(const char *name, BreakerVerdict as, bool failed, int64 elapsed_us);

/* The call was not made after all. */
extern void breaker_cancel(const char *name, BreakerVerdict as);

/* Whether calls pass as usual: closed, and not forced open. */
extern bool breaker_is_closed(const char *name);

#endif
