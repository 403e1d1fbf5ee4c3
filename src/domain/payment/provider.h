/*
 * provider.h
 *	  The port to who moves the money: a gateway, the customer's wallet, or nobody (it came already).
 */
#ifndef BILLING_PROVIDER_H
#define BILLING_PROVIDER_H

#include "core/money.h"

/* What a provider answers. Only an explicit decline is a failure. */
typedef enum ProviderOutcome
{
	PROVIDER_APPROVED,
	PROVIDER_DECLINED,
	PROVIDER_UNKNOWN,
} ProviderOutcome;

typedef struct ProviderAnswer
{
	ProviderOutcome outcome;
	const char *reference;    /* of an approval, or NULL */
	const char *failure_code; /* of a decline */
	const char *failure_message;
} ProviderAnswer;

/* What a provider is told, of a payment or of a refund. */
typedef struct ProviderCall
{
	const char *customer_id;
	const char *target_type;     /* of the payment: ORDER, INVOICE, TOP_UP */
	const char *provider_key;    /* the id of the payment or the refund */
	const char *idempotency_key; /* of the caller, or NULL */
	const char *token;           /* of the payment method, or NULL */
	bool expired;                /* the payment method */
	Money amount;
	const char *reference; /* of a refund: the provider's of the payment, or NULL */
} ProviderCall;

typedef struct PaymentProvider
{
	const char *name;
	const char *account; /* of the ledger: where its money comes from, and goes back to */
	bool outside;        /* its calls are attempts, and can stay without an answer */
	bool remote;         /* it is called by a worker, never in a backend: calls are queued */
	ProviderAnswer (*authorize)(const ProviderCall *call);
	ProviderAnswer (*refund)(const ProviderCall *call);
} PaymentProvider;

extern const PaymentProvider mock_provider;
extern const PaymentProvider http_provider;
extern const PaymentProvider wallet_provider;
extern const PaymentProvider manual_provider;

extern const PaymentProvider *provider_of(const char *name);

#endif
