/*
 * charge.h
 *	  One charge of a pricing plan and what it costs for a quantity.
 *
 * charge_rate() is the only place where a price is applied to a quantity: rate(), previews,
 * forecasts and invoices all call it. It never rounds. Pure C: no SPI, no server state.
 */
#ifndef BILLING_CHARGE_H
#define BILLING_CHARGE_H
#include "core/decimal.h"

#define CHARGE_MAX_TIERS 100
#define CHARGE_MAX_CHARGES 200
#define CHARGE_MAX_CODE 64           /* characters */
#define CHARGE_MAX_DESCRIPTION 256   /* characters */
#define CHARGE_MAX_RESOURCE 64       /* characters */
#define CHARGE_MAX_INTEGER_DIGITS 15 /* of a price, an amount or a bound */
#define CHARGE_MAX_FRACTION_DIGITS 18

typedef enum ChargeModel
{
	CHARGE_PER_UNIT,
	CHARGE_GRADUATED,
	CHARGE_VOLUME,
	CHARGE_PACKAGE,
	CHARGE_FLAT,
} ChargeModel;

typedef struct ChargeTier
{
	bool bounded;  /* false: upTo is null, the last tier */
	Decimal up_to; /* cumulative, inclusive */
	Decimal unit_price;
	Decimal flat_fee;
} ChargeTier;

typedef struct Charge
{
	ChargeModel model;
	const char *resource_type; /* NULL for a flat charge */
	const char *code;          /* the line's identity: "code", else the resource type */
	const char *description;   /* NULL if absent */
	Decimal unit_price;        /* per_unit, package */
	Decimal package_size;
	Decimal amount;     /* flat */
	Decimal free_units; /* 0 if absent */
	bool has_minimum;
	bool has_maximum;
	Decimal minimum;
	Decimal maximum;
	int tier_count;
	ChargeTier *tiers;
} Charge;

/* The exact amount for `quantity` >= 0: free units off, then the model, then minimum, then maximum. */
extern Decimal charge_rate(const Charge *charge, const Decimal *quantity);

#endif
