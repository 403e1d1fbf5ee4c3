/*
 * resolve_api.c
 *	  resolve_payment(): an operator says what became of a payment whose outcome is unknown.
 *
 * Guarantees: a payment ends once, whoever ends it at once; an approval is captured as if the
 * provider had answered. Locks: the invoice or the order; then the payment; then the wallet.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/period.h"
#include "domain/customer/customer.h"
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

static void
resolution_audit(const Payment *payment, const Resolution *resolution)
{
	bool approved = resolution->status == PAYMENT_APPROVED;
	JsonWriter json;
	AuditEntry entry = {
		.customer_id = payment->customer_id,
		.action = "PAYMENT_RECONCILED",
		.target_type = "Payment",
		.target_id = id_text(payment->payment_id),
		.before = json_status(payment_status_name(PAYMENT_PENDING)),
		.reason = resolution->reason,
	};

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, payment_status_name(resolution->status));
	json_key(&json, approved ? "providerReference" : "failureCode");
	json_string(&json, approved ? payment->answer.reference : payment->answer.failure_code);
	json_close(&json, '}');
	entry.after = json_to_jsonb(&json);
	audit_append(&entry, 1);
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

/* Ends the locked payment, whose target is locked. */
static void
payment_end(Payment *payment, const Resolution *resolution)
{
	payment->answer = resolution_answer(resolution);
	payment->effective_on = zone_day(clock_now(), house_time_zone());
	payment_update(payment);
	payments_announce(payment, 1);
	resolution_audit(payment, resolution);
	payments_post(payment, 1);
	payment_capture(payment);
}

/* resolve_payment(payment_id uuid, outcome text, provider_reference text, reason text) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_resolve_payment);
Datum
billing_resolve_payment(PG_FUNCTION_ARGS)
{
	Payment payment = {0};
	Resolution resolution;
	PaymentTarget target;
	LockedPayment locked;
	Order order;
	Datum result;

	actor_require_service();
	resolution = resolution_from_args(fcinfo);
	spi_begin();
	target = payment_require_target(resolution.payment_id);
	if (strcmp(target.target_type, TARGET_ORDER) == 0)
	{
		order = order_lock(target.customer_id, target.target_id, NULL);
		payment.order = &order;
	}
	else if (strcmp(target.target_type, TARGET_INVOICE) == 0)
		(void) payable_lock(target.customer_id, target.target_id, NULL);
	locked = payment_lock(target.customer_id, resolution.payment_id, NULL);
	payment.customer_id = target.customer_id;
	payment.payment_id = resolution.payment_id;
	payment.target_type = target.target_type;
	payment.target_id = target.target_id;
	payment.amount = locked.amount;
	payment.provider = locked.provider;
	if (locked.status != resolution.status)
	{
		payment_require_transition(locked.status, resolution.status);
		payment_end(&payment, &resolution);
	}
	result = payment_row(&payment);
	spi_end();
	return result;
}
