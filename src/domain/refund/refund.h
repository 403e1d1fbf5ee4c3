/*
 * refund.h
 *	  A refund on its way: from the locked payment to the money that is back.
 */
#ifndef BILLING_REFUND_H
#define BILLING_REFUND_H

#include "core/spi.h"
#include "domain/credit_note/credit_note.h"
#include "domain/payment/payment_find.h"
#include "domain/refund/refund_state.h"

#define DESTINATION_SOURCE "SOURCE"
#define DESTINATION_WALLET "WALLET"
#define DESTINATION_CREDIT "CREDIT"

typedef struct Refund
{
	const char *customer_id;
	LockedPayment payment;
	Order order; /* of an order's payment, locked */
	Money amount, tax;
	const char *destination, *reason;
	const char *idempotency_key; /* of the caller, or NULL */
	Datum fingerprint;           /* bytea, 0 without a key */
	const char *metadata;
	CreditNote *note; /* of an invoice's payment: takes the amount back */
	bool by_house;    /* nobody waits for it */

	/* given by refund_request(), refund_pay_out(), refund_complete() */
	Datum refund_id;
	RefundStatus status;
	ProviderAnswer answer;
	Datum credit_id;        /* 0: none */
	const char *resolution; /* why an operator ended it, NULL: the provider did */
	bool reserved;          /* its money has left the wallet already */
} Refund;

extern const char *const refund_destinations[]; /* ended by NULL */

/*
 * All of these need spi_begin(). The tax in the amount, and of an invoice the note, which is not issued yet. Then the refund is written
 * REQUESTED, and the provider asked if the money is with him.
 */
extern void refund_split(Refund *refund);
extern void refund_request(Refund *refund);

/*
 * The two halves of an approval. The first moves wallet and credit; then comes the note of an invoice,
 * which locks the number series; the second books.
 */
extern void refund_pay_out(Refund *refund);
extern void refund_complete(Refund *refund);

/* All that follows from the answer of the provider, with the note of an invoice. */
extern void refund_decide(Refund *refund);

extern void refund_init(void);

#endif
