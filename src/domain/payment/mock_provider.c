/*
 * mock_provider.c
 *	  The embedded provider: approves at once, in process, so that a fresh install pays without any
 *	  network. It declines an idempotency key or a token that begins FAIL_, an expired payment method,
 *	  and invoices of a customer FAIL_... or FATAL_...; of one that begins UNKNOWN_ the outcome stays
 *	  unknown.
 */
#include "postgres.h"

#include "domain/ledger/ledger.h"
#include "domain/payment/provider.h"

static bool
begins(const char *text, const char *prefix)
{
	return text != NULL && strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool
either_begins(const ProviderCall *call, const char *prefix)
{
	return begins(call->idempotency_key, prefix) || begins(call->token, prefix);
}

static ProviderAnswer
declined(const char *code, const char *message)
{
	return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
							.failure_code = code,
							.failure_message = message};
}

static ProviderAnswer
approved(const ProviderCall *call)
{
	return (ProviderAnswer){.outcome = PROVIDER_APPROVED,
							.reference = psprintf("mock_%s", call->provider_key)};
}

static ProviderAnswer
mock_authorize(const ProviderCall *call)
{
	bool invoice = strcmp(call->target_type, "INVOICE") == 0;

	if (call->expired || (invoice && begins(call->customer_id, "FATAL_")))
		return declined("CARD_EXPIRED", "card expired");
	if (either_begins(call, "FAIL_") || (invoice && begins(call->customer_id, "FAIL_")))
		return declined("CARD_DECLINED", "card declined");
	if (either_begins(call, "UNKNOWN_"))
		return (ProviderAnswer){.outcome = PROVIDER_UNKNOWN};
	return approved(call);
}

/* The means to pay by may have expired or be blocked meanwhile: money goes back all the same. */
static ProviderAnswer
mock_refund(const ProviderCall *call)
{
	if (begins(call->idempotency_key, "FAIL_"))
		return declined("REFUND_DECLINED", "refund declined");
	if (begins(call->idempotency_key, "UNKNOWN_"))
		return (ProviderAnswer){.outcome = PROVIDER_UNKNOWN};
	return approved(call);
}

const PaymentProvider mock_provider = {
	.name = "mock",
	.account = ACCOUNT_GATEWAY_CLEARING,
	.outside = true,
	.authorize = mock_authorize,
	.refund = mock_refund,
};
