/*
 * gateway_scale.c
 *	  How amounts are written for an outside provider. Pure C.
 *
 * Gateways follow ISO 4217 but for a few currencies, and take no thousandths: their scale is a table of
 * its own, so that an amount is refused when it is asked for and never rounded on its way.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/gateway_call/gateway_scale.h"

typedef struct Scale
{
	char code[4];
	int digits;
} Scale;

/* Those that gateways write with other digits than ISO 4217 has. */
static const Scale others[] = {
	{"ISK", 2}, /* without a minor unit since 2007, written with two zeros all the same */
	{"MGA", 0}, /* its iraimbilanja is a fifth */
	{"UGX", 2}, /* like ISK */
};

int
gateway_scale(const Currency *currency)
{
	for (size_t i = 0; i < lengthof(others); i++)
	{
		if (strcmp(others[i].code, currency->code) == 0)
			return others[i].digits;
	}
	return currency->exponent;
}

/* The smallest amount that is taken, in our minor units; every other is a multiple of it. */
static int64
gateway_step(const Currency *currency)
{
	int64 step = currency->exponent == 3 ? 10 : 1;

	for (int digits = gateway_scale(currency); digits < currency->exponent; digits++)
		step *= 10;
	return step;
}

bool
gateway_takes(Money amount)
{
	return amount.minor % gateway_step(amount.currency) == 0;
}

void
gateway_scale_check(Money amount)
{
	int64 step = gateway_step(amount.currency);

	if (gateway_takes(amount))
		return;
	billing_error(INVALID_ARGUMENT,
				  errmsg("the payment gateway cannot take an amount of %s", money_text(amount)),
				  errdetail("It takes multiples of %s.",
							money_text(money_from_minor(step, amount.currency))),
				  errhint("Charge an amount that is rounded to that, or another method."));
}

char *
gateway_amount_text(Money amount, GatewayAmounts amounts)
{
	char *text = palloc(DECIMAL_TEXT_SIZE);
	Decimal exact = money_to_decimal(amount);
	Decimal value = decimal_round(&exact, gateway_scale(amount.currency));

	Ensure(decimal_compare(&exact, &value) == 0, "an amount would be rounded for the gateway");
	if (amounts == GATEWAY_AMOUNTS_MINOR)
		value.scale = 0;
	return decimal_print(&value, text);
}
