/*
 * decimal_text.c
 *	  Decimals from and to text.
 *
 * Guarantees: what is read is the exact value or refused; what is printed, with every digit of
 * its scale, reads back as the same coefficient and scale. Raises nothing, locks nothing,
 * allocates nothing, depends on no locale.
 */
#include "postgres.h"

#include "core/decimal.h"
#include "core/wide.h"

#define EXPONENT_LIMIT 1000000000 /* far beyond any that a value in range can need */

/* What decimal_parse() has read so far. */
typedef struct Scan
{
	const char *at;
	Decimal value; /* the coefficient up to the last digit that is not 0 */
	int digits;    /* of that coefficient, even where it got too long to hold */
	int zeros;     /* zeros read after it */
} Scan;

/* Reads digits into the scan; returns how many there were. */
static int
scan_digits(Scan *scan)
{
	const char *start = scan->at;

	for (; *scan->at >= '0' && *scan->at <= '9'; scan->at++)
	{
		if (*scan->at == '0')
		{
			scan->zeros += scan->digits > 0 ? 1 : 0;
			continue;
		}
		scan->digits += scan->zeros + 1;
		if (scan->digits <= DECIMAL_MAX_DIGITS)
		{
			(void) limbs_scale_up(scan->value.limb, DECIMAL_LIMBS, scan->zeros);
			(void) limbs_multiply(scan->value.limb, DECIMAL_LIMBS, 10, (uint64) (*scan->at - '0'));
		}
		scan->zeros = 0;
	}
	return (int) (scan->at - start);
}

/* Reads what follows e or E; false if that is no number. Huge ones are cut to EXPONENT_LIMIT. */
static bool
scan_exponent(Scan *scan, int64 *exponent)
{
	bool negative = *scan->at == '-';
	const char *start;

	if (*scan->at == '-' || *scan->at == '+')
		scan->at++;
	start = scan->at;
	for (*exponent = 0; *scan->at >= '0' && *scan->at <= '9'; scan->at++)
		*exponent = Min(*exponent * 10 + (*scan->at - '0'), EXPONENT_LIMIT);
	if (negative)
		*exponent = -*exponent;
	return scan->at > start;
}

/*
 * Completes the value, whose last digit read stands for 10^place. The scale stays as written
 * ("1.50" has 2), unless the value only fits without some trailing zeros of its fraction.
 */
static bool
scan_finish(Scan *scan, int64 place)
{
	int64 scale = place < 0 ? -place : 0;
	int64 zeros = scan->zeros + (place > 0 ? place : 0);
	int64 excess = Max(scale - DECIMAL_MAX_SCALE, scan->digits + zeros - DECIMAL_MAX_DIGITS);

	if (scan->digits == 0)
	{
		scan->value.scale = (int16) Min(scale, DECIMAL_MAX_SCALE);
		scan->value.negative = false;
		return true;
	}
	if (excess > 0)
	{
		if (excess > Min(scale, zeros))
			return false;
		scale -= excess;
		zeros -= excess;
	}
	scan->value.scale = (int16) scale;
	return limbs_scale_up(scan->value.limb, DECIMAL_LIMBS, (int) zeros);
}

/*
 * Reads [+-]digits[.digits][(e|E)[+-]digits], the form of numeric and of a JSON number, with
 * nothing around it. False, and nothing written, for all else: NaN, Infinity, or a value with
 * too many digits, which is for the caller to report with the place it came from.
 */
bool
decimal_parse(const char *text, Decimal *result)
{
	Scan scan = {.at = text};
	int fraction = 0;
	int64 exponent = 0;

	scan.value.negative = *text == '-';
	if (*text == '-' || *text == '+')
		scan.at++;
	if (scan_digits(&scan) == 0)
		return false;
	if (*scan.at == '.')
	{
		scan.at++;
		fraction = scan_digits(&scan);
		if (fraction == 0)
			return false;
	}
	if (*scan.at == 'e' || *scan.at == 'E')
	{
		scan.at++;
		if (!scan_exponent(&scan, &exponent))
			return false;
	}
	if (*scan.at != '\0' || !scan_finish(&scan, exponent - fraction))
		return false;
	*result = scan.value;
	return true;
}

/*
 * Writes the plain form with exactly `scale` digits after the point and returns `buffer`, which
 * holds at least DECIMAL_TEXT_SIZE bytes.
 */
char *
decimal_print(const Decimal *value, char *buffer)
{
	Decimal rest = *value;
	char reversed[DECIMAL_TEXT_SIZE];
	char *out = buffer;
	int count = 0;

	while (!decimal_is_zero(&rest))
	{
		uint64 chunk = limbs_divide(rest.limb, DECIMAL_LIMBS, wide_power_of_ten[LIMB_DIGITS]);
		bool last = decimal_is_zero(&rest);

		for (int i = 0; i < LIMB_DIGITS && !(last && chunk == 0); i++, chunk /= 10)
			reversed[count++] = (char) ('0' + chunk % 10);
	}
	while (count <= value->scale)
		reversed[count++] = '0';
	if (value->negative)
		*out++ = '-';
	while (count-- > 0)
	{
		*out++ = reversed[count];
		if (count == value->scale && count > 0)
			*out++ = '.';
	}
	*out = '\0';
	return buffer;
}
