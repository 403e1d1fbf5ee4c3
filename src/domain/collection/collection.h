/*
 * collection.h
 *	  Collecting invoices whose automatic charge was declined: later tries, then a dead letter.
 */
#ifndef BILLING_COLLECTION_H
#define BILLING_COLLECTION_H

#include "domain/payment/payment.h"

extern void collection_init(void);

/*
 * Schedules the next try after charges that the house made for invoices, or ends the collections;
 * those that are undecided are left out. Payments and invoices are written, the invoices locked by the
 * caller; one payment an invoice; one that was noted before changes nothing. Needs spi_begin().
 */
extern void collections_note(const Payment *payments, int count);

/*
 * Charges invoices whose next try is due, oldest first, and ends collections that have nothing to
 * charge; passes by invoices that another session has. Answers how many it looked at, `most` at
 * most. Needs spi_begin().
 */
extern int collections_run(int most);

#endif
