/*
 * register_api.c
 *	  register_payment_method(): a means to pay by, as a token of a provider.
 *
 * Guarantees: a customer has one default at most, and one row a token. Locks: the customer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/timestamp.h"

#define MAX_TOKEN 256
#define LAST_DIGITS 4

/*
 * Writes the customer, so that one whose snapshot is older gets 40001 instead of a second default.
 */
static Stmt touch_customer = {
	.name = "touch_customer",
	.sql = "UPDATE billing.customers c SET updated_at = $2 WHERE c.customer_id = $1",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt clear_default = {
	.name = "clear_default_method",
	.sql = "UPDATE billing.payment_methods m SET is_default = false, updated_at = $4"
		   " WHERE m.customer_id = $1 AND m.is_default AND (m.provider <> $2 OR m.token <> $3)",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt upsert_method = {
	.name = "upsert_payment_method",
	.sql =
		"INSERT INTO billing.payment_methods AS m (customer_id, payment_method_id, type, provider,"
		" token, is_default, brand, last4, expires_on, metadata, created_at, updated_at)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::jsonb, $11, $11)"
		" ON CONFLICT (customer_id, provider, token) DO UPDATE SET type = EXCLUDED.type,"
		" is_default = EXCLUDED.is_default, brand = EXCLUDED.brand, last4 = EXCLUDED.last4,"
		" expires_on = EXCLUDED.expires_on, metadata = EXCLUDED.metadata,"
		" updated_at = EXCLUDED.updated_at RETURNING m AS method",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 11,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, TEXTOID, TEXTOID, DATEOID,
				 TEXTOID, TIMESTAMPTZOID},
};

typedef struct PaymentMethod
{
	char *customer_id;
	char *type;
	char *provider;
	char *token;
	bool is_default;
	char *brand;
	char *last4;
	bool expires;
	DateADT expires_on;
	char *metadata;
} PaymentMethod;

static PaymentMethod
method_from_args(FunctionCallInfo fcinfo)
{
	static const char *const types[] = {"CARD", "BANK_TRANSFER", "IAP", NULL};
	PaymentMethod method = {0};

	method.customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	actor_require_customer(method.customer_id);
	method.type = arg_choice_optional(fcinfo, 1, "type", types);
	text_check(method.type, "type", MAX_NAME);
	method.provider = arg_text_required(fcinfo, 2, "provider", MAX_NAME);
	method.token = arg_text_required(fcinfo, 3, "token", MAX_TOKEN);
	method.is_default = DatumGetBool(arg_required(fcinfo, 4, "is_default"));
	method.brand = arg_text_optional(fcinfo, 5, "brand", MAX_NAME);
	method.last4 = arg_text_optional(fcinfo, 6, "last4", LAST_DIGITS);
	if (method.last4 != NULL && strspn(method.last4, "0123456789") != LAST_DIGITS)
		billing_error(INVALID_ARGUMENT, errmsg("last4 must be %d digits", LAST_DIGITS));
	method.expires = !PG_ARGISNULL(7);
	if (method.expires)
		method.expires_on = PG_GETARG_DATEADT(7);
	if (method.expires && DATE_NOT_FINITE(method.expires_on))
		billing_error(INVALID_ARGUMENT, errmsg("expires_on must be finite"),
					  errhint("Leave it null for one that does not expire."));
	method.metadata = arg_json_optional(fcinfo, 8, "metadata", MAX_METADATA_BYTES);
	return method;
}

static void
method_lock(const PaymentMethod *method)
{
	StmtArgs args = {0};

	customer_ensure(method->customer_id, NULL);
	arg_text(&args, method->customer_id);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&touch_customer, &args);
}

static void
default_clear(const PaymentMethod *method)
{
	StmtArgs args = {0};

	if (!method->is_default)
		return;
	arg_text(&args, method->customer_id);
	arg_text(&args, method->provider);
	arg_text(&args, method->token);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&clear_default, &args);
}

static Datum
method_write(const PaymentMethod *method)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, method->customer_id);
	arg_datum(&args, id_new());
	arg_text(&args, method->type);
	arg_text(&args, method->provider);
	arg_text(&args, method->token);
	arg_datum(&args, BoolGetDatum(method->is_default));
	arg_text(&args, method->brand);
	arg_text(&args, method->last4);
	if (method->expires)
		arg_datum(&args, DateADTGetDatum(method->expires_on));
	else
		arg_null(&args);
	arg_text(&args, method->metadata);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&upsert_method, &args);
	Ensure(row_next(&rows), "payment method vanished");
	return row_composite(&rows, "method");
}

/* register_payment_method(customer_id text, type text, provider text, token text, ...) -> billing.payment_methods */
PG_FUNCTION_INFO_V1(billing_register_payment_method);
Datum
billing_register_payment_method(PG_FUNCTION_ARGS)
{
	PaymentMethod method = method_from_args(fcinfo);
	Datum result;

	spi_begin();
	method_lock(&method);
	default_clear(&method);
	result = method_write(&method);
	spi_end();
	return actor_visible_row(result);
}
