/*
 * charge.c
 *	  What one charge costs for a quantity.
 *
 * Every amount is exact: nothing here rounds, so that an invoice line is rounded once, where it
 * is written. Order: free units, the model, minimum, maximum. The charge is one that
 * charge_parse() accepted. Pure C: no SPI, no server state, takes no lock, allocates nothing.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/pricing/charge.h"

static const Decimal *
lesser(const Decimal *a, const Decimal *b)
{
	return decimal_compare(a, b) <= 0 ? a : b;
}

/* What is left to price; free units that were not used are lost, they never turn negative. */
static Decimal
charge_billable_units(const Charge *charge, const Decimal *quantity)
{
	if (decimal_compare(quantity, &charge->free_units) <= 0)
		return decimal_zero();
	return decimal_subtract(quantity, &charge->free_units);
}

/* The tier's price for `units` of it, with its flat fee: the tier counts as entered. */
static Decimal
charge_tier_amount(const ChargeTier *tier, const Decimal *units)
{
	Decimal priced = decimal_multiply(&tier->unit_price, units);

	return decimal_add(&priced, &tier->flat_fee);
}

/*
 * Each tier prices the slice between the bound before it and its own. A tier is entered when
 * the quantity exceeds the bound before it; the first one always is, so that quantity 0 costs
 * its flat fee.
 */
static Decimal
charge_rate_graduated(const Charge *charge, const Decimal *units)
{
	Decimal total = decimal_zero();
	Decimal covered = decimal_zero();

	for (int i = 0; i < charge->tier_count; i++)
	{
		const ChargeTier *tier = &charge->tiers[i];
		const Decimal *end = tier->bounded ? lesser(units, &tier->up_to) : units;
		Decimal slice = decimal_subtract(end, &covered);
		Decimal amount = charge_tier_amount(tier, &slice);

		total = decimal_add(&total, &amount);
		if (tier->bounded && decimal_compare(units, &tier->up_to) <= 0)
			break;
		covered = tier->up_to;
	}
	return total;
}

/* The tier in which the whole quantity falls prices all of it. */
static Decimal
charge_rate_volume(const Charge *charge, const Decimal *units)
{
	const ChargeTier *tier = charge->tiers;

	while (tier->bounded && decimal_compare(units, &tier->up_to) > 0)
		tier++;
	return charge_tier_amount(tier, units);
}

/* A package is paid when it is started. */
static Decimal
charge_rate_package(const Charge *charge, const Decimal *units)
{
	Decimal packages = decimal_divide_ceiling(units, &charge->package_size);

	return decimal_multiply(&packages, &charge->unit_price);
}

/* The model alone: no free units, no minimum, no maximum. */
static Decimal
charge_rate_model(const Charge *charge, const Decimal *units)
{
	switch (charge->model)
	{
		case CHARGE_PER_UNIT:
			return decimal_multiply(&charge->unit_price, units);
		case CHARGE_GRADUATED:
			return charge_rate_graduated(charge, units);
		case CHARGE_VOLUME:
			return charge_rate_volume(charge, units);
		case CHARGE_PACKAGE:
			return charge_rate_package(charge, units);
		case CHARGE_FLAT:
			return charge->amount;
	}
	Ensure(false, "charge has unknown model %d", (int) charge->model);
	pg_unreachable();
}

/*
 * The exact amount of `charge` for `quantity` units. Raises AMOUNT_OVERFLOW when the exact
 * amount needs more digits than a Decimal holds, and an internal error for a negative quantity
 * or for tiers that leave a part of the quantity without a price: it would be free in silence.
 */
Decimal
charge_rate(const Charge *charge, const Decimal *quantity)
{
	bool tiered = charge->model == CHARGE_GRADUATED || charge->model == CHARGE_VOLUME;
	Decimal units;
	Decimal amount;

	Ensure(!quantity->negative, "negative quantity for charge \"%s\"", charge->code);
	Ensure(!tiered || (charge->tier_count > 0 && !charge->tiers[charge->tier_count - 1].bounded),
		   "tiers of charge \"%s\" do not cover every quantity", charge->code);
	units = charge_billable_units(charge, quantity);
	amount = charge_rate_model(charge, &units);
	if (charge->has_minimum && decimal_compare(&amount, &charge->minimum) < 0)
		amount = charge->minimum;
	if (charge->has_maximum && decimal_compare(&amount, &charge->maximum) > 0)
		amount = charge->maximum;
	return amount;
}
