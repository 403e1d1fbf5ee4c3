/*
 * outbox.h
 *	  Appending domain events, in the transaction of what they tell.
 */
#ifndef BILLING_OUTBOX_H
#define BILLING_OUTBOX_H

#include "core/spi.h"

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

/* For a statement that writes its own event: the slot, and what an event is given, as arguments. */
#define OUTBOX_CURRENT_SLOT                                                                        \
	"COALESCE((SELECT s.current_slot FROM billing.outbox_state s), 0::smallint)"
#define OUTBOX_ARG_TYPES UUIDOID, INT2OID, INT4OID, INT2OID
extern void arg_outbox(StmtArgs *args, const char *customer_id);

#endif
