/*
 * resolve_api.c
 *	  resolve_payment(): an operator says what became of a payment whose outcome is unknown.
 *
 * Guarantees and locks: those of gateway_end.c, which ends it.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "domain/gateway/gateway_end.h"
#include "domain/payment/payment_rows.h"
#include "utils/builtins.h"

#define MAX_PROVIDER_REFERENCE 256

typedef struct Resolution
{
	Datum payment_id;
	PaymentStatus status;
	char *provider_reference;
	char *reason;
} Resolution;

static Resolution
resolution_from_args(FunctionCallInfo fcinfo)
{
	static const char *const outcomes[] = {"APPROVED", "FAILED", NULL};
	Resolution resolution = {.payment_id = arg_required(fcinfo, 0, "payment_id")};
	char *outcome = arg_choice_optional(fcinfo, 1, "outcome", outcomes);

	text_check(outcome, "outcome", MAX_NAME);
	resolution.status = payment_status_of(outcome);
	resolution.provider_reference =
		arg_text_optional(fcinfo, 2, "provider_reference", MAX_PROVIDER_REFERENCE);
	if (resolution.status == PAYMENT_APPROVED)
		text_check(resolution.provider_reference, "provider_reference of an approval",
				   MAX_PROVIDER_REFERENCE);
	resolution.reason = arg_text_required(fcinfo, 3, "reason", MAX_REASON);
	return resolution;
}

static ProviderAnswer
resolution_answer(const Resolution *resolution)
{
	if (resolution->status == PAYMENT_APPROVED)
		return (ProviderAnswer){.outcome = PROVIDER_APPROVED,
								.reference = resolution->provider_reference};
	return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
							.reference = resolution->provider_reference,
							.failure_code = "RESOLVED_FAILED",
							.failure_message = resolution->reason};
}

/*
 * An operator does not overrule what is decided. But a remote provider can find out late that it has
 * captured after all, and money that it has is never dropped.
 */
static void
require_resolvable(const PaymentEnding *ending, PaymentStatus wanted)
{
	bool late = ending->payment.provider->remote && ending->status == PAYMENT_FAILED;

	if (ending->status != wanted && !late)
		payment_require_transition(ending->status, wanted);
}

/* resolve_payment(payment_id uuid, outcome text, provider_reference text, reason text) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_resolve_payment);
Datum
billing_resolve_payment(PG_FUNCTION_ARGS)
{
	Resolution resolution;
	PaymentEnding ending = {0};
	Datum result;

	actor_require_service();
	resolution = resolution_from_args(fcinfo);
	spi_begin();
	ending.customer_id = payment_require_target(resolution.payment_id).customer_id;
	ending.payment_id = resolution.payment_id;
	ending.answer = resolution_answer(&resolution);
	ending.reason = resolution.reason;
	payments_ending_lock(&ending, 1);
	require_resolvable(&ending, resolution.status);
	gateway_payments_end(&ending, 1);
	result = payment_row(&ending.payment);
	spi_end();
	return result;
}
