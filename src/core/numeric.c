/*
 * numeric.c
 *	  Between the numeric of SQL and our Decimal and Money, by their exact text.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

/* False for NaN, infinity and what is beyond the range of Decimal. */
bool
numeric_to_decimal(Datum numeric, Decimal *result)
{
	char *text = DatumGetCString(DirectFunctionCall1(numeric_out, numeric));
	bool ok = decimal_parse(text, result);

	pfree(text);
	return ok;
}

/* The same, raising INVALID_ARGUMENT that names the argument `what`. */
Decimal
numeric_require_decimal(Datum numeric, const char *what)
{
	Decimal result;

	if (!numeric_to_decimal(numeric, &result))
		billing_error(INVALID_ARGUMENT, errmsg("%s must be a finite decimal", what),
					  errdetail("The value is %.60s.",
								DatumGetCString(DirectFunctionCall1(numeric_out, numeric))),
					  errhint("At most %d digits are supported.", DECIMAL_MAX_DIGITS));
	return result;
}

Datum
decimal_to_numeric(const Decimal *value)
{
	char buffer[DECIMAL_TEXT_SIZE];

	return DirectFunctionCall3(numeric_in, CStringGetDatum(decimal_print(value, buffer)),
							   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}

Datum
money_to_numeric(Money money)
{
	Decimal value = money_to_decimal(money);

	return decimal_to_numeric(&value);
}

/* An amount that callers give: more digits than the currency has are refused, never rounded away. */
Money
numeric_to_money(Datum numeric, const Currency *currency, const char *what)
{
	Decimal value = numeric_require_decimal(numeric, what);
	Money money;

	if (!money_from_decimal(&value, currency, &money))
		billing_error(INVALID_ARGUMENT,
					  errmsg("%s has more decimals than %s", what, currency->code),
					  errdetail("%s has %d decimals.", currency->code, currency->exponent),
					  errhint("Round it with round_money(amount, currency)."));
	return money;
}

static Datum
row_numeric(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, NUMERICOID, &isnull);

	Ensure(!isnull, "column \"%s\" is null", column);
	return value;
}

/* The value of a numeric column, which is finite and not null. */
Decimal
row_decimal(Rows *rows, const char *column)
{
	return numeric_require_decimal(row_numeric(rows, column), column);
}

Money
row_money(Rows *rows, const char *column, const Currency *currency)
{
	return numeric_to_money(row_numeric(rows, column), currency, column);
}
