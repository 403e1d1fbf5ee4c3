/*
 * gateway_scale.h
 *	  How amounts are written for an outside provider. See gateway_scale.c.
 */
#ifndef BILLING_GATEWAY_SCALE_H
#define BILLING_GATEWAY_SCALE_H

#include "core/money.h"

typedef enum GatewayAmounts
{
	GATEWAY_AMOUNTS_DECIMAL, /* 10.50 */
	GATEWAY_AMOUNTS_MINOR    /* 1050 */
} GatewayAmounts;

/* Digits after the point that a provider takes: not always those of ISO 4217. */
extern int gateway_scale(const Currency *currency);

/* Whether a provider can take the amount. */
extern bool gateway_takes(Money amount);

/* INVALID_ARGUMENT for an amount that a provider cannot take. */
extern void gateway_scale_check(Money amount);

/* The amount as a JSON number. It has passed gateway_scale_check(). */
extern char *gateway_amount_text(Money amount, GatewayAmounts amounts);

#endif
