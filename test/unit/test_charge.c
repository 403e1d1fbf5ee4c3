/*
 * test_charge.c
 *	  The price rules: facts that were agreed on, vectors of an independent oracle, properties.
 *
 * Charges are written as text: per_unit and flat "price", package "size:price", graduated and
 * volume "upTo:price[:fee] ... inf:price[:fee]".
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/pricing/charge.h"
#include "harness.h"

#define TRIALS 2000
#define TRIAL_TIERS 5

/* The reference's plan: the first 10 000 are free. */
#define FREE_THEN_ONE "10000:0 inf:1"

typedef struct Vector
{
	const char *model;
	const char *free_units;
	const char *minimum; /* "": none */
	const char *maximum;
	const char *parameters;
	const char *quantity;
	const char *amount;
} Vector;

static const Vector vectors[] = {
#include "charge_vectors.inc"
};

static const char *const model_names[] = {
	[CHARGE_PER_UNIT] = "per_unit", [CHARGE_GRADUATED] = "graduated", [CHARGE_VOLUME] = "volume",
	[CHARGE_PACKAGE] = "package",   [CHARGE_FLAT] = "flat",
};

static Decimal
number(const char *text)
{
	Decimal value;

	if (!decimal_parse(text, &value))
		harness_fail(__FILE__, __LINE__, "the test has a bad number: \"%s\"", text);
	return value;
}

/* The field up to the next ':' or ' ', which is consumed; NULL at the end of the tier or text. */
static char *
next_field(const char **text)
{
	size_t length = strcspn(*text, ": ");
	char *field;

	if (length == 0)
		return NULL;
	field = pnstrdup(*text, length);
	*text += length + ((*text)[length] == ':' ? 1 : 0);
	return field;
}

static void
read_tiers(Charge *charge, const char *text)
{
	charge->tiers = palloc0(sizeof(ChargeTier) * CHARGE_MAX_TIERS);
	for (; *text != '\0'; text += *text == ' ' ? 1 : 0)
	{
		ChargeTier *tier = &charge->tiers[charge->tier_count++];
		char *bound = next_field(&text);
		char *fee;

		tier->bounded = strcmp(bound, "inf") != 0;
		if (tier->bounded)
			tier->up_to = number(bound);
		tier->unit_price = number(next_field(&text));
		fee = next_field(&text);
		tier->flat_fee = fee == NULL ? decimal_zero() : number(fee);
	}
}

static Charge
charge_of(ChargeModel model, const char *text)
{
	Charge charge = {.model = model, .code = "TEST"};

	if (model == CHARGE_GRADUATED || model == CHARGE_VOLUME)
		read_tiers(&charge, text);
	else if (model == CHARGE_FLAT)
		charge.amount = number(text);
	else
	{
		if (model == CHARGE_PACKAGE)
			charge.package_size = number(next_field(&text));
		charge.unit_price = number(next_field(&text));
	}
	return charge;
}

/* The amount in the shortest form of its value. */
static char *
rated(Charge charge, const char *quantity)
{
	Decimal units = number(quantity);
	Decimal amount = charge_rate(&charge, &units);

	amount = decimal_round(&amount, decimal_significant_scale(&amount));
	return decimal_print(&amount, palloc(DECIMAL_TEXT_SIZE));
}

static void
test_per_unit(void)
{
	CHECK_TEXT(rated(charge_of(CHARGE_PER_UNIT, "2"), "1000"), "2000");
	CHECK_TEXT(rated(charge_of(CHARGE_PER_UNIT, "1"), "0"), "0");
	CHECK_TEXT(rated(charge_of(CHARGE_PER_UNIT, "1"), "100"), "100");
	CHECK_TEXT(rated(charge_of(CHARGE_PER_UNIT, "5"), "10"), "50");
	CHECK_TEXT(rated(charge_of(CHARGE_PER_UNIT, "0.000012"), "123456789012"), "1481481.468144");
}

static void
test_graduated_reference_facts(void)
{
	Charge two = charge_of(CHARGE_GRADUATED, FREE_THEN_ONE);
	Charge three = charge_of(CHARGE_GRADUATED, "1000:0 10000:1 inf:2");

	CHECK_TEXT(rated(two, "5000"), "0");
	CHECK_TEXT(rated(two, "10000"), "0");
	CHECK_TEXT(rated(two, "10001"), "1");
	CHECK_TEXT(rated(two, "15000"), "5000");
	CHECK_TEXT(rated(two, "20000"), "10000");
	CHECK_TEXT(rated(three, "15000"), "19000");
	CHECK_TEXT(rated(charge_of(CHARGE_GRADUATED, "1000:0 10000:1 inf:0.5"), "15000"), "11500");
}

