/*
 * breaker.c
 *	  The circuit breakers of all downstreams, in shared memory.
 *
 * Guarantees: all processes see one breaker of a name; breaker_rules.c has its rules. A change of
 * state is one line in the server's log. Where the library is not preloaded, each process has breakers
 * of its own, which no view shows. A start of the server, also after a crash, closes all breakers, those that were forced
 * open too: disable_workers() is what lasts.
 *
 * Locks its own LWLock, for some instructions, and nothing while it holds it.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/shared.h"
#include "core/spi.h"
#include "edge/breaker_rules.h"
#include "edge/downstream.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define MAX_TIME_MS (24 * 60 * 60 * 1000)

typedef struct BreakerMemory
{
	Breaker breakers[lengthof(downstreams)];
} BreakerMemory;

static BreakerMemory *memory = NULL;
static LWLock *lock = NULL;      /* guards all of memory */
static BreakerMemory own_memory; /* in place of it */

static int window = 20;
static int minimum_calls = 10;
static int failure_rate = 50;
static int slow_call_ms = 4000;
static int slow_call_rate = 100;
static int open_ms = 30000;
static int probes = 3;

void
breaker_init(void)
{
	static const struct
	{
		const char *name;
		const char *description;
		int *value;
		int least, most, flags;
	} settings[] = {
		{"billing.breaker_failure_rate",
		 "Sets which share of failed calls opens a circuit breaker, in percent.", &failure_rate, 1,
		 100, 0},
		{"billing.breaker_minimum_calls",
		 "Sets how many calls a circuit breaker has to see before it may open.", &minimum_calls, 1,
		 BREAKER_MAX_WINDOW, 0},
		{"billing.breaker_open", "Sets how long a circuit breaker refuses calls once it opened.",
		 &open_ms, 1, MAX_TIME_MS, GUC_UNIT_MS},
		{"billing.breaker_probes",
		 "Sets how many calls of a half-open circuit breaker have to succeed to close it.", &probes,
		 1, BREAKER_MAX_PROBES, 0},
		{"billing.breaker_slow_call",
		 "Sets the duration from which a call counts as slow for a circuit breaker; 0 is never.",
		 &slow_call_ms, 0, MAX_TIME_MS, GUC_UNIT_MS},
		{"billing.breaker_slow_call_rate",
		 "Sets which share of slow calls opens a circuit breaker, in percent.", &slow_call_rate, 1,
		 100, 0},
		{"billing.breaker_window", "Sets over how many of the last calls a circuit breaker counts.",
		 &window, 1, BREAKER_MAX_WINDOW, 0},
	};

	for (size_t i = 0; i < lengthof(settings); i++)
		DefineCustomIntVariable(settings[i].name, settings[i].description, NULL, settings[i].value,
								*settings[i].value, settings[i].least, settings[i].most, PGC_SUSET,
								settings[i].flags, NULL, NULL, NULL);
	shared_register("billing circuit breakers", sizeof(BreakerMemory), (void **) &memory, &lock);
}

static BreakerSettings
present_settings(void)
{
	return (BreakerSettings){.window = window,
							 .minimum_calls = minimum_calls,
							 .failure_rate = failure_rate,
							 .slow_call_rate = slow_call_rate,
							 .slow_call_us = (int64) slow_call_ms * 1000,
							 .open_us = (int64) open_ms * 1000,
							 .probes = probes};
}

/* The breaker, locked. *before: its state. */
static Breaker *
lock_breaker(const char *name, BreakerMode *before)
{
	int place = downstream_find(name);
	BreakerMemory *used = memory != NULL ? memory : &own_memory;

	Ensure(place >= 0, "there is no downstream \"%s\"", name);
	if (memory != NULL)
		LWLockAcquire(lock, LW_EXCLUSIVE);
	*before = used->breakers[place].mode;
	return &used->breakers[place];
}

static void
unlock_breaker(const char *name, const Breaker *breaker, BreakerMode before)
{
	BreakerMode after = breaker->mode;
	int calls = breaker->calls;
	int failures = breaker->failures;
	int slow = breaker->slow;

	if (memory != NULL)
		LWLockRelease(lock);
	if (after != before)
		ereport(LOG, errmsg("circuit breaker \"%s\" is %s", name, breaker_mode_name(after)),
				errdetail("It was %s; of the last %d calls %d failed and %d were slow.",
						  breaker_mode_name(before), calls, failures, slow));
}

BreakerVerdict
breaker_ask(const char *name, TimestampTz now, TimestampTz *again)
{
	BreakerSettings settings = present_settings();
	BreakerMode before;
	Breaker *breaker = lock_breaker(name, &before);
	BreakerVerdict verdict;

	verdict = breaker_decide(breaker, &settings, now, again);
	unlock_breaker(name, breaker, before);
	return verdict;
}

