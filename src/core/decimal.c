/*
 * decimal.c
 *	  Exact arithmetic on decimals: 256-bit coefficients, 512-bit intermediates.
 *
 * Guarantees: a result is the exact value, or, in decimal_round() and the two divisions, the
 * exact value rounded once; else the call raises AMOUNT_OVERFLOW. Every coefficient is below
 * 10^DECIMAL_MAX_DIGITS, every scale between 0 and DECIMAL_MAX_SCALE, and zero is never negative.
 *
 * The general path works on Wide. Its 512 bits hold any product (152 digits) and any aligned
 * coefficient (136 digits), so that nothing can wrap unseen. Operands that fit 64 or 128 bits
 * take a shorter way to the same result, since every usage event is rated with them.
 *
 * Locks nothing, allocates nothing, keeps no state, never touches a float.
 */
#include "postgres.h"

#include "core/decimal.h"
#include "core/errors.h"
#include "core/wide.h"

typedef enum Rounding
{
	ROUND_HALF_UP, /* ties away from zero */
	ROUND_CEILING, /* of the magnitude */
} Rounding;

/* 10^DECIMAL_MAX_DIGITS, the least coefficient that is too large */
static const uint64 coefficient_limit[DECIMAL_LIMBS] = {
	UINT64CONST(0),
	UINT64CONST(0x7775a5f171951000),
	UINT64CONST(0x0764b4abe8652979),
	UINT64CONST(0x161bcca7119915b5),
};

static void
decimal_raise_overflow(void)
{
	billing_error(AMOUNT_OVERFLOW, errmsg("decimal out of range"),
				  errdetail("A number has at most %d digits, at most %d of them after the point.",
							DECIMAL_MAX_DIGITS, DECIMAL_MAX_SCALE));
}

/* Whether remainder / divisor, a fraction below 1, is rounded to 1. */
static bool
wide_rounds_up(Wide remainder, const Wide *divisor, Rounding rounding)
{
	if (rounding == ROUND_CEILING)
		return limbs_used(remainder.limb, WIDE_LIMBS) > 0;
	(void) limbs_multiply(remainder.limb, WIDE_LIMBS, 2, 0);
	return limbs_compare(remainder.limb, divisor->limb, WIDE_LIMBS) >= 0;
}

static bool
wide_is_coefficient(const Wide *a)
{
	return limbs_used(a->limb, WIDE_LIMBS) <= DECIMAL_LIMBS &&
		   limbs_compare(a->limb, coefficient_limit, DECIMAL_LIMBS) < 0;
}

static Decimal
decimal_from_uint128(uint128 coefficient, int scale, bool negative)
{
	Decimal result = {.scale = (int16) scale};

	result.limb[0] = (uint64) coefficient;
	result.limb[1] = (uint64) (coefficient >> 64);
	result.negative = negative && coefficient != 0;
	return result;
}

/* The decimal of coefficient / 10^scale, at this very scale; AMOUNT_OVERFLOW if it does not fit. */
static Decimal
decimal_from_wide(const Wide *coefficient, int scale, bool negative)
{
	Decimal result = {.scale = (int16) scale};

	if (!wide_is_coefficient(coefficient))
		decimal_raise_overflow();
	memcpy(result.limb, coefficient->limb, sizeof(result.limb));
	result.negative = negative && !decimal_is_zero(&result);
	return result;
}

/*
 * The decimal of coefficient / 10^scale, without as many trailing zeros of its fraction as it
 * must lose to fit: this changes no value. AMOUNT_OVERFLOW if that is not enough.
 */
static Decimal
decimal_from_wide_exact(Wide coefficient, int scale, bool negative)
{
	while (scale > DECIMAL_MAX_SCALE || (scale > 0 && !wide_is_coefficient(&coefficient)))
	{
		if (limbs_divide(coefficient.limb, WIDE_LIMBS, 10) != 0)
			decimal_raise_overflow();
		scale--;
	}
	return decimal_from_wide(&coefficient, scale, negative);
}

/* The coefficient of `value` at a scale not below its own, if that fits 128 bits. */
static bool
decimal_align_small(const Decimal *value, int scale, uint128 *coefficient)
{
	uint128 own = ((uint128) value->limb[1] << 64) | value->limb[0];
	int digits = scale - value->scale;

	if ((value->limb[2] | value->limb[3]) != 0 || digits > LIMB_DIGITS)
		return false;
	return !__builtin_mul_overflow(own, (uint128) wide_power_of_ten[digits], coefficient);
}

