/*
 * breaker.h
 *	  A circuit breaker for each downstream, shared by all processes. See breaker.c.
 */
#ifndef BILLING_BREAKER_H
#define BILLING_BREAKER_H

#include "datatype/timestamp.h"

typedef enum BreakerVerdict
{
	BREAKER_PASS,
	BREAKER_PROBE, /* one of the few calls of a half-open breaker */
	BREAKER_REFUSE
} BreakerVerdict;

extern void breaker_init(void);

/*
 * Whether a call may be made. *again: when to ask next, if the answer is REFUSE. Whoever got PASS or
 * PROBE tells how it ended, or cancels it.
 */
extern BreakerVerdict breaker_ask(const char *name, TimestampTz now, TimestampTz *again);

/* How a call ended. A decline is no failure: the downstream works. */
extern void breaker_tell(const char *name, BreakerVerdict as, bool failed, int64 elapsed_us);

/* The call was not made after all. */
extern void breaker_cancel(const char *name, BreakerVerdict as);

/* Whether calls pass as usual. */
extern bool breaker_is_closed(const char *name);

#endif
