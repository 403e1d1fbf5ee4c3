/*
 * gateway_settings.h
 *	  The settings of the calls to the payment gateway. See gateway_settings.c.
 */
#ifndef BILLING_GATEWAY_SETTINGS_H
#define BILLING_GATEWAY_SETTINGS_H

#include "domain/gateway_call/gateway_scale.h"

#define GATEWAY_MAX_DELAYS 16
#define GATEWAY_DEFAULT_DELAYS "5s, 1min, 5min, 1h"

/* Pauses before lookups; the last repeats. */
typedef struct GatewayDelays
{
	int count;
	int ms[GATEWAY_MAX_DELAYS];
} GatewayDelays;

typedef struct GatewaySettings
{
	int connect_timeout_ms;
	int timeout_ms; /* of a whole exchange; a lease is 10 s longer */
	int max_in_flight;
	int max_response; /* bytes */
	int retry_delay_ms;
	char *ca_file;
	GatewayDelays lookup_delays;
	int key_lifetime_s;
	int not_found_after_s;
	int stuck_after_s;
	int amounts; /* GatewayAmounts */
} GatewaySettings;

extern GatewaySettings gateway_settings;
extern void gateway_init(void);

#endif
