/*
 * breaker_rules.c
 *	  The rules of a circuit breaker, without its memory, its clock and its settings.
 *
 *	  CLOSED       all calls pass; the last `window` are counted. It opens when at least
 *	               `minimum_calls` are seen, and `failure_rate` percent of them failed or
 *	               `slow_call_rate` percent were slow.
 *	  OPEN         none passes until `open_us` are over; then it is half-open.
 *	  HALF_OPEN    `probes` calls pass. One that fails opens it again; when all have told and not
 *	               too many were slow, it closes with an empty window.
 *	  FORCED_OPEN  none passes until it is reset.
 *
 * Guarantees: a probe that never tells blocks nothing: after another `open_us` it counts as lost and
 * is given anew. A call that passed before the breaker opened changes nothing when it ends later. A
 * clock that is set back makes nobody wait longer than `open_us`.
 */
#include "postgres.h"

#include "core/errors.h"
#include "edge/breaker_rules.h"

#define CALL_FAILED 1
#define CALL_SLOW 2

static const char *const mode_names[] = {
	[BREAKER_CLOSED] = "CLOSED",
	[BREAKER_OPEN] = "OPEN",
	[BREAKER_HALF_OPEN] = "HALF_OPEN",
	[BREAKER_FORCED_OPEN] = "FORCED_OPEN",
};

const char *
breaker_mode_name(BreakerMode mode)
{
	return mode_names[mode];
}

static void
forget_calls(Breaker *breaker)
{
	breaker->calls = 0;
	breaker->next = 0;
	breaker->failures = 0;
	breaker->slow = 0;
}

static void
forget_probes(Breaker *breaker)
{
	breaker->probes_given = 0;
	breaker->probes_told = 0;
	breaker->probes_slow = 0;
}

void
breaker_reset(Breaker *breaker)
{
	breaker->mode = BREAKER_CLOSED;
	breaker->opened_at = 0;
	breaker->retry_at = 0;
	forget_calls(breaker);
	forget_probes(breaker);
}

void
breaker_force_open(Breaker *breaker, TimestampTz now)
{
	if (breaker->opened_at == 0)
		breaker->opened_at = now;
	breaker->mode = BREAKER_FORCED_OPEN;
	breaker->retry_at = 0;
	forget_probes(breaker);
}

static void
open_breaker(Breaker *breaker, const BreakerSettings *settings, TimestampTz now)
{
	breaker->mode = BREAKER_OPEN;
	breaker->opened_at = now;
	breaker->retry_at = now + settings->open_us;
	forget_probes(breaker);
}

static bool
reaches(int part, int of, int percent)
{
	return (int64) part * 100 >= (int64) percent * of;
}

/*
 * Whether a call may be made now. PASS and PROBE are told or taken back later. With REFUSE, *again
 * is when to ask next, at the latest.
 */
BreakerVerdict
breaker_decide(Breaker *breaker, const BreakerSettings *settings, TimestampTz now,
			   TimestampTz *again)
{
	*again = now;
	if (breaker->mode == BREAKER_CLOSED)
		return BREAKER_PASS;
	*again = now + settings->open_us;
	if (breaker->mode == BREAKER_OPEN)
	{
		/* the setting or the clock may have changed since */
		breaker->retry_at = Min(breaker->retry_at, *again);
		*again = breaker->retry_at;
		if (now >= breaker->retry_at)
		{
			breaker->mode = BREAKER_HALF_OPEN;
			forget_probes(breaker);
		}
	}
	if (breaker->mode == BREAKER_HALF_OPEN)
	{
		if (breaker->probes_given >= settings->probes &&
			(now >= breaker->probes_until || breaker->probes_until > now + settings->open_us))
			breaker->probes_given = breaker->probes_told;
		if (breaker->probes_given < settings->probes)
		{
			breaker->probes_given++;
			breaker->probes_until = now + settings->open_us;
			return BREAKER_PROBE;
		}
		*again = breaker->probes_until;
	}
	breaker->refused++;
	return BREAKER_REFUSE;
}

static void
record_probe(Breaker *breaker, const BreakerSettings *settings, const BreakerCall *call, bool slow)
{
	if (breaker->mode != BREAKER_HALF_OPEN)
		return;
	if (call->failed)
	{
		open_breaker(breaker, settings, call->now);
		return;
	}
	breaker->probes_told++;
	breaker->probes_slow += slow;
	if (breaker->probes_told < settings->probes)
		return;
	if (reaches(breaker->probes_slow, breaker->probes_told, settings->slow_call_rate))
		open_breaker(breaker, settings, call->now);
	else
		breaker_reset(breaker);
}

static void
record_passed(Breaker *breaker, const BreakerSettings *settings, const BreakerCall *call, bool slow)
{
	uint8 *place;

	if (breaker->mode != BREAKER_CLOSED)
		return;
	if (breaker->window != settings->window)
	{
		forget_calls(breaker);
		breaker->window = settings->window;
	}
	place = &breaker->seen[breaker->next];
	breaker->next = (breaker->next + 1) % breaker->window;
	if (breaker->calls == breaker->window)
	{
		breaker->failures -= (*place & CALL_FAILED) != 0;
		breaker->slow -= (*place & CALL_SLOW) != 0;
	}
	else
		breaker->calls++;
	*place = (uint8) ((call->failed ? CALL_FAILED : 0) | (slow ? CALL_SLOW : 0));
	breaker->failures += call->failed;
	breaker->slow += slow;
	if (breaker->calls < Min(settings->minimum_calls, breaker->window))
		return;
	if (reaches(breaker->failures, breaker->calls, settings->failure_rate) ||
		reaches(breaker->slow, breaker->calls, settings->slow_call_rate))
		open_breaker(breaker, settings, call->now);
}

void
breaker_record(Breaker *breaker, const BreakerSettings *settings, const BreakerCall *call)
{
	bool slow = settings->slow_call_us > 0 && call->elapsed_us >= settings->slow_call_us;

	if (call->as == BREAKER_PROBE)
		record_probe(breaker, settings, call, slow);
	else if (call->as == BREAKER_PASS)
		record_passed(breaker, settings, call, slow);
}

/* A call that was allowed was not made. */
void
breaker_take_back(Breaker *breaker, BreakerVerdict as)
{
	if (as == BREAKER_PROBE && breaker->mode == BREAKER_HALF_OPEN &&
		breaker->probes_given > breaker->probes_told)
		breaker->probes_given--;
}
