/*
 * breaker_rules.h
 *	  When a circuit breaker opens, probes and closes. See breaker_rules.c.
 */
#ifndef BILLING_BREAKER_RULES_H
#define BILLING_BREAKER_RULES_H

#include "datatype/timestamp.h"

#define BREAKER_MAX_WINDOW 1000
#define BREAKER_MAX_PROBES 100

typedef enum BreakerVerdict
{
	BREAKER_PASS,
	BREAKER_PROBE, /* one of the few calls of a half-open breaker */
	BREAKER_REFUSE
} BreakerVerdict;

typedef enum BreakerMode
{
	BREAKER_CLOSED,
	BREAKER_OPEN,
	BREAKER_HALF_OPEN,
	BREAKER_FORCED_OPEN
} BreakerMode;

typedef struct BreakerSettings
{
	int window;        /* calls */
	int minimum_calls; /* before it judges */
	int failure_rate;  /* percent */
	int slow_call_rate;
	int64 slow_call_us; /* 0: no call is slow */
	int64 open_us;
	int probes;
} BreakerSettings;

/* Zeroed, it is closed and has seen no call. */
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

extern BreakerVerdict breaker_decide(Breaker *breaker, const BreakerSettings *settings,
									 TimestampTz now, TimestampTz *again);

/* How a call ended. */
typedef struct BreakerCall
{
	BreakerVerdict as;
	bool failed;
	int64 elapsed_us;
	TimestampTz now;
} BreakerCall;

extern void
breaker_record(Breaker *breaker, const BreakerSettings *settings, const BreakerCall *call);
extern void breaker_take_back(Breaker *breaker, BreakerVerdict as);
extern void breaker_force_open(Breaker *breaker, TimestampTz now);
extern void breaker_reset(Breaker *breaker);
extern const char *breaker_mode_name(BreakerMode mode);

#endif
