/*
 * hold_end_store.c
 *	  The end of holds: captured, released or expired.
 *
 * Guarantees: a hold ends once, and with it what the wallet holds for it. The caller has locked the
 * wallets. Locks: the holds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/wallet/hold.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* What one hold held for its wallet is available again. */
typedef struct Unblocked
{
	const char *customer_id;
	char *wallet_id;
	char *hold_id;
	Money amount;
	Money held_after;
	HoldStatus status;
	const char *reference_type; /* of the hold, or NULL */
	const char *reference_id;
	const char *key;
} Unblocked;

/* Those of one wallet end in the order in which they expire: held_after is what it held then. */
static Stmt end_holds = {
	.name = "end_holds",
	.sql =
		"WITH e AS (UPDATE billing.wallet_holds h SET status = $3, ended_at = $4,"
		" release_key = COALESCE($5, h.release_key) FROM unnest($1, $2) u(customer_id, hold_id)"
		" WHERE h.customer_id = u.customer_id AND h.hold_id = u.hold_id AND h.status = 'OPEN'"
		" RETURNING h.customer_id, h.hold_id, h.wallet_id, h.currency, h.amount, h.expires_at,"
		" h.reference_type, h.reference_id),"
		" w AS (UPDATE billing.wallets w SET held = w.held - s.amount, version = w.version + 1,"
		" updated_at = $4 FROM (SELECT e.customer_id, e.currency, pg_catalog.sum(e.amount) AS amount"
		" FROM e GROUP BY e.customer_id, e.currency) s WHERE w.customer_id = s.customer_id"
		" AND w.currency = s.currency AND w.wallet_code = 'default'"
		" RETURNING w.customer_id, w.currency, w.balance, w.held)"
		" SELECT e.customer_id::text AS customer_id, e.wallet_id::text AS wallet_id,"
		" e.hold_id::text AS hold_id, e.currency::text AS currency, e.amount, e.reference_type,"
		" e.reference_id::text AS reference_id, w.balance, w.held - e.amount"
		" + pg_catalog.sum(e.amount) OVER (PARTITION BY e.customer_id, e.currency"
		" ORDER BY e.expires_at DESC, e.hold_id DESC) AS held_after"
		" FROM e JOIN w ON w.customer_id = e.customer_id AND w.currency = e.currency"
		" ORDER BY e.customer_id, e.currency, e.expires_at, e.hold_id",
	.expect = SPI_OK_SELECT,
	.nargs = 5,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TEXTOID, TIMESTAMPTZOID, TEXTOID},
	.by_index = true,
};

static Stmt select_due_holds = {
	.name = "select_due_holds",
	.sql = "SELECT h.hold_id FROM billing.wallet_holds h WHERE h.customer_id = $1"
		   " AND h.wallet_id = $2 AND h.status = 'OPEN' AND h.expires_at <= $3",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt capture_hold = {
	.name = "capture_hold",
	.sql = "UPDATE billing.wallet_holds h SET status = 'CAPTURED', captured = $3, ended_at = $4"
		   " WHERE h.customer_id = $1 AND h.hold_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, NUMERICOID, TIMESTAMPTZOID},
	.by_index = true,
};

Datum
wallet_json(Money balance, Money held, const char *hold_id)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "balance");
	json_money(&json, balance);
	json_key(&json, "held");
	json_money(&json, held);
	json_key(&json, "currency");
	json_string(&json, balance.currency->code);
	if (hold_id != NULL)
	{
		json_key(&json, "holdId");
		json_string(&json, hold_id);
	}
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static Datum
unblocked_json(const Unblocked *unblocked)
{
	bool referred = unblocked->reference_type != NULL;
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "walletId");
	json_string(&json, unblocked->wallet_id);
	json_key(&json, "customerId");
	json_string(&json, unblocked->customer_id);
	json_key(&json, "holdId");
	json_string(&json, unblocked->hold_id);
	json_key(&json, "amount");
	json_money(&json, unblocked->amount);
	json_key(&json, "currency");
	json_string(&json, unblocked->amount.currency->code);
	json_key(&json, "blockedAfter");
	json_money(&json, unblocked->held_after);
	json_key(&json, "reason");
	json_string(&json, hold_status_name(unblocked->status));
	json_key(&json, "referenceType");
	json_string(&json, referred ? unblocked->reference_type : "WALLET");
	json_key(&json, "referenceId");
	json_string(&json, referred ? unblocked->reference_id : unblocked->wallet_id);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static OutboxEvent
