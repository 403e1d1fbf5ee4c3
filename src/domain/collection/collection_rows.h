/*
 * collection_rows.h
 *	  The rows of collections, as the files of this module write and read them. Needs spi_begin().
 */
#ifndef BILLING_COLLECTION_ROWS_H
#define BILLING_COLLECTION_ROWS_H

#include "domain/collection/collection.h"
#include "domain/collection/collection_rules.h"
#include "domain/collection/collection_state.h"

/* A collection, with what its events and its dead letter tell of the invoice. */
typedef struct Collection
{
	const char *customer_id;
	Datum invoice_id;
	CollectionStatus status;
	int attempts; /* declines, all of them */
	int step;     /* those since first_failed_at */
	TimestampTz first_failed_at;
	TimestampTz next_attempt_at; /* while it is ACTIVE */
	Datum last_payment_id;       /* the last that was noted; 0: the row is not there yet */
	const char *failure_code;
	const char *stop_reason;
	CollectionFacts facts;
	const char *number; /* of the invoice */

	const char *failure_message; /* of the decline just noted, likewise */
	bool hard;
	Datum dead_letter_id; /* 0: none is made now */
	bool announced;       /* there is something to tell: not of a wait */
} Collection;

/* Reads collections by their keys, of locked invoices, and the invoices; locks the collections. */
extern void collections_load(Collection *collections, int count);
extern void collections_write(const Collection *collections, int count);

/* Locks invoices with a due try, passing by those of other sessions, and loads the collections. */
extern int collections_lock_due(Collection *collections, int most);

/* As order_touch() for orders: who waits for such an invoice in an older snapshot is told. */
extern void collections_touch(const Collection *const *collections, int count);

/* Applies a decided payment to its loaded collection. */
extern void collection_apply(Collection *collection, const Payment *payment);

/* Writes what was decided: rows, dead letters, events, audit. */
extern void collections_settle(Collection *collections, int count);
extern void collections_announce(const Collection *collections, int count);
extern void dead_letters_insert(const Collection *collections, int count);

extern RetrySchedule collection_schedule(void);
extern const char *collection_schedule_text(void);
extern bool collection_code_is_hard(const char *code);

#endif
