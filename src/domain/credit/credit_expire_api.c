/*
 * credit_expire_api.c
 *	  expire_credits(): ends credits whose valid_until has come.
 *
 * Guarantees: a credit that cannot be ended does not stand in the way of the others: it is told in a
 * warning and passed by. Locks: the credits, soonest expiry first, passing by those that another
 * session has.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/isolate.h"
#include "core/numeric.h"
#include "domain/credit/credit_store.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define EXPIRE_MAX_BATCH 10000
#define EXPIRE_CHUNK 500 /* credits of one statement */

static Stmt claim_expired = {
	.name = "claim_expired_credits",
	.sql =
		"SELECT c.customer_id, c.credit_id, c.type, c.currency, c.balance, c.valid_until"
		" FROM billing.credits c WHERE c.status = 'ACTIVE' AND c.valid_until <= $1"
		" AND (c.valid_until, c.customer_id, c.credit_id) > ($2, $3, $4)"
		" ORDER BY c.valid_until, c.customer_id, c.credit_id LIMIT $5 FOR NO KEY UPDATE SKIP LOCKED",
	.expect = SPI_OK_SELECT,
	.nargs = 5,
	.argtypes = {TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, UUIDOID, INT4OID},
	.by_index = true,
};

/* A claimed credit as its row says: what is wrong in it is found in the isolated part. */
typedef struct Claimed
{
	char *customer_id;
	Datum credit_id;
	char *type;
	char *currency;
	Datum balance;
	TimestampTz valid_until;
} Claimed;

typedef struct Claims
{
	Claimed *claimed;
	int count;
} Claims;

/* The claims after a credit (at first one before all). */
static Claims
claim_after(const Claimed *last, int limit)
{
	Claims claims = {0};
	StmtArgs args = {0};
	bool isnull;
	Rows rows;

	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, TimestampTzGetDatum(last->valid_until));
	arg_text(&args, last->customer_id);
	arg_datum(&args, last->credit_id);
	arg_datum(&args, Int32GetDatum(limit));
	rows = stmt_run(&claim_expired, &args);
	claims.claimed = palloc(sizeof(Claimed) * Max(rows.count, 1));
	while (row_next(&rows))
		claims.claimed[claims.count++] = (Claimed){
			.customer_id = row_text(&rows, "customer_id"),
			.credit_id = row_datum(&rows, "credit_id", UUIDOID, &isnull),
			.type = row_text(&rows, "type"),
			.currency = row_text(&rows, "currency"),
			.balance = row_datum(&rows, "balance", NUMERICOID, &isnull),
			.valid_until =
				DatumGetTimestampTz(row_datum(&rows, "valid_until", TIMESTAMPTZOID, &isnull)),
		};
	return claims;
}

static CreditChange
expiry_of(const Claimed *claimed)
{
	Money balance =
		numeric_to_money(claimed->balance, currency_require(claimed->currency), "balance");

	return (CreditChange){
		.credit = {claimed->customer_id, claimed->credit_id, claimed->type, balance},
		.amount = balance,
		.becomes = CREDIT_EXPIRED,
		.kind = "CREDIT_EXPIRED",
		.account = credit_expiry_account(claimed->type),
		.journal_id = id_new(),
	};
}

static OutboxEvent
expired_event(const Credit *credit)
{
	JsonWriter json;

	credit_event_open(&json, credit);
	json_key(&json, "forfeitedBalance");
	json_money(&json, credit->balance);
	return credit_event_close(&json, credit, "CreditExpired");
}

static AuditEntry
expired_entry(const Credit *credit)
{
	return (AuditEntry){
		.customer_id = credit->customer_id,
		.action = "CREDIT_EXPIRED",
		.target_type = "Credit",
		.target_id = id_text(credit->credit_id),
		.before = credit_state_json(CREDIT_ACTIVE, credit->balance),
		.after = credit_state_json(CREDIT_EXPIRED, money_zero(credit->balance.currency)),
	};
}

static void
expire_claims(void *argument)
{
	const Claims *claims = argument;
	CreditChange *changes = palloc(sizeof(CreditChange) * claims->count);
	OutboxEvent *events = palloc(sizeof(OutboxEvent) * claims->count);
	AuditEntry *entries = palloc(sizeof(AuditEntry) * claims->count);

	for (int i = 0; i < claims->count; i++)
	{
		changes[i] = expiry_of(&claims->claimed[i]);
		events[i] = expired_event(&changes[i].credit);
		entries[i] = expired_entry(&changes[i].credit);
	}
	credits_change(changes, claims->count);
	outbox_append(events, claims->count);
	audit_append(entries, claims->count);
}

/* Raises again what is no fault of a credit: a cancel, a shutdown, what a repeat can mend. */
static void
rethrow_unless_own(ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES)
		ReThrowError(error);
}

/* Ends the claimed credits, together or else one by one; answers how many. */
static int
expire(Claims *claims)
{
	ErrorData *error = run_isolated(expire_claims, claims);
	int done = 0;

	if (error == NULL)
		return claims->count;
	rethrow_unless_own(error);
	for (int i = 0; i < claims->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		error = run_isolated(expire_claims, &(Claims){&claims->claimed[i], 1});
		if (error == NULL)
		{
			done++;
			continue;
		}
		rethrow_unless_own(error);
		ereport(WARNING, errcode(error->sqlerrcode),
				errmsg("credit %s could not be ended", id_text(claims->claimed[i].credit_id)),
				errdetail("%s", error->message));
	}
	return done;
}

/* expire_credits(batch int) -> bigint, how many were ended */
PG_FUNCTION_INFO_V1(billing_expire_credits);
Datum
billing_expire_credits(PG_FUNCTION_ARGS)
{
	int32 batch = DatumGetInt32(arg_required(fcinfo, 0, "batch"));
	Claimed last = {.customer_id = "", .valid_until = DT_NOBEGIN};
	pg_uuid_t lowest = {0};
	int64 done = 0;

	if (batch < 1 || batch > EXPIRE_MAX_BATCH)
		billing_error(INVALID_ARGUMENT, errmsg("batch is out of range"),
					  errdetail("The value is %d, allowed are 1 to %d.", batch, EXPIRE_MAX_BATCH));
	actor_require_service();
	last.credit_id = UUIDPGetDatum(&lowest);
	spi_begin();
	while (done < batch)
	{
		Claims claims = claim_after(&last, (int) Min(batch - done, EXPIRE_CHUNK));

		if (claims.count == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		done += expire(&claims);
		last = claims.claimed[claims.count - 1];
	}
	spi_end();
	PG_RETURN_INT64(done);
}
