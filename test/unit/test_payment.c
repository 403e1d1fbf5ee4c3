/*
 * test_payment.c
 *	  The states that a payment can be in.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/payment/payment_state.h"
#include "harness.h"

static void
every_state_is_reached_from_the_first(void)
{
	bool reached[PAYMENT_STATUS_COUNT] = {[PAYMENT_PENDING] = true};

	for (int step = 0; step < PAYMENT_STATUS_COUNT; step++)
		for (int from = 0; from < PAYMENT_STATUS_COUNT; from++)
			for (int to = 0; to < PAYMENT_STATUS_COUNT; to++)
				if (reached[from] && payment_may_become((PaymentStatus) from, (PaymentStatus) to))
					reached[to] = true;
	for (int i = 0; i < PAYMENT_STATUS_COUNT; i++)
		CHECK(reached[i]);
}

static void
approved_and_failed_are_final(void)
{
	static const PaymentStatus finals[] = {PAYMENT_APPROVED, PAYMENT_FAILED};

	for (int to = 0; to < PAYMENT_STATUS_COUNT; to++)
	{
		for (size_t i = 0; i < lengthof(finals); i++)
			CHECK(!payment_may_become(finals[i], (PaymentStatus) to));
		CHECK(!payment_may_become((PaymentStatus) to, (PaymentStatus) to));
	}
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 payment_require_transition(PAYMENT_FAILED, PAYMENT_APPROVED));
	CHECK(strstr(unit_error.message, "APPROVED") != NULL);
	CHECK(strstr(unit_error.detail, "FAILED") != NULL);
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < PAYMENT_STATUS_COUNT; i++)
		CHECK_INT(payment_status_of(payment_status_name((PaymentStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, payment_status_of("pending"));
}

static const UnitTest tests[] = {
	{"every state is reached from PENDING", every_state_is_reached_from_the_first},
	{"APPROVED and FAILED are final, and no state follows itself", approved_and_failed_are_final},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
