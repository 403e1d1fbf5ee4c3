/*
 * provider.c
 *	  The providers, and those of them that ask nobody here.
 *
 * What the wallet and the bank are told is done by the ledger and the wallet, in the same
 * transaction: they approve always.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/provider.h"

static ProviderAnswer
approve(const ProviderCall *call)
{
	(void) call;
	return (ProviderAnswer){.outcome = PROVIDER_APPROVED};
}

/* Asked by the gateway worker once the payment or refund is committed, unless the answer is clear. */
static ProviderAnswer
wait_for_worker(const ProviderCall *call)
{
	if (call->expired)
		return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
								.failure_code = "CARD_EXPIRED",
								.failure_message = "card expired"};
	return (ProviderAnswer){.outcome = PROVIDER_UNKNOWN};
}

const PaymentProvider http_provider = {
	.name = "http",
	.account = ACCOUNT_GATEWAY_CLEARING,
	.outside = true,
	.remote = true,
	.authorize = wait_for_worker,
	.refund = wait_for_worker,
};

const PaymentProvider wallet_provider = {
	.name = "wallet",
	.account = ACCOUNT_WALLET,
	.authorize = approve,
	.refund = approve,
};

const PaymentProvider manual_provider = {
	.name = "manual",
	.account = ACCOUNT_BANK,
	.authorize = approve,
	.refund = approve,
};

const PaymentProvider *
provider_of(const char *name)
{
	static const PaymentProvider *const providers[] = {&mock_provider, &http_provider,
													   &wallet_provider, &manual_provider};

	for (size_t i = 0; i < lengthof(providers); i++)
	{
		if (strcmp(name, providers[i]->name) == 0)
			return providers[i];
	}
	Ensure(false, "unknown payment provider \"%s\"", name);
	return NULL; /* not reached */
}
