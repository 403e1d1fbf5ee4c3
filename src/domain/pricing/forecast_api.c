/*
 * forecast_api.c
 *	  forecast_usage(): where the running month is going.
 *
 * projected = used / (share of the month that has passed), rounded half up to a whole unit, and
 * never below what was used. In the first thousandth of a month nothing is projected.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/customer/customer.h"
#include "domain/metering/usage.h"
#include "domain/pricing/plan.h"
#include "funcapi.h"
#include "utils/builtins.h"

#define PROGRESS_SCALE 6
#define FLOOR_DIVISOR 1000 /* a month is projected after 1/1000 of it */
#define FORECAST_COLUMNS 8

typedef struct Forecast
{
	Period period;
	PeriodBounds bounds;
	int64 elapsed; /* us of the month that have passed */
	int64 total;   /* us of the month */
	const PricingPlan *plan;
} Forecast;

static Stmt select_customer = {
	.name = "forecast_customer",
	.sql = "SELECT c.time_zone, c.currency FROM billing.customers c WHERE c.customer_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Forecast
forecast_begin(const char *customer_id)
{
	StmtArgs args = {0};
	PlanRequest request = {.customer_id = customer_id};
	Forecast forecast = {0};
	Rows rows;
	char *zone;

	arg_text(&args, customer_id);
	rows = stmt_run(&select_customer, &args);
	if (!row_next(&rows))
		billing_error(CUSTOMER_NOT_FOUND, errmsg("customer \"%s\" does not exist", customer_id));
	zone = row_text(&rows, "time_zone");
	request.currency = row_text_or_null(&rows, "currency");
	forecast.period = period_of_day(zone_day(clock_now(), zone));
	forecast.bounds = period_bounds(forecast.period, zone);
	forecast.elapsed = clock_now() - forecast.bounds.start;
	forecast.total = forecast.bounds.end - forecast.bounds.start;
	request.bounds = forecast.bounds;
	plans_begin();
	plans_for_periods(&request, 1, &forecast.plan);
	if (forecast.plan == NULL)
		billing_error(PLAN_NOT_FOUND, errmsg("no pricing plan for customer \"%s\"", customer_id));
	return forecast;
}

static Decimal
project(const Forecast *forecast, const Decimal *used)
{
	Decimal total = decimal_from_int64(forecast->total, 0);
	Decimal elapsed = decimal_from_int64(forecast->elapsed, 0);
	Decimal projected;

	if (forecast->elapsed <= forecast->total / FLOOR_DIVISOR ||
		forecast->elapsed >= forecast->total)
		return *used;
	projected = decimal_multiply(used, &total);
	projected = decimal_divide(&projected, &elapsed, 0);
	return decimal_compare(&projected, used) < 0 ? *used : projected;
}

static Money
cost_of(const Forecast *forecast, const char *resource_type, const Decimal *quantity)
{
	for (int i = 0; i < forecast->plan->charge_count; i++)
	{
		const Charge *charge = &forecast->plan->charges[i];
		Decimal amount;

		if (charge->resource_type == NULL || strcmp(charge->resource_type, resource_type) != 0)
			continue;
		amount = charge_rate(charge, quantity);
		return money_round(&amount, forecast->plan->currency);
	}
	billing_error(RESOURCE_NOT_PRICED, errmsg("resource type \"%s\" is not priced", resource_type),
				  errdetail("Plan \"%s\" has no charge for it.", forecast->plan->name),
				  errhint("Price it with 0 if it is free."));
	return money_zero(forecast->plan->currency); /* not reached */
}

static void
put_row(ReturnSetInfo *result, const Forecast *forecast, Rows *rows)
{
	char *resource_type = row_text(rows, "resource_type");
	Decimal used = row_decimal(rows, "quantity");
	Decimal projected = project(forecast, &used);
	Decimal elapsed = decimal_from_int64(forecast->elapsed, 0);
	Decimal total = decimal_from_int64(forecast->total, 0);
	Decimal progress = decimal_divide(&elapsed, &total, PROGRESS_SCALE);
	char period[PERIOD_TEXT_SIZE];
	Datum values[FORECAST_COLUMNS] = {
		CStringGetTextDatum(period_print(forecast->period, period)),
		decimal_to_numeric(&progress),
		CStringGetTextDatum(resource_type),
		decimal_to_numeric(&used),
		decimal_to_numeric(&projected),
		money_to_numeric(cost_of(forecast, resource_type, &used)),
		money_to_numeric(cost_of(forecast, resource_type, &projected)),
		CStringGetTextDatum(forecast->plan->currency->code),
	};
	bool nulls[FORECAST_COLUMNS] = {false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* forecast_usage(customer_id text) -> setof (period, progress, resource_type, ..., currency) */
PG_FUNCTION_INFO_V1(billing_forecast_usage);
Datum
billing_forecast_usage(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	Forecast forecast;
	Rows rows;

	actor_require_customer(customer_id);
	InitMaterializedSRF(fcinfo, 0);
	spi_begin();
	forecast = forecast_begin(customer_id);
	rows = usage_of_month(customer_id, forecast.period);
	while (row_next(&rows))
		put_row(result, &forecast, &rows);
	spi_end();
	return (Datum) 0;
}
