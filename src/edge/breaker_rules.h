/*
 * breaker_rules.h
 *	  When a circuit breaker opens, probes and closes. See breaker_rules.c.
 */
#ifndef BILLING_BREAKER_RULES_H
#define BILLING_BREAKER_RULES_H

#include "datatype/timestamp.h"

typedef enum BreakerVerdict
{
	BREAKER_PASS,
	BREAKER_PROBE, /* one of the few calls of a half-open breaker */
	BREAKER_REFUSE
} BreakerVerdict;

#endif
