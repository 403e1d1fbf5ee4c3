/*
 * gateway_schedule.c
 *	  What follows from an answer, and when. Pure C.
 *
 * Guarantees: what may have been sent is looked up before it is sent again; a key is sent only within
 * its lifetime; nothing is given up but by an answer of the provider. Times are of the real clock.
 */
#include "postgres.h"

#include "domain/gateway/gateway_schedule.h"

#define US_PER_MS INT64CONST(1000)
#define US_PER_S INT64CONST(1000000)
#define MOST_RETRY_DELAY_US (60 * US_PER_S)
#define MOST_DOUBLINGS 20

bool
gateway_may_send(const GatewayCounts *counts, TimestampTz now)
{
	return counts->sends == 0 ||
		   now - counts->first_sent_at < gateway_settings.key_lifetime_s * US_PER_S;
}

/* Exponential with full jitter: a random part of the delay, so that calls that failed together part. */
static int64
retry_delay_us(int tries, uint32 random)
{
	int64 delay = (gateway_settings.retry_delay_ms * US_PER_MS) << Min(tries, MOST_DOUBLINGS);

	return (int64) (((uint64) Min(delay, MOST_RETRY_DELAY_US) * random) >> 32);
}

static void
retry(GatewayNext *next, const GatewayMoment *moment)
{
	next->due_at = moment->now + retry_delay_us(next->counts.tries, moment->random);
	next->counts.tries++;
}

static void
look_up(GatewayNext *next, const GatewayMoment *moment)
{
	const GatewayDelays *delays = &gateway_settings.lookup_delays;
	int step = Min(next->counts.lookups, delays->count - 1);

	next->action = GATEWAY_LOOKUP;
	next->due_at = moment->now + delays->ms[step] * US_PER_MS;
	next->counts.lookups++;
	next->counts.tries = 0;
}

/* Nothing left, or was let in: as if not tried, so the lifetime of an unused key has not begun. */
static void
not_taken(GatewayNext *next, const GatewayWork *work, const GatewayMoment *moment)
{
	next->action = work->action;
	if (work->action == GATEWAY_SEND && --next->counts.sends == 0)
		next->counts.first_sent_at = 0;
	retry(next, moment);
}

static void
refused(GatewayNext *next, const GatewayReply *reply, const GatewayMoment *moment)
{
	next->action = GATEWAY_LOOKUP;
	next->due_at = moment->now;
	next->counts.refused_status = reply->status;
	next->counts.tries = 0;
}

static void
not_found(GatewayNext *next, const GatewayMoment *moment)
{
	GatewayCounts *counts = &next->counts;
	int64 patience = gateway_settings.not_found_after_s * US_PER_S;

	/* an earlier send may still be on its way: then a refusal of this one proves nothing */
	if (counts->refused_status != 0 && counts->sends == 1)
	{
		next->step = GATEWAY_END_REFUSED;
		return;
	}
	if (gateway_may_send(counts, moment->now))
	{
		look_up(next, moment); /* the pace, where sends are refused */
		next->action = GATEWAY_SEND;
		if (counts->refused_status != 0)
			return;
		counts->tries = 0;
		counts->lookups = 0;
		retry(next, moment);
		return;
	}
	if (counts->not_found_since == 0)
		counts->not_found_since = moment->now;
	else if (moment->now - counts->not_found_since >= patience && moment->breaker_closed)
		next->step = GATEWAY_END_NOT_FOUND;
	look_up(next, moment);
}

/* The call may be leased by nobody else; what it was is in its counts. */
GatewayNext
gateway_next(const GatewayWork *work, const GatewayReply *reply, const GatewayMoment *moment)
{
	GatewayNext next = {.step = GATEWAY_AGAIN, .action = GATEWAY_LOOKUP, .counts = work->counts};

	switch (reply->meaning)
	{
		case MEANS_APPROVED:
			next.step = GATEWAY_APPROVE;
			break;
		case MEANS_DECLINED:
			next.step = GATEWAY_DECLINE;
			break;
		case MEANS_IN_PROGRESS:
			next.counts.not_found_since = 0;
			look_up(&next, moment);
			break;
		case MEANS_UNKNOWN:
			look_up(&next, moment);
			break;
		case MEANS_NOT_FOUND:
			not_found(&next, moment);
			break;
		case MEANS_NOT_SENT:
		case MEANS_UNAUTHORIZED:
			not_taken(&next, work, moment);
			break;
		case MEANS_REFUSED:
			refused(&next, reply, moment);
			break;
	}
	return next;
}
