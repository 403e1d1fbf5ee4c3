/*
 * usage_api.c
 *	  usage_of(): what a customer used in a month, folded or not.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "domain/metering/usage.h"
#include "funcapi.h"
#include "utils/builtins.h"

static Stmt select_usage = {
	.name = "usage_of_month",
	.sql = "SELECT u.resource_type, u.quantity, u.event_count"
		   " FROM billing.usage_by_month(ARRAY[$1], $2, $3) u"
		   " WHERE u.resource_type IS NOT NULL ORDER BY u.resource_type",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, DATEOID, DATEOID},
	.read_only = true,
	.by_index = true,
};

Rows
usage_of_month(const char *customer_id, Period period)
{
	StmtArgs args = {0};

	arg_text(&args, customer_id);
	arg_datum(&args, DateADTGetDatum(period_first_day(period)));
	arg_datum(&args, DateADTGetDatum(period_first_day(period_next(period))));
	return stmt_run(&select_usage, &args);
}

/* usage_of(customer_id text, period text) -> setof (resource_type, quantity, event_count) */
PG_FUNCTION_INFO_V1(billing_usage_of);
Datum
billing_usage_of(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	Period period = period_parse(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	Rows rows;

	actor_require_customer(customer_id);
	InitMaterializedSRF(fcinfo, 0);
	spi_begin();
	rows = usage_of_month(customer_id, period);
	while (row_next(&rows))
		tuplestore_puttuple(result->setResult, rows.tuple);
	spi_end();
	return (Datum) 0;
}
