/*
 * test_money.c
 *	  Amounts keep to their currency and to int64, round HALF_UP once, and split without a rest.
 */
#include "postgres.h"

#include "core/errors.h"
#include "core/money.h"
#include "harness.h"
#include "vectors.h"

#define MAX_PARTS 64
#define ROUNDS 20000

static Decimal
decimal_of(const char *text)
{
	Decimal value;

	if (!decimal_parse(text, &value))
		harness_fail(__FILE__, __LINE__, "cannot parse %s", text);
	return value;
}

static Money
money_of(const char *text, const char *code)
{
	Decimal amount = decimal_of(text);

	return money_round(&amount, currency_require(code));
}

static Money
minor_of(int64 minor, const char *code)
{
	return money_from_minor(minor, currency_require(code));
}

static char *
printed(Money money)
{
	Decimal amount = money_to_decimal(money);
	char digits[DECIMAL_TEXT_SIZE];

	return psprintf("%s %s", decimal_print(&amount, digits), money.currency->code);
}

static char *
tax_of(const char *net, const char *code, const char *percentage)
{
	Decimal rate = decimal_of(percentage);

	return printed(money_percentage(money_of(net, code), &rate));
}

static char *
answer_round(char **arguments)
{
	return psprintf(INT64_FORMAT, money_of(arguments[0], arguments[1]).minor);
}

static char *
answer_from_decimal(char **arguments)
{
	Decimal amount = decimal_of(arguments[0]);
	Money money;

	if (!money_from_decimal(&amount, currency_require(arguments[1]), &money))
		return "FRACTION";
	return psprintf(INT64_FORMAT, money.minor);
}

static char *
answer_percentage(char **arguments)
{
	Money net = minor_of(strtoll(arguments[0], NULL, 10), arguments[1]);
	Decimal rate = decimal_of(arguments[2]);

	return psprintf(INT64_FORMAT, money_percentage(net, &rate).minor);
}

static char *
answer_allocate(char **arguments)
{
	Money total = minor_of(strtoll(arguments[0], NULL, 10), "USD");
	int64 weights[MAX_PARTS];
	Money parts[MAX_PARTS];
	char *text = NULL;
	char *at = arguments[1];
	int count = 0;

	while (*at != '\0')
	{
		CHECK(count < MAX_PARTS);
		weights[count++] = strtoll(at, &at, 10);
		at += *at == ',' ? 1 : 0;
	}
	money_allocate(total, weights, count, parts);
	for (int i = 0; i < count; i++)
		text = i == 0 ? psprintf(INT64_FORMAT, parts[i].minor)
					  : psprintf("%s," INT64_FORMAT, text, parts[i].minor);
	return text;
}

static void
rounding_agrees_with_the_oracle(void)
{
	vectors_check("money_round", answer_round);
	vectors_check("from_decimal", answer_from_decimal);
}

static void
percentages_agree_with_the_oracle(void)
{
	vectors_check("percentage", answer_percentage);
}

static void
allocation_agrees_with_the_oracle(void)
{
	vectors_check("allocate", answer_allocate);
}

static void
an_amount_is_rounded_half_up_to_its_minor_unit(void)
{
	CHECK_TEXT(printed(money_of("100.5", "KRW")), "101 KRW");
	CHECK_TEXT(printed(money_of("100.555", "USD")), "100.56 USD");
	CHECK_TEXT(printed(money_of("100.6", "JPY")), "101 JPY");
	CHECK_TEXT(printed(money_of("100.4", "JPY")), "100 JPY");
	CHECK_TEXT(printed(money_of("0.5", "KRW")), "1 KRW");
	CHECK_TEXT(printed(money_of("-0.5", "KRW")), "-1 KRW");
	CHECK_TEXT(printed(money_of("-0.4", "KRW")), "0 KRW");
	CHECK_TEXT(printed(money_of("1.0005", "KWD")), "1.001 KWD");
	CHECK_TEXT(printed(money_of("1.00005", "CLF")), "1.0001 CLF");
}

