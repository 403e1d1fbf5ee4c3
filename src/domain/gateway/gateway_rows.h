/*
 * gateway_rows.h
 *	  The rows of calls and attempts, as the files of this module write and read them. Need spi_begin().
 */
#ifndef BILLING_GATEWAY_ROWS_H
#define BILLING_GATEWAY_ROWS_H

#include "core/spi.h"
#include "domain/gateway/gateway.h"
#include "domain/gateway/gateway_schedule.h"

/* A call that ended, with what follows from it. */
typedef struct GatewayOutcome
{
	const GatewayWork *work;
	const GatewayReply *reply;
	GatewayNext next;

	/* given by outcomes_lock() */
	bool held; /* its lease is still its own */
	bool gone; /* it is decided: there is no call any more */
} GatewayOutcome;

/* What the provider is told, of claimed works: what cannot be read keeps provider_key NULL. */
extern void works_describe(GatewayWork *const *works, int count);

/* The attempts of calls, begun when they are claimed. */
extern void attempts_begin(GatewayWork *const *works, int count, TimestampTz now);

/* Locks the calls, in the order of their keys, and looks whose leases they are. */
extern void outcomes_lock(GatewayOutcome *outcomes, int count);

/* Writes what follows of calls that are held and are called again. */
extern void outcomes_reschedule(const GatewayOutcome *outcomes, int count);

/* Makes calls due at once whose answer came when another had their lease: it asks again. */
extern void outcomes_hasten(const GatewayOutcome *outcomes, int count);

/* Ends the attempts of calls that decide nothing. */
extern void outcomes_end_attempts(const GatewayOutcome *outcomes, int count);

/* A text of the provider as the database can hold it. */
extern char *text_from_utf8(char *text);

#endif
