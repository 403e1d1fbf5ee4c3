/*
 * test_collection.c
 *	  When a declined invoice is charged again, and the states of collections and dead letters.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/collection/collection_rules.h"
#include "domain/collection/collection_state.h"
#include "harness.h"

static RetrySchedule
schedule_of(const char *text)
{
	RetrySchedule schedule;

	CHECK(schedule_parse(text, &schedule) == NULL);
	return schedule;
}

static void
a_schedule_is_read(void)
{
	RetrySchedule schedule = schedule_of("1, 3 ,5,\t365");

	CHECK_INT(schedule.count, 4);
	CHECK_INT(schedule.days[0], 1);
	CHECK_INT(schedule.days[1], 3);
	CHECK_INT(schedule.days[2], 5);
	CHECK_INT(schedule.days[3], 365);
	CHECK_INT(schedule_of("").count, 0);
	CHECK_INT(schedule_of("  ").count, 0);
	CHECK_INT(schedule_of("1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20").count, 20);
}

static void
a_schedule_that_makes_no_sense_is_refused(void)
{
	static const char *const wrong[] = {
		"0",
		"366",
		"-1",
		"1.5",
		"x",
		"1 3",
		"3, 1",
		"1, 1",
		"1,",
		",1",
		"1,,3",
		"99999999999999999999",
		"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21",
	};
	RetrySchedule schedule;

	for (size_t i = 0; i < lengthof(wrong); i++)
		CHECK(schedule_parse(wrong[i], &schedule) != NULL);
}

static void
each_try_has_its_day_after_the_first_decline(void)
{
	RetrySchedule schedule = schedule_of("1, 3, 5, 7");
	TimestampTz first = 1000;
	TimestampTz now = first;
	TimestampTz next = 0;

	for (int i = 0; i < 4; i++)
	{
		CHECK(schedule_next(&schedule, &(Declines){i + 1, first, now}, &next));
		CHECK_INT(next, first + schedule.days[i] * USECS_PER_DAY);
		now = next; /* the try comes in time */
	}
	CHECK(!schedule_next(&schedule, &(Declines){5, first, now}, &next));
}

static void
a_late_try_moves_the_next_one(void)
{
	RetrySchedule schedule = schedule_of("1, 3, 5, 7");
	TimestampTz late = 30 * USECS_PER_DAY;
	TimestampTz next = 0;

	CHECK(schedule_next(&schedule, &(Declines){2, 0, late}, &next));
	CHECK_INT(next, late + 2 * USECS_PER_DAY);
	CHECK(schedule_next(&schedule, &(Declines){2, 0, 3 * USECS_PER_DAY}, &next));
	CHECK_INT(next, 5 * USECS_PER_DAY);
	CHECK(schedule_next(&schedule, &(Declines){2, 0, 3 * USECS_PER_DAY - 1}, &next));
	CHECK_INT(next, 3 * USECS_PER_DAY);
}

static void
without_a_schedule_nothing_is_tried_again(void)
{
	RetrySchedule schedule = schedule_of("");
	TimestampTz next = 0;

	CHECK(!schedule_next(&schedule, &(Declines){1, 0, 0}, &next));
}

static void
codes_are_whole_words_of_a_list(void)
{
	const char *list = "FRAUD, LOST_CARD ,x-1.2";

	CHECK(codes_check(list) == NULL);
	CHECK(codes_check("") == NULL);
	CHECK(codes_hold(list, "FRAUD"));
	CHECK(codes_hold(list, "LOST_CARD"));
	CHECK(codes_hold(list, "x-1.2"));
	CHECK(!codes_hold(list, "LOST"));
	CHECK(!codes_hold(list, "LOST_CARDS"));
	CHECK(!codes_hold(list, "fraud"));
	CHECK(!codes_hold(list, ""));
	CHECK(!codes_hold("", "FRAUD"));
	CHECK(codes_check("A B") != NULL);
	CHECK(codes_check("A,,B") != NULL);
	CHECK(codes_check("A,") != NULL);
	CHECK(codes_check("A;B") != NULL);
}

static CollectionFacts
facts_of(InvoiceStatus status, int64 due)
{
	return (CollectionFacts){
		.status = status,
		.due = {due, NULL},
		.automatic = true,
	};
}