static void
sums_and_differences_are_exact(void)
{
	Money price = money_of("100.50", "USD");
	Decimal amount = money_to_decimal(price);
	Decimal three = decimal_of("3");
	Decimal product = decimal_multiply(&amount, &three);

	CHECK_TEXT(printed(money_add(minor_of(1000, "KRW"), minor_of(500, "KRW"))), "1500 KRW");
	CHECK_TEXT(printed(money_subtract(minor_of(100, "KRW"), minor_of(150, "KRW"))), "-50 KRW");
	CHECK_TEXT(printed(money_round(&product, price.currency)), "301.50 USD");
	CHECK_TEXT(printed(money_negate(minor_of(100, "KRW"))), "-100 KRW");
}

static void
two_currencies_never_meet(void)
{
	Money won = minor_of(100, "KRW");
	Money dollar = money_of("1", "USD");

	EXPECT_ERROR(ERRCODE_BILLING_CURRENCY_MISMATCH, money_add(won, dollar));
	CHECK_TEXT(unit_error.message, "currency mismatch: KRW vs USD");
	EXPECT_ERROR(ERRCODE_BILLING_CURRENCY_MISMATCH, money_subtract(dollar, won));
	CHECK_TEXT(unit_error.message, "currency mismatch: USD vs KRW");
	EXPECT_ERROR(ERRCODE_BILLING_CURRENCY_MISMATCH, money_compare(won, dollar));
	EXPECT_ERROR(ERRCODE_BILLING_CURRENCY_MISMATCH,
				 money_add(money_zero(won.currency), money_zero(dollar.currency)));
}

static void
equality_is_of_the_value(void)
{
	CHECK_INT(money_compare(money_of("1000", "USD"), money_of("1000.00", "USD")), 0);
	CHECK_INT(money_compare(money_of("1000", "USD"), minor_of(100000, "USD")), 0);
	CHECK_INT(money_compare(minor_of(1, "USD"), minor_of(2, "USD")), -1);
	CHECK_INT(money_compare(minor_of(PG_INT64_MAX, "USD"), minor_of(PG_INT64_MIN, "USD")), 1);
}

static void
zero_is_zero_and_not_negative(void)
{
	Money zero = money_zero(currency_require("KRW"));

	CHECK(money_is_zero(zero) && !money_is_negative(zero));
	CHECK(!money_is_zero(minor_of(1, "KRW")) && !money_is_negative(minor_of(1, "KRW")));
	CHECK(!money_is_zero(minor_of(-1, "KRW")) && money_is_negative(minor_of(-1, "KRW")));
	CHECK_TEXT(printed(zero), "0 KRW");
}

static void
an_amount_is_printed_with_its_minor_unit(void)
{
	CHECK_TEXT(printed(minor_of(1000, "KRW")), "1000 KRW");
	CHECK_TEXT(printed(minor_of(30150, "USD")), "301.50 USD");
	CHECK_TEXT(printed(minor_of(-5, "USD")), "-0.05 USD");
	CHECK_TEXT(printed(minor_of(-1, "KWD")), "-0.001 KWD");
	CHECK_TEXT(printed(minor_of(PG_INT64_MIN, "CLF")), "-922337203685477.5808 CLF");
	CHECK_TEXT(printed(minor_of(PG_INT64_MIN, "KRW")), "-9223372036854775808 KRW");
}

static void
a_fraction_the_currency_lacks_is_refused(void)
{
	const Currency *won = currency_require("KRW");
	const Currency *dollar = currency_require("USD");
	Decimal amount = decimal_of("1.5");
	Money money = minor_of(7, "EUR");

	CHECK(!money_from_decimal(&amount, won, &money));
	CHECK_TEXT(printed(money), "0.07 EUR");
	CHECK(money_from_decimal(&amount, dollar, &money));
	CHECK_TEXT(printed(money), "1.50 USD");
	amount = decimal_of("-1.000");
	CHECK(money_from_decimal(&amount, won, &money));
	CHECK_TEXT(printed(money), "-1 KRW");
	amount = decimal_of("0.001");
	CHECK(!money_from_decimal(&amount, dollar, &money));
}

