/*
 * credit_event.c
 *	  A credit as it is told in events and in the audit log.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/ids.h"
#include "domain/credit/credit_event.h"

void
credit_event_open(JsonWriter *json, const Credit *credit)
{
	json_init(json);
	json_open(json, '{');
	json_key(json, "creditId");
	json_string(json, id_text(credit->credit_id));
	json_key(json, "customerId");
	json_string(json, credit->customer_id);
	json_key(json, "currency");
	json_string(json, credit->balance.currency->code);
}

OutboxEvent
credit_event_close(JsonWriter *json, const Credit *credit, const char *type)
{
	json_key(json, "occurredAt");
	json_timestamp(json, clock_now());
	json_close(json, '}');
	return (OutboxEvent){
		.aggregate_type = "Credit",
		.aggregate_id = id_text(credit->credit_id),
		.type = type,
		.customer_id = credit->customer_id,
		.payload = json_to_jsonb(json),
	};
}

Datum
credit_state_json(CreditStatus status, Money balance)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, credit_status_name(status));
	json_key(&json, "balance");
	json_money(&json, balance);
	json_key(&json, "currency");
	json_string(&json, balance.currency->code);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}
