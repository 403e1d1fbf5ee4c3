/*
 * settle_queue_api.c
 *	  The queue of a month: who has something to bill, and the job that bills them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/period.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/settlement/settle_loop.h"
#include "domain/settlement/settlement.h"
#include "utils/builtins.h"
#include "utils/guc.h"

/*
 * Who has usage that is not billed, or a plan of his own in force, and no live invoice, and whose
 * month has ended where he is. $1 period, $2 its first day, $3 now less the grace.
 */
#define CANDIDATES                                                                                 \
	" FROM billing.customers c JOIN ("                                                             \
	"SELECT u.customer_id FROM billing.unbilled_usage u WHERE u.month <= $2"                       \
	" UNION SELECT t.customer_id FROM billing.usage_tail_customers() t"                            \
	" UNION SELECT p.customer_id FROM billing.pricing_plans p WHERE p.customer_id IS NOT NULL"     \
	" AND p.effective_from < $2 + interval '1 month 1 day'"                                        \
	" AND (p.effective_until IS NULL OR p.effective_until > $2 - interval '1 day')) b"             \
	" ON b.customer_id = c.customer_id"                                                            \
	" WHERE ($2 + interval '1 month') AT TIME ZONE c.time_zone <= $3"                              \
	" AND NOT EXISTS (SELECT FROM billing.invoice_headers h WHERE h.customer_id = c.customer_id"   \
	" AND h.period = $1 AND h.status <> 'CANCELLED')"

