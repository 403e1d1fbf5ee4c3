/*
 * wide.h
 *	  The unsigned integers behind Decimal: arrays of 64-bit limbs, least significant first.
 *
 * 512 bits hold the product of two coefficients of a Decimal (152 digits) and any coefficient
 * brought to the scale of another (136 digits). Pure C: no SPI, no server state.
 */
#ifndef BILLING_WIDE_H
#define BILLING_WIDE_H

#define WIDE_LIMBS 8
#define LIMB_DIGITS 19 /* 10^19 is the largest power of ten in a limb */

typedef struct Wide
{
	uint64 limb[WIDE_LIMBS];
} Wide;

extern const uint64 wide_power_of_ten[LIMB_DIGITS + 1];

extern int limbs_used(const uint64 *limb, int count);
extern int limbs_compare(const uint64 *a, const uint64 *b, int count);
extern uint64 limbs_multiply(uint64 *limb, int count, uint64 factor, uint64 addend);
extern uint64 limbs_divide(uint64 *limb, int count, uint64 divisor);
extern bool limbs_scale_up(uint64 *limb, int count, int digits);
extern bool limbs_scale_down(uint64 *limb, int count, int digits);

extern void wide_add(Wide *a, const Wide *b);
extern void wide_subtract(Wide *a, const Wide *b);
extern Wide wide_divide(const Wide *dividend, const Wide *divisor, Wide *remainder);

#endif