/* The coefficient of any value at a scale not below its own and below twice the largest. */
static Wide
decimal_align(const Decimal *value, int scale)
{
	Wide wide = {{0}};

	memcpy(wide.limb, value->limb, sizeof(value->limb));
	(void) limbs_scale_up(wide.limb, WIDE_LIMBS, scale - value->scale);
	return wide;
}

Decimal
decimal_zero(void)
{
	return decimal_from_uint128(0, 0, false);
}

/* value / 10^scale: 30150 at scale 2 is 301.50. */
Decimal
decimal_from_int64(int64 value, int scale)
{
	uint64 magnitude = value < 0 ? -(uint64) value : (uint64) value;

	Ensure(scale >= 0 && scale <= DECIMAL_MAX_SCALE, "decimal scale %d is out of range", scale);
	return decimal_from_uint128(magnitude, scale, value < 0);
}

/* False if `value` has a fraction other than zeros or is beyond int64; raises nothing. */
bool
decimal_to_int64(const Decimal *value, int64 *result)
{
	Decimal whole = *value;
	uint64 limit = (uint64) PG_INT64_MAX + (value->negative ? 1 : 0);

	if (!limbs_scale_down(whole.limb, DECIMAL_LIMBS, value->scale) ||
		limbs_used(whole.limb, DECIMAL_LIMBS) > 1 || whole.limb[0] > limit)
		return false;
	*result = (int64) (value->negative ? -whole.limb[0] : whole.limb[0]);
	return true;
}

/* Exact, at the larger scale of the two. */
Decimal
decimal_add(const Decimal *a, const Decimal *b)
{
	int scale = Max(a->scale, b->scale);
	bool same_sign = a->negative == b->negative;
	uint128 x;
	uint128 y;
	Wide wide_a;
	Wide wide_b;

	if (decimal_align_small(a, scale, &x) && decimal_align_small(b, scale, &y))
	{
		if (!same_sign && x < y)
			return decimal_from_uint128(y - x, scale, b->negative);
		if (!same_sign)
			return decimal_from_uint128(x - y, scale, a->negative);
		if (x + y >= x)
			return decimal_from_uint128(x + y, scale, a->negative);
	}
	wide_a = decimal_align(a, scale);
	wide_b = decimal_align(b, scale);
	if (!same_sign && limbs_compare(wide_a.limb, wide_b.limb, WIDE_LIMBS) < 0)
	{
		wide_subtract(&wide_b, &wide_a);
		return decimal_from_wide_exact(wide_b, scale, b->negative);
	}
	if (same_sign)
		wide_add(&wide_a, &wide_b);
	else
		wide_subtract(&wide_a, &wide_b);
	return decimal_from_wide_exact(wide_a, scale, a->negative);
}

Decimal
decimal_subtract(const Decimal *a, const Decimal *b)
{
	Decimal minus_b = decimal_negate(b);

	return decimal_add(a, &minus_b);
}

/* Exact, at the sum of the scales. */
Decimal
decimal_multiply(const Decimal *a, const Decimal *b)
{
	int scale = a->scale + b->scale;
	bool negative = a->negative != b->negative;
	int used_a = limbs_used(a->limb, DECIMAL_LIMBS);
	int used_b = limbs_used(b->limb, DECIMAL_LIMBS);
	Wide product = {{0}};

	if (used_a <= 1 && used_b <= 1 && scale <= DECIMAL_MAX_SCALE)
		return decimal_from_uint128((uint128) a->limb[0] * b->limb[0], scale, negative);
	for (int i = 0; i < used_a; i++)
	{
		uint64 carry = 0;

		for (int j = 0; j < used_b; j++)
		{
			uint128 sum = (uint128) a->limb[i] * b->limb[j] + product.limb[i + j] + carry;

			product.limb[i + j] = (uint64) sum;
			carry = (uint64) (sum >> 64);
		}
		product.limb[i + used_b] = carry;
	}
	return decimal_from_wide_exact(product, scale, negative);
}

Decimal
decimal_negate(const Decimal *a)
{
	Decimal result = *a;

	result.negative = !a->negative && !decimal_is_zero(a);
	return result;
}

