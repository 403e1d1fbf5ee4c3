/*
 * test_decimal.c
 *	  Decimals are exact, round HALF_UP once, and refuse what does not fit.
 */
#include "postgres.h"

#include "core/decimal.h"
#include "core/errors.h"
#include "harness.h"
#include "vectors.h"

#define ROUNDS 20000
#define NINES_60 "999999999999999999999999999999999999999999999999999999999999"
#define NINES_76 "9999999999999999" NINES_60

static Decimal
parsed(const char *text)
{
	Decimal value;

	if (!decimal_parse(text, &value))
		harness_fail(__FILE__, __LINE__, "cannot parse %s", text);
	return value;
}

static char *
printed(Decimal value)
{
	return decimal_print(&value, palloc(DECIMAL_TEXT_SIZE));
}

/* A value that leaves room to multiply three of its kind: at most 24 digits, scale at most 18. */
static Decimal
random_decimal(void)
{
	char text[64];
	int digits = 1 + (int) harness_random_below(24);
	int scale = (int) harness_random_below(19);
	char *out = text;

	if (harness_random_below(2) == 0)
		*out++ = '-';
	for (int i = 0; i < Max(digits, scale + 1); i++)
	{
		if (scale > 0 && i == Max(digits, scale + 1) - scale)
			*out++ = '.';
		*out++ = (char) ('0' + harness_random_below(10));
	}
	*out = '\0';
	return parsed(text);
}

static void
check_invariants(const Decimal *value)
{
	CHECK(value->scale >= 0 && value->scale <= DECIMAL_MAX_SCALE);
	CHECK(!value->negative || !decimal_is_zero(value));
	CHECK(strlen(printed(*value)) < DECIMAL_TEXT_SIZE);
}

static char *
answer_add(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	return printed(decimal_add(&a, &b));
}

static char *
answer_subtract(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	return printed(decimal_subtract(&a, &b));
}

static char *
answer_multiply(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	return printed(decimal_multiply(&a, &b));
}

static char *
answer_compare(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	CHECK_INT(decimal_compare(&b, &a), -decimal_compare(&a, &b));
	return psprintf("%d", decimal_compare(&a, &b));
}

static char *
answer_divide(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	return printed(decimal_divide(&a, &b, atoi(arguments[2])));
}

static char *
answer_ceiling(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	Decimal b = parsed(arguments[1]);

	return printed(decimal_divide_ceiling(&a, &b));
}

static char *
answer_round(char **arguments)
{
	Decimal a = parsed(arguments[0]);

	return printed(decimal_round(&a, atoi(arguments[1])));
}

static char *
answer_significant(char **arguments)
{
	Decimal a = parsed(arguments[0]);

	return psprintf("%d", decimal_significant_scale(&a));
}

static char *
answer_integer(char **arguments)
{
	Decimal a = parsed(arguments[0]);
	int64 whole;

	return decimal_to_int64(&a, &whole) ? psprintf(INT64_FORMAT, whole) : "NONE";
}

static char *
answer_parse(char **arguments)
{
	Decimal value;

	if (!decimal_parse(arguments[0], &value))
		return "REFUSED";
	check_invariants(&value);
	return printed(value);
}

static void
addition_agrees_with_the_oracle(void)
{
	vectors_check("add", answer_add);
	vectors_check("subtract", answer_subtract);
}

static void
multiplication_agrees_with_the_oracle(void)
{
	vectors_check("multiply", answer_multiply);
}

static void
division_agrees_with_the_oracle(void)
{
	vectors_check("divide", answer_divide);
	vectors_check("ceiling", answer_ceiling);
}

static void
rounding_agrees_with_the_oracle(void)
{
	vectors_check("round", answer_round);
}

static void
order_agrees_with_the_oracle(void)
{
	vectors_check("compare", answer_compare);
}

static void
text_agrees_with_the_oracle(void)
{
	vectors_check("parse", answer_parse);
}

static void
integers_and_scales_agree_with_the_oracle(void)
{
	vectors_check("integer", answer_integer);
	vectors_check("significant", answer_significant);
}

static void
a_scale_is_kept_as_written(void)
{
	CHECK_TEXT(printed(parsed("1.50")), "1.50");
	CHECK_TEXT(printed(parsed("0")), "0");
	CHECK_TEXT(printed(parsed("-0.00")), "0.00");
	CHECK_TEXT(printed(parsed("007.10")), "7.10");
	CHECK_TEXT(printed(parsed("+12")), "12");
	CHECK_TEXT(printed(parsed("0.000012")), "0.000012");
	CHECK_TEXT(printed(parsed("1e3")), "1000");
	CHECK_TEXT(printed(parsed("1.5E-3")), "0.0015");
	CHECK_TEXT(printed(parsed("1.50e1")), "15.0");
	CHECK_TEXT(printed(parsed("0e-99")), printed(decimal_round(&(Decimal){{0}, 0, false}, 60)));
	CHECK_TEXT(printed(parsed("0e99999999999999999999")), "0");
}

