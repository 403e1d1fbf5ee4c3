/*
 * tax_store.c
 *	  Tax rates: effective-dated rows that are never changed.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/tax/tax.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define TAX_MAX_FRACTION 6

static Stmt select_rate = {
	.name = "select_tax_rate",
	.sql = "SELECT t.category, t.percentage FROM billing.tax_rates t"
		   " WHERE t.code = $1 AND t.valid_from < $2 ORDER BY t.valid_from DESC LIMIT 1",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
	.by_index = true,
};

TaxRate
tax_rate_at(const char *code, TimestampTz tax_point)
{
	TaxRate rate = {TAX_NONE, NULL, decimal_zero()};
	StmtArgs args = {0};
	Rows rows;

	if (code == NULL || strcmp(code, TAX_NONE) == 0)
		return rate;
	arg_text(&args, code);
	arg_datum(&args, TimestampTzGetDatum(tax_point));
	rows = stmt_run(&select_rate, &args);
	if (!row_next(&rows))
		billing_error(TAX_RATE_NOT_FOUND,
					  errmsg("tax code \"%s\" has no rate at the tax point", code),
					  errdetail("The tax point is the end of the period."),
					  errhint("Register it with register_tax_rate()."));
	rate.code = pstrdup(code);
	rate.category = row_text(&rows, "category");
	rate.percentage = row_decimal(&rows, "percentage");
	return rate;
}

static Stmt insert_rate = {
	.name = "insert_tax_rate",
	.sql = "INSERT INTO billing.tax_rates (code, valid_from, percentage, category, created_at)"
		   " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (code, valid_from) DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, NUMERICOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt same_rate = {
	.name = "same_tax_rate",
	.sql = "SELECT t.percentage = $3 AND t.category = $4 AS same FROM billing.tax_rates t"
		   " WHERE t.code = $1 AND t.valid_from = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTOID, TIMESTAMPTZOID, NUMERICOID, TEXTOID},
};

static void
check_percentage(Datum numeric, const char *category)
{
	Decimal percentage = numeric_require_decimal(numeric, "percentage");
	Decimal limit = decimal_from_int64(100, 0);

	if (percentage.negative || decimal_compare(&percentage, &limit) > 0)
		billing_error(INVALID_ARGUMENT, errmsg("percentage is out of range"),
					  errdetail("Allowed are 0 to 100."));
	if (decimal_significant_scale(&percentage) > TAX_MAX_FRACTION)
		billing_error(INVALID_ARGUMENT, errmsg("percentage has too many decimals"),
					  errdetail("At most %d are allowed.", TAX_MAX_FRACTION));
	if (!decimal_is_zero(&percentage) && strcmp(category, "STANDARD") != 0 &&
		strcmp(category, "REDUCED") != 0)
		billing_error(INVALID_ARGUMENT, errmsg("a rate of category %s must be 0", category));
}

/* register_tax_rate(code text, percentage numeric, category text, valid_from timestamptz) -> void */
PG_FUNCTION_INFO_V1(billing_register_tax_rate);
Datum
billing_register_tax_rate(PG_FUNCTION_ARGS)
{
	static const char *const categories[] = {"STANDARD",       "REDUCED",      "ZERO", "EXEMPT",
											 "REVERSE_CHARGE", "OUT_OF_SCOPE", NULL};
	char *code = arg_text_required(fcinfo, 0, "code", MAX_NAME);
	Datum percentage = arg_required(fcinfo, 1, "percentage");
	char *category = arg_choice_optional(fcinfo, 2, "category", categories);
	TimestampTz valid_from = DatumGetTimestampTz(arg_required(fcinfo, 3, "valid_from"));
	StmtArgs args = {0};
	StmtArgs same = {0};
	Rows rows;

	actor_require_service();
	if (category == NULL)
		billing_error(INVALID_ARGUMENT, errmsg("category must not be null"));
	if (TIMESTAMP_IS_NOEND(valid_from))
		billing_error(INVALID_ARGUMENT, errmsg("valid_from must not be infinity"));
	if (strcmp(code, TAX_NONE) == 0)
		billing_error(INVALID_ARGUMENT, errmsg("tax code \"%s\" is reserved", code),
					  errdetail("It stands for no tax at all."));
	check_percentage(percentage, category);
	spi_begin();
	arg_text(&args, code);
	arg_datum(&args, TimestampTzGetDatum(valid_from));
	arg_datum(&args, percentage);
	arg_text(&args, category);
	same = args;
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	if (stmt_run(&insert_rate, &args).count == 0)
	{
		rows = stmt_run(&same_rate, &same);
		if (!row_next(&rows) || !row_bool(&rows, "same"))
			billing_error(ILLEGAL_STATE,
						  errmsg("tax code \"%s\" has another rate from that time", code),
						  errhint("Register the new rate with a later valid_from."));
	}
	spi_end();
	PG_RETURN_VOID();
}
