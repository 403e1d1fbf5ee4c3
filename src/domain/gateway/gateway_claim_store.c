/*
 * gateway_claim_store.c
 *	  Leasing the calls that are due.
 *
 * Guarantees: a call is leased by one worker at a time, whatever dies: its lease ends by itself. From
 * the claim on it is one to be looked up, so a call that is lost with its worker is never sent blindly
 * again. Calls of people come before those of the house.
 *
 * Claims walk: calls that were claimed or decided leave dead entries at the low end of the index on
 * due_at, which an old snapshot of somebody else keeps there. A claim begins where the last one ended,
 * less a margin for what commits late; from the very start it looks at times, the more seldom the longer
 * that takes.
 *
 * Locks: the rows of calls that nobody else has (SKIP LOCKED), alone.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/environment.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/gateway/gateway_rows.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#define PRIORITIES 2
#define US_PER_MS INT64CONST(1000)
#define US_PER_S INT64CONST(1000000)
#define LEASE_GRACE_US (10 * US_PER_S) /* beyond the timeout of a call */
#define WALK_MARGIN_US (2 * US_PER_S)
#define WALK_PAUSE_US (1 * US_PER_S)
#define WALK_SHARE 50 /* a walk from the start takes at most this part of the time */

/* Where claims of a priority begin, in this process. */
typedef struct Walk
{
	TimestampTz from;     /* 0: the start */
	TimestampTz start_at; /* when to begin at the start again */
	bool behind;          /* something before `from` may have been committed since */
} Walk;

static Walk walks[PRIORITIES];

static Stmt claim_calls = {
	.name = "claim_gateway_calls",
	.sql =
		"WITH due AS (SELECT g.customer_id, g.subject_id, g.due_at,"
		" g.action = 'SEND' AND (g.sends = 0 OR g.first_sent_at > $4) AS send"
		" FROM billing.gateway_calls g WHERE g.priority = $1 AND g.due_at >= $2 AND g.due_at <= $3"
		" ORDER BY g.due_at LIMIT $5 FOR UPDATE SKIP LOCKED)"
		" UPDATE billing.gateway_calls g SET lease_token = $6, due_at = $7, action = 'LOOKUP',"
		" attempts = g.attempts + 1, sends = g.sends + d.send::int,"
		" first_sent_at = CASE WHEN d.send THEN COALESCE(g.first_sent_at, $3)"
		" ELSE g.first_sent_at END,"
		" not_found_since = CASE WHEN NOT d.send THEN g.not_found_since END"
		" FROM due d WHERE g.customer_id = d.customer_id AND g.subject_id = d.subject_id"
		" RETURNING g.customer_id, g.subject, g.subject_id, d.send, d.due_at, g.attempts, g.sends,"
		" g.tries, g.lookups, g.first_sent_at, g.not_found_since, COALESCE(g.refused_status, 0)"
		" AS refused_status, g.trace_id",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 7,
	.argtypes = {INT2OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TIMESTAMPTZOID, INT8OID, UUIDOID,
				 TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt select_next_due = {
	.name = "select_next_gateway_call",
	.sql = "SELECT LEAST("
		   "(SELECT g.due_at FROM billing.gateway_calls g WHERE g.priority = 0 AND g.due_at >= $1"
		   " ORDER BY g.due_at LIMIT 1),"
		   " (SELECT g.due_at FROM billing.gateway_calls g WHERE g.priority = 1 AND g.due_at >= $2"
		   " ORDER BY g.due_at LIMIT 1)) AS due_at",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, TIMESTAMPTZOID},
	.by_index = true,
};

typedef struct Claim
{
	TimestampTz now;
	bool from_start;
	Datum token;
	MemoryContext keep;
	GatewayWork **works;
	int count;
	int most;
} Claim;

static TimestampTz
row_time_or_0(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, TIMESTAMPTZOID, &isnull);

	return isnull ? 0 : DatumGetTimestampTz(value);
}

static Datum
copy_uuid(Datum value)
{
	pg_uuid_t *copy = palloc(sizeof(pg_uuid_t));

	*copy = *DatumGetUUIDP(value);
	return UUIDPGetDatum(copy);
}

