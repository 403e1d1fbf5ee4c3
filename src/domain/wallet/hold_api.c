/*
 * hold_api.c
 *	  hold_wallet(), capture_hold(), release_hold() and expire_holds().
 *
 * Idempotency: the key of a hold and that of its release are columns of the hold, the key of a capture
 * one of its transfer. Locks: the wallet, then the hold. expire_holds() never waits for a wallet.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "domain/wallet/hold.h"
#include "domain/wallet/wallet_args.h"
#include "utils/timestamp.h"

#define MAX_EXPIRY_BATCH 10000

/* hold_wallet(what wallet_call_read() reads, expires_at timestamptz) -> billing.wallet_holds */
PG_FUNCTION_INFO_V1(billing_hold_wallet);
Datum
billing_hold_wallet(PG_FUNCTION_ARGS)
{
	HoldCall call = {0};
	StringInfoData signature;
	Datum hold;

	actor_require_service();
	sign_begin(&signature, "hold_wallet");
	wallet_call_read(fcinfo, &call.wallet, &signature);
	call.expires = !PG_ARGISNULL(8);
	if (call.expires)
		call.expires_at = arg_time_required(fcinfo, 8, "expires_at");
	sign_value(&signature, call.expires ? psprintf(INT64_FORMAT, call.expires_at) : NULL);
	if (call.wallet.key != NULL)
		call.wallet.fingerprint = sign_end(&signature);
	spi_begin();
	hold = wallet_do(&call.wallet, &hold_place);
	spi_end();
	return hold;
}

static void
require_capturable(const Hold *hold, Money amount)
{
	hold_require_transition(hold->status, HOLD_CAPTURED);
	if (hold->due)
		billing_error(ILLEGAL_STATE, errmsg("hold cannot become CAPTURED"),
					  errdetail("It is OPEN, and has expired."),
					  errhint("Charge the wallet with charge_wallet()."));
	if (money_compare(amount, hold->amount) > 0)
		billing_error(INVALID_ARGUMENT, errmsg("amount is more than the hold"),
					  errdetail("Requested %s, held %s.", money_text(amount),
								money_text(hold->amount)));
}

/* `call` has no amount when the whole hold is meant. */
static Datum
hold_capture(Hold *hold, WalletCall *call)
{
	bool whole = money_is_zero(call->amount);
	WalletState state;
	Datum result;

	if (wallet_capture.replay(call, &wallet_capture, &result))
		return result;
	state = wallet_lock(call);
	if (wallet_capture.replay(call, &wallet_capture, &result))
		return result;
	hold_lock(hold);
	if (whole)
		call->amount = hold->amount;
	call->unheld = hold->amount;
	require_capturable(hold, call->amount);
	if (!wallet_capture.attempt(call, &wallet_capture, &result))
	{
		if (!wallet_capture.replay(call, &wallet_capture, &result))
			wallet_retry(call);
		return result;
	}
	hold_captured(hold, call->amount, money_subtract(state.held, hold->amount));
	return result;
}

/* capture_hold(hold_id uuid, amount numeric, key) -> billing.wallet_movement */
PG_FUNCTION_INFO_V1(billing_capture_hold);
Datum
billing_capture_hold(PG_FUNCTION_ARGS)
{
	Datum hold_id = arg_required(fcinfo, 0, "hold_id");
	WalletCall call = {.captures = true, .reference_type = "HOLD"};
	StringInfoData signature;
	Hold hold;
	Datum movement;

	actor_require_service();
	call.key = arg_text_optional(fcinfo, 2, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	call.reference_id = id_text(hold_id);
	spi_begin();
	hold = hold_require(hold_id);
	call.customer_id = hold.customer_id;
	call.amount =
		PG_ARGISNULL(1) ? money_zero(hold.currency) : arg_amount(fcinfo, 1, hold.currency);
	sign_begin(&signature, "capture_hold");
	sign_value(&signature, call.reference_id);
	sign_value(&signature, PG_ARGISNULL(1) ? NULL : psprintf(INT64_FORMAT, call.amount.minor));
	if (call.key != NULL)
		call.fingerprint = sign_end(&signature);
	movement = hold_capture(&hold, &call);
	spi_end();
	return movement;
}

static Stmt find_release = {
	.name = "find_release",
	.sql = "SELECT h.hold_id = $3 AS same FROM billing.wallet_holds h"
		   " WHERE h.customer_id = $1 AND h.release_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt select_movement = {
	.name = "select_movement",
	.sql = "SELECT ROW(w.wallet_id, $3, w.balance, w.held, w.available, w.version, NULL::uuid, $4)"
		   "::billing.wallet_movement AS movement FROM billing.wallets w"
		   " WHERE w.customer_id = $1 AND w.currency = $2 AND w.wallet_code = 'default'",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, NUMERICOID, BOOLOID},
	.by_index = true,
};

/* Raises INCOMPATIBLE_PARAMS when the key released another hold. */
static void
require_own_release(const WalletCall *call, const Hold *hold)
{
	StmtArgs args = {0};
	Rows rows;

	if (call->key == NULL)
		return;
	arg_text(&args, call->customer_id);
	arg_text(&args, call->key);
	arg_datum(&args, hold->hold_id);
	rows = stmt_run(&find_release, &args);
	if (row_next(&rows))
		key_require_same(call->key, row_bool(&rows, "same"));
}

