/*
 * test_hold.c
 *	  The states that a hold can be in.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/wallet/hold_state.h"
#include "harness.h"

static void
every_state_is_reached_from_open(void)
{
	for (int to = HOLD_OPEN + 1; to < HOLD_STATUS_COUNT; to++)
		CHECK(hold_may_become(HOLD_OPEN, (HoldStatus) to));
}

static void
an_ended_hold_stays_ended(void)
{
	for (int from = HOLD_OPEN + 1; from < HOLD_STATUS_COUNT; from++)
		for (int to = 0; to < HOLD_STATUS_COUNT; to++)
			CHECK(!hold_may_become((HoldStatus) from, (HoldStatus) to));
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 hold_require_transition(HOLD_CAPTURED, HOLD_RELEASED));
	CHECK_TEXT(unit_error.message, "hold cannot become RELEASED");
	CHECK_TEXT(unit_error.detail, "It is CAPTURED.");
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < HOLD_STATUS_COUNT; i++)
		CHECK_INT(hold_status_of(hold_status_name((HoldStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, hold_status_of("open"));
}

static const UnitTest tests[] = {
	{"every state is reached from OPEN", every_state_is_reached_from_open},
	{"an ended hold stays ended", an_ended_hold_stays_ended},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
