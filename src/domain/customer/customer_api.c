/*
 * customer_api.c
 *	  register_customer() and set_house_time_zone().
 *
 * Locks: (when a zone is given) the settlements of the customer, then the customer row, then (when
 * the zone changes) the cursor of his bucket, so that nothing is under way in the old zone.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/currency.h"
#include "core/errors.h"
#include "core/period.h"
#include "core/spi.h"
#include "core/window.h"
#include "domain/customer/customer.h"
#include "utils/builtins.h"

#define MAX_NET_DAYS 365

/* The lock of a settlement: none is under way in the old zone while it changes. */
static Stmt lock_settlement = {
	.name = "lock_settlement",
	.sql = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended("
		   "'settlement:' || $1, 0))",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt lock_customer = {
	.name = "lock_customer",
	.sql = "SELECT c.currency, c.currency_fixed_at IS NOT NULL AS currency_fixed, c.time_zone"
		   " FROM billing.customers c WHERE c.customer_id = $1 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

/* Read after the lock: whoever makes a plan for the customer has his row, too. */
static Stmt select_plan_currency = {
	.name = "select_plan_currency",
	.sql = "SELECT p.currency FROM billing.pricing_plans p WHERE p.customer_id = $1 LIMIT 1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Stmt find_transfer = {
	.name = "find_transfer_of_customer",
	.sql = "SELECT 1 FROM billing.ledger_transfers t WHERE t.customer_id = $1 LIMIT 1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Stmt has_folded_usage = {
	.name = "has_folded_usage",
	.sql =
		"SELECT EXISTS (SELECT FROM billing.aggregated_usage a WHERE a.customer_id = $1) AS folded",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

/* A change, not a lock alone: a fold that began before must see that it has to begin again. */
static Stmt lock_bucket = {
	.name = "lock_bucket",
	.sql = "UPDATE billing.window_cursors w SET moved_at = $2"
		   " WHERE w.consumer = 'usage' AND w.bucket = $1",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {INT2OID, TIMESTAMPTZOID},
};

static Stmt update_customer = {
	.name = "update_customer",
	.sql =
		"UPDATE billing.customers c SET name = COALESCE($2, c.name),"
		" currency = COALESCE($3, c.currency), email = COALESCE($4, c.email),"
		" net_days = COALESCE($5, c.net_days), tax_code = COALESCE($6, c.tax_code),"
		" legal_name = COALESCE($7, c.legal_name), tax_id = COALESCE($8, c.tax_id),"
		" address = COALESCE($9, c.address), country = COALESCE($10, c.country),"
		" time_zone = COALESCE($11, c.time_zone), collection = COALESCE($12, c.collection),"
		" metadata = COALESCE($13, c.metadata), auto_apply_credit = COALESCE($14, c.auto_apply_credit),"
		" updated_at = $15"
		" WHERE c.customer_id = $1 RETURNING c AS customer",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 15,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, JSONBOID,
				 TEXTOID, TEXTOID, TEXTOID, JSONBOID, BOOLOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt upsert_house_zone = {
	.name = "upsert_house_zone",
	.sql = "INSERT INTO billing.billing_settings (time_zone, updated_at) VALUES ($1, $2)"
		   " ON CONFLICT (singleton) DO UPDATE SET time_zone = EXCLUDED.time_zone,"
		   " updated_at = EXCLUDED.updated_at",
	.expect = SPI_OK_INSERT,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static bool
has_money(const char *customer_id)
{
	StmtArgs args = {0};

	arg_text(&args, customer_id);
	return stmt_run(&find_transfer, &args).count > 0;
}

static void
check_currency_change(Rows *old, const char *customer_id, const char *currency)
{
	char *current = row_text_or_null(old, "currency");
	StmtArgs args = {0};
	Rows plans;

	currency_require(currency);
	if (current != NULL && strcmp(current, currency) != 0 &&
		(row_bool(old, "currency_fixed") || has_money(customer_id)))
		billing_error(FROZEN, errmsg("the currency of customer \"%s\" is fixed", customer_id),
					  errdetail("It is %s, since the customer has money or invoices.", current));
	arg_text(&args, customer_id);
	plans = stmt_run(&select_plan_currency, &args);
	if (row_next(&plans) && strcmp(row_text(&plans, "currency"), currency) != 0)
		billing_error(CURRENCY_MISMATCH,
					  errmsg("customer \"%s\" has a pricing plan in %s", customer_id,
							 row_text(&plans, "currency")),
					  errhint("Register the customer with the currency of the plan."));
}

static void
check_zone_change(Rows *old, const char *customer_id, const char *zone)
{
	StmtArgs bucket = {0};
	StmtArgs args = {0};
	Rows rows;

	zone_check(zone);
	if (strcmp(row_text(old, "time_zone"), zone) == 0)
		return;
	if (row_bool(old, "currency_fixed"))
		billing_error(FROZEN, errmsg("the time zone of customer \"%s\" is frozen", customer_id),
					  errdetail("The customer was invoiced by months of this zone already."));
	arg_datum(&bucket, Int16GetDatum(window_bucket(customer_id)));
	arg_datum(&bucket, TimestampTzGetDatum(clock_now()));
	window_open("usage");
	stmt_run(&lock_bucket, &bucket);
	arg_text(&args, customer_id);
	rows = stmt_run(&has_folded_usage, &args);
	if (row_next(&rows) && row_bool(&rows, "folded"))
		billing_error(FROZEN, errmsg("the time zone of customer \"%s\" is frozen", customer_id),
					  errdetail("Usage of the customer is folded by day in this zone already."));
}

static void
arg_pass(StmtArgs *args, FunctionCallInfo fcinfo, int number)
{
	if (PG_ARGISNULL(number))
		arg_null(args);
	else
		arg_datum(args, PG_GETARG_DATUM(number));
}

static void
check_arguments(FunctionCallInfo fcinfo)
{
	static const char *const collections[] = {"AUTOMATIC", "SEND_INVOICE", NULL};
	char *country = arg_text_optional(fcinfo, 9, "country", 2);

	arg_text_optional(fcinfo, 1, "name", MAX_LONG_NAME);
	arg_text_optional(fcinfo, 3, "email", MAX_LONG_NAME);
	if (!PG_ARGISNULL(4) && (PG_GETARG_INT32(4) < 0 || PG_GETARG_INT32(4) > MAX_NET_DAYS))
		billing_error(INVALID_ARGUMENT, errmsg("net_days is out of range"),
					  errdetail("The value is %d, allowed are 0 to %d.", PG_GETARG_INT32(4),
								MAX_NET_DAYS));
	arg_text_optional(fcinfo, 5, "tax_code", MAX_NAME);
	arg_text_optional(fcinfo, 6, "legal_name", MAX_LONG_NAME);
	arg_text_optional(fcinfo, 7, "tax_id", MAX_NAME);
	arg_json_optional(fcinfo, 8, "address", MAX_METADATA_BYTES);
	if (country != NULL &&
		(strlen(country) != 2 || strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 2))
		billing_error(INVALID_ARGUMENT, errmsg("country is not a code of two capital letters"),
					  errdetail("The value is \"%s\".", country),
					  errhint("Use ISO 3166-1 alpha-2."));
	arg_text_optional(fcinfo, 10, "time_zone", MAX_NAME);
	arg_choice_optional(fcinfo, 11, "collection", collections);
	arg_json_optional(fcinfo, 12, "metadata", MAX_METADATA_BYTES);
}

/* register_customer(...) -> billing.customers */
PG_FUNCTION_INFO_V1(billing_register_customer);
Datum
billing_register_customer(PG_FUNCTION_ARGS)
{
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	char *currency = arg_text_optional(fcinfo, 2, "currency", MAX_NAME);
	StmtArgs lock_args = {0};
	StmtArgs args = {0};
	Rows rows;
	Datum result;

	actor_require_service();
	check_arguments(fcinfo);
	spi_begin();
	arg_text(&lock_args, customer_id);
	if (!PG_ARGISNULL(10))
		stmt_run(&lock_settlement, &lock_args);
	customer_make(customer_id, NULL);
	rows = stmt_run(&lock_customer, &lock_args);
	Ensure(row_next(&rows), "customer \"%s\" vanished", customer_id);
	if (currency != NULL)
		check_currency_change(&rows, customer_id, currency);
	if (!PG_ARGISNULL(10))
		check_zone_change(&rows, customer_id, TextDatumGetCString(PG_GETARG_DATUM(10)));
	for (int i = 0; i < 14; i++)
		arg_pass(&args, fcinfo, i);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&update_customer, &args);
	Ensure(row_next(&rows), "customer \"%s\" vanished", customer_id);
	result = row_composite(&rows, "customer");
	spi_end();
	return result;
}

/* set_house_time_zone(time_zone text) -> void */
PG_FUNCTION_INFO_V1(billing_set_house_time_zone);
Datum
billing_set_house_time_zone(PG_FUNCTION_ARGS)
{
	char *zone = arg_text_required(fcinfo, 0, "time_zone", MAX_NAME);
	StmtArgs args = {0};

	actor_require_admin();
	zone_check(zone);
	spi_begin();
	arg_text(&args, zone);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&upsert_house_zone, &args);
	spi_end();
	PG_RETURN_VOID();
}