static Datum
hold_release(Hold *hold, const WalletCall *call)
{
	bool replayed;
	Batch *batch = hold_batch_new();
	StmtArgs args = {0};
	Rows rows;

	(void) wallet_lock(call);
	require_own_release(call, hold);
	hold_lock(hold);
	replayed = hold->status == HOLD_RELEASED || hold->status == HOLD_EXPIRED;
	if (!replayed)
	{
		hold_require_transition(hold->status, HOLD_RELEASED);
		batch_row(batch);
		batch_text(batch, hold->customer_id);
		batch_datum(batch, hold->hold_id);
		holds_end(batch, &(HoldEnd){HOLD_RELEASED, call->key}, NULL);
	}
	arg_text(&args, hold->customer_id);
	arg_text(&args, hold->currency->code);
	arg_datum(&args, money_to_numeric(hold->amount));
	arg_datum(&args, BoolGetDatum(replayed));
	rows = stmt_run(&select_movement, &args);
	Ensure(row_next(&rows), "wallet vanished");
	return row_composite(&rows, "movement");
}

/* release_hold(hold_id uuid, key) -> billing.wallet_movement */
PG_FUNCTION_INFO_V1(billing_release_hold);
Datum
billing_release_hold(PG_FUNCTION_ARGS)
{
	Datum hold_id = arg_required(fcinfo, 0, "hold_id");
	WalletCall call = {0};
	Hold hold;
	Datum movement;

	actor_require_service();
	call.key = arg_text_optional(fcinfo, 1, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	spi_begin();
	hold = hold_require(hold_id);
	call.customer_id = hold.customer_id;
	call.amount = money_zero(hold.currency);
	movement = hold_release(&hold, &call);
	spi_end();
	return movement;
}

static Stmt find_due_holds = {
	.name = "find_due_holds",
	.sql = "SELECT h.customer_id::text AS customer_id, h.currency::text AS currency, h.hold_id,"
		   " h.expires_at FROM billing.wallet_holds h WHERE h.status = 'OPEN'"
		   " AND h.expires_at <= $1 AND (h.expires_at, h.hold_id) > ($2, $3)"
		   " ORDER BY h.expires_at, h.hold_id LIMIT $4",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TIMESTAMPTZOID, TIMESTAMPTZOID, UUIDOID, INT8OID},
	.by_index = true,
};

static Stmt claim_due_holds = {
	.name = "claim_due_holds",
	.sql = "WITH u AS (SELECT u.customer_id, u.currency, u.hold_id"
		   " FROM unnest($1, $2, $3) u(customer_id, currency, hold_id)),"
		   " l AS (SELECT w.customer_id, w.currency FROM billing.wallets w"
		   " JOIN (SELECT DISTINCT u.customer_id, u.currency FROM u) d"
		   " ON w.customer_id = d.customer_id AND w.currency = d.currency"
		   " WHERE w.wallet_code = 'default' ORDER BY w.customer_id, w.currency"
		   " FOR NO KEY UPDATE OF w SKIP LOCKED)"
		   " SELECT l.customer_id::text AS customer_id, u.hold_id FROM u"
		   " JOIN l ON l.customer_id = u.customer_id AND l.currency = u.currency",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

/* Where the walk over the due holds stands. */
typedef struct DueWalk
{
	TimestampTz last_expiry;
	Datum last_hold;
	int64 left; /* of the batch */
} DueWalk;

/* The next due holds, none when there are no more. */
static Batch *
due_next(DueWalk *walk)
{
	static const Oid types[] = {TEXTOID, TEXTOID, UUIDOID};
	Batch *due = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, TimestampTzGetDatum(walk->last_expiry));
	arg_datum(&args, walk->last_hold);
	arg_datum(&args, Int64GetDatum(walk->left));
	rows = stmt_run(&find_due_holds, &args);
	while (row_next(&rows))
	{
		batch_row(due);
		batch_text(due, row_text(&rows, "customer_id"));
		batch_text(due, row_text(&rows, "currency"));
		walk->last_hold = row_datum(&rows, "hold_id", UUIDOID, &isnull);
		walk->last_expiry =
			DatumGetTimestampTz(row_datum(&rows, "expires_at", TIMESTAMPTZOID, &isnull));
		batch_datum(due, walk->last_hold);
	}
	return due;
}

/* Those of them whose wallets no other session is changing; the wallets are locked. */
static Batch *
due_claim(Batch *due)
{
	Batch *holds = hold_batch_new();
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	batch_args(due, &args);
	rows = stmt_run(&claim_due_holds, &args);
	while (row_next(&rows))
	{
		batch_row(holds);
		batch_text(holds, row_text(&rows, "customer_id"));
		batch_datum(holds, row_datum(&rows, "hold_id", UUIDOID, &isnull));
	}
	return holds;
}

/* expire_holds(batch int) -> bigint */
PG_FUNCTION_INFO_V1(billing_expire_holds);
Datum
billing_expire_holds(PG_FUNCTION_ARGS)
{
	static pg_uuid_t none;
	int32 batch = DatumGetInt32(arg_required(fcinfo, 0, "batch"));
	DueWalk walk = {DT_NOBEGIN, UUIDPGetDatum(&none), batch};
	Batch *due;

	actor_require_service();
	if (batch < 1 || batch > MAX_EXPIRY_BATCH)
		billing_error(INVALID_ARGUMENT, errmsg("batch must be between 1 and %d", MAX_EXPIRY_BATCH));
	spi_begin();
	while (walk.left > 0 && (due = due_next(&walk))->rows > 0)
		walk.left -= holds_end(due_claim(due), &(HoldEnd){.status = HOLD_EXPIRED}, NULL);
	spi_end();
	PG_RETURN_INT64(batch - walk.left);
}
