/*
 * gateway_flight.h
 *	  The calls of one gateway worker between claim and record. See gateway_flight.c.
 */
#ifndef BILLING_GATEWAY_FLIGHT_H
#define BILLING_GATEWAY_FLIGHT_H

#include "domain/gateway/gateway.h"

extern void flights_open(void);
extern void flights_reconfigure(void);
extern void flights_close(void);

/* How many more calls may be made, as far as this process can tell. */
extern int flights_room(void);
extern int flights_in_air(void);

/*
 * Takes permits of the bulkhead and the circuit breaker, at most `most`, and answers how many; after
 * 0 *again says when to ask next. flights_dismiss() gives back those that no call has used.
 */
extern int flights_admit(int most, TimestampTz *again);
extern void flights_dismiss(void);

/* Makes a call, with a permit; a call that could not be made is among the unsent ones then. */
extern void flights_send(GatewayWork *work, const GatewayAddress *to);
extern void flights_keep_unsent(GatewayWork *work);

/* Sleeps on MyLatch and on the calls, and reads what has ended. */
extern void flights_wait(long timeout_ms);

/* What has ended and what was not sent, oldest first; both are kept until they are forgotten. */
extern int flights_ended(GatewayResult *results, int most);
extern int flights_unsent(GatewayWork **works, int most);
extern void flights_forget(int ended, int unsent);
extern int flights_ended_count(void);
extern bool flights_any_done(void);

#endif
