/*
 * collection.h
 *	  Collecting invoices whose automatic charge was declined: later tries, then a dead letter.
 */
#ifndef BILLING_COLLECTION_H
#define BILLING_COLLECTION_H

#include "domain/payment/payment.h"

/* How a payment ended that the house made for an invoice: of operation settlement or collection. */
typedef struct CollectionNote
{
	const char *customer_id;
	Datum invoice_id;
	Datum payment_id;
	bool approved;
	const char *failure_code; /* of a decline */
	const char *failure_message;
} CollectionNote;

extern void collection_init(void);

/*
 * Schedules the next try, or ends the collection. Payments and invoices are written, the invoices
 * locked by the caller; one note an invoice; a payment that was noted before changes nothing. Needs
 * spi_begin().
 */
extern void collections_note(const CollectionNote *notes, int count);

/* The same of payments for invoices as they were recorded; those that are undecided are left out. */
extern void collections_note_payments(const Payment *payments, int count);

/*
 * Charges invoices whose next try is due, oldest first, and ends collections that have nothing to
 * charge; passes by invoices that another session has. Answers how many it looked at, `most` at
 * most. Needs spi_begin().
 */
extern int collections_run(int most);

#endif