/* A work with a memory context of its own. */
static GatewayWork *
work_of_row(Rows *rows, const Claim *claim)
{
	MemoryContext context =
		AllocSetContextCreate(claim->keep, "billing gateway call", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(context);
	GatewayWork *work = palloc0(sizeof(GatewayWork));
	bool isnull;

	work->context = context;
	work->customer_id = row_text(rows, "customer_id");
	work->refund = strcmp(row_text(rows, "subject"), SUBJECT_REFUND) == 0;
	work->subject_id = copy_uuid(row_datum(rows, "subject_id", UUIDOID, &isnull));
	work->action = row_bool(rows, "send") ? GATEWAY_SEND : GATEWAY_LOOKUP;
	work->attempt_no = row_int32(rows, "attempts");
	work->lease_token = copy_uuid(claim->token);
	work->lease_text = id_text(work->lease_token);
	work->trace_id = row_text_or_null(rows, "trace_id");
	work->counts = (GatewayCounts){
		.sends = row_int32(rows, "sends"),
		.tries = row_int32(rows, "tries"),
		.lookups = row_int32(rows, "lookups"),
		.first_sent_at = row_time_or_0(rows, "first_sent_at"),
		.not_found_since = row_time_or_0(rows, "not_found_since"),
		.refused_status = row_int32(rows, "refused_status"),
	};
	MemoryContextSwitchTo(caller);
	return work;
}

static StmtArgs
claim_args(const Claim *claim, int priority, bool from_start)
{
	int64 lease = gateway_settings.timeout_ms * US_PER_MS + LEASE_GRACE_US;
	int64 lifetime = gateway_settings.key_lifetime_s * US_PER_S;
	StmtArgs args = {0};

	arg_datum(&args, Int16GetDatum((int16) priority));
	arg_datum(&args, TimestampTzGetDatum(from_start ? DT_NOBEGIN : walks[priority].from));
	arg_datum(&args, TimestampTzGetDatum(claim->now));
	arg_datum(&args, TimestampTzGetDatum(claim->now - lifetime));
	arg_datum(&args, Int64GetDatum(claim->most - claim->count));
	arg_datum(&args, claim->token);
	arg_datum(&args, TimestampTzGetDatum(claim->now + lease));
	return args;
}

/* All at once, so that one that began there does not leave the other behind. */
static TimestampTz
walks_start_at(void)
{
	return Max(walks[0].start_at, walks[1].start_at);
}

/* Claims what is due of one priority, as far as there is room. */
static void
claim_walk(Claim *claim, int priority)
{
	Walk *walk = &walks[priority];
	bool from_start = claim->from_start;
	StmtArgs args = claim_args(claim, priority, from_start);
	Rows rows = stmt_run(&claim_calls, &args);
	int64 elapsed = clock_real() - claim->now;
	TimestampTz reached = 0;

	while (row_next(&rows))
	{
		reached = Max(reached, row_time_or_0(&rows, "due_at"));
		claim->works[claim->count++] = work_of_row(&rows, claim);
	}
	if (claim->count < claim->most)
		reached = claim->now;
	walk->from = from_start ? reached - WALK_MARGIN_US : Max(walk->from, reached - WALK_MARGIN_US);
	walk->behind = !from_start;
	if (from_start)
		walk->start_at = claim->now + Max(WALK_PAUSE_US, elapsed * WALK_SHARE);
}

/* What cannot be told to the provider is left with its lease: it stands in stuck_payments in time. */
static void
claim_drop_unfit(Claim *claim)
{
	int kept = 0;

	for (int i = 0; i < claim->count; i++)
	{
		GatewayWork *work = claim->works[i];

		if (work->provider_key != NULL && gateway_takes(work->amount))
		{
			claim->works[kept++] = work;
			continue;
		}
		ereport(LOG, errmsg("%s %s of customer \"%s\" cannot be told to the payment gateway",
							work->refund ? "refund" : "payment", id_text(work->subject_id),
							work->customer_id));
		gateway_free(work);
	}
	claim->count = kept;
}

int
gateway_claim(int most, MemoryContext keep, GatewayWork ***works)
{
	Claim claim = {.now = clock_real(), .keep = keep, .most = most};
	MemoryContext caller = CurrentMemoryContext; /* a statement leaves another */

	*works = NULL;
	if (most <= 0 || !gateway_configured() || !environment_may_speak())
		return 0;
	claim.from_start = claim.now >= walks_start_at();
	claim.token = id_new();
	claim.works = MemoryContextAlloc(caller, sizeof(GatewayWork *) * most);
	for (int priority = 0; priority < PRIORITIES && claim.count < most; priority++)
		claim_walk(&claim, priority);
	works_describe(claim.works, claim.count);
	claim_drop_unfit(&claim);
	attempts_begin(claim.works, claim.count, claim.now);
	MemoryContextSwitchTo(caller);
	*works = claim.works;
	return claim.count;
}

void
gateway_free(GatewayWork *work)
{
	MemoryContextDelete(work->context);
}

bool
gateway_next_due(TimestampTz *when)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_datum(&args, TimestampTzGetDatum(walks[0].from));
	arg_datum(&args, TimestampTzGetDatum(walks[1].from));
	rows = stmt_run(&select_next_due, &args);
	Ensure(row_next(&rows), "no answer");
	*when = DatumGetTimestampTz(row_datum(&rows, "due_at", TIMESTAMPTZOID, &isnull));
	if (walks[0].behind || walks[1].behind)
	{
		*when = isnull ? walks_start_at() : Min(*when, walks_start_at());
		isnull = false;
	}
	return !isnull;
}