static void
only_what_is_due_is_charged(void)
{
	CollectionFacts facts = facts_of(INVOICE_OVERDUE, 5);
	const char *reason = NULL;

	CHECK(collection_decide(&facts, &reason) == COLLECTION_CHARGE);
	CHECK(reason == NULL);
	facts.pending = true;
	CHECK(collection_decide(&facts, &reason) == COLLECTION_WAIT);
	facts.pending = false;
	facts.automatic = false;
	CHECK(collection_decide(&facts, &reason) == COLLECTION_STOP);
	CHECK_TEXT(reason, "SEND_INVOICE");
	facts = facts_of(INVOICE_PAID, 0);
	CHECK(collection_decide(&facts, &reason) == COLLECTION_STOP);
	CHECK_TEXT(reason, "PAID");
	facts = facts_of(INVOICE_CANCELLED, 0);
	CHECK(collection_decide(&facts, &reason) == COLLECTION_STOP);
	CHECK_TEXT(reason, "CANCELLED");
	facts = facts_of(INVOICE_ISSUED, 0);
	CHECK(collection_decide(&facts, &reason) == COLLECTION_STOP);
	CHECK_TEXT(reason, "NOTHING_DUE");
}

static void
every_state_of_a_collection_is_reached(void)
{
	bool reached[COLLECTION_STATUS_COUNT] = {[COLLECTION_ACTIVE] = true};

	for (int step = 0; step < COLLECTION_STATUS_COUNT; step++)
		for (int from = 0; from < COLLECTION_STATUS_COUNT; from++)
			for (int to = 0; to < COLLECTION_STATUS_COUNT; to++)
				if (reached[from] &&
					collection_may_become((CollectionStatus) from, (CollectionStatus) to))
					reached[to] = true;
	for (int i = 0; i < COLLECTION_STATUS_COUNT; i++)
		CHECK(reached[i]);
}

static void
every_state_of_a_letter_is_reached_and_final(void)
{
	CHECK(dead_letter_may_become(DEAD_LETTER_OPEN, DEAD_LETTER_REPLAYED));
	CHECK(dead_letter_may_become(DEAD_LETTER_OPEN, DEAD_LETTER_DISCARDED));
	for (int to = 0; to < DEAD_LETTER_STATUS_COUNT; to++)
	{
		CHECK(!dead_letter_may_become(DEAD_LETTER_REPLAYED, (DeadLetterStatus) to));
		CHECK(!dead_letter_may_become(DEAD_LETTER_DISCARDED, (DeadLetterStatus) to));
		CHECK(!dead_letter_may_become((DeadLetterStatus) to, (DeadLetterStatus) to));
	}
}

static void
collected_and_stopped_are_final(void)
{
	for (int to = 0; to < COLLECTION_STATUS_COUNT; to++)
	{
		CHECK(!collection_may_become(COLLECTION_COLLECTED, (CollectionStatus) to));
		CHECK(!collection_may_become(COLLECTION_STOPPED, (CollectionStatus) to));
		CHECK(!collection_may_become((CollectionStatus) to, (CollectionStatus) to));
		CHECK(collection_may_become(COLLECTION_EXHAUSTED, (CollectionStatus) to) ==
			  (to == COLLECTION_ACTIVE));
	}
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 collection_require_transition(COLLECTION_STOPPED, COLLECTION_ACTIVE));
	CHECK(strstr(unit_error.message, "ACTIVE") != NULL);
	CHECK(strstr(unit_error.detail, "STOPPED") != NULL);
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 dead_letter_require_transition(DEAD_LETTER_DISCARDED, DEAD_LETTER_REPLAYED));
	CHECK(strstr(unit_error.message, "REPLAYED") != NULL);
	CHECK(strstr(unit_error.detail, "DISCARDED") != NULL);
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < COLLECTION_STATUS_COUNT; i++)
		CHECK_INT(collection_status_of(collection_status_name((CollectionStatus) i)), i);
	for (int i = 0; i < DEAD_LETTER_STATUS_COUNT; i++)
		CHECK_INT(dead_letter_status_of(dead_letter_status_name((DeadLetterStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, collection_status_of("active"));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, dead_letter_status_of("open"));
}

static const UnitTest tests[] = {
	{"a schedule is read", a_schedule_is_read},
	{"a schedule that makes no sense is refused", a_schedule_that_makes_no_sense_is_refused},
	{"each try has its day after the first decline", each_try_has_its_day_after_the_first_decline},
	{"a late try moves the next one", a_late_try_moves_the_next_one},
	{"without a schedule nothing is tried again", without_a_schedule_nothing_is_tried_again},
	{"codes are whole words of a list", codes_are_whole_words_of_a_list},
	{"only what is due is charged", only_what_is_due_is_charged},
	{"every state of a collection is reached", every_state_of_a_collection_is_reached},
	{"COLLECTED and STOPPED are final, EXHAUSTED can begin anew", collected_and_stopped_are_final},
	{"every state of a dead letter is reached, and all but OPEN are final",
	 every_state_of_a_letter_is_reached_and_final},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
