/*
 * gateway_worker.c
 *	  The worker of the payment gateway: claims calls, makes them, records how they ended.
 *
 * It joins domain/gateway to edge/ and owns no rule. A call is made when its claim is committed,
 * with no transaction open. Its permits of the circuit breaker and the bulkhead are taken before the
 * claim, so that nothing is claimed that may not leave. What ended is kept until a transaction that
 * recorded it is committed; it is lost only with the process, and then the lease brings the call
 * back as one whose outcome is not known.
 *
 * Any number of workers may run: the claims keep them apart.
 */
#include "postgres.h"

#include "core/environment.h"
#include "domain/collection/collection.h"
#include "domain/gateway_call/gateway_call.h"
#include "edge/bulkhead.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/gateway_flight.h"
#include "worker/gateway_worker.h"
#include "worker/loop.h"
#include "worker/status.h"

#define MAX_BATCH 128        /* recorded, or claimed, in one transaction */
#define MAINTENANCE_MS 60000 /* between two looks at what is stuck, and at collections */
#define MAINTENANCE_ROWS 100 /* of each, in one transaction */
#define GATHER_MS 2
#define GATHER_FROM 8
#define THROTTLE_MS 20 /* after a claim that found nothing although something was due; doubled */
#define MAX_THROTTLE_MS 10000
#define REFUSED_MS 1000 /* the longest before a circuit breaker is asked again: it may be reset */

PGDLLEXPORT void billing_gateway_worker_main(Datum number);

static int worker_count = 1;

/* What comes next. A time of 0 is the past. */
static struct
{
	bool look;           /* something may be due */
	TimestampTz look_at; /* not before it */
	bool waits;          /* something is due at next_due */
	TimestampTz next_due;
	int throttle_ms;
	TimestampTz maintain_at;
	bool collect; /* the other half of the maintenance is next */
} next = {.look = true};

/* The present transaction, and what follows from it once it is committed. */
static struct
{
	MemoryContext context; /* of all of this, and of the claimed until that is committed */
	int recorded;
	int unclaimed;
	GatewayWork **claimed;
	int claimed_count;
	int sent; /* of the claimed, once that is committed */
	bool committed;
	GatewayAddress address;
} batch = {0};

static MemoryContext works_context = NULL;

static void
worker_open(void)
{
	works_context =
		AllocSetContextCreate(TopMemoryContext, "billing gateway calls", ALLOCSET_DEFAULT_SIZES);
	batch.context =
		AllocSetContextCreate(TopMemoryContext, "billing gateway batch", ALLOCSET_SMALL_SIZES);
	flights_open();
}

static bool
is_over(TimestampTz when, TimestampTz now)
{
	return when <= now;
}

static bool
may_claim(TimestampTz now)
{
	if (next.waits && is_over(next.next_due, now))
		next.look = true;
	return flights_room() > 0 && next.look && is_over(next.look_at, now);
}

static bool
is_wanted(void)
{
	TimestampTz now = GetCurrentTimestamp();

	return flights_any_done() || is_over(next.maintain_at, now) || may_claim(now);
}

/* How long nothing is to be done but for what comes from outside. */
static long
quiet_ms(void)
{
	TimestampTz until = next.maintain_at;

	if (flights_any_done())
		return 0;
	if (flights_room() > 0 && next.look)
		until = Min(until, next.look_at);
	else if (flights_room() > 0 && next.waits)
		until = Min(until, next.next_due);
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), until);
}

/* Where many are in the air, a moment more is worth it: they end together, at the price of one. */
static void
gather_ended(void)
{
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), GATHER_MS);

	while (flights_in_air() >= GATHER_FROM && flights_ended_count() > 0 &&
		   flights_ended_count() * 2 < flights_in_air() && !MyLatch->is_set &&
		   !is_over(until, GetCurrentTimestamp()))
		flights_wait(1);
}

static bool
worker_idle(long most_ms, bool paused)
{
	flights_wait(paused ? most_ms : Min(most_ms, quiet_ms()));
	gather_ended();
	if (MyLatch->is_set)
	{
		ResetLatch(MyLatch);
		next.look = true;
		next.look_at = 0;
		next.throttle_ms = 0;
	}
	return is_wanted();
}

static void
record_ended(void)
{
	GatewayResult *results = palloc(MAX_BATCH * sizeof(GatewayResult));
	GatewayWork **unsent = palloc(MAX_BATCH * sizeof(GatewayWork *));

	batch.recorded = flights_ended(results, MAX_BATCH);
	if (batch.recorded > 0)
		gateway_record(results, batch.recorded);
	batch.unclaimed = flights_unsent(unsent, MAX_BATCH);
	if (batch.unclaimed > 0)
		gateway_unclaim(unsent, batch.unclaimed, GetCurrentTimestamp());
	if (batch.recorded + batch.unclaimed > 0)
	{
		/* it may be due again before anything else is */
		next.look = true;
		next.look_at = 0;
	}
}

/*
 * After a claim that left room. What is due and was not claimed is held by somebody else, or this
 * database may not speak: it is looked for again, less and less often.
 */
