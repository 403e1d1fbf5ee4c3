/*
 * provider.c
 *	  The providers, and those two of them that ask nobody.
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
	static const PaymentProvider *const providers[] = {&mock_provider, &wallet_provider,
													   &manual_provider};

	for (size_t i = 0; i < lengthof(providers); i++)
	{
		if (strcmp(name, providers[i]->name) == 0)
			return providers[i];
	}
	Ensure(false, "unknown payment provider \"%s\"", name);
	return NULL; /* not reached */
}
