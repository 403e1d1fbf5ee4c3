/*
 * test_gateway_schedule.c
 *	  What follows from the answer of a payment provider, and when.
 */
#include "postgres.h"

#include "domain/gateway/gateway_schedule.h"
#include "harness.h"

#define SECOND INT64CONST(1000000)
#define HOUR (3600 * SECOND)
#define NOW (1000000 * SECOND)
#define LAST UINT32_MAX /* of all random numbers */

/* As gateway_settings.c sets them where nobody does. */
GatewaySettings gateway_settings = {
	.retry_delay_ms = 200,
	.lookup_delays = {4, {5000, 60000, 300000, 3600000}},
	.key_lifetime_s = 23 * 3600,
	.not_found_after_s = 24 * 3600,
};

/* A call as it is once it is claimed. */
static GatewayWork
sent_once(void)
{
	return (GatewayWork){.action = GATEWAY_SEND,
						 .counts = {.sends = 1, .first_sent_at = NOW - SECOND}};
}

static GatewayNext
follows_at(const GatewayWork *work, GatewayMeaning meaning, TimestampTz now)
{
	GatewayReply reply = {.meaning = meaning, .status = 422};
	GatewayMoment moment = {.now = now, .random = LAST, .breaker_closed = true};

	return gateway_next(work, &reply, &moment);
}

static GatewayNext
follows(const GatewayWork *work, GatewayMeaning meaning)
{
	return follows_at(work, meaning, NOW);
}

/* The work as the next claim of it would be. */
static GatewayWork
claimed(const GatewayNext *next)
{
	GatewayWork work = {.action = next->action, .counts = next->counts};

	if (work.action == GATEWAY_SEND && work.counts.sends++ == 0)
		work.counts.first_sent_at = next->due_at;
	if (work.action == GATEWAY_SEND)
		work.counts.not_found_since = 0;
	return work;
}

static void
a_clear_answer_ends_it(void)
{
	GatewayWork work = sent_once();

	CHECK_INT(follows(&work, MEANS_APPROVED).step, GATEWAY_APPROVE);
	CHECK_INT(follows(&work, MEANS_DECLINED).step, GATEWAY_DECLINE);
	work.action = GATEWAY_LOOKUP;
	CHECK_INT(follows(&work, MEANS_APPROVED).step, GATEWAY_APPROVE);
	CHECK_INT(follows(&work, MEANS_DECLINED).step, GATEWAY_DECLINE);
}

static void
an_unknown_outcome_is_looked_up_on_the_schedule(void)
{
	static const int64 delays[] = {5, 60, 300, 3600, 3600, 3600};
	GatewayWork work = sent_once();

	for (size_t i = 0; i < lengthof(delays); i++)
	{
		GatewayNext next = follows(&work, i % 2 == 0 ? MEANS_UNKNOWN : MEANS_IN_PROGRESS);

		CHECK_INT(next.step, GATEWAY_AGAIN);
		CHECK_INT(next.action, GATEWAY_LOOKUP);
		CHECK_INT(next.due_at - NOW, delays[i] * SECOND);
		work = claimed(&next);
	}
	CHECK_INT(work.counts.sends, 1);
}

static void
what_was_never_sent_is_sent_again_soon(void)
{
	static const int64 delays_ms[] = {200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000};
	GatewayWork work = sent_once();

	for (int i = 0; i < 100; i++)
	{
		GatewayNext next = follows(&work, MEANS_NOT_SENT);
		int64 most = delays_ms[Min(i, (int) lengthof(delays_ms) - 1)] * 1000;

		CHECK_INT(next.action, GATEWAY_SEND);
		CHECK(next.due_at - NOW < most && next.due_at - NOW >= most - 1000);
		CHECK_INT(next.counts.sends, 0);
		CHECK_INT(next.counts.first_sent_at, 0);
		work = claimed(&next);
	}
}

static void
the_pause_is_a_random_part(void)
{
	GatewayWork work = sent_once();
	GatewayReply reply = {.meaning = MEANS_NOT_SENT};
	GatewayMoment moment = {.now = NOW, .random = 0};

	CHECK_INT(gateway_next(&work, &reply, &moment).due_at, NOW);
	moment.random = UINT32_C(1) << 31;
	CHECK_INT(gateway_next(&work, &reply, &moment).due_at - NOW, 100 * 1000);
}