static void
what_is_no_number_is_refused(void)
{
	static const char *const texts[] = {
		"",    "+",        "-",         ".",   ".5",  "5.",    "1e",       "1e+",  "1e1.5", "e5",
		"--1", "+-1",      "1-",        " 1",  "1 ",  "1,5",   "1_000",    "0x10", "1.2.3", "NaN",
		"nan", "Infinity", "-Infinity", "inf", "1\n", "1e5e5", "\xd9\xa1", "1/2",  "1:",
	};

	for (size_t i = 0; i < lengthof(texts); i++)
	{
		Decimal value = decimal_from_int64(7, 0);

		if (decimal_parse(texts[i], &value))
			harness_fail(__FILE__, __LINE__, "\"%s\" was read", texts[i]);
		CHECK_TEXT(printed(value), "7");
	}
}

static void
what_has_too_many_digits_is_refused(void)
{
	Decimal value;

	CHECK_TEXT(printed(parsed("-" NINES_76)), "-" NINES_76);
	CHECK(!decimal_parse(NINES_76 "9", &value));
	CHECK(!decimal_parse(NINES_76 "0", &value));
	CHECK(!decimal_parse(NINES_76 ".1", &value));
	CHECK_TEXT(printed(parsed(NINES_76 ".000")), NINES_76);
	CHECK_TEXT(printed(parsed("1e75")) + 70, "000000");
	CHECK(!decimal_parse("1e76", &value));
	CHECK(!decimal_parse("1e99999999999999999999", &value));
	CHECK_INT(parsed("1e-60").scale, 60);
	CHECK_INT(parsed("10e-61").scale, 60);
	CHECK(!decimal_parse("1e-61", &value));
	CHECK(!decimal_parse("1e-99999999999999999999", &value));
}

static void
a_long_text_is_read_without_harm(void)
{
	char text[40001];
	Decimal value;

	memset(text, '0', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	CHECK_TEXT(printed(parsed(text)), "0");
	text[1] = '.';
	CHECK_INT(parsed(text).scale, DECIMAL_MAX_SCALE);
	text[0] = '2';
	CHECK_INT(decimal_significant_scale(&(Decimal){{0}, 60, false}), 0);
	CHECK(decimal_parse(text, &value) && decimal_significant_scale(&value) == 0);
	text[sizeof(text) - 2] = '1';
	CHECK(!decimal_parse(text, &value));
	memset(text, '9', sizeof(text) - 1);
	CHECK(!decimal_parse(text, &value));
}

static void
int64_goes_in_and_out(void)
{
	static const int64 numbers[] = {0, 1, -1, PG_INT64_MAX, PG_INT64_MIN, PG_INT64_MIN + 1};
	Decimal half = parsed("0.5");
	int64 back = 7;

	for (size_t i = 0; i < lengthof(numbers); i++)
	{
		Decimal value = decimal_from_int64(numbers[i], 0);

		check_invariants(&value);
		CHECK_TEXT(printed(value), psprintf(INT64_FORMAT, numbers[i]));
		CHECK(decimal_to_int64(&value, &back));
		CHECK_INT(back, numbers[i]);
	}
	CHECK_TEXT(printed(decimal_from_int64(-5, 2)), "-0.05");
	CHECK_TEXT(printed(decimal_from_int64(PG_INT64_MIN, 4)), "-922337203685477.5808");
	CHECK(!decimal_to_int64(&half, &back));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_from_int64(1, 61));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_from_int64(1, -1));
}

static void
ties_are_rounded_away_from_zero(void)
{
	Decimal value = parsed("0.5");

	CHECK_TEXT(printed(decimal_round(&value, 0)), "1");
	value = parsed("-0.5");
	CHECK_TEXT(printed(decimal_round(&value, 0)), "-1");
	value = parsed("2.5");
	CHECK_TEXT(printed(decimal_round(&value, 0)), "3");
	value = parsed("-0.4999999999999999999999999999999999999999999999999999999");
	CHECK_TEXT(printed(decimal_round(&value, 0)), "0");
	value = parsed("0.45");
	CHECK_TEXT(printed(decimal_round(&value, 0)), "0");
	value = parsed("1.5");
	CHECK_TEXT(printed(decimal_round(&value, 4)), "1.5000");
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_round(&value, 61));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_round(&value, -1));
}

static void
division_states_its_preconditions(void)
{
	Decimal one = parsed("1");
	Decimal minus_one = parsed("-1");
	Decimal zero = decimal_zero();

	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_divide(&one, &zero, 2));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_divide_ceiling(&one, &zero));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_divide_ceiling(&minus_one, &one));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_divide_ceiling(&one, &minus_one));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, decimal_divide(&one, &one, 61));
	CHECK_TEXT(printed(decimal_divide(&zero, &minus_one, 2)), "0.00");
	CHECK_TEXT(printed(decimal_negate(&zero)), "0");
	CHECK_TEXT(printed(decimal_divide_ceiling(&zero, &one)), "0");
}

