/*
 * settle_write_store.c
 *	  Locking and recording the customers of a settlement.
 *
 * Locks, in this order: the advisory lock of each customer, by customer; what settle_issue_store.c
 * says; rows of settlement_runs (locked by the caller) and unbilled_usage.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "domain/settlement/settlement.h"
#include "mb/pg_wchar.h"
#include "portability/instr_time.h"
#include "utils/fmgrprotos.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static Stmt lock_customers = {
	.name = "lock_customers",
	.sql = "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended("
		   "'settlement:' || k.customer_id, 0)) FROM unnest($1) k(customer_id)",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
};

/* Issued and cancelled invoices count differently, so that either shows. */
static Stmt sum_invoices = {
	.name = "sum_invoices",
	.sql =
		"SELECT COALESCE(pg_catalog.sum(CASE WHEN h.rebilled THEN 1000000 ELSE 1 END), 0)::bigint"
		" AS invoices FROM billing.invoice_headers h WHERE h.customer_id = ANY ($1)",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTARRAYOID},
	.read_only = true,
	.by_index = true,
};

static Stmt record_runs = {
	.name = "record_runs",
	.sql =
		"UPDATE billing.settlement_runs s SET status = r.status, invoice_id = r.invoice_id,"
		" attempts = s.attempts + 1, failure_code = r.failure_code, failure_reason = r.failure_reason,"
		" started_at = COALESCE(s.started_at, $7), finished_at = CASE WHEN r.status <> 'PENDING' THEN $7 END,"
		" lock_wait_us = s.lock_wait_us + $8"
		" FROM unnest($1, $3, $4, $5, $6) r(customer_id, status, invoice_id, failure_code, failure_reason)"
		" WHERE s.customer_id = r.customer_id AND s.period = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 8,
	.argtypes = {TEXTARRAYOID, TEXTOID, TEXTARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID, INT8OID},
	.by_index = true,
};

/* A month that changed since it was read keeps its mark, and so does one that a fold is changing now. */
static Stmt clear_marks = {
	.name = "clear_marks",
	.sql = "DELETE FROM billing.unbilled_usage u USING ("
		   "SELECT m.customer_id, m.month FROM billing.unbilled_usage m"
		   " JOIN unnest($1, $2, $3) b(customer_id, month, changes)"
		   " ON m.customer_id = b.customer_id AND m.month = b.month AND m.changes = b.changes"
		   " FOR UPDATE OF m SKIP LOCKED) d"
		   " WHERE u.customer_id = d.customer_id AND u.month = d.month",
	.expect = SPI_OK_DELETE,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, DATEARRAYOID, INT8ARRAYOID},
	.by_index = true,
};

static int64
count_invoices(Settlement *settlement)
{
	StmtArgs args = {0};
	Rows rows;

	settlement_arg_customers(&args, settlement);
	rows = stmt_run(&sum_invoices, &args);
	Ensure(row_next(&rows), "no count of invoices");
	return row_int64(&rows, "invoices");
}

/*
 * REPEATABLE READ and SERIALIZABLE callers read as of the start of their transaction, so the lock
 * alone does not show them what another settlement has committed: they have to begin again.
 */
static void
require_fresh_snapshot(Settlement *settlement)
{
	int64 seen;
	int64 present;

	if (!IsolationUsesXactSnapshot())
		return;
	seen = count_invoices(settlement);
	PushActiveSnapshot(GetLatestSnapshot());
	present = count_invoices(settlement);
	PopActiveSnapshot();
	if (seen != present)
		billing_retry(errmsg("another settlement of the customer has committed"));
}

/*
 * Serialises the settlements of each customer, in the order of the customers. Of whatever period:
 * a run bills every month up to its own, so two runs for two periods meet in the earlier months.
 */
void
settlement_lock(Settlement *settlement)
{
	StmtArgs args = {0};
	instr_time before;
	instr_time after;

	settlement_arg_customers(&args, settlement);
	INSTR_TIME_SET_CURRENT(before);
	stmt_run(&lock_customers, &args);
	INSTR_TIME_SET_CURRENT(after);
	INSTR_TIME_SUBTRACT(after, before);
	settlement->lock_wait_us = (int64) INSTR_TIME_GET_MICROSEC(after);
	require_fresh_snapshot(settlement);
}

static bool
is_retriable(int sqlerrcode)
{
	int category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_TRANSACTION_ROLLBACK || category == ERRCODE_INSUFFICIENT_RESOURCES ||
		   sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE;
}

/* Records an error on a customer; what is not his own (a cancel, a shutdown) is raised again. */
void
settle_item_fail(SettleItem *item, ErrorData *error)
{
	char *reason;

	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	item->invoice = NULL;
	item->failure_code = pstrdup(billing_error_name(error->sqlerrcode));
	reason = error->detail != NULL ? psprintf("%s: %s", error->message, error->detail)
								   : pstrdup(error->message);
	reason[pg_mbcliplen(reason, (int) strlen(reason), SETTLE_MAX_REASON)] = '\0';
	item->failure_reason = reason;
	item->retriable = is_retriable(error->sqlerrcode);
	item->error = error;
}

static void
clear_item_marks(Settlement *settlement)
{
	static const Oid types[] = {TEXTOID, DATEOID, INT8OID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < settlement->count; i++)
	{
		const SettleItem *item = &settlement->items[i];
		ListCell *cell;

		/* with a live invoice from before, what came since waits for the next month */
		if (item->failure_code != NULL || item->skipped || item->invoice_id != NULL)
			continue;
		foreach (cell, item->dirty)
		{
			const SettleDirty *dirty = lfirst(cell);

			if (!dirty->marked)
				continue;
			batch_row(batch);
			batch_text(batch, item->customer_id);
			batch_datum(batch, DateADTGetDatum(period_first_day(dirty->month)));
			batch_datum(batch, Int64GetDatum(dirty->changes));
		}
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	stmt_run(&clear_marks, &args);
}

static Datum
uuid_of_text(const char *text)
{
	return DirectFunctionCall1(uuid_in, CStringGetDatum(text));
}

static void
item_to_batches(const SettleItem *item, Batch *batch)
{
	batch_row(batch);
	batch_text(batch, item->failure_code == NULL ? "COMPLETED"
					  : item->retriable          ? "PENDING"
												 : "FAILED");
	if (item->invoice != NULL)
		batch_datum(batch, item->invoice->invoice_id);
	else if (item->invoice_id != NULL)
		batch_datum(batch, uuid_of_text(item->invoice_id));
	else
		batch_null(batch);
	batch_text(batch, item->failure_code);
	batch_text(batch, item->failure_reason);
}

/* Writes the outcome of each customer into his run and takes away the marks of billed months. */
void
settlement_record(Settlement *settlement)
{
	static const Oid types[] = {TEXTOID, UUIDOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	char period[PERIOD_TEXT_SIZE];
	StmtArgs args = {0};

	for (int i = 0; i < settlement->count; i++)
		item_to_batches(&settlement->items[i], batch);
	clear_item_marks(settlement);
	settlement_arg_customers(&args, settlement);
	arg_text(&args, period_print(settlement->period, period));
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, Int64GetDatum(settlement->lock_wait_us / Max(settlement->count, 1)));
	stmt_run(&record_runs, &args);
}
