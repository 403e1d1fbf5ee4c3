/*
 * credit_event.h
 *	  A credit as it is told in events and in the audit log.
 */
#ifndef BILLING_CREDIT_EVENT_H
#define BILLING_CREDIT_EVENT_H

#include "core/json.h"
#include "core/outbox.h"
#include "domain/credit/credit_rules.h"

typedef struct Credit
{
	const char *customer_id;
	Datum credit_id;
	const char *type;
	Money balance;
} Credit;

/* Opens the payload of an event with what all have; the caller adds fields and calls the other. */
extern void credit_event_open(JsonWriter *json, const Credit *credit);

/* Closes the payload with the business time, and answers the event. */
extern OutboxEvent credit_event_close(JsonWriter *json, const Credit *credit, const char *type);

/* What the audit log says of a credit before and after a change. */
extern Datum credit_state_json(CreditStatus status, Money balance);

#endif
