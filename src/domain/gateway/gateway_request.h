/*
 * gateway_request.h
 *	  What is said to the provider. Pure: see gateway_request.c.
 */
#ifndef BILLING_GATEWAY_REQUEST_H
#define BILLING_GATEWAY_REQUEST_H

#include "domain/gateway/gateway_work.h"

typedef struct GatewayAddress
{
	char *url;     /* NULL: none */
	char *api_key; /* NULL: none */
	GatewayAmounts amounts;
} GatewayAddress;

typedef struct GatewayRequest
{
	const char *method;
	const char *url;
	const char *headers[8]; /* "Name: value", ended by NULL; they hold the API key */
	const char *body;       /* NULL: none */
	size_t body_size;
} GatewayRequest;

/* Of the current memory context. */
extern void
gateway_request(const GatewayWork *work, const GatewayAddress *to, GatewayRequest *request);

#endif
