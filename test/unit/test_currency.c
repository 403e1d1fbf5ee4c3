/*
 * test_currency.c
 *	  The table of currencies is that of ISO 4217, and an unknown code is an error.
 */
#include "postgres.h"

#include "core/currency.h"
#include "core/errors.h"
#include "harness.h"

/* Every code whose minor unit has not two digits. */
static const struct
{
	int exponent;
	const char *codes;
} other_exponents[] = {
	{0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"},
	{3, "BHD IQD JOD KWD LYD OMR TND"},
	{4, "CLF UYW"},
};

static int
expected_exponent(const char *code)
{
	for (size_t i = 0; i < lengthof(other_exponents); i++)
	{
		if (strstr(other_exponents[i].codes, code) != NULL)
			return other_exponents[i].exponent;
	}
	return 2;
}

static void
the_table_is_sorted_and_every_row_is_found(void)
{
	int count;
	const Currency *list = currency_list(&count);

	CHECK_INT(count, 165);
	for (int i = 0; i < count; i++)
	{
		CHECK(i == 0 || strcmp(list[i - 1].code, list[i].code) < 0);
		CHECK(currency_find(list[i].code) == &list[i]);
		CHECK(currency_require(list[i].code) == &list[i]);
	}
}

static void
every_row_is_well_formed(void)
{
	int count;
	const Currency *list = currency_list(&count);

	for (int i = 0; i < count; i++)
	{
		CHECK_INT((int64) strlen(list[i].code), 3);
		CHECK_INT((int64) strspn(list[i].code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"), 3);
		CHECK(list[i].number > 0 && list[i].number <= 999);
		CHECK(list[i].name[0] != '\0');
		for (const char *at = list[i].name; *at != '\0'; at++)
			CHECK(*at >= ' ' && *at <= '~');
		for (int j = 0; j < i; j++)
			CHECK(list[i].number != list[j].number);
	}
}

static void
every_exponent_is_that_of_the_standard(void)
{
	int count;
	const Currency *list = currency_list(&count);
	int others = 0;

	for (int i = 0; i < count; i++)
	{
		if (list[i].exponent != expected_exponent(list[i].code))
			harness_fail(__FILE__, __LINE__, "%s has the exponent %d", list[i].code,
						 list[i].exponent);
		others += list[i].exponent == 2 ? 0 : 1;
	}
	CHECK_INT(others, 17 + 7 + 2);
}

static void
numbers_and_names_are_those_of_the_standard(void)
{
	CHECK_INT(currency_require("KRW")->number, 410);
	CHECK_INT(currency_require("USD")->number, 840);
	CHECK_INT(currency_require("EUR")->number, 978);
	CHECK_INT(currency_require("JPY")->number, 392);
	CHECK_INT(currency_require("ALL")->number, 8);
	CHECK_INT(currency_require("XCG")->number, 532);
	CHECK_INT(currency_require("ZWG")->number, 924);
	CHECK_TEXT(currency_require("KRW")->name, "Won");
	CHECK_TEXT(currency_require("USD")->name, "US Dollar");
}

static void
what_is_no_code_with_a_minor_unit_is_not_found(void)
{
	static const char *const codes[] = {
		"",    "U",   "US",  "usd",          "Usd", "USDX", " USD", "USD ",
		"AAA", "ZZZ", "000", "\xff\xff\xff", "XAG", "XAU",  "XBA",  "XBB",
		"XBC", "XBD", "XDR", "XPD",          "XPT", "XSU",  "XTS",  "XUA",
		"XXX", "DEM", "FRF", "HRK",          "BTC",
	};

	CHECK(currency_find(NULL) == NULL);
	for (size_t i = 0; i < lengthof(codes); i++)
	{
		if (currency_find(codes[i]) != NULL)
			harness_fail(__FILE__, __LINE__, "\"%s\" was found", codes[i]);
	}
}

static void
an_unknown_code_is_an_error_that_says_what_to_give(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_UNKNOWN_CURRENCY, currency_require("usd"));
	CHECK_TEXT(unit_error.message, "unknown currency \"usd\"");
	CHECK_TEXT(unit_error.detail, "It is not the code of an ISO 4217 currency with a minor unit.");
	CHECK_TEXT(unit_error.hint, "Give an upper-case ISO 4217 code, for example KRW or USD.");
	EXPECT_ERROR(ERRCODE_BILLING_UNKNOWN_CURRENCY, currency_require("XAU"));
	EXPECT_ERROR(ERRCODE_BILLING_UNKNOWN_CURRENCY, currency_require(""));
	EXPECT_ERROR(ERRCODE_BILLING_UNKNOWN_CURRENCY, currency_require(NULL));
	CHECK_TEXT(unit_error.message, "currency must not be null");
	CHECK_TEXT(unit_error.hint, "Give an upper-case ISO 4217 code, for example KRW or USD.");
}

static const UnitTest tests[] = {
	{"the table is sorted and every row is found", the_table_is_sorted_and_every_row_is_found},
	{"every row is well formed", every_row_is_well_formed},
	{"every exponent is that of the standard", every_exponent_is_that_of_the_standard},
	{"numbers and names are those of the standard", numbers_and_names_are_those_of_the_standard},
	{"what is no code with a minor unit is not found",
	 what_is_no_code_with_a_minor_unit_is_not_found},
	{"an unknown code is an error that says what to give",
	 an_unknown_code_is_an_error_that_says_what_to_give},
};

UNIT_MAIN(tests)
