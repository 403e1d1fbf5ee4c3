/*
 * settle_queue_api.c
 *	  The queue of a month: who has something to bill, and the job that bills them.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/period.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/settlement/settlement.h"
#include "utils/builtins.h"

/*
 * Who has usage that is not billed, or a plan of his own in force, and no live invoice, and whose
 * month has ended where he is. Runs that failed or that are to be looked at again are queued anew.
 */
static Stmt queue_runs = {
	.name = "queue_runs",
	.sql =
		"INSERT INTO billing.settlement_runs AS s (customer_id, period, status, created_at)"
		" SELECT c.customer_id, $1, 'PENDING', $3 FROM billing.customers c JOIN ("
		"SELECT u.customer_id FROM billing.unbilled_usage u WHERE u.month <= $2"
		" UNION SELECT t.customer_id FROM billing.usage_tail_customers() t"
		" UNION SELECT p.customer_id FROM billing.pricing_plans p WHERE p.customer_id IS NOT NULL"
		" AND p.effective_from < $2 + interval '1 month 1 day'"
		" AND (p.effective_until IS NULL OR p.effective_until > $2 - interval '1 day')) b"
		" ON b.customer_id = c.customer_id"
		" WHERE ($2 + interval '1 month') AT TIME ZONE c.time_zone <= $4"
		" AND NOT EXISTS (SELECT FROM billing.invoice_headers h WHERE h.customer_id = c.customer_id"
		" AND h.period = $1 AND h.status <> 'CANCELLED')"
		" ORDER BY c.customer_id"
		" ON CONFLICT (period, customer_id) DO UPDATE SET status = 'PENDING', attempts = 0,"
		" failure_code = NULL, failure_reason = NULL, invoice_id = NULL"
		" WHERE s.status <> 'PENDING' OR s.attempts > 0",
	.expect = SPI_OK_INSERT,
	.nargs = 4,
	.argtypes = {TEXTOID, DATEOID, TIMESTAMPTZOID, TIMESTAMPTZOID},
};

static Stmt insert_job = {
	.name = "insert_job",
	.sql = "INSERT INTO billing.job_runs (job_run_id, job, period, status, workers, started_at)"
		   " VALUES ($1, 'settle_period', $2, 'RUNNING', $3, $4)",
	.expect = SPI_OK_INSERT,
	.nargs = 4,
	.argtypes = {UUIDOID, TEXTOID, INT4OID, TIMESTAMPTZOID},
};

static Stmt finish_job = {
	.name = "finish_job",
	.sql = "UPDATE billing.job_runs j SET status = 'COMPLETED', finished_at = $2"
		   " WHERE j.job_run_id = $1::uuid AND j.status = 'RUNNING'",
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

/* settlement_open(period text, workers int) -> text, the id of the job */
PG_FUNCTION_INFO_V1(billing_settlement_open);
Datum
billing_settlement_open(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *month = text_to_cstring(PG_GETARG_TEXT_PP(0));
	Period period = period_parse(month);
	StmtArgs queue = {0};
	StmtArgs job = {0};
	Datum id;
	char *result;

	actor_require_service();
	spi_begin();
	require_closed_for_house(period);
	arg_text(&queue, month);
	arg_datum(&queue, DateADTGetDatum(period_first_day(period)));
	arg_datum(&queue, TimestampTzGetDatum(clock_now()));
	arg_datum(&queue, TimestampTzGetDatum(clock_now() - settlement_grace_us()));
	stmt_run(&queue_runs, &queue);
	id = id_new();
	arg_datum(&job, id);
	arg_text(&job, month);
	arg_datum(&job, PG_GETARG_DATUM(1));
	arg_datum(&job, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_job, &job);
	result = MemoryContextStrdup(caller, id_text(id));
	spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* settlement_close(job text) */
PG_FUNCTION_INFO_V1(billing_settlement_close);
Datum
billing_settlement_close(PG_FUNCTION_ARGS)
{
	StmtArgs args = {0};

	actor_require_service();
	spi_begin();
	arg_datum(&args, PG_GETARG_DATUM(0));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&finish_job, &args);
	spi_end();
	PG_RETURN_VOID();
}
