/*
 * refund_end_store.c
 *	  Ending a refund that is on its way.
 *
 * Guarantees: a refund ends once, whoever ends it at once; one that is back is booked as if the
 * provider had answered in the call that made it.
 * Locks: the invoice or the order, the payment, the refund, the wallet, the number series, the
 * gateway call.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/wake.h"
#include "domain/gateway_call/gateway_call.h"
#include "domain/refund/refund_end.h"
#include "domain/refund/refund_lock.h"
#include "domain/refund/refund_rows.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

static Stmt find_payment = {
	.name = "find_refunded_payment",
	.sql = "SELECT r.payment_id FROM billing.refunds r"
		   " WHERE r.customer_id = $1 AND r.refund_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_refund = {
	.name = "lock_refund",
	.sql =
		"SELECT r.status, r.amount, r.tax, r.destination, r.reason, r.idempotency_key::text AS key"
		" FROM billing.refunds r WHERE r.customer_id = $1 AND r.refund_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt end_attempts = {
	.name = "end_refund_attempts",
	.sql = "UPDATE billing.refund_attempts a SET"
		   " status = CASE WHEN $3 IN (0, a.attempt_no) THEN $4 ELSE 'UNKNOWN' END,"
		   " provider_reference = CASE WHEN $3 IN (0, a.attempt_no) THEN $5 END,"
		   " failure_code = CASE WHEN $3 IN (0, a.attempt_no) THEN $6 END,"
		   " failure_message = CASE WHEN $3 IN (0, a.attempt_no) THEN $7 END, finished_at = $8"
		   " WHERE a.customer_id = $1 AND a.refund_id = $2 AND a.finished_at IS NULL",
	.expect = SPI_OK_UPDATE,
	.nargs = 8,
	.argtypes = {TEXTOID, UUIDOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Datum
payment_of(const RefundEnding *ending)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, ending->customer_id);
	arg_datum(&args, ending->refund_id);
	rows = stmt_run(&find_payment, &args);
	Ensure(row_next(&rows), "refund vanished");
	return row_datum(&rows, "payment_id", UUIDOID, &isnull);
}

void
refund_ending_lock(RefundEnding *ending)
{
	Refund *refund = &ending->refund;
	Datum payment_id = payment_of(ending);
	PaymentTarget target = payment_target(ending->customer_id, payment_id);
	StmtArgs args = {0};
	const Currency *currency;
	Rows rows;

	*refund = (Refund){.refund_id = ending->refund_id, .resolution = ending->reason};
	refund_lock(refund, &target, payment_id);
	currency = refund->payment.amount.currency;
	arg_text(&args, ending->customer_id);
	arg_datum(&args, ending->refund_id);
	rows = stmt_run(&lock_refund, &args);
	Ensure(row_next(&rows), "refund vanished");
	refund->status = refund_status_of(row_text(&rows, "status"));
	refund->amount = row_money(&rows, "amount", currency);
	refund->tax = row_money(&rows, "tax", currency);
	refund->destination = row_text(&rows, "destination");
	refund->reason = row_text_or_null(&rows, "reason");
	refund->idempotency_key = row_text_or_null(&rows, "key");
	refund->reserved = refund_reserves(refund);
	ending->status = refund->status;
}

/* Like attempts_end() of payments. */
static void
attempts_end(const RefundEnding *ending)
{
	bool approved = ending->answer.outcome == PROVIDER_APPROVED;
	StmtArgs args = {0};

	arg_text(&args, ending->customer_id);
	arg_datum(&args, ending->refund_id);
	arg_datum(&args, Int32GetDatum(ending->attempt_no));
	arg_text(&args, approved ? "APPROVED" : "DECLINED");
	arg_text(&args, ending->answer.reference);
	arg_text(&args, ending->answer.failure_code);
	arg_text(&args, ending->answer.failure_message);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&end_attempts, &args);
}

/* The call goes before the attempts are read: nobody claims it, and begins an attempt, after that. */
static void
refund_end(RefundEnding *ending)
{
	GatewayCall call = {.customer_id = ending->customer_id, .subject_id = ending->refund_id};
	Refund *refund = &ending->refund;

	refund->answer = ending->answer;
	if (ending->answer.outcome == PROVIDER_APPROVED)
		refund_split(refund);
	refund_decide(refund);
	gateway_calls_drop(&call, 1);
	attempts_end(ending);
	wake_waiters_at_commit(ending->refund_id);
}

void
refund_ending_apply(RefundEnding *ending)
{
	Ensure(ending->answer.outcome != PROVIDER_UNKNOWN, "an unknown outcome ends no refund");
	ending->result = REFUND_LEFT;
	if (ending->skip)
		return;
	if (ending->status == REFUND_REQUESTED)
	{
		refund_end(ending);
		ending->result = REFUND_ENDED;
		return;
	}
	if (ending->attempt_no > 0)
		attempts_end(ending);
	ending->result = REFUND_WAS_ENDED;
}
