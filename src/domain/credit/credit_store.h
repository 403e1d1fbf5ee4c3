/*
 * credit_store.h
 *	  Changing locked credits, for the operations of this module.
 */
#ifndef BILLING_CREDIT_STORE_H
#define BILLING_CREDIT_STORE_H

#include "core/spi.h"
#include "domain/credit/credit_event.h"

#define CREDIT_MAX_REASON 256

/* What leaves a locked ACTIVE credit: the posting is from credit to `account`. */
typedef struct CreditChange
{
	Credit credit; /* as it was */
	Money amount;
	CreditStatus becomes;
	const char *kind;
	const char *account;
	Datum journal_id;
} CreditChange;

/* Writes the changes and their postings, not their events. Needs spi_begin(). */
extern void credits_change(const CreditChange *changes, int count);

/* The row of a credit, as it is now. Needs spi_begin(). */
extern Datum credit_row(const char *customer_id, Datum credit_id);

#endif
