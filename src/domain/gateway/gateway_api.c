/*
 * gateway_api.c
 *	  What an operator does about calls to the payment gateway.
 *
 * Locks: the call.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/spi.h"
#include "core/wake.h"
#include "domain/gateway/gateway.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/uuid.h"

#define MOST_STUCK 10000

static Stmt find_subject = {
	.name = "find_gateway_subject",
	.sql = "SELECT p.customer_id FROM billing.payments p WHERE p.payment_id = $1"
		   " UNION ALL SELECT r.customer_id FROM billing.refunds r WHERE r.refund_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

/* One that is called right now is left to its lease: it would be called twice at once. */
static Stmt hasten_call = {
	.name = "hasten_gateway_call",
	.sql = "UPDATE billing.gateway_calls g SET due_at = $3"
		   " WHERE g.customer_id = $1 AND g.subject_id = $2"
		   " AND g.lease_token IS NULL AND g.due_at > $3 RETURNING g.subject",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt select_due = {
	.name = "select_due_gateway_call",
	.sql = "SELECT FROM billing.gateway_calls g"
		   " WHERE g.customer_id = $1 AND g.subject_id = $2 AND g.due_at <= $3",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static void
audit_retry(const char *customer_id, Datum subject_id, const char *subject)
{
	AuditEntry entry = {
		.customer_id = customer_id,
		.action = "GATEWAY_CALL_RETRIED",
		.target_type = strcmp(subject, SUBJECT_REFUND) == 0 ? "Refund" : "Payment",
		.target_id = id_text(subject_id),
	};

	audit_append(&entry, 1);
}

/* retry_gateway_call(subject_id uuid) -> boolean, whether it is due now */
PG_FUNCTION_INFO_V1(billing_retry_gateway_call);
Datum
billing_retry_gateway_call(PG_FUNCTION_ARGS)
{
	Datum subject_id = arg_required(fcinfo, 0, "subject_id");
	StmtArgs args = {0};
	char *customer_id;
	bool due;
	Rows rows;

	actor_require_service();
	spi_begin();
	arg_datum(&args, subject_id);
	rows = stmt_run(&find_subject, &args);
	if (!row_next(&rows))
		billing_error(PAYMENT_NOT_FOUND,
					  errmsg("payment or refund %s does not exist", id_text(subject_id)));
	customer_id = row_text(&rows, "customer_id");
	args = (StmtArgs){0};
	arg_text(&args, customer_id);
	arg_datum(&args, subject_id);
	arg_datum(&args, TimestampTzGetDatum(clock_real()));
	rows = stmt_run(&hasten_call, &args);
	due = row_next(&rows);
	if (due)
		audit_retry(customer_id, subject_id, row_text(&rows, "subject"));
	else
		due = stmt_run(&select_due, &args).count > 0;
	if (due)
		wake_worker_at_commit(WORKER_GATEWAY);
	spi_end();
	PG_RETURN_BOOL(due);
}

/* report_stuck_payments(batch int) -> bigint, how many were told */
PG_FUNCTION_INFO_V1(billing_report_stuck_payments);
Datum
billing_report_stuck_payments(PG_FUNCTION_ARGS)
{
	int batch = DatumGetInt32(arg_required(fcinfo, 0, "batch"));
	int count;

	actor_require_service();
	if (batch < 1 || batch > MOST_STUCK)
		billing_error(INVALID_ARGUMENT, errmsg("batch must be from 1 to %d", MOST_STUCK));
	spi_begin();
	count = gateway_upkeep(batch);
	spi_end();
	PG_RETURN_INT64(count);
}
