/*
 * gateway_work.h
 *	  One leased call to the provider.
 */
#ifndef BILLING_GATEWAY_WORK_H
#define BILLING_GATEWAY_WORK_H

#include "datatype/timestamp.h"
#include "domain/gateway_call/gateway_scale.h"

typedef enum GatewayAction
{
	GATEWAY_SEND,
	GATEWAY_LOOKUP
} GatewayAction;

typedef struct GatewayWork
{
	MemoryContext context; /* holds all of it */
	char *customer_id;
	bool refund; /* else a payment */
	Datum subject_id;
	Datum payment_id; /* of a refund: its payment */
	GatewayAction action;
	int attempt_no;
	Datum lease_token;
	char *provider_key;
	Money amount;
	char *method;
	char *target_type;
	Datum target_id;
	char *token;     /* of the payment method, or NULL */
	char *reference; /* of a refund: the provider's of the payment */
	char *reason;    /* of a refund, or NULL */
	char *trace_id;  /* or NULL */
	TimestampTz claimed_at;
} GatewayWork;

#endif