unblocked_event(const Unblocked *unblocked)
{
	return (OutboxEvent){
		.aggregate_type = "Wallet",
		.aggregate_id = unblocked->wallet_id,
		.type = "WalletUnblocked",
		.customer_id = unblocked->customer_id,
		.payload = unblocked_json(unblocked),
		.idempotency_key = unblocked->key,
	};
}

static AuditEntry
unblocked_audit(const Unblocked *unblocked, Money balance)
{
	Money before = money_add(unblocked->held_after, unblocked->amount);

	return (AuditEntry){
		.customer_id = unblocked->customer_id,
		.action = "WALLET_UNBLOCKED",
		.target_type = "Wallet",
		.target_id = unblocked->wallet_id,
		.before = wallet_json(balance, before, unblocked->hold_id),
		.after = wallet_json(balance, unblocked->held_after, NULL),
		.reason = hold_status_name(unblocked->status),
	};
}

void
hold_captured(const Hold *hold, Money captured, Money held_after)
{
	Unblocked rest = {
		.customer_id = hold->customer_id,
		.wallet_id = id_text(hold->wallet_id),
		.hold_id = id_text(hold->hold_id),
		.amount = money_subtract(hold->amount, captured),
		.held_after = held_after,
		.status = HOLD_CAPTURED,
		.reference_type = hold->reference_type,
		.reference_id = hold->reference_id,
	};
	StmtArgs args = {0};
	OutboxEvent event;

	arg_text(&args, hold->customer_id);
	arg_datum(&args, hold->hold_id);
	arg_datum(&args, money_to_numeric(captured));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&capture_hold, &args);
	if (money_is_zero(rest.amount))
		return;
	event = unblocked_event(&rest);
	outbox_append(&event, 1);
}

Batch *
hold_batch_new(void)
{
	static const Oid types[] = {TEXTOID, UUIDOID};

	return batch_new(types, lengthof(types));
}

/* A key of a release is used for one hold: another caller with it, of another wallet, has to come again. */
static Rows
end_run(StmtArgs *args, const char *key)
{
	MemoryContext context = CurrentMemoryContext;
	Rows volatile rows = {0};

	PG_TRY();
	{
		rows = stmt_run(&end_holds, args);
	}
	PG_CATCH();
	{
		if (key == NULL || geterrcode() != ERRCODE_UNIQUE_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		billing_retry(
			errmsg("idempotency key \"%s\" is used by a transaction that is not visible", key));
	}
	PG_END_TRY();
	return rows;
}

static Unblocked
unblocked_from_row(Rows *rows, const HoldEnd *end)
{
	const Currency *currency = currency_require(row_text(rows, "currency"));

	return (Unblocked){
		.customer_id = row_text(rows, "customer_id"),
		.wallet_id = row_text(rows, "wallet_id"),
		.hold_id = row_text(rows, "hold_id"),
		.amount = row_money(rows, "amount", currency),
		.held_after = row_money(rows, "held_after", currency),
		.status = end->status,
		.reference_type = row_text_or_null(rows, "reference_type"),
		.reference_id = row_text_or_null(rows, "reference_id"),
		.key = end->key,
	};
}

int64
holds_end(Batch *holds, const HoldEnd *end, Money *freed)
{
	OutboxEvent *events = palloc(sizeof(OutboxEvent) * Max(holds->rows, 1));
	AuditEntry *entries = palloc(sizeof(AuditEntry) * Max(holds->rows, 1));
	StmtArgs args = {0};
	Rows rows;
	int n = 0;

	batch_args(holds, &args);
	arg_text(&args, hold_status_name(end->status));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text(&args, end->key);
	rows = end_run(&args, end->key);
	while (row_next(&rows))
	{
		Unblocked unblocked = unblocked_from_row(&rows, end);
		Money balance = row_money(&rows, "balance", unblocked.amount.currency);

		events[n] = unblocked_event(&unblocked);
		entries[n++] = unblocked_audit(&unblocked, balance);
		if (freed != NULL)
			*freed = money_add(*freed, unblocked.amount);
	}
	outbox_append(events, n);
	audit_append(entries, n);
	return n;
}

Money
holds_expire_due(const WalletCall *call, Datum wallet_id)
{
	Money freed = money_zero(call->amount.currency);
	Batch *holds = hold_batch_new();
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, call->customer_id);
	arg_datum(&args, wallet_id);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&select_due_holds, &args);
	while (row_next(&rows))
	{
		batch_row(holds);
		batch_text(holds, call->customer_id);
		batch_datum(holds, row_datum(&rows, "hold_id", UUIDOID, &isnull));
	}
	if (holds->rows > 0)
		holds_end(holds, &(HoldEnd){.status = HOLD_EXPIRED}, &freed);
	return freed;
}