/*
 * a / b at `scale`, rounded. A dividend beyond 512 bits is an overflow of the result, too: the
 * divisor has at most 76 digits then, which leaves more than 76 for the quotient.
 */
static Decimal
decimal_divide_rounded(const Decimal *a, const Decimal *b, int scale, Rounding rounding)
{
	int shift = scale + b->scale - a->scale;
	int divisor_scale = b->scale + Max(-shift, 0);
	bool negative = a->negative != b->negative;
	uint128 x;
	uint128 y;
	Wide dividend;
	Wide divisor;
	Wide quotient;
	Wide remainder;

	Ensure(!decimal_is_zero(b), "division of a decimal by zero");
	if (decimal_align_small(a, a->scale + Max(shift, 0), &x) &&
		decimal_align_small(b, divisor_scale, &y))
	{
		uint128 rest = x % y;
		bool up = rounding == ROUND_CEILING ? rest > 0 : rest >= y - rest;

		return decimal_from_uint128(x / y + (up ? 1 : 0), scale, negative);
	}
	dividend = decimal_align(a, a->scale);
	if (!limbs_scale_up(dividend.limb, WIDE_LIMBS, Max(shift, 0)))
		decimal_raise_overflow();
	divisor = decimal_align(b, divisor_scale);
	quotient = wide_divide(&dividend, &divisor, &remainder);
	if (wide_rounds_up(remainder, &divisor, rounding))
		(void) limbs_multiply(quotient.limb, WIDE_LIMBS, 1, 1);
	return decimal_from_wide(&quotient, scale, negative);
}

/* a / b at exactly `scale` digits after the point, HALF_UP. `b` is not 0: the caller checked. */
Decimal
decimal_divide(const Decimal *a, const Decimal *b, int scale)
{
	Ensure(scale >= 0 && scale <= DECIMAL_MAX_SCALE, "decimal scale %d is out of range", scale);
	return decimal_divide_rounded(a, b, scale, ROUND_HALF_UP);
}

/* The least whole number of `b` that covers `a`: 0 for 0. Needs a >= 0 and b > 0. */
Decimal
decimal_divide_ceiling(const Decimal *a, const Decimal *b)
{
	Ensure(!a->negative && !b->negative, "ceiling of a division of negative decimals");
	return decimal_divide_rounded(a, b, 0, ROUND_CEILING);
}

/* At exactly `scale` digits after the point: HALF_UP if that drops digits, else with zeros. */
Decimal
decimal_round(const Decimal *a, int scale)
{
	Decimal result = *a;

	Ensure(scale >= 0 && scale <= DECIMAL_MAX_SCALE, "decimal scale %d is out of range", scale);
	if (scale >= a->scale)
	{
		Wide padded = decimal_align(a, scale);

		return decimal_from_wide(&padded, scale, a->negative);
	}
	(void) limbs_scale_down(result.limb, DECIMAL_LIMBS, a->scale - scale - 1);
	if (limbs_divide(result.limb, DECIMAL_LIMBS, 10) >= 5)
		(void) limbs_multiply(result.limb, DECIMAL_LIMBS, 1, 1);
	result.scale = (int16) scale;
	result.negative = a->negative && !decimal_is_zero(&result);
	return result;
}

/* By value: 1.5 equals 1.50. */
int
decimal_compare(const Decimal *a, const Decimal *b)
{
	int scale = Max(a->scale, b->scale);
	int order;
	uint128 x;
	uint128 y;

	if (a->negative != b->negative)
		return a->negative ? -1 : 1;
	if (decimal_align_small(a, scale, &x) && decimal_align_small(b, scale, &y))
		order = (x > y) - (x < y);
	else
	{
		Wide wide_a = decimal_align(a, scale);
		Wide wide_b = decimal_align(b, scale);

		order = limbs_compare(wide_a.limb, wide_b.limb, WIDE_LIMBS);
	}
	return a->negative ? -order : order;
}

bool
decimal_is_zero(const Decimal *a)
{
	return (a->limb[0] | a->limb[1] | a->limb[2] | a->limb[3]) == 0;
}

/* Digits after the point without trailing zeros: 1.500 has 1, 100 has 0. */
int
decimal_significant_scale(const Decimal *a)
{
	Decimal rest = *a;
	int scale = a->scale;

	while (scale > 0 && limbs_divide(rest.limb, DECIMAL_LIMBS, 10) == 0)
		scale--;
	return scale;
}
