/*
 * resolve_api.c
 *	  resolve_refund(): an operator says what became of a refund whose outcome is not known.
 *
 * Guarantees and locks: those of refund_end_store.c, which ends it.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/refund/refund_end.h"
#include "domain/refund/refund_rows.h"

#define MAX_PROVIDER_REFERENCE 256

static Stmt find_refund = {
	.name = "resolve_refund",
	.sql =
		"SELECT r.customer_id FROM billing.refunds r WHERE r.refund_id = $1 AND r.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
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

static char *
customer_of_refund(Datum refund_id)
{
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, refund_id);
	rows = stmt_run(&find_refund, &args);
	if (!row_next(&rows))
		billing_error(REFUND_NOT_FOUND, errmsg("refund %s does not exist", id_text(refund_id)));
	return row_text(&rows, "customer_id");
}

/* resolve_refund(refund_id uuid, outcome text, provider_reference text, reason text) -> billing.refunds */
PG_FUNCTION_INFO_V1(billing_resolve_refund);
Datum
billing_resolve_refund(PG_FUNCTION_ARGS)
{
	RefundEnding ending = {.refund_id = arg_required(fcinfo, 0, "refund_id")};
	Resolution resolution = resolution_from_args(fcinfo);
	Datum result;

	actor_require_service();
	spi_begin();
	ending.customer_id = customer_of_refund(ending.refund_id);
	ending.answer = resolution.answer;
	ending.reason = resolution.reason;
	refund_ending_lock(&ending);
	if (ending.status != resolution.status)
		refund_require_transition(ending.status, resolution.status == REFUND_COMPLETED
													 ? REFUND_APPROVED
													 : REFUND_FAILED);
	refund_ending_apply(&ending);
	result = refund_row(&ending.refund);
	spi_end();
	return result;
}