static void
look_later(void)
{
	TimestampTz now = GetCurrentTimestamp();

	next.waits = gateway_next_due(&next.next_due);
	next.look = batch.claimed_count == 0 && next.waits && is_over(next.next_due, now);
	if (!next.look)
	{
		next.throttle_ms = 0;
		return;
	}
	next.waits = false;
	next.throttle_ms = Min(Max(next.throttle_ms * 2, THROTTLE_MS), MAX_THROTTLE_MS);
	next.look_at = TimestampTzPlusMilliseconds(now, next.throttle_ms);
}

/* What was made after a statement lives until spi_end(), too short for the calls. */
static void
claim_keep(GatewayWork **works, int count, GatewayAddress *address)
{
	MemoryContext caller = MemoryContextSwitchTo(batch.context);

	batch.claimed = palloc(sizeof(GatewayWork *) * Max(count, 1));
	memcpy(batch.claimed, works, sizeof(GatewayWork *) * count);
	batch.claimed_count = count;
	batch.address = *address;
	batch.address.url = pstrdup(address->url);
	batch.address.api_key = address->api_key != NULL ? pstrdup(address->api_key) : NULL;
	gateway_address_wipe(address);
	MemoryContextSwitchTo(caller);
}

static void
claim_due(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz again;
	GatewayAddress address;
	GatewayWork **works;
	int admitted;
	int claimed;

	if (!may_claim(now))
		return;
	if (!environment_may_speak())
	{
		next.look_at = TimestampTzPlusMilliseconds(now, MAX_THROTTLE_MS);
		return;
	}
	admitted = flights_admit(MAX_BATCH, &again);
	if (admitted == 0)
	{
		next.look_at = Min(again, TimestampTzPlusMilliseconds(now, REFUSED_MS));
		return;
	}
	if (!gateway_address(&address))
	{
		next.look_at = TimestampTzPlusMilliseconds(now, MAX_THROTTLE_MS);
		return;
	}
	wake_worker_looks(WORKER_GATEWAY);
	claimed = gateway_claim(admitted, batch.context, &works);
	claim_keep(works, claimed, &address);
	if (batch.claimed_count < admitted)
		look_later();
}

/* In transactions of their own: they lock payments and invoices anew. */
static void
maintain(void)
{
	int done = 0;

	if (environment_may_speak())
		done = next.collect ? collections_run(MAINTENANCE_ROWS) : gateway_upkeep(MAINTENANCE_ROWS);
	if (done >= MAINTENANCE_ROWS)
		return;
	next.collect = !next.collect;
	if (!next.collect)
		next.maintain_at = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAINTENANCE_MS);
}

static void
worker_tick(void)
{
	if (is_over(next.maintain_at, GetCurrentTimestamp()))
	{
		maintain();
		return;
	}
	record_ended();
	claim_due();
}

static void
batch_forget(void)
{
	flights_dismiss();
	gateway_address_wipe(&batch.address);
	batch.recorded = batch.unclaimed = batch.claimed_count = batch.sent = 0;
	batch.address = (GatewayAddress){0};
	batch.committed = false;
	MemoryContextReset(batch.context);
}

static void
worker_committed(void)
{
	MemoryContext caller = MemoryContextSwitchTo(batch.context);
	WorkerCounts counts = {1, batch.claimed_count, batch.recorded};

	batch.committed = true;
	flights_forget(batch.recorded, batch.unclaimed);
	batch.recorded = batch.unclaimed = 0;
	for (int i = 0; i < batch.claimed_count; i++)
		MemoryContextSetParent(batch.claimed[i]->context, works_context);
	for (; batch.sent < batch.claimed_count; batch.sent++)
		flights_send(batch.claimed[batch.sent], &batch.address);
	MemoryContextSwitchTo(caller);
	batch_forget();
	status_count(&counts, flights_in_air());
}

/* What is claimed, and committed, and could not be sent is told so; else it was never claimed. */
static void
worker_aborted(void)
{
	while (batch.committed && batch.sent < batch.claimed_count)
		flights_keep_unsent(batch.claimed[batch.sent++]);
	batch_forget();
	next.look = true;
	next.look_at = 0;
}

static const WorkerSpec spec = {
	.kind = WORKER_GATEWAY,
	.name = "billing gateway",
	.actor = "payment-gateway",
	.open = worker_open,
	.idle = worker_idle,
	.tick = worker_tick,
	.committed = worker_committed,
	.aborted = worker_aborted,
	.reload = flights_reconfigure,
	.close = flights_close,
};

void
billing_gateway_worker_main(Datum number)
{
	worker_run(&spec, DatumGetInt32(number));
}

static void
count_refused(void)
{
	bulkhead_refused("gateway");
}

void
gateway_worker_init(void)
{
	gateway_call_port.refused = count_refused;
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomIntVariable("billing.gateway_workers",
							"Sets how many background workers call the payment gateway.",
							"They take part in max_worker_processes.", &worker_count, 1, 0,
							WORKERS_OF_A_KIND, PGC_POSTMASTER, 0, NULL, NULL, NULL);
	if (worker_wanted())
		worker_register(&spec, "billing_gateway_worker_main", worker_count);
}