static Stmt queue_new_runs = {
	.name = "queue_new_runs",
	.sql = "INSERT INTO billing.settlement_runs AS s (customer_id, period, status, created_at)"
		   " SELECT c.customer_id, $1, 'PENDING', $4" CANDIDATES
		   " AND NOT EXISTS (SELECT FROM billing.settlement_runs o"
		   " WHERE o.period = $1 AND o.customer_id = c.customer_id)"
		   " ORDER BY c.customer_id ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 4,
	.argtypes = {TEXTOID, DATEOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

/* Runs that ended and have something to bill again; those that another session has are left to it. */
static Stmt queue_old_runs = {
	.name = "queue_old_runs",
	.sql = "UPDATE billing.settlement_runs s SET status = 'PENDING', attempts = 0,"
		   " failure_code = NULL, failure_reason = NULL, invoice_id = NULL FROM ("
		   "SELECT o.customer_id FROM billing.settlement_runs o WHERE o.period = $1"
		   " AND (o.status <> 'PENDING' OR o.attempts > 0)"
		   " AND o.customer_id IN (SELECT c.customer_id" CANDIDATES ")"
		   " ORDER BY o.customer_id FOR UPDATE SKIP LOCKED) q"
		   " WHERE s.period = $1 AND s.customer_id = q.customer_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 3,
	.argtypes = {TEXTOID, DATEOID, TIMESTAMPTZOID},
};

/*
 * A job runs as long as a session holds its lock: what says RUNNING without one was interrupted.
 * The locks are tried, never waited for; a job that another start is marking is left to it. The
 * status is asked of both, so that a job which ended meanwhile is looked at as it is now.
 */
static Stmt fail_interrupted_jobs = {
	.name = "fail_interrupted_jobs",
	.sql =
		"UPDATE billing.job_runs j SET status = 'FAILED', finished_at = $2, message = 'interrupted'"
		" FROM (SELECT o.job_run_id FROM billing.job_runs o WHERE o.job = 'settle_period'"
		" AND o.period = $1 AND o.status = 'RUNNING' OFFSET 0) r"
		" WHERE j.job_run_id = r.job_run_id AND j.status = 'RUNNING' AND pg_catalog.pg_try_advisory_xact_lock("
		"pg_catalog.hashtextextended('" SETTLE_JOB_LOCK "' || r.job_run_id::text, 0))",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static Stmt insert_job = {
	.name = "insert_job",
	.sql =
		"INSERT INTO billing.job_runs (job_run_id, job, period, status, workers, started_at, settings)"
		" VALUES ($1, 'settle_period', $2, 'RUNNING', $3, $4, $5::jsonb)",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {UUIDOID, TEXTOID, INT4OID, TIMESTAMPTZOID, TEXTOID},
};

static Stmt finish_job = {
	.name = "finish_job",
	.sql = "UPDATE billing.job_runs j SET status = 'COMPLETED', finished_at = $2"
		   " WHERE j.job_run_id::text = $1 AND j.status = 'RUNNING'",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static void
require_closed_for_house(Period period)
{
	char *zone = house_time_zone();
	char text[PERIOD_TEXT_SIZE];

	if (clock_now() < period_bounds(period, zone).end + settlement_grace_us())
		billing_error(PERIOD_NOT_CLOSED,
					  errmsg("period %s is not closed", period_print(period, text)),
					  errdetail("It ends with the month in time zone %s of the house.", zone),
					  errhint("See what an invoice would be with preview_invoice()."));
}

static void
queue_period(const char *month, Period period)
{
	StmtArgs old_runs = {0};
	StmtArgs new_runs;

	arg_text(&old_runs, month);
	arg_datum(&old_runs, DateADTGetDatum(period_first_day(period)));
	arg_datum(&old_runs, TimestampTzGetDatum(clock_now() - settlement_grace_us()));
	new_runs = old_runs;
	arg_datum(&new_runs, TimestampTzGetDatum(clock_now()));
	stmt_run(&queue_new_runs, &new_runs);
	stmt_run(&queue_old_runs, &old_runs);
}

static void
fail_interrupted(const char *month)
{
	StmtArgs args = {0};

	arg_text(&args, month);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&fail_interrupted_jobs, &args);
}

/* The settings of the caller by which his helpers work, too. */
static char *
settings_json(void)
{
	Actor actor = actor_current();
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	for (int i = 0; settle_worker_settings[i] != NULL; i++)
	{
		json_key(&json, settle_worker_settings[i]);
		if (strcmp(settle_worker_settings[i], "billing.actor") == 0)
			json_string(&json, psprintf("%s:%s", actor.type, actor.id));
		else
			json_string(&json, GetConfigOption(settle_worker_settings[i], false, false));
	}
	json_close(&json, '}');
	return json.text.data;
}

void
settle_workers_check(int workers)
{
	if (workers < 1 || workers > SETTLE_MAX_WORKERS)
		billing_error(INVALID_ARGUMENT, errmsg("workers is out of range"),
					  errdetail("The value is %d, allowed are 1 to %d.", workers,
								SETTLE_MAX_WORKERS));
}

/* settlement_open(period text, workers int) -> text, the id of the job */
PG_FUNCTION_INFO_V1(billing_settlement_open);
Datum
billing_settlement_open(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *month = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	Period period = period_parse(month);
	int workers = DatumGetInt32(arg_required(fcinfo, 1, "workers"));
	StmtArgs job = {0};
	Datum id;
	char *result;

	settle_workers_check(workers);
	actor_require_service();
	spi_begin();
	require_closed_for_house(period);
	queue_period(month, period);
	fail_interrupted(month);
	id = id_new();
	arg_datum(&job, id);
	arg_text(&job, month);
	arg_datum(&job, Int32GetDatum(workers));
	arg_datum(&job, TimestampTzGetDatum(clock_now()));
	arg_text(&job, settings_json());
	stmt_run(&insert_job, &job);
	result = MemoryContextStrdup(caller, id_text(id));
	spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* settlement_check(period text): raises unless the period may be settled */
PG_FUNCTION_INFO_V1(billing_settlement_check);
Datum
billing_settlement_check(PG_FUNCTION_ARGS)
{
	Period period = period_parse(PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0)));

	actor_require_service();
	spi_begin();
	require_closed_for_house(period);
	spi_end();
	PG_RETURN_VOID();
}

/* settlement_close(job text) */
PG_FUNCTION_INFO_V1(billing_settlement_close);
Datum
billing_settlement_close(PG_FUNCTION_ARGS)
{
	StmtArgs args = {0};

	actor_require_service();
	spi_begin();
	arg_datum(&args, arg_required(fcinfo, 0, "job"));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&finish_job, &args);
	spi_end();
	PG_RETURN_VOID();
}