/* One earlier call may have come through: its lifetime runs on, and its count stays. */
static void
a_later_call_that_is_not_sent_takes_nothing_back(void)
{
	GatewayWork work = sent_once();
	GatewayNext next;

	work.counts.sends = 2;
	next = follows(&work, MEANS_NOT_SENT);
	CHECK_INT(next.counts.sends, 1);
	CHECK_INT(next.counts.first_sent_at, NOW - SECOND);
	work.action = GATEWAY_LOOKUP;
	next = follows(&work, MEANS_NOT_SENT);
	CHECK_INT(next.action, GATEWAY_LOOKUP);
	CHECK_INT(next.counts.sends, 2);
}

static void
a_wrong_api_key_is_tried_on(void)
{
	GatewayWork work = sent_once();
	GatewayNext next = follows(&work, MEANS_UNAUTHORIZED);

	CHECK_INT(next.action, GATEWAY_SEND);
	CHECK(next.due_at - NOW <= 200 * 1000);
	work.action = GATEWAY_LOOKUP;
	CHECK_INT(follows(&work, MEANS_UNAUTHORIZED).action, GATEWAY_LOOKUP);
}

static void
an_unknown_key_is_sent_again_in_its_lifetime(void)
{
	GatewayWork work = sent_once();
	GatewayNext next = follows(&work, MEANS_UNKNOWN);

	work = claimed(&next);
	CHECK_INT(work.action, GATEWAY_LOOKUP);
	next = follows(&work, MEANS_NOT_FOUND);
	CHECK_INT(next.action, GATEWAY_SEND);
	CHECK(next.due_at - NOW <= 200 * 1000);
	CHECK_INT(next.counts.lookups, 0);
	CHECK(gateway_may_send(&next.counts, NOW + 23 * HOUR - 2 * SECOND));
	CHECK(!gateway_may_send(&next.counts, NOW + 23 * HOUR - SECOND));
}

static void
after_its_lifetime_a_key_is_only_looked_up(void)
{
	GatewayWork work = sent_once();
	TimestampTz late = NOW + 24 * HOUR;
	GatewayNext next;

	work.action = GATEWAY_LOOKUP;
	next = follows_at(&work, MEANS_NOT_FOUND, late);
	CHECK_INT(next.step, GATEWAY_AGAIN);
	CHECK_INT(next.action, GATEWAY_LOOKUP);
	CHECK_INT(next.counts.not_found_since, late);
	work = claimed(&next);
	next = follows_at(&work, MEANS_NOT_FOUND, late + 24 * HOUR - 1);
	CHECK_INT(next.step, GATEWAY_AGAIN);
	CHECK_INT(next.counts.not_found_since, late);
	CHECK_INT(follows_at(&work, MEANS_NOT_FOUND, late + 24 * HOUR).step, GATEWAY_END_NOT_FOUND);
	CHECK_INT(follows_at(&work, MEANS_UNKNOWN, late + 24 * HOUR).step, GATEWAY_AGAIN);
}

static void
nothing_is_given_up_while_the_provider_is_ill(void)
{
	GatewayWork work = sent_once();
	GatewayReply reply = {.meaning = MEANS_NOT_FOUND};
	GatewayMoment moment = {.now = NOW + 100 * HOUR, .random = 0, .breaker_closed = false};

	work.action = GATEWAY_LOOKUP;
	work.counts.not_found_since = NOW + 25 * HOUR;
	CHECK_INT(gateway_next(&work, &reply, &moment).step, GATEWAY_AGAIN);
	moment.breaker_closed = true;
	CHECK_INT(gateway_next(&work, &reply, &moment).step, GATEWAY_END_NOT_FOUND);
}

static void
a_key_that_is_known_after_all_is_waited_for_anew(void)
{
	GatewayWork work = sent_once();
	GatewayNext next;

	work.action = GATEWAY_LOOKUP;
	work.counts.not_found_since = NOW;
	next = follows_at(&work, MEANS_IN_PROGRESS, NOW + 30 * HOUR);
	CHECK_INT(next.counts.not_found_since, 0);
	work = claimed(&next);
	CHECK_INT(follows_at(&work, MEANS_NOT_FOUND, NOW + 31 * HOUR).step, GATEWAY_AGAIN);
}

