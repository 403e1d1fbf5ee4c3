/*
 * test_order.c
 *	  The states that an order can be in.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/order/order.h"
#include "harness.h"

static void
every_state_is_reached_from_the_first(void)
{
	bool reached[ORDER_STATUS_COUNT] = {[ORDER_CREATED] = true};

	for (int step = 0; step < ORDER_STATUS_COUNT; step++)
		for (int from = 0; from < ORDER_STATUS_COUNT; from++)
			for (int to = 0; to < ORDER_STATUS_COUNT; to++)
				if (reached[from] && order_may_become((OrderStatus) from, (OrderStatus) to))
					reached[to] = true;
	for (int i = 0; i < ORDER_STATUS_COUNT; i++)
		CHECK(reached[i]);
}

static void
cancelled_failed_and_refunded_are_final(void)
{
	static const OrderStatus finals[] = {ORDER_CANCELLED, ORDER_FAILED, ORDER_REFUNDED};

	for (int to = 0; to < ORDER_STATUS_COUNT; to++)
	{
		for (size_t i = 0; i < lengthof(finals); i++)
			CHECK(!order_may_become(finals[i], (OrderStatus) to));
		CHECK(!order_may_become((OrderStatus) to, (OrderStatus) to));
	}
}

static void
a_refused_transition_names_both_states(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 order_require_transition(ORDER_PAID, ORDER_CANCELLED));
	CHECK(strstr(unit_error.message, "CANCELLED") != NULL);
	CHECK(strstr(unit_error.detail, "PAID") != NULL);
}

static void
a_state_has_one_name(void)
{
	for (int i = 0; i < ORDER_STATUS_COUNT; i++)
		CHECK_INT(order_status_of(order_status_name((OrderStatus) i)), i);
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, order_status_of("created"));
}

static const UnitTest tests[] = {
	{"every state is reached from CREATED", every_state_is_reached_from_the_first},
	{"CANCELLED, FAILED and REFUNDED are final, and no state follows itself",
	 cancelled_failed_and_refunded_are_final},
	{"a refused transition names both states", a_refused_transition_names_both_states},
	{"a state has one name", a_state_has_one_name},
};

UNIT_MAIN(tests)