void
breaker_tell(const char *name, BreakerVerdict as, bool failed, int64 elapsed_us)
{
	BreakerSettings settings = present_settings();
	BreakerCall call = {as, failed, elapsed_us, clock_real()};
	BreakerMode before;
	Breaker *breaker = lock_breaker(name, &before);

	breaker_record(breaker, &settings, &call);
	unlock_breaker(name, breaker, before);
}

void
breaker_cancel(const char *name, BreakerVerdict as)
{
	BreakerMode before;
	Breaker *breaker = lock_breaker(name, &before);

	breaker_take_back(breaker, as);
	unlock_breaker(name, breaker, before);
}

bool
breaker_is_closed(const char *name)
{
	BreakerMode before;
	Breaker *breaker = lock_breaker(name, &before);

	unlock_breaker(name, breaker, before);
	return before == BREAKER_CLOSED;
}

/* Like a Datum of the time, or null for 0. */
static Datum
time_or_null(TimestampTz time, bool *isnull)
{
	*isnull = time == 0;
	return TimestampTzGetDatum(time);
}

/*
 * circuit_breaker_states() -> rows (name, state, calls, failures, slow_calls, opened_at, probes_left,
 * retry_at, refused): none where the library is not preloaded
 */
PG_FUNCTION_INFO_V1(billing_circuit_breaker_states);
Datum
billing_circuit_breaker_states(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; memory != NULL && i < lengthof(downstreams); i++)
	{
		Breaker breaker;
		bool nulls[9] = {false};
		Datum values[9];

		LWLockAcquire(lock, LW_SHARED);
		breaker = memory->breakers[i];
		LWLockRelease(lock);
		values[0] = CStringGetTextDatum(downstreams[i].name);
		values[1] = CStringGetTextDatum(breaker_mode_name(breaker.mode));
		values[2] = Int32GetDatum(breaker.calls);
		values[3] = Int32GetDatum(breaker.failures);
		values[4] = Int32GetDatum(breaker.slow);
		values[5] = time_or_null(breaker.opened_at, &nulls[5]);
		nulls[6] = breaker.mode != BREAKER_HALF_OPEN;
		values[6] = Int32GetDatum(Max(probes - breaker.probes_given, 0));
		values[7] = time_or_null(breaker.retry_at, &nulls[7]);
		values[8] = Int64GetDatum(breaker.refused);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* The place of the breaker that the first argument names. */
static int
breaker_argument(FunctionCallInfo fcinfo)
{
	char *name;
	int place;

	actor_require_admin();
	name = arg_text_required(fcinfo, 0, "name", MAX_NAME);
	place = downstream_find(name);
	if (place < 0)
		billing_error(INVALID_ARGUMENT, errmsg("there is no circuit breaker \"%s\"", name),
					  errhint("The view billing.circuit_breakers lists all."));
	if (memory == NULL)
		billing_error(ILLEGAL_STATE, errmsg("there are no circuit breakers here"),
					  errdetail("The library is not in shared_preload_libraries."));
	return place;
}

/* The state of before is no row, and so not said: the log has it. */
static void
audit_operator(const char *action, const char *name, BreakerMode after)
{
	AuditEntry entry = {.action = action, .target_type = "CircuitBreaker", .target_id = name};
	JsonWriter json;

	spi_begin();
	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "state");
	json_string(&json, breaker_mode_name(after));
	json_close(&json, '}');
	entry.after = json_to_jsonb(&json);
	audit_append(&entry, 1);
	spi_end();
}

/*
 * open_circuit_breaker(name) -> void. It counts at once, whatever becomes of the transaction: an
 * operator who opens it has no time. The log has a line in any case.
 */
PG_FUNCTION_INFO_V1(billing_open_circuit_breaker);
Datum
billing_open_circuit_breaker(PG_FUNCTION_ARGS)
{
	int place = breaker_argument(fcinfo);
	const char *name = downstreams[place].name;
	BreakerMode before;
	Breaker *breaker;

	audit_operator("CIRCUIT_BREAKER_OPENED", name, BREAKER_FORCED_OPEN);
	breaker = lock_breaker(name, &before);
	breaker_force_open(breaker, clock_real());
	unlock_breaker(name, breaker, before);
	PG_RETURN_VOID();
}

/* reset_circuit_breaker(name) -> void. At once, like open_circuit_breaker(). */
PG_FUNCTION_INFO_V1(billing_reset_circuit_breaker);
Datum
billing_reset_circuit_breaker(PG_FUNCTION_ARGS)
{
	int place = breaker_argument(fcinfo);
	const char *name = downstreams[place].name;
	BreakerMode before;
	Breaker *breaker;

	audit_operator("CIRCUIT_BREAKER_RESET", name, BREAKER_CLOSED);
	breaker = lock_breaker(name, &before);
	breaker_reset(breaker);
	unlock_breaker(name, breaker, before);
	wake_worker_at_commit(downstreams[place].worker);
	PG_RETURN_VOID();
}
