/*
 * money.h
 *	  An amount of one currency in its minor unit, with checked arithmetic.
 *
 * Two currencies in one operation are CURRENCY_MISMATCH, a result beyond int64 is
 * AMOUNT_OVERFLOW. The only rounding is HALF_UP (ties away from zero), in money_round().
 * Pure C: no SPI, no server state.
 */
#ifndef BILLING_MONEY_H
#define BILLING_MONEY_H

#include "core/currency.h"
#include "core/decimal.h"

typedef struct Money
{
	int64 minor;
	const Currency *currency;
} Money;

extern Money money_zero(const Currency *currency);
extern Money money_from_minor(int64 minor, const Currency *currency);
extern Money money_round(const Decimal *amount, const Currency *currency);
extern bool money_from_decimal(const Decimal *amount, const Currency *currency, Money *result);
extern Decimal money_to_decimal(Money money);
extern char *money_text(Money money);
extern Money money_add(Money a, Money b);
extern Money money_subtract(Money a, Money b);
extern Money money_negate(Money money);
extern int money_compare(Money a, Money b);
extern bool money_is_zero(Money money);
extern bool money_is_negative(Money money);
extern Money money_percentage(Money net, const Decimal *percentage);
extern Money money_portion(Money whole, Money part, Money of);
extern void money_allocate(Money total, const int64 *weights, int count, Money *parts);

#endif
