/*
 * gateway_reply.h
 *	  What the provider's answers mean. Pure: see gateway_reply.c.
 */
#ifndef BILLING_GATEWAY_REPLY_H
#define BILLING_GATEWAY_REPLY_H

#include "domain/gateway/gateway_work.h"

typedef enum GatewayTransport
{
	GATEWAY_ANSWERED,
	GATEWAY_NOT_SENT,
	GATEWAY_BROKEN /* sent, and no whole answer: timeout, reset, cut off, too large */
} GatewayTransport;

typedef struct GatewayExchange
{
	GatewayTransport transport;
	int status; /* of ANSWERED */
	const char *body;
	size_t body_size;
	const char *error; /* unless ANSWERED */
} GatewayExchange;

typedef enum GatewayMeaning
{
	MEANS_APPROVED,
	MEANS_DECLINED,
	MEANS_IN_PROGRESS,
	MEANS_NOT_FOUND,
	MEANS_UNKNOWN,
	MEANS_NOT_SENT,
	MEANS_REFUSED,     /* a send was not understood, or not accepted: it is looked up */
	MEANS_UNAUTHORIZED /* the API key is wrong */
} GatewayMeaning;

typedef struct GatewayReply
{
	GatewayMeaning meaning;
	int status;
	char *reference;       /* of APPROVED, or NULL */
	char *failure_code;    /* of DECLINED */
	char *failure_message; /* of DECLINED, or NULL */
	char *error;           /* for a person; NULL when the answer is a clear one */
	bool breaker_failure;
} GatewayReply;

/* Of the current memory context. */
extern GatewayReply gateway_read(const GatewayWork *work, const GatewayExchange *exchange);

#endif
