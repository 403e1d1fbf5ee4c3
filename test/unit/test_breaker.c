/*
 * test_breaker.c
 *	  When a circuit breaker opens, probes and closes.
 */
#include "postgres.h"

#include "edge/breaker_rules.h"
#include "harness.h"

#define SECOND INT64CONST(1000000)
#define START (1000 * SECOND)

static const BreakerSettings usual = {.window = 20,
									  .minimum_calls = 10,
									  .failure_rate = 50,
									  .slow_call_rate = 100,
									  .slow_call_us = 4 * SECOND,
									  .open_us = 30 * SECOND,
									  .probes = 3};

static Breaker breaker;
static TimestampTz again;

static void
begin(void)
{
	memset(&breaker, 0, sizeof(breaker));
}

static BreakerVerdict
ask(TimestampTz now)
{
	return breaker_decide(&breaker, &usual, now, &again);
}

static void
tell(BreakerVerdict as, bool failed, int64 elapsed_us, TimestampTz now)
{
	BreakerCall call = {as, failed, elapsed_us, now};

	breaker_record(&breaker, &usual, &call);
}

/* `text`: f for a failure, s for a slow call, b for both, anything else for a good one. */
static void
play(const char *text)
{
	for (; *text != '\0'; text++)
	{
		bool slow = *text == 's' || *text == 'b';

		CHECK_INT(ask(START), BREAKER_PASS);
		tell(BREAKER_PASS, *text == 'f' || *text == 'b', slow ? 4 * SECOND : 4 * SECOND - 1, START);
	}
}

static void
open_it(void)
{
	begin();
	play("ffffffffff");
	CHECK_INT(breaker.mode, BREAKER_OPEN);
}

static void
it_opens_at_the_failure_rate_of_enough_calls(void)
{
	begin();
	play("fffffffff");
	CHECK_INT(breaker.mode, BREAKER_CLOSED); /* 9 calls are too few */
	play("f");
	CHECK_INT(breaker.mode, BREAKER_OPEN);
	begin();
	play("......ffff..fff");
	CHECK_INT(breaker.mode, BREAKER_CLOSED); /* 7 of 15 */
	play("f");
	CHECK_INT(breaker.mode, BREAKER_OPEN); /* 8 of 16 */
	CHECK_INT(breaker.opened_at, START);
	CHECK_INT(breaker.retry_at, START + 30 * SECOND);
}

static void
only_the_last_calls_count(void)
{
	begin();
	play("....................fffffffff");
	CHECK_INT(breaker.failures, 9);
	play("...............");
	CHECK_INT(breaker.failures, 5); /* the oldest 4 fell out */
	play("fffff");
	CHECK_INT(breaker.failures, 5); /* 5 in, 5 out */
	CHECK_INT(breaker.calls, 20);
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
}

/* Against a count over the same calls kept one by one. */
static void
the_counts_are_those_of_the_last_window(void)
{
	static bool failed[5000];
	static bool slow[5000];
	BreakerSettings settings = usual;

	begin();
	harness_seed(7);
	settings.failure_rate = 100;
	for (int i = 0; i < (int) lengthof(failed); i++)
	{
		BreakerCall call = {.as = BREAKER_PASS, .now = START};
		int failures = 0;
		int slow_calls = 0;

		failed[i] = harness_random_below(3) == 0;
		slow[i] = harness_random_below(4) == 0;
		call.failed = failed[i];
		call.elapsed_us = slow[i] ? 4 * SECOND : 0;
		breaker_record(&breaker, &settings, &call);
		for (int j = Max(0, i - 19); j <= i; j++)
		{
			failures += failed[j];
			slow_calls += slow[j];
		}
		CHECK_INT(breaker.mode, BREAKER_CLOSED);
		CHECK_INT(breaker.failures, failures);
		CHECK_INT(breaker.slow, slow_calls);
		CHECK_INT(breaker.calls, Min(i + 1, 20));
	}
}

static void
slow_calls_open_it_too(void)
{
	begin();
	play("sssssssss");
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
	play("s");
	CHECK_INT(breaker.mode, BREAKER_OPEN);
	begin();
	play(".sssssssssss");
	CHECK_INT(breaker.mode, BREAKER_CLOSED); /* not 100 percent */
}

static void
no_call_is_slow_where_the_duration_is_zero(void)
{
	BreakerSettings settings = usual;
	BreakerCall call = {BREAKER_PASS, false, 1000 * SECOND, START};

	begin();
	settings.slow_call_us = 0;
	for (int i = 0; i < 20; i++)
		breaker_record(&breaker, &settings, &call);
	CHECK_INT(breaker.slow, 0);
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
}

static void
an_open_one_refuses_until_its_time(void)
{
	open_it();
	CHECK_INT(ask(START), BREAKER_REFUSE);
	CHECK_INT(again, START + 30 * SECOND);
	CHECK_INT(ask(START + 30 * SECOND - 1), BREAKER_REFUSE);
	CHECK_INT(breaker.refused, 2);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	CHECK_INT(breaker.mode, BREAKER_HALF_OPEN);
}

static void
a_half_open_one_passes_its_probes_and_no_more(void)
{
	open_it();
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_REFUSE);
	CHECK_INT(again, START + 60 * SECOND);
	tell(BREAKER_PROBE, false, 0, START + 31 * SECOND);
	tell(BREAKER_PROBE, false, 0, START + 31 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_HALF_OPEN);
	CHECK_INT(ask(START + 31 * SECOND), BREAKER_REFUSE);
	tell(BREAKER_PROBE, false, 0, START + 31 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
	CHECK_INT(breaker.calls, 0); /* with an empty window */
	CHECK_INT(breaker.opened_at, 0);
	CHECK_INT(ask(START + 31 * SECOND), BREAKER_PASS);
}