static void
test_graduated_fraction_above_bound(void)
{
	Charge charge = charge_of(CHARGE_GRADUATED, "10:1 20:3:7 inf:5:100");

	CHECK_TEXT(rated(charge, "10"), "10");
	CHECK_TEXT(rated(charge, "10.1"), "17.3");
	CHECK_TEXT(rated(charge, "20"), "47");
	CHECK_TEXT(rated(charge, "20.000000000000000001"), "147.000000000000000005");
}

static void
test_graduated_flat_fees(void)
{
	Charge charge = charge_of(CHARGE_GRADUATED, "10:1:5 inf:2:50");

	CHECK_TEXT(rated(charge, "0"), "5");
	CHECK_TEXT(rated(charge, "10"), "15");
	CHECK_TEXT(rated(charge, "11"), "67");
}

static void
test_volume(void)
{
	Charge charge = charge_of(CHARGE_VOLUME, "10:5:3 100:4 inf:2:1");

	CHECK_TEXT(rated(charge, "0"), "3");
	CHECK_TEXT(rated(charge, "10"), "53");
	CHECK_TEXT(rated(charge, "10.5"), "42");
	CHECK_TEXT(rated(charge, "100"), "400");
	CHECK_TEXT(rated(charge, "101"), "203");
}

static void
test_package(void)
{
	Charge charge = charge_of(CHARGE_PACKAGE, "1000:2.5");

	CHECK_TEXT(rated(charge, "0"), "0");
	CHECK_TEXT(rated(charge, "0.000001"), "2.5");
	CHECK_TEXT(rated(charge, "1000"), "2.5");
	CHECK_TEXT(rated(charge, "1001"), "5");
	CHECK_TEXT(rated(charge_of(CHARGE_PACKAGE, "0.5:1"), "1.2"), "3");
}

static void
test_flat(void)
{
	CHECK_TEXT(rated(charge_of(CHARGE_FLAT, "9.9"), "0"), "9.9");
	CHECK_TEXT(rated(charge_of(CHARGE_FLAT, "9.9"), "1000"), "9.9");
}

static void
test_free_units(void)
{
	Charge charge = charge_of(CHARGE_GRADUATED, "1000:1:5 inf:2");
	Charge package = charge_of(CHARGE_PACKAGE, "10:1");

	charge.free_units = number("10");
	CHECK_TEXT(rated(charge, "3"), "5");
	CHECK_TEXT(rated(charge, "10"), "5");
	CHECK_TEXT(rated(charge, "1010"), "1005");
	CHECK_TEXT(rated(charge, "1011"), "1007");
	package.free_units = number("10");
	CHECK_TEXT(rated(package, "10"), "0");
	CHECK_TEXT(rated(package, "10.5"), "1");
}

static void
test_minimum_and_maximum(void)
{
	Charge charge = charge_of(CHARGE_PER_UNIT, "1");

	charge.has_minimum = true;
	charge.minimum = number("100");
	CHECK_TEXT(rated(charge, "0"), "100");
	CHECK_TEXT(rated(charge, "100"), "100");
	CHECK_TEXT(rated(charge, "101"), "101");
	charge.has_maximum = true;
	charge.maximum = number("200.5");
	CHECK_TEXT(rated(charge, "200.4"), "200.4");
	CHECK_TEXT(rated(charge, "5000"), "200.5");
	charge.has_minimum = false;
	CHECK_TEXT(rated(charge, "0"), "0");
}

static void
test_largest_price_and_quantity(void)
{
	Charge charge = charge_of(CHARGE_PER_UNIT, "999999999999999.999999999999999999");

	CHECK_TEXT(rated(charge, "999999999999999.999999999999999999"),
			   "999999999999999999999999999999.998000000000000000000000000000000001");
	EXPECT_ERROR(ERRCODE_BILLING_AMOUNT_OVERFLOW,
				 rated(charge, "9999999999999999999999999999999999999999999999999999999999999999"));
}

static void
test_never_free_in_silence(void)
{
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, rated(charge_of(CHARGE_GRADUATED, "10:1"), "11"));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, rated(charge_of(CHARGE_VOLUME, "10:1"), "11"));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, rated(charge_of(CHARGE_VOLUME, ""), "0"));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR, rated(charge_of(CHARGE_PER_UNIT, "1"), "-1"));
}

