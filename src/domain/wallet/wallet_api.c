/*
 * wallet_api.c
 *	  open_wallet(), top_up_wallet() and charge_wallet().
 *
 * Locks: see wallet_move_store.c.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/wallet/wallet.h"
#include "domain/wallet/wallet_act.h"
#include "domain/wallet/wallet_args.h"
#include "domain/wallet/wallet_call.h"
#include "utils/builtins.h"

static Stmt select_wallet_row = {
	.name = "select_wallet_row",
	.sql = "SELECT w AS wallet FROM billing.wallets w"
		   " WHERE w.customer_id = $1 AND w.currency = $2 AND w.wallet_code = 'default'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

/* open_wallet(customer_id text, currency text) -> billing.wallets */
PG_FUNCTION_INFO_V1(billing_open_wallet);
Datum
billing_open_wallet(PG_FUNCTION_ARGS)
{
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	const Currency *currency =
		currency_require(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	StmtArgs args = {0};
	Rows rows;
	Datum wallet;

	actor_require_customer(customer_id);
	spi_begin();
	(void) wallet_open(customer_id, currency, NULL);
	arg_text(&args, customer_id);
	arg_text(&args, currency->code);
	rows = stmt_run(&select_wallet_row, &args);
	Ensure(row_next(&rows), "wallet vanished");
	wallet = row_composite(&rows, "wallet");
	spi_end();
	return actor_visible_row(wallet);
}

static Datum
wallet_moved(FunctionCallInfo fcinfo, WalletCall *call, const char *function)
{
	StringInfoData signature;
	Datum movement;

	actor_require_service();
	sign_begin(&signature, function);
	wallet_call_read(fcinfo, call, &signature);
	if (call->key != NULL)
		call->fingerprint = sign_end(&signature);
	spi_begin();
	movement = wallet_do(call, call->adds ? &wallet_top_up : &wallet_charge);
	spi_end();
	return movement;
}

/* top_up_wallet(what wallet_call_read() reads) -> billing.wallet_movement */
PG_FUNCTION_INFO_V1(billing_top_up_wallet);
Datum
billing_top_up_wallet(PG_FUNCTION_ARGS)
{
	return wallet_moved(fcinfo, &(WalletCall){.adds = true}, "top_up_wallet");
}

/* charge_wallet(what wallet_call_read() reads) -> billing.wallet_movement */
PG_FUNCTION_INFO_V1(billing_charge_wallet);
Datum
billing_charge_wallet(PG_FUNCTION_ARGS)
{
	return wallet_moved(fcinfo, &(WalletCall){.adds = false}, "charge_wallet");
}
