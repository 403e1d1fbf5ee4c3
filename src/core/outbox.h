/*
 * outbox.h
 *	  Appending domain events, in the transaction of what they tell.
 */
#ifndef BILLING_OUTBOX_H
#define BILLING_OUTBOX_H

typedef struct OutboxEvent
{
	const char *aggregate_type; /* Invoice, Payment, ... */
	const char *aggregate_id;
	const char *type; /* InvoiceIssued, ... */
	const char *customer_id;
	Datum payload; /* jsonb, an object */
	const char *idempotency_key;
} OutboxEvent;

extern void outbox_append(const OutboxEvent *events, int count);

#endif
