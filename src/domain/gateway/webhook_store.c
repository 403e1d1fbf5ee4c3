/*
 * webhook_store.c
 *	  The stored events of the provider, billing.gateway_webhooks, and what they are about.
 *
 * Guarantees: an event is stored once, whoever delivers it how often; the same id with another body
 * is refused. Locks: the key of the new row.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/compat.h"
#include "core/digest.h"
#include "core/errors.h"
#include "domain/gateway/webhook.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

#define UUID_TEXT_LENGTH 36

static Stmt select_event = {
	.name = "select_webhook_event",
	.sql = "SELECT w.subject, w.subject_id, w.customer_id, w.result, w.body_digest"
		   " FROM billing.gateway_webhooks w WHERE w.provider = $1 AND w.event_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt insert_event = {
	.name = "insert_webhook_event",
	.sql = "INSERT INTO billing.gateway_webhooks (provider, event_id, type, provider_key, subject,"
		   " subject_id, customer_id, result, body_digest, received_at)"
		   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, pg_catalog.clock_timestamp())"
		   " ON CONFLICT (provider, event_id) DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 9,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, UUIDOID, TEXTOID, TEXTOID, BYTEAOID},
};

static Stmt select_payment = {
	.name = "select_webhook_payment",
	.sql = "SELECT p.customer_id, p.payment_id AS subject_id FROM billing.payments p"
		   " WHERE p.payment_id = $1 AND p.provider_key = $2 AND p.provider = $3",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt select_refund = {
	.name = "select_webhook_refund",
	.sql =
		"SELECT r.customer_id, r.refund_id AS subject_id FROM billing.refunds r"
		" JOIN billing.payments p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id"
		" WHERE r.refund_id = $1 AND r.provider_key = $2 AND p.provider = $3"
		" AND r.destination = 'SOURCE'",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {UUIDOID, TEXTOID, TEXTOID},
	.by_index = true,
};

static bool
same_digest(Datum one, Datum other)
{
	bytea *a = DatumGetByteaPP(one);
	bytea *b = DatumGetByteaPP(other);

	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

bool
webhook_stored(WebhookRecord *record)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, record->provider);
	arg_text(&args, record->event.event_id);
	rows = stmt_run(&select_event, &args);
	if (!row_next(&rows))
		return false;
	if (!same_digest(row_datum(&rows, "body_digest", BYTEAOID, &isnull), record->event.body_digest))
		billing_error(INCOMPATIBLE_PARAMS,
					  errmsg("event \"%s\" came before with another body", record->event.event_id));
	record->subject.subject = row_text_or_null(&rows, "subject");
	record->subject.customer_id = row_text_or_null(&rows, "customer_id");
	record->subject.subject_id = row_datum(&rows, "subject_id", UUIDOID, &isnull);
	record->result = row_text(&rows, "result");
	return true;
}

/* Our keys are UUIDs as PostgreSQL writes them; what is not is nobody's. */
static bool
is_key(const char *text)
{
	if (text == NULL || strlen(text) != UUID_TEXT_LENGTH)
		return false;
	for (int i = 0; i < UUID_TEXT_LENGTH; i++)
	{
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text[i] != '-' : strchr("0123456789abcdef", text[i]) == NULL)
			return false;
	}
	return true;
}

WebhookSubject
webhook_find_subject(const WebhookEvent *event)
{
	const WebhookType *type = webhook_type_of(event->type);
	WebhookSubject subject = {0};
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	if (type == NULL || !is_key(event->provider_key))
		return subject;
	arg_datum(&args, DirectFunctionCall1(uuid_in, CStringGetDatum(event->provider_key)));
	arg_text(&args, event->provider_key);
	arg_text(&args, http_provider.name);
	rows = stmt_run(strcmp(type->subject, SUBJECT_PAYMENT) == 0 ? &select_payment : &select_refund,
					&args);
	if (!row_next(&rows))
		return subject;
	subject.subject = type->subject;
	subject.customer_id = row_text(&rows, "customer_id");
	subject.subject_id = row_datum(&rows, "subject_id", UUIDOID, &isnull);
	return subject;
}

bool
webhook_store(const WebhookRecord *record)
{
	StmtArgs args = {0};

	arg_text(&args, record->provider);
	arg_text(&args, record->event.event_id);
	arg_text(&args, record->event.type);
	arg_text(&args, record->event.provider_key);
	arg_text(&args, record->subject.subject);
	if (record->subject.subject == NULL)
		arg_null(&args);
	else
		arg_datum(&args, record->subject.subject_id);
	arg_text(&args, record->subject.customer_id);
	arg_text(&args, record->result);
	arg_datum(&args, record->event.body_digest);
	return stmt_run(&insert_event, &args).count == 1;
}