static Charge
charge_of_vector(const Vector *vector)
{
	ChargeModel model = CHARGE_PER_UNIT;
	Charge charge;

	while (model < CHARGE_FLAT && strcmp(model_names[model], vector->model) != 0)
		model++;
	CHECK_TEXT(model_names[model], vector->model);
	charge = charge_of(model, vector->parameters);
	charge.free_units = number(vector->free_units);
	charge.has_minimum = vector->minimum[0] != '\0';
	charge.has_maximum = vector->maximum[0] != '\0';
	if (charge.has_minimum)
		charge.minimum = number(vector->minimum);
	if (charge.has_maximum)
		charge.maximum = number(vector->maximum);
	return charge;
}

static void
test_oracle(void)
{
	for (size_t i = 0; i < lengthof(vectors); i++)
	{
		char *actual = rated(charge_of_vector(&vectors[i]), vectors[i].quantity);

		if (strcmp(actual, vectors[i].amount) != 0)
			harness_fail(__FILE__, __LINE__, "vector %d: %s of %s costs %s, got %s", (int) i,
						 vectors[i].quantity, vectors[i].parameters, vectors[i].amount, actual);
	}
}

/* Below `limit`, with up to 6 fraction digits. */
static Decimal
random_decimal(uint64 limit)
{
	return decimal_from_int64((int64) harness_random_below(limit * UINT64CONST(1000000)), 6);
}

/* Tiers at distances from 1 to 1000, with a fee in every second trial. */
static Charge
random_tiers(ChargeModel model, bool fees)
{
	Charge charge = {.model = model, .code = "TEST"};
	Decimal bound = decimal_zero();
	Decimal one = number("1");

	charge.tier_count = 1 + (int) harness_random_below(TRIAL_TIERS);
	charge.tiers = palloc0(sizeof(ChargeTier) * (TRIAL_TIERS + 1));
	for (int i = 0; i < charge.tier_count; i++)
	{
		Decimal step = random_decimal(1000);

		step = decimal_add(&step, &one);
		bound = decimal_add(&bound, &step);
		charge.tiers[i].bounded = i < charge.tier_count - 1;
		charge.tiers[i].up_to = charge.tiers[i].bounded ? bound : decimal_zero();
		charge.tiers[i].unit_price = random_decimal(100);
		if (fees)
			charge.tiers[i].flat_fee = random_decimal(50);
	}
	return charge;
}

/* A quantity in reach of the tiers; every third is a bound itself. */
static Decimal
random_quantity(const Charge *charge)
{
	int tier = (int) harness_random_below((uint64) charge->tier_count);

	if (charge->tiers[tier].bounded && harness_random_below(3) == 0)
		return charge->tiers[tier].up_to;
	return random_decimal((uint64) charge->tier_count * 1000);
}

static void
test_graduated_never_falls(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(CHARGE_GRADUATED, trial % 2 == 0);
		Decimal less = random_quantity(&charge);
		Decimal extra = random_decimal(trial % 3 == 0 ? 1 : 1000);
		Decimal more = decimal_add(&less, &extra);
		Decimal before = charge_rate(&charge, &less);
		Decimal after = charge_rate(&charge, &more);

		CHECK(decimal_compare(&before, &after) <= 0);
	}
}

/* Cuts the last tier at a bound, the same price on both sides, no fee for the new tier. */
static void
split_last_tier(Charge *charge)
{
	ChargeTier *last = &charge->tiers[charge->tier_count - 1];
	Decimal step = number("0.000001");
	Decimal extra = random_decimal(500);

	last[1] = *last;
	last[1].flat_fee = decimal_zero();
	last->bounded = true;
	last->up_to = charge->tier_count > 1 ? decimal_add(&last[-1].up_to, &step) : step;
	last->up_to = decimal_add(&last->up_to, &extra);
	charge->tier_count++;
}

static void
test_graduated_split_changes_nothing(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(CHARGE_GRADUATED, trial % 2 == 0);
		Decimal quantity = random_quantity(&charge);
		Decimal whole = charge_rate(&charge, &quantity);
		Decimal split;

		split_last_tier(&charge);
		split = charge_rate(&charge, &quantity);
		CHECK(decimal_compare(&whole, &split) == 0);
	}
}

/* With prices that fall and no fees, graduated is what volume costs or more. */
static void
test_falling_prices_favour_volume(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(CHARGE_GRADUATED, false);
		Decimal quantity = random_quantity(&charge);
		Decimal graduated;
		Decimal volume;

		for (int i = 1; i < charge.tier_count; i++)
			if (decimal_compare(&charge.tiers[i].unit_price, &charge.tiers[i - 1].unit_price) > 0)
				charge.tiers[i].unit_price = charge.tiers[i - 1].unit_price;
		graduated = charge_rate(&charge, &quantity);
		charge.model = CHARGE_VOLUME;
		volume = charge_rate(&charge, &quantity);
		CHECK(decimal_compare(&graduated, &volume) >= 0);
	}
}

