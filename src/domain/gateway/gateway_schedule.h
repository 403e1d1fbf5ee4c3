/*
 * gateway_schedule.h
 *	  What follows from an answer, and when. Pure: see gateway_schedule.c.
 */
#ifndef BILLING_GATEWAY_SCHEDULE_H
#define BILLING_GATEWAY_SCHEDULE_H

#include "domain/gateway/gateway_reply.h"
#include "domain/gateway/gateway_settings.h"

typedef enum GatewayStep
{
	GATEWAY_AGAIN, /* called again */
	GATEWAY_APPROVE,
	GATEWAY_DECLINE,
	GATEWAY_END_REFUSED,  /* not accepted, and not known: it has failed */
	GATEWAY_END_NOT_FOUND /* never known for so long that it has failed */
} GatewayStep;

/* What a step is decided with beside the answer. */
typedef struct GatewayMoment
{
	TimestampTz now;
	uint32 random; /* 0 to 2^32 - 1, evenly */
	bool breaker_closed;
} GatewayMoment;

typedef struct GatewayNext
{
	GatewayStep step;
	GatewayAction action; /* of AGAIN, with what follows */
	TimestampTz due_at;
	GatewayCounts counts;
} GatewayNext;

extern GatewayNext
gateway_next(const GatewayWork *work, const GatewayReply *reply, const GatewayMoment *moment);

/* Whether the key may be sent (again) at the time. */
extern bool gateway_may_send(const GatewayCounts *counts, TimestampTz now);

#endif
