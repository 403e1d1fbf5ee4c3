/*
 * mock_provider.c
 *	  The embedded provider: approves at once, in process, so that a fresh install pays without any
 *	  network. A key that begins FAIL_, and a customer FAIL_... or FATAL_..., is declined.
 */
#include "postgres.h"

#include "core/ids.h"
#include "domain/payment/payment.h"

static bool
begins(const char *text, const char *prefix)
{
	return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

static ProviderAnswer
mock_authorize(const Payment *payment)
{
	if (begins(payment->customer_id, "FATAL_"))
		return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
								.failure_code = "CARD_EXPIRED",
								.failure_message = "card expired"};
	if (begins(payment->customer_id, "FAIL_") || begins(payment->idempotency_key, "FAIL_"))
		return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
								.failure_code = "CARD_DECLINED",
								.failure_message = "card declined"};
	return (ProviderAnswer){.outcome = PROVIDER_APPROVED,
							.reference = psprintf("mock_%s", id_text(payment->payment_id))};
}

const PaymentProvider mock_provider = {
	.name = "mock",
	.authorize = mock_authorize,
};
