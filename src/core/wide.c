/*
 * wide.c
 *	  Unsigned integers of several 64-bit limbs, least significant first.
 *
 * Every function either has room for its result by the contract of its arguments or returns
 * what did not fit; none raises an error. Locks nothing, allocates nothing, keeps no state.
 */
#include "postgres.h"

#include "core/wide.h"

const uint64 wide_power_of_ten[LIMB_DIGITS + 1] = {
	UINT64CONST(1),
	UINT64CONST(10),
	UINT64CONST(100),
	UINT64CONST(1000),
	UINT64CONST(10000),
	UINT64CONST(100000),
	UINT64CONST(1000000),
	UINT64CONST(10000000),
	UINT64CONST(100000000),
	UINT64CONST(1000000000),
	UINT64CONST(10000000000),
	UINT64CONST(100000000000),
	UINT64CONST(1000000000000),
	UINT64CONST(10000000000000),
	UINT64CONST(100000000000000),
	UINT64CONST(1000000000000000),
	UINT64CONST(10000000000000000),
	UINT64CONST(100000000000000000),
	UINT64CONST(1000000000000000000),
	UINT64CONST(10000000000000000000),
};

int
limbs_used(const uint64 *limb, int count)
{
	while (count > 0 && limb[count - 1] == 0)
		count--;
	return count;
}

int
limbs_compare(const uint64 *a, const uint64 *b, int count)
{
	for (int i = count - 1; i >= 0; i--)
	{
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

/* limb = limb * factor + addend; returns what is carried out of the last limb. */
uint64
limbs_multiply(uint64 *limb, int count, uint64 factor, uint64 addend)
{
	uint64 carry = addend;

	for (int i = 0; i < count; i++)
	{
		uint128 product = (uint128) limb[i] * factor + carry;

		limb[i] = (uint64) product;
		carry = (uint64) (product >> 64);
	}
	return carry;
}

/* limb = limb / divisor, cut; returns the remainder. */
uint64
limbs_divide(uint64 *limb, int count, uint64 divisor)
{
	uint64 remainder = 0;

	for (int i = limbs_used(limb, count) - 1; i >= 0; i--)
	{
		uint128 dividend = ((uint128) remainder << 64) | limb[i];

		limb[i] = (uint64) (dividend / divisor);
		remainder = (uint64) (dividend - (uint128) limb[i] * divisor);
	}
	return remainder;
}

/* limb = limb * 10^digits; false if it does not fit. */
bool
limbs_scale_up(uint64 *limb, int count, int digits)
{
	while (digits > 0)
	{
		int step = Min(digits, LIMB_DIGITS);

		if (limbs_multiply(limb, count, wide_power_of_ten[step], 0) != 0)
			return false;
		digits -= step;
	}
	return true;
}

/* limb = limb / 10^digits, cut; returns whether only zeros were cut off. */
bool
limbs_scale_down(uint64 *limb, int count, int digits)
{
	bool exact = true;

	while (digits > 0)
	{
		int step = Min(digits, LIMB_DIGITS);

		if (limbs_divide(limb, count, wide_power_of_ten[step]) != 0)
			exact = false;
		digits -= step;
	}
	return exact;
}

/* a = a + b, where the sum is known to fit. */
void
wide_add(Wide *a, const Wide *b)
{
	uint64 carry = 0;

	for (int i = 0; i < WIDE_LIMBS; i++)
	{
		uint128 sum = (uint128) a->limb[i] + b->limb[i] + carry;

		a->limb[i] = (uint64) sum;
		carry = (uint64) (sum >> 64);
	}
}

/* a = a - b, where a >= b. */
void
wide_subtract(Wide *a, const Wide *b)
{
	uint64 borrow = 0;

	for (int i = 0; i < WIDE_LIMBS; i++)
	{
		uint128 difference = (uint128) a->limb[i] - b->limb[i] - borrow;

		a->limb[i] = (uint64) difference;
		borrow = (uint64) (difference >> 64) & 1;
	}
}

/*
 * Returns dividend / divisor, cut, and sets the remainder. Bit by bit: what matters for speed
 * never comes here, and this way has no rare branch. The divisor is below 2^511.
 */
Wide
wide_divide(const Wide *dividend, const Wide *divisor, Wide *remainder)
{
	Wide quotient = {{0}};

	memset(remainder, 0, sizeof(*remainder));
	for (int bit = limbs_used(dividend->limb, WIDE_LIMBS) * 64 - 1; bit >= 0; bit--)
	{
		uint64 next = (dividend->limb[bit / 64] >> (bit % 64)) & 1;

		(void) limbs_multiply(remainder->limb, WIDE_LIMBS, 2, next);
		if (limbs_compare(remainder->limb, divisor->limb, WIDE_LIMBS) < 0)
			continue;
		wide_subtract(remainder, divisor);
		quotient.limb[bit / 64] |= UINT64CONST(1) << (bit % 64);
	}
	return quotient;
}
