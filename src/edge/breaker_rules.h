/*
 * breaker_rules.h
 *	  When a circuit breaker opens, probes and closes. See breaker_rules.c.
 */
#ifndef BILLING_BREAKER_RULES_H
#define BILLING_BREAKER_RULES_H

#include "edge/breaker.h"

#define BREAKER_MAX_WINDOW 1000
#define BREAKER_MAX_PROBES 100

typedef enum BreakerMode
{
	BREAKER_CLOSED, /* 0, so that zeroed memory is a closed one */
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,
	BREAKER_FORCED_OPEN
} BreakerMode;

typedef struct BreakerSettings
{
	int window, minimum_calls, probes; /* calls */
	int failure_rate, slow_call_rate;  /* percent */
	int64 slow_call_us, open_us;       /* slow_call_us 0: no call is slow */
} BreakerSettings;

typedef struct Breaker
{
	BreakerMode mode;
	int window;                      /* of the settings with which `seen` was filled */
	int calls, next;                 /* of the ring */
	int failures, slow;              /* among its calls */
	uint8 seen[BREAKER_MAX_WINDOW];  /* a ring of bits: failed, slow */
	TimestampTz opened_at, retry_at; /* 0 while closed; retry_at not where it was forced */
	int probes_given, probes_told, probes_slow;
	TimestampTz probes_until; /* those that have not told by then count as lost */
	int64 refused;
} Breaker;

/* How a call ended. */
typedef struct BreakerCall
{
	BreakerVerdict as;
	bool failed;
	int64 elapsed_us;
	TimestampTz now;
} BreakerCall;

extern BreakerVerdict breaker_decide(Breaker *breaker, const BreakerSettings *settings,
									 TimestampTz now, TimestampTz *again);
extern void
breaker_record(Breaker *breaker, const BreakerSettings *settings, const BreakerCall *call);
extern void breaker_take_back(Breaker *breaker, BreakerVerdict as);
extern void breaker_force_open(Breaker *breaker, TimestampTz now);
extern void breaker_reset(Breaker *breaker);
extern const char *breaker_mode_name(BreakerMode mode);

#endif
