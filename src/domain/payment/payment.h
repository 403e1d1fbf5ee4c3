/*
 * payment.h
 *	  Capturing money for invoices, orders and top-ups, and what a refund needs to know of it.
 */
#ifndef BILLING_PAYMENT_H
#define BILLING_PAYMENT_H

#include "domain/order/order.h"
#include "domain/payment/payment_state.h"
#include "domain/payment/provider.h"
#include "utils/date.h"

#define TARGET_INVOICE "INVOICE"
#define TARGET_ORDER "ORDER"
#define TARGET_TOP_UP "TOP_UP"

typedef struct Payment
{
	const char *customer_id;
	const char *operation; /* the function that makes it, or settlement */
	const char *target_type;
	Datum target_id;    /* of TOP_UP: the wallet */
	const Order *order; /* of ORDER, locked */
	Money amount;
	Money excess;                /* of what was recorded: beyond what was due */
	Datum credit_id;             /* what the excess became, 0: none */
	const char *method;          /* NULL: that of the default payment method, else CARD */
	Datum payment_method_id;     /* 0: the default of that method, if there is one */
	const char *reference;       /* of a recorded transfer */
	const char *idempotency_key; /* of the caller, or NULL */
	Datum fingerprint;           /* bytea, 0 without a key */
	const char *metadata;

	/* given by payments_authorize() */
	const PaymentProvider *provider; /* unless it was given */
	Datum payment_id;
	DateADT effective_on;
	ProviderAnswer answer;
	const char *token; /* of the payment method */
	bool expired;      /* likewise */
} Payment;

/* Asked for by the house itself, not by a person: it waits behind those, and is never refused. */
extern bool payment_by_house(const Payment *payment);

/* Gives payments their ids and payment methods, and asks the provider, in process. Needs spi_begin(). */
extern void payments_authorize(Payment *payments, int count);

/*
 * Writes authorized payments: rows, attempts, and of what is decided postings, events, audit; not their
 * targets. False when a key was used meanwhile, and nothing is to be kept then. Needs spi_begin().
 */
extern bool payments_record(const Payment *payments, int count);

#endif
