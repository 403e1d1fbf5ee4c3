/*
 * test_credit.c
 *	  The states of a credit, its accounts by type, and how credits are used up.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/credit/credit_rules.h"
#include "harness.h"

#define RANDOM_DIVISIONS 20000
#define MAX_CREDITS 6

static Money
krw(int64 minor)
{
	return money_from_minor(minor, currency_require("KRW"));
}

/* Divides and checks what each gives; answers the sum. */
static int64
divided(int64 wanted, const int64 *balances, const int64 *expected, int count)
{
	Money given[MAX_CREDITS];
	Money taken[MAX_CREDITS];
	Money sum;

	for (int i = 0; i < count; i++)
		given[i] = krw(balances[i]);
	sum = credits_divide(krw(wanted), given, count, taken);
	for (int i = 0; i < count; i++)
		CHECK_INT(taken[i].minor, expected[i]);
	return sum.minor;
}

static void
each_credit_is_used_up_before_the_next(void)
{
	CHECK_INT(divided(50000, (int64[]){30000, 80000}, (int64[]){30000, 20000}, 2), 50000);
	CHECK_INT(divided(30000, (int64[]){50000}, (int64[]){30000}, 1), 30000);
	CHECK_INT(divided(20000, (int64[]){100000}, (int64[]){20000}, 1), 20000);
	CHECK_INT(divided(30000, (int64[]){30000, 80000}, (int64[]){30000, 0}, 2), 30000);
}

static void
what_is_too_little_gives_all(void)
{
	CHECK_INT(divided(100, (int64[]){30, 20}, (int64[]){30, 20}, 2), 50);
	CHECK_INT(divided(100, NULL, NULL, 0), 0);
}

static void
who_wants_nothing_gets_nothing(void)
{
	CHECK_INT(divided(0, (int64[]){30}, (int64[]){0}, 1), 0);
	CHECK_INT(divided(-5, (int64[]){30}, (int64[]){0}, 1), 0);
}

/* The sum is the smaller of what is wanted and what is there, and no credit is touched out of turn. */
static void
any_division_keeps_the_rules(void)
{
	for (int round = 0; round < RANDOM_DIVISIONS; round++)
	{
		int count = (int) harness_random_below(MAX_CREDITS + 1);
		Money wanted = krw((int64) harness_random_below(300));
		Money balances[MAX_CREDITS];
		Money taken[MAX_CREDITS];
		Money sum;
		int64 total = 0;
		bool ended = false;

		for (int i = 0; i < count; i++)
		{
			balances[i] = krw(1 + (int64) harness_random_below(100));
			total += balances[i].minor;
		}
		sum = credits_divide(wanted, balances, count, taken);
		CHECK_INT(sum.minor, Min(total, wanted.minor));
		for (int i = 0; i < count; i++)
		{
			CHECK(taken[i].minor >= 0 && taken[i].minor <= balances[i].minor);
			CHECK(!ended || taken[i].minor == 0);
			ended |= taken[i].minor < balances[i].minor;
			sum = money_subtract(sum, taken[i]);
		}
		CHECK_INT(sum.minor, 0);
	}
}

static void
every_state_is_reachable_and_all_but_active_are_final(void)
{
	for (int to = CREDIT_EXHAUSTED; to < CREDIT_STATUS_COUNT; to++)
	{
		CHECK(credit_may_become(CREDIT_ACTIVE, (CreditStatus) to));
		for (int next = 0; next < CREDIT_STATUS_COUNT; next++)
			CHECK(!credit_may_become((CreditStatus) to, (CreditStatus) next));
	}
	EXPECT_ERROR(ERRCODE_BILLING_ILLEGAL_STATE,
				 credit_require_transition(CREDIT_EXPIRED, CREDIT_REVOKED));
	CHECK(strstr(unit_error.message, "REVOKED") != NULL);
	CHECK(strstr(unit_error.detail, "EXPIRED") != NULL);
	for (int status = 0; status < CREDIT_STATUS_COUNT; status++)
		CHECK_INT(credit_status_of(credit_status_name((CreditStatus) status)), status);
}

static void
every_type_has_its_accounts(void)
{
	for (int i = 0; credit_types[i] != NULL; i++)
	{
		bool paid = strcmp(credit_source_account(credit_types[i]), "promotion") != 0;

		CHECK_TEXT(credit_expiry_account(credit_types[i]), paid ? "breakage_revenue" : "promotion");
	}
	CHECK_TEXT(credit_source_account("PREPAID"), "funding_clearing");
	CHECK_TEXT(credit_source_account("REFUND_TO_CREDIT"), "refund_clearing");
}

static const UnitTest tests[] = {
	{"each credit is used up before the next", each_credit_is_used_up_before_the_next},
	{"what is too little gives all", what_is_too_little_gives_all},
	{"who wants nothing gets nothing", who_wants_nothing_gets_nothing},
	{"any division keeps the rules", any_division_keeps_the_rules},
	{"every state is reachable, and all but ACTIVE are final",
	 every_state_is_reachable_and_all_but_active_are_final},
	{"every type has its accounts", every_type_has_its_accounts},
};

UNIT_MAIN(tests)
