/*
 * pricing_api.c
 *	  create_pricing_plan(), rate() and round_money().
 *
 * Idempotency: the key and its fingerprint are columns of the plan that the call made.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/pricing/charge_parse.h"
#include "utils/builtins.h"

typedef struct NewPlan
{
	char *name;
	const Currency *currency;
	Jsonb *charges;
	TimestampTz effective_from;
	char *customer_id;
	bool has_until;
	TimestampTz effective_until;
	char *key;
	char *metadata;
	Datum fingerprint;
} NewPlan;

static Stmt insert_plan = {
	.name = "insert_plan",
	.sql =
		"INSERT INTO billing.pricing_plans AS p (plan_id, customer_id, name, currency, charges,"
		" effective_from, effective_until, metadata, idempotency_key, fingerprint, created_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8::jsonb, $9, $10, $11)"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
		" RETURNING p.plan_id",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 11,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID, TEXTOID, JSONBOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
				 TEXTOID, TEXTOID, BYTEAOID, TIMESTAMPTZOID},
};

static Stmt select_plan_by_key = {
	.name = "select_plan_by_key",
	.sql = "SELECT p.plan_id, p.fingerprint = $3 AS same FROM billing.pricing_plans p"
		   " WHERE p.customer_id IS NOT DISTINCT FROM $1 AND p.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

/* A customer without a currency gets that of his first own plan, so that no other can follow. */
static Stmt take_plan_currency = {
	.name = "take_plan_currency",
	.sql = "UPDATE billing.customers c SET currency = COALESCE(c.currency, $2)"
		   " WHERE c.customer_id = $1 RETURNING c.currency",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

/* What makes two calls with one key the same: everything but the key. */
static Datum
plan_fingerprint(const NewPlan *plan)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, plan->name);
	json_string(&json, plan->currency->code);
	json_raw(&json, JsonbToCString(NULL, &plan->charges->root, VARSIZE(plan->charges)));
	json_int(&json, plan->effective_from);
	json_string(&json, plan->customer_id);
	if (plan->has_until)
		json_int(&json, plan->effective_until);
	else
		json_raw(&json, NULL);
	json_raw(&json, plan->metadata);
	json_close(&json, ']');
	return digest_text(json.text.data);
}

static void
plan_from_args(FunctionCallInfo fcinfo, NewPlan *plan)
{
	Charge *charges;

	plan->name = arg_text_required(fcinfo, 0, "name", MAX_NAME);
	plan->currency = arg_currency(fcinfo, 1);
	plan->charges = DatumGetJsonbP(arg_required(fcinfo, 2, "charges"));
	plan->effective_from = arg_time_required(fcinfo, 3, "effective_from");
	plan->customer_id = arg_text_optional(fcinfo, 4, "customer_id", MAX_CUSTOMER_ID);
	plan->has_until = !PG_ARGISNULL(5);
	if (plan->has_until)
		plan->effective_until = arg_time_required(fcinfo, 5, "effective_until");
	plan->key = arg_text_optional(fcinfo, 6, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	plan->metadata = arg_json_optional(fcinfo, 7, "metadata", MAX_METADATA_BYTES);
	if (plan->has_until && plan->effective_until <= plan->effective_from)
		billing_error(INVALID_ARGUMENT, errmsg("effective_until must be after effective_from"));
	(void) charges_parse(plan->charges, "charges", &charges);
	plan->fingerprint = plan_fingerprint(plan);
}

/* The invoice is in the plan's currency, so all plans of a customer are in his currency. */
static void
check_plan_currency(const NewPlan *plan)
{
	StmtArgs args = {0};
	Rows rows;
	char *currency;

	customer_ensure(plan->customer_id, plan->key);
	arg_text(&args, plan->customer_id);
	arg_text(&args, plan->currency->code);
	rows = stmt_run(&take_plan_currency, &args);
	Ensure(row_next(&rows), "customer \"%s\" vanished", plan->customer_id);
	currency = row_text(&rows, "currency");
	if (strcmp(currency, plan->currency->code) != 0)
		billing_error(CURRENCY_MISMATCH,
					  errmsg("customer \"%s\" is billed in %s", plan->customer_id, currency),
					  errdetail("The plan is in %s.", plan->currency->code));
}

static void
audit_plan(const NewPlan *plan, Datum plan_id)
{
	JsonWriter json;
	AuditEntry entry = {
		.customer_id = plan->customer_id,
		.action = "PRICING_PLAN_CREATED",
		.target_type = "PricingPlan",
		.target_id = id_text(plan_id),
	};

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "name");
	json_string(&json, plan->name);
	json_key(&json, "currency");
	json_string(&json, plan->currency->code);
	json_key(&json, "effectiveFrom");
	json_timestamp(&json, plan->effective_from);
	json_close(&json, '}');
	entry.after = json_to_jsonb(&json);
	audit_append(&entry, 1);
}

