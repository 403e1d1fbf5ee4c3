/*
 * settlement_api.c
 *	  run_settlement() for one customer, settlement_chunk() for the next of a month's queue.
 *
 * Locks: the run of (customer, period), its advisory lock, then what settle_write_store.c says.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/isolate.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/settlement/settlement.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define MAX_GRACE_SECONDS (31 * SECS_PER_DAY)

typedef enum ZeroInvoices
{
	ZERO_ISSUE,
	ZERO_SKIP,
} ZeroInvoices;

static const struct config_enum_entry zero_invoice_options[] = {
	{"issue", ZERO_ISSUE, false},
	{"skip", ZERO_SKIP, false},
	{NULL, 0, false},
};

static int zero_invoices = ZERO_ISSUE;
static int grace_seconds = 0;

void
settlement_init(void)
{
	DefineCustomIntVariable("billing.settlement_grace",
							"Sets how long after its end a period may not be settled yet.", NULL,
							&grace_seconds, 0, 0, MAX_GRACE_SECONDS, PGC_SUSET, GUC_UNIT_S, NULL,
							NULL, NULL);
	DefineCustomEnumVariable("billing.zero_invoices",
							 "Sets whether invoices with a total of 0 are issued or skipped.", NULL,
							 &zero_invoices, ZERO_ISSUE, zero_invoice_options, PGC_SUSET, 0, NULL,
							 NULL, NULL);
}

bool
settlement_skips_zero(void)
{
	return zero_invoices == ZERO_SKIP;
}

int64
settlement_grace_us(void)
{
	return (int64) grace_seconds * USECS_PER_SEC;
}

static Stmt queue_run = {
	.name = "queue_run",
	.sql = "INSERT INTO billing.settlement_runs (customer_id, period, status, created_at)"
		   " VALUES ($1, $2, 'PENDING', $3) ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt lock_run = {
	.name = "lock_run",
	.sql =
		"SELECT s.status FROM billing.settlement_runs s WHERE s.customer_id = $1 AND s.period = $2 FOR UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt select_zone = {
	.name = "select_customer_zone",
	.sql = "SELECT c.time_zone FROM billing.customers c WHERE c.customer_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static void
require_closed(const char *customer_id, Period period)
{
	char text[PERIOD_TEXT_SIZE];
	StmtArgs args = {0};
	Rows rows;
	char *zone;

	arg_text(&args, customer_id);
	rows = stmt_run(&select_zone, &args);
	Ensure(row_next(&rows), "customer \"%s\" vanished", customer_id);
	zone = row_text(&rows, "time_zone");
	if (clock_now() < period_bounds(period, zone).end + settlement_grace_us())
		billing_error(
			PERIOD_NOT_CLOSED, errmsg("period %s is not closed", period_print(period, text)),
			errdetail(
				"It ends with the month in time zone %s, and may be settled %d seconds later.",
				zone, grace_seconds),
			errhint("See what it would be with preview_invoice()."));
}

static void
run_lock(const char *customer_id, const char *period)
{
	StmtArgs queue = {0};
	StmtArgs lock = {0};
	Rows rows;

	arg_text(&queue, customer_id);
	arg_text(&queue, period);
	lock = queue;
	arg_datum(&queue, TimestampTzGetDatum(clock_now()));
	stmt_run(&queue_run, &queue);
	rows = stmt_run(&lock_run, &lock);
	if (!row_next(&rows))
		billing_retry(errmsg("the settlement run was made by a transaction that is not visible"));
}

static void
issue(void *argument)
{
	settlement_issue(argument);
}

/*
 * Settles the customers. False when the writing of more than one failed and all of it, numbers
 * included, is undone: to be done again, one at a time. The error of a single one is recorded.
 */
static bool
settle(Settlement *settlement)
{
	ErrorData *error;

	settlement_lock(settlement);
	settlement_load(settlement);
	settlement_compose(settlement);
	error = run_isolated(issue, settlement);
	if (error != NULL && settlement->count > 1)
	{
		if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
			ReThrowError(error);
		return false;
	}
	if (error != NULL)
		settle_item_fail(&settlement->items[0], error);
	settlement_record(settlement);
	return true;
}

static const char *
result_message(const SettleItem *item)
{
	if (item->failure_code != NULL)
		return item->failure_reason;
	if (item->invoice_id != NULL)
		return psprintf("invoice already issued: %s", item->invoice_id);
	if (item->skipped)
		return "total is 0, invoice skipped";
	if (item->invoice == NULL)
		return "no usage";
	if (item->invoice->paid)
		return "paid";
	if (item->payment_failure != NULL)
		return "invoice issued, payment failed";
	return item->payment_id != NULL ? "invoice issued, payment pending" : "invoice issued";
}

