/*
 * webhook_rules.h
 *	  What an event of the provider does, given how the payment or refund stands. Pure.
 */
#ifndef BILLING_WEBHOOK_RULES_H
#define BILLING_WEBHOOK_RULES_H

#include "domain/payment/payment_state.h"
#include "domain/refund/refund_state.h"

typedef enum WebhookResult
{
	WEBHOOK_APPLIED, /* the event ended it */
	WEBHOOK_ALREADY, /* it had ended before; nothing changed */
	WEBHOOK_LATE,    /* approved after it had FAILED: the money is on its way back */
	WEBHOOK_IGNORED  /* of a type or a key that is not known here */
} WebhookResult;

#define WEBHOOK_RESULT_COUNT 4

/* What an event is about. */
typedef struct WebhookType
{
	const char *name;
	const char *subject; /* SUBJECT_PAYMENT or SUBJECT_REFUND */
	bool approved;
} WebhookType;

/* NULL: none that is known. */
extern const WebhookType *webhook_type_of(const char *name);

extern const char *webhook_result_name(WebhookResult result);
extern WebhookResult
webhook_payment_result(bool approved, PaymentStatus status, bool captured_late);
extern WebhookResult webhook_refund_result(bool approved, RefundStatus status);

#endif
