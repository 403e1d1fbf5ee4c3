/*
 * credit_grant_api.c
 *	  grant_credit(): an amount that pays invoices between two times.
 *
 * Idempotency: the key and its fingerprint are columns of the credit. Locks: the key of a customer
 * who is new, then that of the grant, where callers of one key meet.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/credit/credit.h"
#include "domain/credit/credit_store.h"
#include "domain/customer/customer.h"

static Stmt find_by_key = {
	.name = "find_credit_by_key",
	.sql = "SELECT c AS credit, c.fingerprint = $3 AS same FROM billing.credits c"
		   " WHERE c.customer_id = $1 AND c.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

/* Of the arguments as they were given: the time of the call is no part of them. */
static Datum
grant_fingerprint(FunctionCallInfo fcinfo, const CreditGrant *grant)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "grant_credit");
	json_string(&json, grant->type);
	json_money(&json, grant->amount);
	json_string(&json, grant->amount.currency->code);
	if (PG_ARGISNULL(4))
		json_raw(&json, NULL);
	else
		json_int(&json, grant->valid_from);
	if (grant->expires)
		json_int(&json, grant->valid_until);
	else
		json_raw(&json, NULL);
	json_string(&json, grant->reason);
	json_raw(&json, grant->metadata);
	json_close(&json, ']');
	return digest_text(json.text.data);
}

static void
grant_times(FunctionCallInfo fcinfo, CreditGrant *grant)
{
	grant->valid_from = PG_ARGISNULL(4) ? clock_now() : arg_time_required(fcinfo, 4, "valid_from");
	grant->expires = !PG_ARGISNULL(5);
	if (!grant->expires)
		return;
	grant->valid_until = arg_time_required(fcinfo, 5, "valid_until");
	if (grant->valid_until <= grant->valid_from)
		billing_error(INVALID_ARGUMENT, errmsg("valid_until must be after valid_from"),
					  errhint("Leave valid_until null for a credit that never expires."));
}

static void
grant_from_args(FunctionCallInfo fcinfo, CreditGrant *grant)
{
	const Currency *currency;

	grant->customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	grant->type = arg_choice_optional(fcinfo, 1, "type", credit_types);
	if (grant->type == NULL)
		billing_error(INVALID_ARGUMENT, errmsg("type must not be null"));
	currency = arg_currency(fcinfo, 3);
	grant->amount = numeric_to_money(arg_required(fcinfo, 2, "amount"), currency, "amount");
	if (money_is_negative(grant->amount) || money_is_zero(grant->amount))
		billing_error(INVALID_ARGUMENT, errmsg("amount must be above 0"));
	grant_times(fcinfo, grant);
	grant->reason = arg_text_optional(fcinfo, 6, "reason", CREDIT_MAX_REASON);
	grant->idempotency_key = arg_text_optional(fcinfo, 7, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	grant->metadata = arg_json_optional(fcinfo, 8, "metadata", MAX_METADATA_BYTES);
	grant->debit_account = credit_source_account(grant->type);
	if (grant->idempotency_key != NULL)
		grant->fingerprint = grant_fingerprint(fcinfo, grant);
}

static Datum
grant_replay(const CreditGrant *grant)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, grant->customer_id);
	arg_text(&args, grant->idempotency_key);
	arg_datum(&args, grant->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		billing_retry(errmsg("idempotency key \"%s\" is used by a transaction that is not visible",
							 grant->idempotency_key));
	key_require_same(grant->idempotency_key, row_bool(&rows, "same"));
	return row_composite(&rows, "credit");
}

/* grant_credit(customer_id, type, amount, currency, valid_from, valid_until, reason, key, meta) -> credits */
PG_FUNCTION_INFO_V1(billing_grant_credit);
Datum
billing_grant_credit(PG_FUNCTION_ARGS)
{
	CreditGrant grant = {0};
	Datum result;

	actor_require_service();
	grant_from_args(fcinfo, &grant);
	spi_begin();
	customer_ensure(grant.customer_id, grant.idempotency_key);
	result = credit_grant(&grant) ? credit_row(grant.customer_id, grant.credit_id)
								  : grant_replay(&grant);
	spi_end();
	return result;
}