static void
an_overflow_is_an_error_with_the_limits(void)
{
	Decimal most = parsed(NINES_76);
	Decimal least = parsed("1e-60");
	Decimal one = parsed("1");
	Decimal ten = parsed("10.0");
	Decimal tenth = parsed("0.1");
	/* without a check the dividend wraps to one whose quotient would fit */
	Decimal wrapping =
		parsed("6710509847732264416115271263376765689283836301299036747364498017052893805726");
	Decimal small = parsed("9999999999999999." NINES_60);

	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_add(&most, &one));
	CHECK_TEXT(unit_error.message, "decimal out of range");
	CHECK_TEXT(unit_error.detail,
			   "A number has at most 76 digits, at most 60 of them after the point.");
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_add(&most, &least));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_multiply(&most, &ten));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_multiply(&least, &tenth));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_divide(&most, &least, 60));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_divide_ceiling(&most, &tenth));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_divide(&wrapping, &small, 60));
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW, decimal_round(&most, 1));
	CHECK_TEXT(printed(decimal_multiply(&most, &one)), NINES_76);
	CHECK_INT(decimal_multiply(&least, &ten).scale, 60);
}

static void
the_laws_of_arithmetic_hold(void)
{
	for (int i = 0; i < ROUNDS; i++)
	{
		Decimal a = random_decimal();
		Decimal b = random_decimal();
		Decimal c = random_decimal();
		Decimal sum = decimal_add(&a, &b);
		Decimal reversed = decimal_add(&b, &a);
		Decimal back = decimal_subtract(&sum, &b);
		Decimal left = decimal_multiply(&sum, &c);
		Decimal ac = decimal_multiply(&a, &c);
		Decimal bc = decimal_multiply(&b, &c);
		Decimal right = decimal_add(&ac, &bc);
		Decimal minus = decimal_negate(&a);
		Decimal nothing = decimal_add(&a, &minus);

		check_invariants(&left);
		check_invariants(&nothing);
		CHECK(decimal_compare(&sum, &reversed) == 0);
		CHECK(decimal_compare(&back, &a) == 0);
		CHECK(decimal_compare(&left, &right) == 0);
		CHECK(decimal_is_zero(&nothing));
		stubs_free_all();
	}
}

static void
rounding_moves_by_at_most_half_a_unit(void)
{
	for (int i = 0; i < ROUNDS; i++)
	{
		Decimal a = random_decimal();
		int scale = (int) harness_random_below(20);
		Decimal once = decimal_round(&a, scale);
		Decimal twice = decimal_round(&once, scale);
		Decimal moved = decimal_subtract(&once, &a);
		Decimal half = decimal_from_int64(5, scale + 1);
		Decimal minus_half = decimal_negate(&half);

		CHECK_INT(once.scale, scale);
		CHECK(decimal_compare(&once, &twice) == 0);
		CHECK(decimal_compare(&moved, &half) <= 0 && decimal_compare(&moved, &minus_half) >= 0);
	}
}

static void
printing_and_parsing_are_inverse(void)
{
	for (int i = 0; i < ROUNDS; i++)
	{
		Decimal a = random_decimal();
		Decimal b = random_decimal();
		Decimal value = decimal_multiply(&a, &b);
		Decimal again = parsed(printed(value));

		CHECK(memcmp(again.limb, value.limb, sizeof(value.limb)) == 0);
		CHECK_INT(again.scale, value.scale);
		CHECK_INT(again.negative, value.negative);
		stubs_free_all();
	}
}

static const UnitTest tests[] = {
	{"addition and subtraction agree with the oracle", addition_agrees_with_the_oracle},
	{"multiplication agrees with the oracle", multiplication_agrees_with_the_oracle},
	{"division agrees with the oracle", division_agrees_with_the_oracle},
	{"rounding agrees with the oracle", rounding_agrees_with_the_oracle},
	{"the order agrees with the oracle", order_agrees_with_the_oracle},
	{"reading and printing agree with the oracle", text_agrees_with_the_oracle},
	{"integers and scales agree with the oracle", integers_and_scales_agree_with_the_oracle},
	{"a scale is kept as written", a_scale_is_kept_as_written},
	{"what is no number is refused", what_is_no_number_is_refused},
	{"what has too many digits is refused", what_has_too_many_digits_is_refused},
	{"a long text is read without harm", a_long_text_is_read_without_harm},
	{"int64 goes in and out", int64_goes_in_and_out},
	{"ties are rounded away from zero", ties_are_rounded_away_from_zero},
	{"division states its preconditions", division_states_its_preconditions},
	{"an overflow is an error with the limits", an_overflow_is_an_error_with_the_limits},
	{"the laws of arithmetic hold", the_laws_of_arithmetic_hold},
	{"rounding moves by at most half a unit", rounding_moves_by_at_most_half_a_unit},
	{"printing and parsing are inverse", printing_and_parsing_are_inverse},
};

UNIT_MAIN(tests)
