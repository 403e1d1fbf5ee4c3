/*
 * decimal.h
 *	  Exact decimals of any scale: quantities, unit prices and unrounded amounts.
 *
 * A value is coefficient / 10^scale with a coefficient of at most 76 digits. Nothing is ever
 * rounded but by decimal_round() and decimal_divide(); what does not fit is AMOUNT_OVERFLOW.
 * Pure C: no SPI, no server state.
 */
#ifndef BILLING_DECIMAL_H
#define BILLING_DECIMAL_H

#define DECIMAL_LIMBS 4
#define DECIMAL_MAX_DIGITS 76
#define DECIMAL_MAX_SCALE 60
#define DECIMAL_TEXT_SIZE (DECIMAL_MAX_DIGITS + 4) /* sign, leading 0, point, terminator */

typedef struct Decimal
{
	uint64 limb[DECIMAL_LIMBS]; /* coefficient, least significant first */
	int16 scale;                /* digits after the point, 0 to DECIMAL_MAX_SCALE */
	bool negative;              /* never true for zero */
} Decimal;

extern Decimal decimal_zero(void);
extern Decimal decimal_from_int64(int64 value, int scale);
extern bool decimal_parse(const char *text, Decimal *result);
extern char *decimal_print(const Decimal *value, char *buffer);
extern bool decimal_to_int64(const Decimal *value, int64 *result);

extern Decimal decimal_add(const Decimal *a, const Decimal *b);
extern Decimal decimal_subtract(const Decimal *a, const Decimal *b);
extern Decimal decimal_multiply(const Decimal *a, const Decimal *b);
extern Decimal decimal_negate(const Decimal *a);
extern Decimal decimal_divide(const Decimal *a, const Decimal *b, int scale);
extern Decimal decimal_divide_ceiling(const Decimal *a, const Decimal *b);
extern Decimal decimal_round(const Decimal *a, int scale);
extern int decimal_compare(const Decimal *a, const Decimal *b);
extern bool decimal_is_zero(const Decimal *a);
extern int decimal_significant_scale(const Decimal *a);

#endif