/* Of the charge: what credits paid, or a total of 0, was not charged. */
static const char *
payment_status(const SettleItem *item)
{
	if (item->invoice == NULL || item->payment_id == NULL)
		return "NONE";
	if (item->payment_failure != NULL)
		return "FAILED";
	return item->invoice->paid ? "APPROVED" : "PENDING";
}

static Datum
result_row(FunctionCallInfo fcinfo, const SettleItem *item, const char *period)
{
	const char *failure = item->failure_code != NULL ? item->failure_code : item->payment_failure;
	Datum values[8];
	bool nulls[8] = {false};

	values[0] = CStringGetTextDatum(item->customer_id);
	values[1] = CStringGetTextDatum(period);
	nulls[2] = item->invoice == NULL && item->invoice_id == NULL;
	if (item->invoice != NULL)
		values[2] = item->invoice->invoice_id;
	else if (item->invoice_id != NULL)
		values[2] = DirectFunctionCall1(uuid_in, CStringGetDatum(item->invoice_id));
	values[3] = BoolGetDatum(item->invoice_id != NULL);
	values[4] = BoolGetDatum(item->invoice != NULL && item->invoice->paid);
	values[5] = CStringGetTextDatum(result_message(item));
	values[6] = CStringGetTextDatum(payment_status(item));
	nulls[7] = failure == NULL;
	if (failure != NULL)
		values[7] = CStringGetTextDatum(failure);
	return result_of(fcinfo, values, nulls);
}

/* run_settlement(customer_id text, period text) -> one row */
PG_FUNCTION_INFO_V1(billing_run_settlement);
Datum
billing_run_settlement(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	char *customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	Period period = period_parse(PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
	char text[PERIOD_TEXT_SIZE];
	Settlement *settlement;
	Datum result;

	actor_require_service();
	period_print(period, text);
	spi_begin();
	customer_require(customer_id);
	require_closed(customer_id, period);
	run_lock(customer_id, text);
	settlement = settlement_new(period, &customer_id, 1);
	(void) settle(settlement);
	MemoryContextSwitchTo(caller);
	result = result_row(fcinfo, &settlement->items[0], text);
	spi_end();
	return result;
}

static Stmt claim_runs = {
	.name = "claim_runs",
	.sql =
		"SELECT s.customer_id FROM billing.settlement_runs s"
		" WHERE s.period = $1 AND s.status = 'PENDING' AND s.customer_id > $2 AND s.attempts < $4"
		" ORDER BY s.customer_id LIMIT $3 FOR UPDATE SKIP LOCKED",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {TEXTOID, TEXTOID, INT4OID, INT4OID},
	.by_index = true,
};

static Rows
claim(const char *period, const char *after, int size)
{
	StmtArgs args = {0};

	arg_text(&args, period);
	arg_text(&args, after);
	arg_datum(&args, Int32GetDatum(size));
	arg_datum(&args, Int32GetDatum(SETTLE_MAX_ATTEMPTS));
	return stmt_run(&claim_runs, &args);
}

static Settlement *
settlement_of_claim(Rows *rows, Period period)
{
	char **ids = palloc(sizeof(char *) * Max(rows->count, 1));
	int count = 0;

	while (row_next(rows))
		ids[count++] = row_text(rows, "customer_id");
	return settlement_new(period, ids, count);
}

static Datum
chunk_row(FunctionCallInfo fcinfo, const char *last, int claimed, bool redo)
{
	Datum values[3] = {(Datum) 0, Int32GetDatum(claimed), BoolGetDatum(redo)};
	bool nulls[3] = {last == NULL, false, false};

	if (last != NULL)
		values[0] = CStringGetTextDatum(last);
	return result_of(fcinfo, values, nulls);
}

/*
 * settlement_chunk(period text, after text, size int) -> (last text, claimed int, redo bool)
 *
 * Settles the next queued customers after `after` that no other session has. redo: the writing of
 * more than one failed and was undone; call again for one at a time.
 */
PG_FUNCTION_INFO_V1(billing_settlement_chunk);
Datum
billing_settlement_chunk(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	Period period = period_parse(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	char *after = text_to_cstring(PG_GETARG_TEXT_PP(1));
	int size = Min(Max(PG_GETARG_INT32(2), 1), SETTLE_CHUNK);
	char text[PERIOD_TEXT_SIZE];
	char *last = NULL;
	Settlement *settlement;
	bool redo = false;
	Rows rows;

	actor_require_service();
	spi_begin();
	rows = claim(period_print(period, text), after, size);
	settlement = settlement_of_claim(&rows, period);
	if (settlement->count > 0)
	{
		last = MemoryContextStrdup(caller, settlement->items[settlement->count - 1].customer_id);
		redo = !settle(settlement);
	}
	size = settlement->count;
	spi_end();
	return chunk_row(fcinfo, last, size, redo);
}