static Rows
plan_insert(const NewPlan *plan)
{
	StmtArgs args = {0};

	arg_datum(&args, id_new());
	arg_text(&args, plan->customer_id);
	arg_text(&args, plan->name);
	arg_text(&args, plan->currency->code);
	arg_datum(&args, JsonbPGetDatum(plan->charges));
	arg_datum(&args, TimestampTzGetDatum(plan->effective_from));
	if (plan->has_until)
		arg_datum(&args, TimestampTzGetDatum(plan->effective_until));
	else
		arg_null(&args);
	arg_text(&args, plan->metadata);
	arg_text(&args, plan->key);
	arg_datum(&args, plan->fingerprint);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	return stmt_run(&insert_plan, &args);
}

static Rows
plan_by_key(const NewPlan *plan)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, plan->customer_id);
	arg_text(&args, plan->key);
	arg_datum(&args, plan->fingerprint);
	rows = stmt_run(&select_plan_by_key, &args);
	if (!row_next(&rows))
		billing_retry(errmsg("idempotency key \"%s\" is used by a transaction that is not visible",
							 plan->key));
	if (!row_bool(&rows, "same"))
		billing_error(INCOMPATIBLE_PARAMS,
					  errmsg("idempotency key \"%s\" was used with other parameters", plan->key));
	return rows;
}

/* create_pricing_plan(...) -> uuid */
PG_FUNCTION_INFO_V1(billing_create_pricing_plan);
Datum
billing_create_pricing_plan(PG_FUNCTION_ARGS)
{
	NewPlan plan = {0};
	Rows rows;
	bool isnull;
	pg_uuid_t *result = palloc(sizeof(pg_uuid_t));

	actor_require_service();
	plan_from_args(fcinfo, &plan);
	spi_begin();
	if (plan.customer_id != NULL)
		check_plan_currency(&plan);
	rows = plan_insert(&plan);
	if (row_next(&rows))
		audit_plan(&plan, row_datum(&rows, "plan_id", UUIDOID, &isnull));
	else
		rows = plan_by_key(&plan);
	*result = *DatumGetUUIDP(row_datum(&rows, "plan_id", UUIDOID, &isnull));
	spi_end();
	PG_RETURN_UUID_P(result);
}

/* rate(charge jsonb, quantity numeric) -> numeric, unrounded */
PG_FUNCTION_INFO_V1(billing_rate);
Datum
billing_rate(PG_FUNCTION_ARGS)
{
	Decimal quantity = numeric_require_decimal(arg_required(fcinfo, 1, "quantity"), "quantity");
	Charge charge;
	Decimal amount;

	charge_parse(DatumGetJsonbP(arg_required(fcinfo, 0, "charge")), "charge", &charge);
	if (quantity.negative)
		billing_error(INVALID_ARGUMENT, errmsg("quantity must not be negative"));
	amount = charge_rate(&charge, &quantity);
	return decimal_to_numeric(&amount);
}

/* round_money(amount numeric, currency text) -> numeric */
PG_FUNCTION_INFO_V1(billing_round_money);
Datum
billing_round_money(PG_FUNCTION_ARGS)
{
	Decimal amount = numeric_require_decimal(arg_required(fcinfo, 0, "amount"), "amount");
	const Currency *currency = arg_currency(fcinfo, 1);

	return money_to_numeric(money_round(&amount, currency));
}
