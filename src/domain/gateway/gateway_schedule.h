/*
 * gateway_schedule.h
 *	  What follows from an answer, and when. Pure: see gateway_schedule.c.
 */
#ifndef BILLING_GATEWAY_SCHEDULE_H
#define BILLING_GATEWAY_SCHEDULE_H

#include "domain/gateway/gateway_reply.h"

#define GATEWAY_MAX_DELAYS 16
#define GATEWAY_DEFAULT_DELAYS "5s, 1min, 5min, 1h"

/* Pauses before lookups; the last repeats. */
typedef struct GatewayDelays
{
	int count;
	int ms[GATEWAY_MAX_DELAYS];
} GatewayDelays;

#endif
