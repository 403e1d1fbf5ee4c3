/*
 * wallet_move_store.c
 *	  Moving money in and out of wallets.
 *
 * A movement is one statement: it changes the wallet under its row lock, and with the row that it
 * then has it writes the transfer and the event; so positions are drawn after the lock. READ COMMITTED
 * evaluates its condition anew on the newest row, so a wallet is never negative whoever else is at
 * work. Only what it refuses is looked into, under the lock.
 *
 * Idempotency: the key and its fingerprint are columns of the transfer. It is looked for without a
 * lock first. Who meets another call of the key finds out when the transfer is there already: he puts
 * the wallet back, and answers from that. Locks: the wallet, then the key of the transfer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/outbox.h"
#include "domain/wallet/wallet.h"
#include "domain/wallet/wallet_act.h"
#include "domain/wallet/wallet_call.h"

/* After arg_wallet(): $13 to $16 of arg_outbox(), $17 transfer, $18 fingerprint, $19 and $20 actor. */
#define MOVE_ARG_TYPES WALLET_ARG_TYPES, OUTBOX_ARG_TYPES, UUIDOID, BYTEAOID, TEXTOID, TEXTOID
#define MOVE_ARGS 20
#define SHIFT_ARG_TYPES WALLET_ARG_TYPES, OUTBOX_ARG_TYPES
#define SHIFT_ARGS 16

#define OF_WALLET                                                                                  \
	" version = w.version + 1, updated_at = $6 WHERE w.customer_id = $1 AND w.currency = $2"       \
	" AND w.wallet_code = 'default' AND ($5 IS NULL OR w.version = $5)"
#define AS_IT_IS " RETURNING w.wallet_id, w.balance, w.held, w.available, w.version)"

#define TRANSFER(kind, debit, credit)                                                              \
	", t AS (INSERT INTO billing.ledger_transfers (transfer_id, journal_id, customer_id,"          \
	" debit_account, credit_account, amount, currency, kind, reference_type, reference_id,"        \
	" effective_on, posted_at, actor_type, actor_id, trace_id, idempotency_key, fingerprint)"      \
	" SELECT $17, $17, $1, '" debit "', '" credit "', $3, $2, '" kind "',"                         \
	" COALESCE($7, 'WALLET'), COALESCE($8, w.wallet_id::text),"                                    \
	" pg_catalog.timezone(COALESCE((SELECT s.time_zone FROM billing.billing_settings s), 'UTC'),"  \
	" $6)::date, $6, $19, $20, $12, $10, $18 FROM w"                                               \
	" ON CONFLICT (customer_id, kind, idempotency_key) WHERE idempotency_key IS NOT NULL"          \
	" DO NOTHING RETURNING transfer_id)"

#define EVENT(type, of)                                                                            \
	", o AS (INSERT INTO billing.outbox (slot, id, aggregatetype, aggregateid, type, customer_id," \
	" payload, idempotency_key, bucket, era, trace_id, schema_version, created_at)"                \
	" SELECT " OUTBOX_CURRENT_SLOT ", $13, 'Wallet', w.wallet_id::text, '" type "', $1,"           \
	" pg_catalog.jsonb_build_object('walletId', w.wallet_id, 'customerId', $1, 'amount', $3,"      \
	" 'currency', $2, 'balanceAfter', w.balance, 'referenceType', COALESCE($7, 'WALLET'),"         \
	" 'referenceId', COALESCE($8, w.wallet_id::text), 'metadata', $9, 'occurredAt', $11),"         \
	" $10, $14, $15, $12, $16, $6 FROM " of ")"

#define ANSWER                                                                                     \
	" SELECT ROW(w.wallet_id, $3, w.balance, w.held, w.available, w.version, $17, false)"          \
	"::billing.wallet_movement AS movement, EXISTS (SELECT FROM t) AS booked FROM w"

static Stmt charge_wallet = {
	.name = "charge_wallet",
	.sql = "WITH w AS (UPDATE billing.wallets w SET balance = w.balance - $3," OF_WALLET
		   " AND w.available >= $3" AS_IT_IS TRANSFER("WALLET_CHARGE", "wallet", "revenue")
			   EVENT("WalletWithdrawn", "w WHERE EXISTS (SELECT FROM t)") ANSWER,
	.expect = SPI_OK_SELECT,
	.nargs = MOVE_ARGS,
	.argtypes = {MOVE_ARG_TYPES},
	.by_index = true,
};

static Stmt top_up_wallet = {
	.name = "top_up_wallet",
	.sql = "WITH w AS (UPDATE billing.wallets w SET balance = w.balance + $3," OF_WALLET
		   " AND w.balance <= $4" AS_IT_IS TRANSFER("WALLET_TOP_UP", "funding_clearing", "wallet")
			   EVENT("WalletDeposited", "w WHERE EXISTS (SELECT FROM t)") ANSWER,
	.expect = SPI_OK_SELECT,
	.nargs = MOVE_ARGS,
	.argtypes = {MOVE_ARG_TYPES},
	.by_index = true,
};

