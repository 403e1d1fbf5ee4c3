/*
 * clock.h
 *	  Business time. Nobody else reads the clock.
 */
#ifndef BILLING_CLOCK_H
#define BILLING_CLOCK_H

#include "datatype/timestamp.h"

extern void clock_init(void);

/* The start of the transaction, or billing.now where a test has set it. */
extern TimestampTz clock_now(void);

/* The real time now: for leases, retries and what else a machine waits for, never for business. */
extern TimestampTz clock_real(void);

/* The real time in ms since 1970: for identity, never for business. */
extern int64 clock_unix_ms(void);

#endif
