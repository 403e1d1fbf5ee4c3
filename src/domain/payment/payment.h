/*
 * payment.h
 *	  Capturing money for invoices through a provider.
 */
#ifndef BILLING_PAYMENT_H
#define BILLING_PAYMENT_H

#include "core/money.h"

#define PAYMENT_MAX_FAILURE_CODE 64
#define PAYMENT_MAX_FAILURE_MESSAGE 2048

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
	const char *reference;    /* of an approval */
	const char *failure_code; /* of a decline */
	const char *failure_message;
} ProviderAnswer;

typedef struct Payment
{
	const char *customer_id;
	const char *target_type; /* INVOICE */
	Datum target_id;
	Money amount;
	const char *method;
	const char *idempotency_key; /* of the caller, or NULL */
	Datum fingerprint;           /* bytea, 0 without a key */
	const char *metadata;
	Datum payment_id;      /* given by payments_authorize() */
	ProviderAnswer answer; /* given by payments_authorize() */
} Payment;

/* A way to reach the outside; the mock answers in process. */
typedef struct PaymentProvider
{
	const char *name;
	ProviderAnswer (*authorize)(const Payment *payment);
} PaymentProvider;

extern const PaymentProvider mock_provider;

/* Gives payments their ids and asks the provider, in process: the mock. */
extern void payments_authorize(Payment *payments, int count);

/* Writes decided payments: rows, attempts, postings, events, audit. Needs spi_begin(). */
extern void payments_record(const Payment *payments, int count);

#endif