static void
nothing_wraps(void)
{
	Money most = minor_of(PG_INT64_MAX, "USD");
	Money least = minor_of(PG_INT64_MIN, "USD");
	Money cent = minor_of(1, "USD");
	Decimal rate = decimal_of("100.1");
	Decimal amount = decimal_of("92233720368547758.08");
	Money money;

	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_add(most, cent));
	CHECK_TEXT(unit_error.message, "amount in USD out of range");
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_subtract(least, cent));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_negate(least));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_percentage(most, &rate));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW,
				 money_from_decimal(&amount, most.currency, &money));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_of("92233720368547758.075", "USD"));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, money_of("1e75", "USD"));
	CHECK(money_compare(money_of("92233720368547758.074", "USD"), most) == 0);
	CHECK(money_compare(money_of("-92233720368547758.08", "USD"), least) == 0);
	CHECK(money_compare(money_negate(most), money_add(least, cent)) == 0);
}

static void
tax_is_rounded_once_and_alike_for_refunds(void)
{
	CHECK_TEXT(tax_of("100000", "KRW", "10"), "10000 KRW");
	CHECK_TEXT(tax_of("50000", "KRW", "0"), "0 KRW");
	CHECK_TEXT(tax_of("100", "USD", "8.875"), "8.88 USD");
	CHECK_TEXT(tax_of("-30000", "KRW", "10"), "-3000 KRW");
	CHECK_TEXT(tax_of("-100", "USD", "8.875"), "-8.88 USD");
	CHECK_TEXT(tax_of("5", "KRW", "10"), "1 KRW");
	CHECK_TEXT(tax_of("-5", "KRW", "10"), "-1 KRW");
	CHECK_TEXT(tax_of("4", "KRW", "10"), "0 KRW");
	CHECK_TEXT(tax_of("1", "KRW", "49.99999999999"), "0 KRW");
}

/* A factor cut to six decimals, 0.123455, would give 12345500000 for the first of these. */
static void
a_percentage_of_many_digits_counts_in_full(void)
{
	CHECK_TEXT(tax_of("100000000000", "KRW", "12.34549999"), "12345499990 KRW");
	CHECK_TEXT(tax_of("1000000000000000000", "KRW", "0.000000000000000149"), "1 KRW");
	CHECK_TEXT(tax_of("1000000000000000000", "KRW", "0.000000000000000150"), "2 KRW");
}

static void
an_allocation_has_no_rest(void)
{
	char *thirds[] = {"100", "1,1,1"};
	char *minus_thirds[] = {"-100", "1,1,1"};
	char *ties[] = {"1", "2,2"};
	char *larger[] = {"10", "1,5,1"};
	char *unweighted[] = {"-7", "0,0,0"};
	char *partly[] = {"5", "0,3,0,3"};
	char *alone[] = {"-9223372036854775808", "1"};
	char *huge[] = {"9223372036854775807", "9223372036854775807,9223372036854775807"};

	CHECK_TEXT(answer_allocate(thirds), "34,33,33");
	CHECK_TEXT(answer_allocate(minus_thirds), "-34,-33,-33");
	CHECK_TEXT(answer_allocate(ties), "1,0");
	CHECK_TEXT(answer_allocate(larger), "2,7,1");
	CHECK_TEXT(answer_allocate(unweighted), "-7,0,0");
	CHECK_TEXT(answer_allocate(partly), "0,3,0,2");
	CHECK_TEXT(answer_allocate(alone), "-9223372036854775808");
	CHECK_TEXT(answer_allocate(huge), "4611686018427387904,4611686018427387903");
}