static void
one_probe_that_fails_opens_it_again(void)
{
	open_it();
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	tell(BREAKER_PROBE, false, 0, START + 35 * SECOND);
	tell(BREAKER_PROBE, true, 0, START + 35 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_OPEN);
	CHECK_INT(breaker.retry_at, START + 65 * SECOND);
	/* the last one of before says nothing any more */
	tell(BREAKER_PROBE, false, 0, START + 36 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_OPEN);
	CHECK_INT(breaker.probes_told, 0);
}

static void
probes_that_are_all_slow_open_it_again(void)
{
	open_it();
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	for (int i = 0; i < 3; i++)
		tell(BREAKER_PROBE, false, 4 * SECOND, START + 35 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_OPEN);
}

static void
a_probe_that_never_tells_is_given_again(void)
{
	open_it();
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	tell(BREAKER_PROBE, false, 0, START + 31 * SECOND);
	CHECK_INT(ask(START + 60 * SECOND - 1), BREAKER_REFUSE);
	CHECK_INT(ask(START + 60 * SECOND), BREAKER_PROBE);
	CHECK_INT(ask(START + 60 * SECOND), BREAKER_PROBE);
	CHECK_INT(ask(START + 60 * SECOND), BREAKER_REFUSE);
	tell(BREAKER_PROBE, false, 0, START + 61 * SECOND);
	tell(BREAKER_PROBE, false, 0, START + 61 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
}

static void
a_probe_that_was_taken_back_is_given_again(void)
{
	open_it();
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	breaker_take_back(&breaker, BREAKER_PROBE);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_REFUSE);
	breaker_take_back(&breaker, BREAKER_PASS);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_REFUSE);
}

static void
a_call_of_before_it_opened_changes_nothing(void)
{
	open_it();
	tell(BREAKER_PASS, true, 0, START + 5 * SECOND);
	CHECK_INT(breaker.retry_at, START + 30 * SECOND);
	CHECK_INT(breaker.calls, 10);
	CHECK_INT(ask(START + 30 * SECOND), BREAKER_PROBE);
	tell(BREAKER_PASS, true, 0, START + 30 * SECOND);
	CHECK_INT(breaker.mode, BREAKER_HALF_OPEN);
}

static void
a_clock_that_is_set_back_makes_nobody_wait_longer(void)
{
	open_it();
	CHECK_INT(ask(START - 500 * SECOND), BREAKER_REFUSE);
	CHECK_INT(again, START - 470 * SECOND);
	for (int i = 0; i < 3; i++)
		CHECK_INT(ask(START - 470 * SECOND), BREAKER_PROBE);
	CHECK_INT(ask(START - 900 * SECOND), BREAKER_PROBE);
}

static void
one_that_was_forced_open_stays_so_until_it_is_reset(void)
{
	begin();
	CHECK_INT(ask(START), BREAKER_PASS);
	breaker_force_open(&breaker, START);
	tell(BREAKER_PASS, false, 0, START);
	for (int i = 0; i < 1000; i++)
		CHECK_INT(ask(START + i * 60 * SECOND), BREAKER_REFUSE);
	tell(BREAKER_PROBE, false, 0, START);
	CHECK_INT(breaker.mode, BREAKER_FORCED_OPEN);
	CHECK_INT(breaker.opened_at, START);
	CHECK_TEXT(breaker_mode_name(breaker.mode), "FORCED_OPEN");
	breaker_reset(&breaker);
	CHECK_INT(ask(START), BREAKER_PASS);
}

static void
another_window_begins_empty(void)
{
	BreakerSettings settings = usual;
	BreakerCall call = {BREAKER_PASS, true, 0, START};

	begin();
	play("..........fff");
	settings.window = 5;
	breaker_record(&breaker, &settings, &call);
	CHECK_INT(breaker.calls, 1);
	CHECK_INT(breaker.failures, 1);
	for (int i = 0; i < 3; i++)
		breaker_record(&breaker, &settings, &call);
	CHECK_INT(breaker.mode, BREAKER_CLOSED);
	breaker_record(&breaker, &settings, &call); /* a window smaller than the minimum is enough */
	CHECK_INT(breaker.mode, BREAKER_OPEN);
}

static const UnitTest tests[] = {
	{"it opens at the failure rate of enough calls", it_opens_at_the_failure_rate_of_enough_calls},
	{"only the last calls count", only_the_last_calls_count},
	{"the counts are those of the last window", the_counts_are_those_of_the_last_window},
	{"slow calls open it too", slow_calls_open_it_too},
	{"no call is slow where the duration is zero", no_call_is_slow_where_the_duration_is_zero},
	{"an open one refuses until its time", an_open_one_refuses_until_its_time},
	{"a half-open one passes its probes and no more",
	 a_half_open_one_passes_its_probes_and_no_more},
	{"one probe that fails opens it again", one_probe_that_fails_opens_it_again},
	{"probes that are all slow open it again", probes_that_are_all_slow_open_it_again},
	{"a probe that never tells is given again", a_probe_that_never_tells_is_given_again},
	{"a probe that was taken back is given again", a_probe_that_was_taken_back_is_given_again},
	{"a call of before it opened changes nothing", a_call_of_before_it_opened_changes_nothing},
	{"a clock that is set back makes nobody wait longer",
	 a_clock_that_is_set_back_makes_nobody_wait_longer},
	{"one that was forced open stays so until it is reset",
	 one_that_was_forced_open_stays_so_until_it_is_reset},
	{"another window begins empty", another_window_begins_empty},
};

UNIT_MAIN(tests)
