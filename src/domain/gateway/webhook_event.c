/*
 * webhook_event.c
 *	  The body of a webhook: one JSON object.
 *
 * Guarantees: no byte of it reaches a row unless it is valid UTF-8 of the server, of the expected type
 * and in its bounds, by the rules for answers to calls: references are never cut, codes and messages are. Locks nothing.
 */
#include "postgres.h"

#include "core/compat.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/isolate.h"
#include "domain/gateway/provider_text.h"
#include "domain/gateway/webhook.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define MAX_WEBHOOK_EVENT_ID 128 /* bytes, as all of these */
#define MAX_WEBHOOK_TYPE 64
#define MAX_WEBHOOK_KEY 128

typedef struct BodyParse
{
	char *text;
	Jsonb *document;
} BodyParse;

static void
parse_body(void *argument)
{
	BodyParse *parse = argument;

	parse->text = pg_any_to_server(parse->text, (int) strlen(parse->text), PG_UTF8);
	parse->document = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(parse->text)));
}

static void
malformed(const char *problem)
{
	billing_error(MALFORMED_DOCUMENT, errmsg("body of the webhook is malformed"),
				  errdetail("%s", problem));
}

/* The JSON object of the bytes. What is not of the document, a cancel before all, is raised as it is. */
static Jsonb *
body_document(const bytea *body)
{
	int length = (int) VARSIZE_ANY_EXHDR(body);
	BodyParse parse = {0};
	ErrorData *error;

	if (pg_encoding_verifymbstr(PG_UTF8, VARDATA_ANY(body), length) != length)
		malformed("It is not UTF-8.");
	parse.text = pnstrdup(VARDATA_ANY(body), length);
	error = run_isolated(parse_body, &parse);
	if (error != NULL)
	{
		int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

		if (category != ERRCODE_DATA_EXCEPTION && category != ERRCODE_PROGRAM_LIMIT_EXCEEDED)
			ReThrowError(error);
		malformed("It is not JSON.");
	}
	if (!JB_ROOT_IS_OBJECT(parse.document))
		malformed("It is not a JSON object.");
	return parse.document;
}

/* A text of the object; NULL when it is not there, null or empty. */
static char *
text_member(const Jsonb *document, const char *name)
{
	JsonbValue buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(&((Jsonb *) document)->root, name,
													 (int) strlen(name), &buffer);

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		billing_error(MALFORMED_DOCUMENT, errmsg("body of the webhook is malformed"),
					  errdetail("\"%s\" is not a text.", name));
	if (value->val.string.len == 0)
		return NULL;
	return pnstrdup(value->val.string.val, value->val.string.len);
}

static char *
bounded_member(const Jsonb *document, const char *name, size_t most)
{
	char *value = text_member(document, name);

	if (value != NULL && strlen(value) > most)
		billing_error(MALFORMED_DOCUMENT, errmsg("body of the webhook is malformed"),
					  errdetail("\"%s\" has more than %zu bytes.", name, most));
	return value;
}

static char *
required_member(const Jsonb *document, const char *name, size_t most)
{
	char *value = bounded_member(document, name, most);

	if (value == NULL)
		billing_error(MALFORMED_DOCUMENT, errmsg("body of the webhook is malformed"),
					  errdetail("\"%s\" is missing.", name));
	return value;
}

/* A reference goes into requests of refunds: it is printable and without blanks, as in answers to calls. */
static char *
reference_member(const Jsonb *document)
{
	char *value = required_member(document, "pgReferenceId", PROVIDER_MAX_REFERENCE);

	if (!provider_text_is_plain(value))
		malformed("\"pgReferenceId\" has characters other than printable ASCII without blanks.");
	return value;
}

static char *
code_member(const Jsonb *document)
{
	char *code = palloc(PROVIDER_MAX_CODE + 1);

	provider_code(text_member(document, "errorCode"), code);
	return code;
}

/* For people: cut between two characters, control characters made blanks. */
static char *
message_member(const Jsonb *document)
{
	char *value = text_member(document, "errorMessage");

	if (value == NULL)
		return NULL;
	if (strlen(value) > PROVIDER_MAX_MESSAGE)
		value[pg_mbcliplen(value, (int) strlen(value), PROVIDER_MAX_MESSAGE)] = '\0';
	for (char *c = value; *c != '\0'; c++)
	{
		if (((unsigned char) *c < ' ') || *c == 0x7f)
			*c = ' ';
	}
	return value;
}

static ProviderAnswer
answer_of(const Jsonb *document, const WebhookType *type)
{
	if (type->approved)
		return (ProviderAnswer){.outcome = PROVIDER_APPROVED,
								.reference = reference_member(document)};
	return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
							.failure_code = code_member(document),
							.failure_message = message_member(document)};
}

WebhookEvent
webhook_event_parse(const bytea *body)
{
	Jsonb *document = body_document(body);
	WebhookEvent event = {0};
	const WebhookType *type;

	event.event_id = required_member(document, "id", MAX_WEBHOOK_EVENT_ID);
	event.type = required_member(document, "type", MAX_WEBHOOK_TYPE);
	event.provider_key = bounded_member(document, "idempotencyKey", MAX_WEBHOOK_KEY);
	type = webhook_type_of(event.type);
	if (type != NULL)
		event.answer = answer_of(document, type);
	event.body_digest = digest_text(pnstrdup(VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)));
	return event;
}
