/*
 * resolve_api.c
 *	  resolve_refund(): an operator says what became of a refund whose outcome is not known.
 *
 * Guarantees: a refund ends once, whoever ends it at once; one that is back is booked as if the
 * provider had answered. Locks: the invoice or the order, the payment, the refund, the wallet, the
 * number series.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "domain/refund/refund_lock.h"
#include "domain/refund/refund_rows.h"
#include "utils/uuid.h"

#define MAX_PROVIDER_REFERENCE 256

static Stmt find_refund = {
	.name = "resolve_refund",
	.sql =
		"SELECT r.payment_id FROM billing.refunds r WHERE r.refund_id = $1 AND r.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
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

typedef struct Resolution
{
	RefundStatus status;
	ProviderAnswer answer;
	char *reason;
} Resolution;

static Resolution
resolution_from_args(FunctionCallInfo fcinfo)
{
	static const char *const outcomes[] = {"COMPLETED", "FAILED", NULL};
	char *outcome = arg_choice_optional(fcinfo, 1, "outcome", outcomes);
	Resolution resolution = {0};

	text_check(outcome, "outcome", MAX_NAME);
	resolution.status = refund_status_of(outcome);
	resolution.answer.reference =
		arg_text_optional(fcinfo, 2, "provider_reference", MAX_PROVIDER_REFERENCE);
	resolution.reason = arg_text_required(fcinfo, 3, "reason", MAX_REASON);
	if (resolution.status == REFUND_COMPLETED)
	{
		text_check(resolution.answer.reference, "provider_reference of a completed refund",
				   MAX_PROVIDER_REFERENCE);
		resolution.answer.outcome = PROVIDER_APPROVED;
		return resolution;
	}
	resolution.answer.outcome = PROVIDER_DECLINED;
	resolution.answer.failure_code = "RESOLVED_FAILED";
	resolution.answer.failure_message = resolution.reason;
	return resolution;
}

static Datum
payment_of_refund(Datum refund_id)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_datum(&args, refund_id);
	rows = stmt_run(&find_refund, &args);
	if (!row_next(&rows))
		billing_error(REFUND_NOT_FOUND, errmsg("refund %s does not exist", id_text(refund_id)));
	return row_datum(&rows, "payment_id", UUIDOID, &isnull);
}

/* Locks what was paid, the payment and the refund, and reads it. */
static void
resolve_lock(Refund *refund, Datum payment_id)
{
	PaymentTarget target = payment_require_target(payment_id);
	StmtArgs args = {0};
	const Currency *currency;
	Rows rows;

	refund_lock(refund, &target, payment_id);
	currency = refund->payment.amount.currency;
	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->refund_id);
	rows = stmt_run(&lock_refund, &args);
	Ensure(row_next(&rows), "refund vanished");
	refund->status = refund_status_of(row_text(&rows, "status"));
	refund->amount = row_money(&rows, "amount", currency);
	refund->tax = row_money(&rows, "tax", currency);
	refund->destination = row_text(&rows, "destination");
	refund->reason = row_text_or_null(&rows, "reason");
	refund->idempotency_key = row_text_or_null(&rows, "key");
}

static void
refund_resolve(Refund *refund, const Resolution *resolution)
{
	bool completed = resolution->status == REFUND_COMPLETED;

	refund_require_transition(refund->status, completed ? REFUND_APPROVED : REFUND_FAILED);
	refund->answer = resolution->answer;
	refund->resolution = resolution->reason;
	if (completed)
		refund_split(refund);
	refund_decide(refund);
}

/* resolve_refund(refund_id uuid, outcome text, provider_reference text, reason text) -> billing.refunds */
PG_FUNCTION_INFO_V1(billing_resolve_refund);
Datum
billing_resolve_refund(PG_FUNCTION_ARGS)
{
	Refund refund = {.refund_id = arg_required(fcinfo, 0, "refund_id")};
	Resolution resolution = resolution_from_args(fcinfo);
	Datum result;

	actor_require_service();
	spi_begin();
	resolve_lock(&refund, payment_of_refund(refund.refund_id));
	if (refund.status != resolution.status)
		refund_resolve(&refund, &resolution);
	result = refund_row(&refund);
	spi_end();
	return result;
}
