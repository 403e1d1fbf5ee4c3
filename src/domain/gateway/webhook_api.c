/*
 * webhook_api.c
 *	  receive_gateway_webhook(): what the provider tells by itself.
 *
 * Guarantees: nothing is done before the signature is proved. An event is stored in the transaction
 * of its effect and only once, so N deliveries, the worker and an operator at once have one effect, in
 * whatever order events come. Locks: the invoice or the order, the payment, the refund; then the key of
 * the event; then what ending them locks.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "domain/gateway/gateway_end.h"
#include "domain/gateway/webhook.h"
#include "domain/gateway_call/gateway_call.h"
#include "domain/refund/refund_end.h"
#include "utils/builtins.h"

#define MAX_HEADERS_BYTES 65536
#define ENDED_BY "webhook"

static const bytea *
arg_body(FunctionCallInfo fcinfo, int number)
{
	bytea *body = DatumGetByteaPP(arg_required(fcinfo, number, "body"));

	if (VARSIZE_ANY_EXHDR(body) > WEBHOOK_MAX_BYTES)
		billing_error(LIMIT_EXCEEDED, errmsg("body is too large"),
					  errdetail("It has %zu bytes, at most %d are allowed.",
								(size_t) VARSIZE_ANY_EXHDR(body), WEBHOOK_MAX_BYTES));
	return body;
}

static const Jsonb *
arg_headers(FunctionCallInfo fcinfo, int number)
{
	(void) arg_required(fcinfo, number, "headers");
	(void) arg_json_optional(fcinfo, number, "headers", MAX_HEADERS_BYTES);
	return PG_GETARG_JSONB_P(number);
}

/* Stores the event with its result. False: it is stored already, and the record is now what is. */
static bool
store_or_replay(WebhookRecord *record, WebhookResult result)
{
	record->result = webhook_result_name(result);
	if (webhook_store(record))
		return true;
	if (!webhook_stored(record))
		billing_retry(
			errmsg("event \"%s\" was stored by another transaction", record->event.event_id));
	return false;
}

static bool
receive_for_payment(WebhookRecord *record, bool approved)
{
	PaymentEnding ending = {
		.customer_id = record->subject.customer_id,
		.payment_id = record->subject.subject_id,
		.answer = record->event.answer,
		.reason = ENDED_BY,
	};
	WebhookResult result;

	payments_ending_lock(&ending, 1);
	result = webhook_payment_result(approved, ending.status, ending.late);
	if (!store_or_replay(record, result))
		return false;
	if (result != WEBHOOK_ALREADY)
		gateway_payments_end(&ending, 1);
	return true;
}

/* The provider paid out what it had refused: nothing is booked by itself, but it is told. */
static void
audit_late_refund(const WebhookRecord *record)
{
	JsonWriter json;
	AuditEntry entry = {
		.customer_id = record->subject.customer_id,
		.action = "REFUND_APPROVED_LATE",
		.target_type = "Refund",
		.target_id = id_text(record->subject.subject_id),
		.before = json_status(refund_status_name(REFUND_FAILED)),
		.reason = ENDED_BY,
	};

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, refund_status_name(REFUND_FAILED));
	json_key(&json, "providerReference");
	json_string(&json, record->event.answer.reference);
	json_close(&json, '}');
	entry.after = json_to_jsonb(&json);
	audit_append(&entry, 1);
}

static bool
receive_for_refund(WebhookRecord *record, bool approved)
{
	RefundEnding ending = {
		.customer_id = record->subject.customer_id,
		.refund_id = record->subject.subject_id,
		.answer = record->event.answer,
		.reason = ENDED_BY,
	};
	WebhookResult result;

	refund_ending_lock(&ending);
	result = webhook_refund_result(approved, ending.status);
	if (!store_or_replay(record, result))
		return false;
	if (result == WEBHOOK_APPLIED)
		refund_ending_apply(&ending);
	else if (result == WEBHOOK_LATE)
		audit_late_refund(record);
	return true;
}

/* Whether the event is new; either way the record is what is stored of it. */
static bool
receive(WebhookRecord *record)
{
	const WebhookType *type = webhook_type_of(record->event.type);

	if (webhook_stored(record))
		return false;
	record->subject = webhook_find_subject(&record->event);
	if (record->subject.subject == NULL)
		return store_or_replay(record, WEBHOOK_IGNORED);
	if (strcmp(record->subject.subject, SUBJECT_PAYMENT) == 0)
		return receive_for_payment(record, type->approved);
	return receive_for_refund(record, type->approved);
}

static Datum
webhook_answer(FunctionCallInfo fcinfo, const WebhookRecord *record, bool duplicate)
{
	bool none = record->subject.subject == NULL;
	bool nulls[5] = {false, false, none, none, false};
	Datum values[5] = {
		CStringGetTextDatum(record->event.event_id),
		BoolGetDatum(duplicate),
		none ? (Datum) 0 : CStringGetTextDatum(record->subject.subject),
		record->subject.subject_id,
		CStringGetTextDatum(record->result),
	};

	return result_of(fcinfo, values, nulls);
}

/* receive_gateway_webhook(provider text, headers jsonb, body bytea) -> (event_id, duplicate, subject, subject_id, result) */
PG_FUNCTION_INFO_V1(billing_receive_gateway_webhook);
Datum
billing_receive_gateway_webhook(PG_FUNCTION_ARGS)
{
	const char *const providers[] = {http_provider.name, NULL};
	MemoryContext caller = CurrentMemoryContext;
	WebhookRecord record = {0};
	const Jsonb *headers;
	const bytea *body;
	bool duplicate;
	Datum result;

	actor_require_service();
	record.provider = arg_choice_optional(fcinfo, 0, "provider", providers);
	text_check(record.provider, "provider", MAX_NAME);
	headers = arg_headers(fcinfo, 1);
	body = arg_body(fcinfo, 2);
	spi_begin();
	webhook_require_authentic(headers, body);
	record.event = webhook_event_parse(body);
	duplicate = !receive(&record);
	MemoryContextSwitchTo(caller);
	result = webhook_answer(fcinfo, &record, duplicate);
	spi_end();
	return result;
}
