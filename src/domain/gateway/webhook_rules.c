/*
 * webhook_rules.c
 *	  What an event of the provider does, given how the payment or refund stands.
 *
 * Guarantees: what has ended stays as it ended, in whatever order events come. Pure C.
 */
#include "postgres.h"

#include "domain/gateway/webhook_rules.h"
#include "domain/gateway_call/gateway_call.h"

static const WebhookType types[] = {
	{"payment.approved", SUBJECT_PAYMENT, true},
	{"payment.rejected", SUBJECT_PAYMENT, false},
	{"refund.approved", SUBJECT_REFUND, true},
	{"refund.rejected", SUBJECT_REFUND, false},
};

static const char *const result_names[WEBHOOK_RESULT_COUNT] = {
	[WEBHOOK_APPLIED] = "APPLIED",
	[WEBHOOK_ALREADY] = "ALREADY",
	[WEBHOOK_LATE] = "LATE",
	[WEBHOOK_IGNORED] = "IGNORED",
};

const WebhookType *
webhook_type_of(const char *name)
{
	for (size_t i = 0; i < lengthof(types); i++)
	{
		if (strcmp(types[i].name, name) == 0)
			return &types[i];
	}
	return NULL;
}

const char *
webhook_result_name(WebhookResult result)
{
	return result_names[result];
}

WebhookResult
webhook_payment_result(bool approved, PaymentStatus status, bool captured_late)
{
	if (status == PAYMENT_PENDING)
		return WEBHOOK_APPLIED;
	return approved && status == PAYMENT_FAILED && !captured_late ? WEBHOOK_LATE : WEBHOOK_ALREADY;
}

/* A refund that FAILED and went out after all is for an operator: nothing is booked by itself. */
WebhookResult
webhook_refund_result(bool approved, RefundStatus status)
{
	if (status == REFUND_REQUESTED)
		return WEBHOOK_APPLIED;
	return approved && status == REFUND_FAILED ? WEBHOOK_LATE : WEBHOOK_ALREADY;
}