static void
an_allocation_states_its_preconditions(void)
{
	int64 weights[] = {1, -2};
	Money parts[2];

	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, money_allocate(minor_of(1, "KRW"), weights, 2, parts));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, money_allocate(minor_of(1, "KRW"), weights, 0, parts));
}

static void
every_part_is_within_one_unit_of_its_share(void)
{
	for (int i = 0; i < ROUNDS; i++)
	{
		Money total = minor_of((int64) harness_random(), "KRW");
		int count = 1 + (int) harness_random_below(MAX_PARTS);
		int64 weights[MAX_PARTS];
		Money parts[MAX_PARTS];
		int128 sum = 0;
		int128 left = total.minor;

		for (int j = 0; j < count; j++)
			sum += weights[j] = (int64) (harness_random() >> (1 + harness_random_below(63)));
		if (sum == 0)
			continue;
		money_allocate(total, weights, count, parts);
		for (int j = 0; j < count; j++)
		{
			int128 error = (int128) total.minor * weights[j] - sum * parts[j].minor;

			CHECK(error < sum && error > -sum);
			CHECK(weights[j] > 0 || parts[j].minor == 0);
			CHECK(parts[j].currency == total.currency);
			left -= parts[j].minor;
		}
		CHECK(left == 0);
	}
}

/* 110 = 100 + 10 refunded 37, 37, 36: tax 3, 4, 3. */
static void
portions_to_date_sum_to_the_whole(void)
{
	const Currency *krw = currency_find("KRW");
	Money tax = money_from_minor(10, krw);
	Money total = money_from_minor(110, krw);

	CHECK(money_portion(tax, money_from_minor(37, krw), total).minor == 3);
	CHECK(money_portion(tax, money_from_minor(74, krw), total).minor == 7);
	CHECK(money_portion(tax, total, total).minor == 10);
	for (int i = 0; i < 10000; i++)
	{
		int64 of = 1 + (int64) harness_random_below(1000000000);
		int64 whole = (int64) harness_random_below(1000000000);
		int64 part = (int64) harness_random_below((uint64) of + 1);
		int64 portion = money_portion(money_from_minor(whole, krw), money_from_minor(part, krw),
									  money_from_minor(of, krw))
							.minor;
		int128 twice = 2 * ((int128) whole * part - (int128) portion * of);

		CHECK(twice >= -(int128) of && twice < of);
	}
}

static const UnitTest tests[] = {
	{"rounding agrees with the oracle", rounding_agrees_with_the_oracle},
	{"percentages agree with the oracle", percentages_agree_with_the_oracle},
	{"allocation agrees with the oracle", allocation_agrees_with_the_oracle},
	{"an amount is rounded half up to its minor unit",
	 an_amount_is_rounded_half_up_to_its_minor_unit},
	{"sums and differences are exact", sums_and_differences_are_exact},
	{"two currencies never meet", two_currencies_never_meet},
	{"equality is of the value", equality_is_of_the_value},
	{"zero is zero and not negative", zero_is_zero_and_not_negative},
	{"an amount is printed with its minor unit", an_amount_is_printed_with_its_minor_unit},
	{"a fraction the currency lacks is refused", a_fraction_the_currency_lacks_is_refused},
	{"nothing wraps", nothing_wraps},
	{"tax is rounded once and alike for refunds", tax_is_rounded_once_and_alike_for_refunds},
	{"a percentage of many digits counts in full", a_percentage_of_many_digits_counts_in_full},
	{"an allocation has no rest", an_allocation_has_no_rest},
	{"an allocation states its preconditions", an_allocation_states_its_preconditions},
	{"portions to date sum to the whole", portions_to_date_sum_to_the_whole},
	{"every part is within one unit of its share", every_part_is_within_one_unit_of_its_share},
};

UNIT_MAIN(tests)