static void
test_one_tier_is_per_unit(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(trial % 2 == 0 ? CHARGE_GRADUATED : CHARGE_VOLUME, false);
		Charge per_unit = {.model = CHARGE_PER_UNIT, .code = "TEST"};
		Decimal quantity = random_decimal(100000);
		Decimal a, b;

		charge.tier_count = 1;
		charge.tiers[0].bounded = false;
		per_unit.unit_price = charge.tiers[0].unit_price;
		a = charge_rate(&charge, &quantity);
		b = charge_rate(&per_unit, &quantity);
		CHECK(decimal_compare(&a, &b) == 0);
	}
}

/* `count` full packages cost `count` prices; the smallest unit more starts another. */
static void
test_package_edges(void)
{
	Decimal step = number("0.000000000001");

	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = {.model = CHARGE_PACKAGE, .code = "TEST"};
		Decimal count = decimal_from_int64((int64) harness_random_below(100000), 0);
		Decimal quantity, expected, amount;

		charge.package_size = random_decimal(1000);
		charge.package_size = decimal_add(&charge.package_size, &step);
		charge.unit_price = random_decimal(100);
		quantity = decimal_multiply(&count, &charge.package_size);
		expected = decimal_multiply(&count, &charge.unit_price);
		amount = charge_rate(&charge, &quantity);
		CHECK(decimal_compare(&amount, &expected) == 0);

		quantity = decimal_add(&quantity, &step);
		expected = decimal_add(&expected, &charge.unit_price);
		amount = charge_rate(&charge, &quantity);
		CHECK(decimal_compare(&amount, &expected) == 0);
	}
}

static void
test_free_units_shift_quantity(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(trial % 2 == 0 ? CHARGE_GRADUATED : CHARGE_VOLUME, true);
		Decimal quantity = random_quantity(&charge);
		Decimal free_units = random_decimal(1000);
		Decimal shifted = decimal_add(&quantity, &free_units);
		Decimal plain = charge_rate(&charge, &quantity);
		Decimal with_free;

		charge.free_units = free_units;
		with_free = charge_rate(&charge, &shifted);
		CHECK(decimal_compare(&plain, &with_free) == 0);
	}
}

static void
test_amount_between_limits(void)
{
	for (int trial = 0; trial < TRIALS; trial++)
	{
		Charge charge = random_tiers(CHARGE_GRADUATED, true);
		Decimal quantity = random_quantity(&charge);
		Decimal range = random_decimal(5000);
		Decimal amount;

		charge.has_minimum = charge.has_maximum = true;
		charge.minimum = random_decimal(20000);
		charge.maximum = decimal_add(&charge.minimum, &range);
		amount = charge_rate(&charge, &quantity);
		CHECK(decimal_compare(&amount, &charge.minimum) >= 0);
		CHECK(decimal_compare(&amount, &charge.maximum) <= 0);
	}
}

static const UnitTest tests[] = {
	{"per_unit is price times quantity, exactly", test_per_unit},
	{"graduated: each tier prices its slice, a bound is inclusive", test_graduated_reference_facts},
	{"graduated: a fraction above a bound is in the next tier",
	 test_graduated_fraction_above_bound},
	{"graduated: the fee of every tier entered is added", test_graduated_flat_fees},
	{"volume: the tier of the whole quantity prices all of it", test_volume},
	{"package: a started package is paid, none for 0 units", test_package},
	{"flat: the amount whatever the quantity", test_flat},
	{"free units come off before the model, never below 0", test_free_units},
	{"minimum, then maximum, after the model", test_minimum_and_maximum},
	{"the largest price and quantity are exact, beyond is AMOUNT_OVERFLOW",
	 test_largest_price_and_quantity},
	{"what the tiers do not cover is an error, never free", test_never_free_in_silence},
	{"every vector of the oracle is met exactly", test_oracle},
	{"graduated totals never fall as the quantity rises", test_graduated_never_falls},
	{"splitting a tier at the same price changes nothing", test_graduated_split_changes_nothing},
	{"with falling prices volume costs at most graduated", test_falling_prices_favour_volume},
	{"one unbounded tier is per_unit", test_one_tier_is_per_unit},
	{"full packages cost their count, one step more one package more", test_package_edges},
	{"free units shift the quantity", test_free_units_shift_quantity},
	{"the amount lies between minimum and maximum", test_amount_between_limits},
};

UNIT_MAIN(tests)
