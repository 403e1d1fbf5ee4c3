/*
 * collection_event.c
 *	  Events and audit of collections.
 */
#include "postgres.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/outbox.h"
#include "domain/collection/collection_rows.h"

/* What is told of a collection that has come into a state. */
static const struct
{
	const char *event;
	const char *action; /* of the audit log */
} told[COLLECTION_STATUS_COUNT] = {
	[COLLECTION_ACTIVE] = {"InvoiceCollectionScheduled", "INVOICE_COLLECTION_SCHEDULED"},
	[COLLECTION_COLLECTED] = {"InvoiceCollectionSucceeded", "INVOICE_COLLECTION_SUCCEEDED"},
	[COLLECTION_STOPPED] = {"InvoiceCollectionStopped", "INVOICE_COLLECTION_STOPPED"},
	[COLLECTION_EXHAUSTED] = {"InvoiceCollectionExhausted", "INVOICE_COLLECTION_EXHAUSTED"},
};

/* What only one state has to tell. */
static void
state_members(JsonWriter *json, const Collection *collection)
{
	switch (collection->status)
	{
		case COLLECTION_ACTIVE:
			json_key(json, "failureCode");
			json_string(json, collection->failure_code);
			json_key(json, "nextAttemptAt");
			json_timestamp(json, collection->next_attempt_at);
			break;
		case COLLECTION_COLLECTED:
			json_key(json, "paymentId");
			json_string(json, id_text(collection->last_payment_id));
			break;
		case COLLECTION_STOPPED:
			json_key(json, "reason");
			json_string(json, collection->stop_reason);
			break;
		case COLLECTION_EXHAUSTED:
			json_key(json, "failureCode");
			json_string(json, collection->failure_code);
			json_key(json, "deadLetterId");
			json_string(json, id_text(collection->dead_letter_id));
			break;
	}
}

/* Amounts are told by the payments that it tells of. */
static Datum
collection_json(const Collection *collection)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, id_text(collection->invoice_id));
	json_key(&json, "number");
	json_string(&json, collection->number);
	json_key(&json, "customerId");
	json_string(&json, collection->customer_id);
	json_key(&json, "attempts");
	json_int(&json, collection->attempts);
	state_members(&json, collection);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

void
collections_announce(const Collection *collections, int count)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * Max(count, 1));
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * Max(count, 1));
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		const Collection *collection = &collections[i];

		if (!collection->announced)
			continue;
		events[n] = (OutboxEvent){
			.aggregate_type = "Invoice",
			.aggregate_id = id_text(collection->invoice_id),
			.type = told[collection->status].event,
			.customer_id = collection->customer_id,
			.payload = collection_json(collection),
		};
		entries[n] = (AuditEntry){
			.customer_id = collection->customer_id,
			.action = told[collection->status].action,
			.target_type = "Invoice",
			.target_id = events[n].aggregate_id,
			.after = events[n].payload,
		};
		n++;
	}
	outbox_append(events, n);
	audit_append(entries, n);
}
