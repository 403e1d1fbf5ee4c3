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

/* What has become of the calls so far, those of a lease that is claimed counted in. */
typedef struct GatewayCounts
{
	int sends;                   /* that may have moved money */
	int tries;                   /* that did not leave, or were not let in, since one that was */
	int lookups;                 /* steps of the schedule of lookups that are done */
	TimestampTz first_sent_at;   /* 0: never */
	TimestampTz not_found_since; /* 0: it was not asked, or is known */
	int refused_status;          /* HTTP status of a send that was not accepted, or 0 */
} GatewayCounts;

typedef struct GatewayWork
{
	MemoryContext context; /* holds all of it */
	char *customer_id;
	bool refund; /* else a payment */
	Datum subject_id;
	GatewayAction action;
	int attempt_no;
	Datum lease_token;
	char *provider_key;
	Money amount;
	char *method;
	char *target_type;
	char *target_id;
	char *lease_text;    /* lease_token as text */
	char *customer_utf8; /* these are UTF-8, whatever the database is encoded in */
	char *token;         /* of the payment method, or NULL */
	char *reference;     /* of a refund: the provider's of the payment */
	char *reason;        /* of a refund, or NULL */
	char *trace_id;      /* or NULL */
	GatewayCounts counts;
} GatewayWork;

#endif
