/*
 * wallet_store.c
 *	  Wallets: opening and locking them, and why one cannot take a call.
 *
 * Guarantees: the answer to why is given of the locked row, so it holds until the caller's transaction
 * ends. Locks: the wallet, or the key of a new one.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/customer/customer.h"
#include "domain/wallet/hold.h"
#include "domain/wallet/wallet.h"
#include "domain/wallet/wallet_act.h"
#include "domain/wallet/wallet_call.h"
#include "utils/timestamp.h"

static Stmt select_wallet = {
	.name = "select_wallet",
	.sql = "SELECT w.wallet_id FROM billing.wallets w"
		   " WHERE w.customer_id = $1 AND w.currency = $2 AND w.wallet_code = 'default'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt insert_wallet = {
	.name = "insert_wallet",
	.sql = "INSERT INTO billing.wallets (customer_id, wallet_id, currency, created_at, updated_at)"
		   " VALUES ($1, $2, $3, $4, $4) ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt lock_wallet = {
	.name = "lock_wallet",
	.sql = "SELECT w.wallet_id, w.balance, w.held, w.version FROM billing.wallets w"
		   " WHERE w.customer_id = $1 AND w.currency = $2 AND w.wallet_code = 'default'"
		   " FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt put_back = {
	.name = "put_back_wallet",
	.sql = "UPDATE billing.wallets w SET balance = w.balance + $3, held = w.held + $4,"
		   " version = w.version - 1"
		   " WHERE w.customer_id = $1 AND w.currency = $2 AND w.wallet_code = 'default'",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, NUMERICOID, NUMERICOID},
	.by_index = true,
};

static bool
wallet_find(const char *customer_id, const Currency *currency, Datum *wallet_id)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, customer_id);
	arg_text(&args, currency->code);
	rows = stmt_run(&select_wallet, &args);
	if (row_next(&rows))
		*wallet_id = row_datum(&rows, "wallet_id", UUIDOID, &isnull);
	return rows.count > 0;
}

/* `key` is that of the call that waits for the one that opens the same wallet. */
static void
wallet_make(const char *customer_id, const Currency *currency, const char *key)
{
	StmtArgs args = {0};

	customer_ensure(customer_id, key);
	arg_text(&args, customer_id);
	arg_datum(&args, id_new());
	arg_text(&args, currency->code);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	key_meet(&insert_wallet, &args, key);
}

Datum
wallet_open(const char *customer_id, const Currency *currency, const char *key)
{
	Datum wallet_id = (Datum) 0;

	if (wallet_find(customer_id, currency, &wallet_id))
		return wallet_id;
	wallet_make(customer_id, currency, key);
	Ensure(wallet_find(customer_id, currency, &wallet_id), "wallet vanished");
	return wallet_id;
}

/* The highest balance with which the amount can be added, and still be held as a Money. */
static Money
ceiling_of(Money amount)
{
	return money_subtract(money_from_minor(PG_INT64_MAX, amount.currency), amount);
}

/*
 * $1 customer, $2 currency, $3 amount, $4 the highest balance before it, or what is not held any more,
 * $5 expected version, $6 now, $7 and $8 reference, $9 metadata, $10 key, $11 now as text, $12 trace.
 */
void
arg_wallet(StmtArgs *args, const WalletCall *call)
{
	TimestampTz now = clock_now();

	arg_text(args, call->customer_id);
	arg_text(args, call->amount.currency->code);
	arg_datum(args, money_to_numeric(call->amount));
	if (call->adds || call->captures)
		arg_datum(args, money_to_numeric(call->adds ? ceiling_of(call->amount) : call->unheld));
	else
		arg_null(args);
	if (call->has_version)
		arg_datum(args, Int64GetDatum(call->version));
	else
		arg_null(args);
	arg_datum(args, TimestampTzGetDatum(now));
	arg_text(args, call->reference_type);
	arg_text(args, call->reference_id);
	if (call->metadata != 0)
		arg_datum(args, call->metadata);
	else
		arg_null(args);
	arg_text(args, call->key);
	arg_text(args, json_time_text(now));
	arg_text(args, actor_trace_id());
}

static bool
wallet_try_lock(const WalletCall *call, WalletState *state)
{
	const Currency *currency = call->amount.currency;
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, call->customer_id);
	arg_text(&args, currency->code);
	rows = key_meet(&lock_wallet, &args, call->key);
	if (!row_next(&rows))
		return false;
	state->wallet_id = row_datum(&rows, "wallet_id", UUIDOID, &isnull);
	state->balance = row_money(&rows, "balance", currency);
	state->held = row_money(&rows, "held", currency);
	state->version = row_int64(&rows, "version");
	return true;
}

WalletState
wallet_lock(const WalletCall *call)
{
	const Currency *currency = call->amount.currency;
	WalletState state;

	if (wallet_try_lock(call, &state))
		return state;
	if (!call->adds)
		billing_error(WALLET_NOT_FOUND,
					  errmsg("customer \"%s\" has no wallet in %s", call->customer_id,
							 currency->code),
					  errhint("Open it with open_wallet(), or top it up with top_up_wallet()."));
	wallet_make(call->customer_id, currency, call->key);
	Ensure(wallet_try_lock(call, &state), "wallet vanished");
	return state;
}

static void
require_version(const WalletCall *call, const WalletState *state)
{
	if (call->has_version && call->version != state->version)
		billing_error(CONCURRENT_MODIFICATION,
					  errmsg("wallet of customer \"%s\" has another version", call->customer_id),
					  errdetail("Expected " INT64_FORMAT ", present " INT64_FORMAT ".",
								call->version, state->version),
					  errhint("Read the wallet again, and decide anew."));
}

void
wallet_prepare(WalletCall *call, const WalletState *state)
{
	Money available = money_subtract(state->balance, state->held);

	require_version(call, state);
	call->has_version = false; /* it is locked */
	if (call->captures)
		return;
	if (call->adds)
	{
		(void) money_add(state->balance, call->amount); /* raises AMOUNT_OVERFLOW */
		return;
	}
	if (money_compare(available, call->amount) < 0)
		available = money_add(available, holds_expire_due(call, state->wallet_id));
	if (money_compare(available, call->amount) < 0)
		billing_error(INSUFFICIENT_BALANCE,
					  errmsg("wallet of customer \"%s\" has insufficient balance",
							 call->customer_id),
					  errdetail("Requested %s, available %s.", money_text(call->amount),
								money_text(available)));
}

void
wallet_put_back(const WalletCall *call, Money balance, Money held)
{
	StmtArgs args = {0};

	arg_text(&args, call->customer_id);
	arg_text(&args, call->amount.currency->code);
	arg_datum(&args, money_to_numeric(balance));
	arg_datum(&args, money_to_numeric(held));
	stmt_run(&put_back, &args);
}

void
wallet_retry(const WalletCall *call)
{
	billing_retry(errmsg("idempotency key \"%s\" is used by a transaction that is not visible",
						 call->key ? call->key : ""));
}

/* The key is looked for without a lock first: a repeat waits for nobody. */
Datum
wallet_do(WalletCall *call, const WalletAct *act)
{
	WalletState state;
	Datum result;

	if (act->replay(call, act, &result) || act->attempt(call, act, &result))
		return result;
	state = wallet_lock(call);
	if (act->replay(call, act, &result))
		return result;
	wallet_prepare(call, &state);
	if (act->attempt(call, act, &result) || act->replay(call, act, &result))
		return result;
	wallet_retry(call);
	return 0; /* not reached */
}
