/*
 * hold_store.c
 *	  Holds: placing them, and finding one.
 *
 * Guarantees: what is held by a wallet is the sum of its OPEN holds, and never more than its balance:
 * both change in one statement. Idempotency: the key and its fingerprint are columns of the hold.
 * Locks: the wallet, then the hold; who has the wallet's lock waits for no hold.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/wallet/hold.h"
#include "utils/timestamp.h"

/* After arg_wallet() and arg_outbox(): $17 hold, $18 fingerprint, $19 and $20 when it expires. */
static Stmt place_hold = {
	.name = "place_hold",
	.sql =
		"WITH w AS (UPDATE billing.wallets w SET held = w.held + $3, version = w.version + 1,"
		" updated_at = $6 WHERE w.customer_id = $1 AND w.currency = $2"
		" AND w.wallet_code = 'default' AND ($5 IS NULL OR w.version = $5) AND w.available >= $3"
		" RETURNING w.wallet_id, w.balance, w.held),"
		" h AS (INSERT INTO billing.wallet_holds AS h (customer_id, hold_id, wallet_id, currency,"
		" amount, status, expires_at, reference_type, reference_id, idempotency_key, fingerprint,"
		" metadata, created_at) SELECT $1, $17, w.wallet_id, $2, $3, 'OPEN', $19, $7, $8, $10, $18,"
		" $9, $6 FROM w ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL"
		" DO NOTHING RETURNING h AS hold, h.hold_id),"
		" o AS (INSERT INTO billing.outbox (slot, id, aggregatetype, aggregateid, type, customer_id,"
		" payload, idempotency_key, bucket, era, trace_id, schema_version, created_at)"
		" SELECT " OUTBOX_CURRENT_SLOT ", $13, 'Wallet', w.wallet_id::text, 'WalletBlocked', $1,"
		" pg_catalog.jsonb_build_object('walletId', w.wallet_id, 'customerId', $1, 'holdId', $17,"
		" 'amount', $3, 'currency', $2, 'blockedAfter', w.held, 'expiresAt', $20,"
		" 'referenceType', COALESCE($7, 'WALLET'), 'referenceId', COALESCE($8, w.wallet_id::text),"
		" 'metadata', $9, 'occurredAt', $11), $10, $14, $15, $12, $16, $6 FROM w, h)"
		" SELECT h.hold, h.hold_id IS NOT NULL AS booked, w.wallet_id, w.balance, w.held"
		" FROM w LEFT JOIN h ON true",
	.expect = SPI_OK_SELECT,
	.nargs = 20,
	.argtypes = {WALLET_ARG_TYPES, OUTBOX_ARG_TYPES, UUIDOID, BYTEAOID, TIMESTAMPTZOID, TEXTOID},
	.by_index = true,
};

static Stmt find_hold_by_key = {
	.name = "find_hold_by_key",
	.sql = "SELECT h AS hold, h.fingerprint = $3 AS same FROM billing.wallet_holds h"
		   " WHERE h.customer_id = $1 AND h.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static Stmt find_hold = {
	.name = "find_hold",
	.sql = "SELECT h.customer_id::text AS customer_id, h.currency::text AS currency"
		   " FROM billing.wallet_holds h WHERE h.hold_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

static Stmt lock_hold = {
	.name = "lock_hold",
	.sql = "SELECT h.wallet_id, h.amount, h.status, h.reference_type, h.reference_id,"
		   " COALESCE(h.expires_at <= $3, false) AS due FROM billing.wallet_holds h"
		   " WHERE h.customer_id = $1 AND h.hold_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static bool
hold_replay(const WalletCall *call, const WalletAct *act, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (call->key == NULL)
		return false;
	arg_text(&args, call->customer_id);
	arg_text(&args, call->key);
	arg_datum(&args, call->fingerprint);
	rows = stmt_run(&find_hold_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(call->key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "hold");
	return true;
}

static void
hold_audit(const WalletCall *call, Datum hold_id, Rows *wallet)
{
	const Currency *currency = call->amount.currency;
	Money balance = row_money(wallet, "balance", currency);
	Money held = row_money(wallet, "held", currency);
	bool isnull;
	AuditEntry entry = {
		.customer_id = call->customer_id,
		.action = "WALLET_BLOCKED",
		.target_type = "Wallet",
		.target_id = id_text(row_datum(wallet, "wallet_id", UUIDOID, &isnull)),
		.before = wallet_json(balance, money_subtract(held, call->amount), NULL),
		.after = wallet_json(balance, held, id_text(hold_id)),
	};

	audit_append(&entry, 1);
}

static Rows
hold_insert(const WalletCall *call, Datum hold_id)
{
	const HoldCall *hold = (const HoldCall *) call;
	StmtArgs args = {0};

	arg_wallet(&args, call);
	arg_outbox(&args, call->customer_id);
	arg_datum(&args, hold_id);
	if (call->key != NULL)
		arg_datum(&args, call->fingerprint);
	else
		arg_null(&args);
	if (hold->expires)
	{
		arg_datum(&args, TimestampTzGetDatum(hold->expires_at));
		arg_text(&args, json_time_text(hold->expires_at));
	}
	else
	{
		arg_null(&args);
		arg_null(&args);
	}
	return key_meet(&place_hold, &args, call->key);
}

/* Only a new hold must lie in the future: a repeat may come when it has expired. */
static bool
hold_attempt(const WalletCall *call, const WalletAct *act, Datum *result)
{
	const HoldCall *hold = (const HoldCall *) call;
	Datum hold_id = id_new();
	Rows rows;

	if (hold->expires && hold->expires_at <= clock_now())
		billing_error(INVALID_ARGUMENT, errmsg("expires_at must be in the future"),
					  errdetail("It is %s, now is %s.", json_time_text(hold->expires_at),
								json_time_text(clock_now())));
	rows = hold_insert(call, hold_id);
	if (!row_next(&rows))
		return false;
	if (!row_bool(&rows, "booked"))
	{
		wallet_put_back(call, money_zero(call->amount.currency), money_negate(call->amount));
		return false;
	}
	*result = row_composite(&rows, "hold");
	hold_audit(call, hold_id, &rows);
	return true;
}

const WalletAct hold_place = {NULL, &place_hold, hold_replay, hold_attempt};

Hold
hold_require(Datum hold_id)
{
	StmtArgs args = {0};
	Hold hold = {.hold_id = hold_id};
	Rows rows;

	arg_datum(&args, hold_id);
	rows = stmt_run(&find_hold, &args);
	if (!row_next(&rows))
		billing_error(HOLD_NOT_FOUND, errmsg("hold %s does not exist", id_text(hold_id)));
	hold.customer_id = row_text(&rows, "customer_id");
	hold.currency = currency_require(row_text(&rows, "currency"));
	return hold;
}

void
hold_lock(Hold *hold)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, hold->customer_id);
	arg_datum(&args, hold->hold_id);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&lock_hold, &args);
	Ensure(row_next(&rows), "hold vanished");
	hold->wallet_id = row_datum(&rows, "wallet_id", UUIDOID, &isnull);
	hold->amount = row_money(&rows, "amount", hold->currency);
	hold->status = hold_status_of(row_text(&rows, "status"));
	hold->due = row_bool(&rows, "due");
	hold->reference_type = row_text_or_null(&rows, "reference_type");
	hold->reference_id = row_text_or_null(&rows, "reference_id");
}
