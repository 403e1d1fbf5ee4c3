/*
 * numeric.h
 *	  Between the numeric of SQL and our Decimal and Money.
 */
#ifndef BILLING_NUMERIC_H
#define BILLING_NUMERIC_H

#include "core/money.h"
#include "core/spi.h"

extern bool numeric_to_decimal(Datum numeric, Decimal *result);
extern Decimal numeric_require_decimal(Datum numeric, const char *what);
extern Datum decimal_to_numeric(const Decimal *value);
extern Datum money_to_numeric(Money money);
extern Money numeric_to_money(Datum numeric, const Currency *currency, const char *what);
extern Decimal row_decimal(Rows *rows, const char *column);
extern Money row_money(Rows *rows, const char *column, const Currency *currency);

#endif
