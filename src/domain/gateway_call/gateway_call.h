/*
 * gateway_call.h
 *	  The durable queue of what an outside provider is to be told: one row a payment or refund that
 *	  is not decided.
 */
#ifndef BILLING_GATEWAY_CALL_H
#define BILLING_GATEWAY_CALL_H

#define SUBJECT_PAYMENT "PAYMENT"
#define SUBJECT_REFUND "REFUND"

typedef struct GatewayCall
{
	const char *customer_id;
	const char *subject; /* PAYMENT or REFUND */
	Datum subject_id;
	bool
		interactive; /* somebody waits: before charges of the house, and refused when too many wait */
} GatewayCall;

/* How the queue tells the edge that it was full. Filled by the worker that owns the edge. */
typedef struct GatewayCallPort
{
	void (*refused)(void);
} GatewayCallPort;
extern GatewayCallPort gateway_call_port;

extern void gateway_call_init(void);

/* Whether there is an outside provider: billing.gateway_url. */
extern bool gateway_configured(void);
extern const char *gateway_url(void);

/* Queues calls and wakes the worker at commit. BULKHEAD_FULL. Needs spi_begin(). */
extern void gateway_calls_queue(const GatewayCall *calls, int count);

/* The payments or refunds are decided: nothing is to be called any more. Needs spi_begin(). */
extern void gateway_calls_drop(const GatewayCall *calls, int count);

#endif
