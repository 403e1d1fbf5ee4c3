/*
 * wallet_args.c
 *	  The arguments that entry points of wallets have in common.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/wallet/wallet_args.h"
#include "utils/builtins.h"

#define MAX_REFERENCE_TYPE 32
#define MAX_REFERENCE_ID 128

void
sign_begin(StringInfo signature, const char *function)
{
	initStringInfo(signature);
	appendStringInfoString(signature, function);
}

void
sign_value(StringInfo signature, const char *value)
{
	if (value == NULL)
		appendStringInfoString(signature, " -");
	else
		appendStringInfo(signature, " %zu:%s", strlen(value), value);
}

Datum
sign_end(StringInfo signature)
{
	return digest_text(signature->data);
}

Money
arg_amount(FunctionCallInfo fcinfo, int number, const Currency *currency)
{
	Money amount = numeric_to_money(arg_required(fcinfo, number, "amount"), currency, "amount");

	if (money_is_zero(amount) || money_is_negative(amount))
		billing_error(INVALID_ARGUMENT, errmsg("amount must be above 0"));
	return amount;
}

static void
reference_read(FunctionCallInfo fcinfo, WalletCall *call)
{
	call->reference_type = arg_text_optional(fcinfo, 3, "reference_type", MAX_REFERENCE_TYPE);
	call->reference_id = arg_text_optional(fcinfo, 4, "reference_id", MAX_REFERENCE_ID);
	if ((call->reference_type == NULL) != (call->reference_id == NULL))
		billing_error(INVALID_ARGUMENT,
					  errmsg("reference_type and reference_id must be given together"));
}

static void
call_sign(const WalletCall *call, const char *metadata, StringInfo signature)
{
	sign_value(signature, psprintf(INT64_FORMAT, call->amount.minor));
	sign_value(signature, call->amount.currency->code);
	sign_value(signature, call->reference_type);
	sign_value(signature, call->reference_id);
	sign_value(signature, metadata);
}

void
wallet_call_read(FunctionCallInfo fcinfo, WalletCall *call, StringInfo signature)
{
	const Currency *currency;
	char *metadata;

	call->customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	currency = arg_currency(fcinfo, 2);
	call->amount = arg_amount(fcinfo, 1, currency);
	call->unheld = money_zero(currency);
	reference_read(fcinfo, call);
	call->key = arg_text_optional(fcinfo, 5, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	metadata = arg_json_optional(fcinfo, 6, "metadata", MAX_METADATA_BYTES);
	call->metadata = metadata ? PG_GETARG_DATUM(6) : 0;
	call->has_version = !PG_ARGISNULL(7);
	call->version = call->has_version ? PG_GETARG_INT64(7) : 0;
	if (call->key != NULL)
		call_sign(call, metadata, signature);
}
