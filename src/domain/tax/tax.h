/*
 * tax.h
 *	  Tax rates by code and tax point.
 */
#ifndef BILLING_TAX_H
#define BILLING_TAX_H

#include "core/decimal.h"
#include "datatype/timestamp.h"

#define TAX_NONE "NONE" /* no tax code: no tax at all */

typedef struct TaxRate
{
	const char *code;
	const char *category; /* NULL for TAX_NONE */
	Decimal percentage;
} TaxRate;

/* The rate of a code at the end (exclusive) of a period; raises TAX_RATE_NOT_FOUND. Needs spi_begin(). */
extern TaxRate tax_rate_at(const char *code, TimestampTz tax_point);

#endif
