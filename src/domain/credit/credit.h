/*
 * credit.h
 *	  Credits, as other modules grant and use them.
 */
#ifndef BILLING_CREDIT_H
#define BILLING_CREDIT_H

#include "core/money.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/date.h"

#define CREDIT_REFUND "REFUND_TO_CREDIT"

typedef struct CreditGrant
{
	const char *customer_id;
	const char *type;
	Money amount; /* above 0 */
	TimestampTz valid_from;
	bool expires;            /* false: valid_until is not looked at */
	TimestampTz valid_until; /* after valid_from */
	const char *reason;
	const char *metadata;
	const char *idempotency_key;
	Datum fingerprint;           /* bytea, 0 without a key */
	const char *debit_account;   /* where the money comes from */
	Datum journal_id;            /* 0: a journal of its own */
	const DateADT *effective_on; /* the accounting date, NULL: today */
	Datum credit_id;             /* given by credit_grant() */
} CreditGrant;

/*
 * Writes a credit, its posting (debit_account to credit), event and audit. False when the key was used
 * meanwhile, and nothing is written then. Needs spi_begin().
 */
extern bool credit_grant(CreditGrant *grant);

/* What an invoice wants to be paid with credits. */
typedef struct CreditDemand
{
	const char *customer_id;
	Datum invoice_id;
	const char *idempotency_key; /* of the caller, or NULL */
	Datum fingerprint;           /* bytea, 0 without a key */
	Money due;
	Money at_most; /* of what is due */
	Money applied; /* given by credits_reserve() */
	List *uses;    /* likewise, of the module's own */
} CreditDemand;

/* Locks usable credits in the order in which they are used, and says how much each invoice gets. */
extern void credits_reserve(CreditDemand *demands, int count);

/* Writes what was reserved: credits, applications, postings, events, audit; not the invoices. */
extern void credits_book(const CreditDemand *demands, int count);

#endif
