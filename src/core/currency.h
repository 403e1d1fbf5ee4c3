/*
 * currency.h
 *	  The currencies of ISO 4217 with the exponent of their minor unit.
 *
 * Codes without a minor unit (XAU, XXX, XTS, ...) are left out: no amount of them can be paid.
 */
#ifndef BILLING_CURRENCY_H
#define BILLING_CURRENCY_H

typedef struct Currency
{
	char code[4];
	uint8 exponent; /* digits of the minor unit: KRW 0, USD 2, KWD 3 */
	int16 number;   /* ISO 4217 numeric code */
	const char *name;
} Currency;

extern const Currency *currency_find(const char *code);
extern const Currency *currency_require(const char *code);
extern const Currency *currency_list(int *count);

#endif