static void
a_refused_request_is_looked_up_at_once(void)
{
	GatewayWork work = sent_once();
	GatewayNext next = follows(&work, MEANS_REFUSED);

	CHECK_INT(next.action, GATEWAY_LOOKUP);
	CHECK_INT(next.due_at, NOW);
	CHECK_INT(next.counts.refused_status, 422);
	work = claimed(&next);
	CHECK_INT(follows(&work, MEANS_NOT_FOUND).step, GATEWAY_END_REFUSED);
	CHECK_INT(follows(&work, MEANS_APPROVED).step, GATEWAY_APPROVE);
	next = follows(&work, MEANS_UNKNOWN);
	CHECK_INT(next.action, GATEWAY_LOOKUP);
	work = claimed(&next);
	CHECK_INT(follows(&work, MEANS_NOT_FOUND).step, GATEWAY_END_REFUSED);
}

/* An earlier send may be on its way still: what is refused now proves nothing about it. */
static void
a_refusal_of_a_second_send_ends_nothing(void)
{
	static const int64 delays[] = {5, 60, 300, 3600, 3600};
	GatewayWork work = sent_once();
	GatewayNext next;

	work.counts.sends = 2;
	for (size_t i = 0; i < lengthof(delays); i++)
	{
		next = follows(&work, MEANS_REFUSED);
		work = claimed(&next);
		next = follows(&work, MEANS_NOT_FOUND);
		CHECK_INT(next.step, GATEWAY_AGAIN);
		CHECK_INT(next.action, GATEWAY_SEND);
		CHECK_INT(next.due_at - NOW, delays[i] * SECOND);
		work = claimed(&next);
	}
}

/* However answers come, a send follows only what did not leave, or a NOT_FOUND in the key's lifetime. */
static void
a_send_follows_only_what_makes_it_safe(void)
{
	static const GatewayMeaning meanings[] = {MEANS_IN_PROGRESS, MEANS_NOT_FOUND,
											  MEANS_UNKNOWN,     MEANS_NOT_SENT,
											  MEANS_REFUSED,     MEANS_UNAUTHORIZED};

	harness_seed(7);
	for (int round = 0; round < 2000; round++)
	{
		GatewayNext next = {.action = GATEWAY_SEND, .due_at = NOW};

		for (int i = 0; i < 40; i++)
		{
			GatewayWork work = claimed(&next);
			GatewayMeaning meaning = meanings[harness_random_below(lengthof(meanings))];
			GatewayReply reply = {.meaning = meaning, .status = 400};
			GatewayMoment moment = {next.due_at + (int64) harness_random_below(HOUR),
									(uint32) harness_random(), harness_random_below(2) == 1};
			bool unsent = meaning == MEANS_NOT_SENT || meaning == MEANS_UNAUTHORIZED;

			next = gateway_next(&work, &reply, &moment);
			CHECK(next.counts.sends >= 0 && next.counts.sends <= work.counts.sends);
			CHECK((next.counts.sends == 0) == (next.counts.first_sent_at == 0));
			if (next.step != GATEWAY_AGAIN)
				break;
			CHECK(next.due_at >= moment.now);
			if (next.action == GATEWAY_SEND && !(unsent && work.action == GATEWAY_SEND))
				CHECK(meaning == MEANS_NOT_FOUND && gateway_may_send(&next.counts, moment.now));
			if (next.action == GATEWAY_SEND && !gateway_may_send(&next.counts, next.due_at))
				next.action = GATEWAY_LOOKUP; /* as the claim does */
		}
	}
}

static const UnitTest tests[] = {
	{"a clear answer ends it", a_clear_answer_ends_it},
	{"an unknown outcome is looked up on the schedule",
	 an_unknown_outcome_is_looked_up_on_the_schedule},
	{"what was never sent is sent again soon", what_was_never_sent_is_sent_again_soon},
	{"the pause is a random part", the_pause_is_a_random_part},
	{"a later call that is not sent takes nothing back",
	 a_later_call_that_is_not_sent_takes_nothing_back},
	{"a wrong API key is tried on", a_wrong_api_key_is_tried_on},
	{"an unknown key is sent again in its lifetime", an_unknown_key_is_sent_again_in_its_lifetime},
	{"after its lifetime a key is only looked up", after_its_lifetime_a_key_is_only_looked_up},
	{"nothing is given up while the provider is ill",
	 nothing_is_given_up_while_the_provider_is_ill},
	{"a key that is known after all is waited for anew",
	 a_key_that_is_known_after_all_is_waited_for_anew},
	{"a refused request is looked up at once", a_refused_request_is_looked_up_at_once},
	{"a refusal of a second send ends nothing", a_refusal_of_a_second_send_ends_nothing},
	{"a send follows only what makes it safe", a_send_follows_only_what_makes_it_safe},
};

UNIT_MAIN(tests)