static Stmt capture_wallet = {
	.name = "capture_wallet",
	.sql =
		"WITH w AS (UPDATE billing.wallets w SET balance = w.balance - $3, held = w.held - $4," OF_WALLET
			AS_IT_IS TRANSFER("WALLET_CAPTURE", "wallet", "revenue")
				EVENT("WalletWithdrawn", "w WHERE EXISTS (SELECT FROM t)") ANSWER,
	.expect = SPI_OK_SELECT,
	.nargs = MOVE_ARGS,
	.argtypes = {MOVE_ARG_TYPES},
	.by_index = true,
};

static Stmt withdraw_wallet = {
	.name = "withdraw_wallet",
	.sql = "WITH w AS (UPDATE billing.wallets w SET balance = w.balance - $3," OF_WALLET
		   " AND w.available >= $3" AS_IT_IS EVENT("WalletWithdrawn", "w") " SELECT FROM w",
	.expect = SPI_OK_SELECT,
	.nargs = SHIFT_ARGS,
	.argtypes = {SHIFT_ARG_TYPES},
	.by_index = true,
};

static Stmt deposit_wallet = {
	.name = "deposit_wallet",
	.sql = "WITH w AS (UPDATE billing.wallets w SET balance = w.balance + $3," OF_WALLET
		   " AND w.balance <= $4" AS_IT_IS EVENT("WalletDeposited", "w") " SELECT FROM w",
	.expect = SPI_OK_SELECT,
	.nargs = SHIFT_ARGS,
	.argtypes = {SHIFT_ARG_TYPES},
	.by_index = true,
};

static Stmt probe_movement = {
	.name = "probe_movement",
	.sql = "SELECT FROM billing.ledger_transfers t"
		   " WHERE t.customer_id = $1 AND t.kind = $2 AND t.idempotency_key = $3",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt find_movement = {
	.name = "find_movement",
	.sql =
		"SELECT ROW(w.wallet_id, t.amount, w.balance, w.held, w.available, w.version,"
		" t.transfer_id, true)::billing.wallet_movement AS movement, t.fingerprint = $4 AS same"
		" FROM billing.ledger_transfers t JOIN billing.wallets w ON w.customer_id = t.customer_id"
		" AND w.currency = t.currency AND w.wallet_code = 'default'"
		" WHERE t.customer_id = $1 AND t.kind = $2 AND t.idempotency_key = $3",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

/* What the key moved before, with the wallet as it is now. Most keys are new: they are only probed for. */
static bool
move_replay(const WalletCall *call, const WalletAct *act, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (call->key == NULL)
		return false;
	arg_text(&args, call->customer_id);
	arg_text(&args, act->kind);
	arg_text(&args, call->key);
	if (stmt_run(&probe_movement, &args).count == 0)
		return false;
	arg_datum(&args, call->fingerprint);
	rows = stmt_run(&find_movement, &args);
	Ensure(row_next(&rows), "a transfer of a wallet has no wallet");
	key_require_same(call->key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "movement");
	return true;
}

static void
move_undo(const WalletCall *call)
{
	Money none = money_zero(call->amount.currency);

	wallet_put_back(call, call->adds ? money_negate(call->amount) : call->amount,
					call->captures ? call->unheld : none);
}

/* False when the wallet cannot take it, or another call has the key: then nothing is changed. */
static bool
move_attempt(const WalletCall *call, const WalletAct *act, Datum *result)
{
	Actor actor = actor_current();
	StmtArgs args = {0};
	Rows rows;

	arg_wallet(&args, call);
	arg_outbox(&args, call->customer_id);
	arg_datum(&args, id_new());
	if (call->key != NULL)
		arg_datum(&args, call->fingerprint);
	else
		arg_null(&args);
	arg_text(&args, actor.type);
	arg_text(&args, actor.id);
	rows = key_meet(act->stmt, &args, call->key);
	if (!row_next(&rows))
		return false;
	if (!row_bool(&rows, "booked"))
	{
		move_undo(call);
		return false;
	}
	*result = row_composite(&rows, "movement");
	return true;
}

const WalletAct wallet_top_up = {"WALLET_TOP_UP", &top_up_wallet, move_replay, move_attempt};
const WalletAct wallet_charge = {"WALLET_CHARGE", &charge_wallet, move_replay, move_attempt};
const WalletAct wallet_capture = {"WALLET_CAPTURE", &capture_wallet, move_replay, move_attempt};

static bool
shift_try(Stmt *stmt, const WalletCall *call)
{
	StmtArgs args = {0};

	arg_wallet(&args, call);
	arg_outbox(&args, call->customer_id);
	return stmt_run(stmt, &args).count > 0;
}

static void
wallet_shift(Stmt *stmt, const WalletChange *change, bool adds)
{
	WalletCall call = {
		.customer_id = change->customer_id,
		.amount = change->amount,
		.adds = adds,
		.reference_type = change->reference_type,
		.reference_id = change->reference_id,
	};
	WalletState state;

	if (shift_try(stmt, &call))
		return;
	state = wallet_lock(&call);
	wallet_prepare(&call, &state);
	Ensure(shift_try(stmt, &call), "wallet refused a change");
}

void
wallet_withdraw(const WalletChange *change)
{
	wallet_shift(&withdraw_wallet, change, false);
}

void
wallet_deposit(const WalletChange *change)
{
	wallet_shift(&deposit_wallet, change, true);
}
