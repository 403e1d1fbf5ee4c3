/*
 * gateway_reply.c
 *	  What the provider's answers mean. Pure C; the one that knows jansson.
 *
 * Guarantees: only an explicit approval approves and only an explicit decline declines; whatever else
 * comes, and however broken it is, leaves the outcome unknown. Texts are bounded UTF-8 without control
 * characters, references and codes printable ASCII. No number of an answer is read.
 */
#include "postgres.h"

#include <jansson.h>

#include "domain/gateway/gateway_reply.h"
#include "domain/gateway/provider_text.h"

#define HTTP_OK 200
#define HTTP_CREATED 201
#define HTTP_BAD_REQUEST 400
#define HTTP_UNAUTHORIZED 401
#define HTTP_FORBIDDEN 403
#define HTTP_NOT_FOUND 404
#define HTTP_REQUEST_TIMEOUT 408
#define HTTP_CONFLICT 409
#define HTTP_TOO_EARLY 425
#define HTTP_TOO_MANY_REQUESTS 429
#define HTTP_SERVER_ERROR 500

/*
 * What was read of a body, without memory that has to be freed: nothing can be raised while the
 * parser's own is in use.
 */
typedef struct Body
{
	bool parsed; /* it is one JSON object */
	bool has_approved;
	bool approved;
	char status[16];
	char reference[PROVIDER_MAX_REFERENCE + 1]; /* "": none, or one that cannot be used */
	char code[PROVIDER_MAX_CODE + 1];
	char message[PROVIDER_MAX_MESSAGE + 1];
} Body;

static const char *
member_text(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return json_is_string(value) ? json_string_value(value) : NULL;
}

/* Whole and plain, else "". */
static void
take_reference(char *target, const char *value)
{
	if (value == NULL || strlen(value) > PROVIDER_MAX_REFERENCE || !provider_text_is_plain(value))
		value = "";
	strlcpy(target, value, PROVIDER_MAX_REFERENCE + 1);
}

/* For people: cut between two characters, control characters made blanks. The parser took UTF-8 only. */
static void
take_message(char *target, const char *value)
{
	size_t length = value != NULL ? strlen(value) : 0;

	if (length > PROVIDER_MAX_MESSAGE)
	{
		length = PROVIDER_MAX_MESSAGE;
		while (length > 0 && ((unsigned char) value[length] & 0xC0) == 0x80)
			length--;
	}
	for (size_t i = 0; i < length; i++)
		target[i] = (unsigned char) value[i] < ' ' || value[i] == 0x7f ? ' ' : value[i];
	target[length] = '\0';
}

/* A key that stands twice makes the body unreadable: one of the two would be believed. */
static void
body_parse(const GatewayWork *work, const GatewayExchange *exchange, Body *body)
{
	json_t *root = json_loadb(exchange->body, exchange->body_size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *approved = json_object_get(root, "approved");
	const char *status = member_text(root, "status");
	const char *key = "pgReferenceId";

	*body = (Body){.parsed = json_is_object(root),
				   .has_approved = json_is_boolean(approved),
				   .approved = json_is_true(approved)};
	if (work->action == GATEWAY_SEND)
		key = work->refund ? "pgRefundId" : "pgTransactionId";
	strlcpy(body->status, status != NULL ? status : "", sizeof(body->status));
	take_reference(body->reference, member_text(root, key));
	provider_code(member_text(root, "errorCode"), body->code);
	take_message(body->message, member_text(root, "errorMessage"));
	json_decref(root);
}

static GatewayReply
unknown(int status, bool breaker_failure, const char *error)
{
	return (GatewayReply){.meaning = MEANS_UNKNOWN,
						  .status = status,
						  .error = pstrdup(error),
						  .breaker_failure = breaker_failure};
}

static GatewayReply
approved(int status, const Body *body)
{
	if (body->reference[0] == '\0')
		return unknown(status, false, "the provider approved without a reference that can be used");
	return (GatewayReply){.meaning = MEANS_APPROVED,
						  .status = status,
						  .reference = pstrdup(body->reference)};
}

static GatewayReply
declined(int status, const Body *body)
{
	return (GatewayReply){.meaning = MEANS_DECLINED,
						  .status = status,
						  .failure_code = pstrdup(body->code),
						  .failure_message =
							  body->message[0] != '\0' ? pstrdup(body->message) : NULL};
}

static GatewayReply
unreadable(int status, const Body *body)
{
	return unknown(status, true,
				   body->parsed ? psprintf("HTTP %d without a verdict", status)
								: psprintf("HTTP %d with a body that is not JSON", status));
}

static bool
is_success(int status)
{
	return status == HTTP_OK || status == HTTP_CREATED;
}

/* What no provider answers to a request that it has judged. */
static bool
is_passing(int status)
{
	return status < HTTP_BAD_REQUEST || status >= HTTP_SERVER_ERROR ||
		   status == HTTP_REQUEST_TIMEOUT || status == HTTP_CONFLICT || status == HTTP_TOO_EARLY ||
		   status == HTTP_TOO_MANY_REQUESTS;
}

static GatewayReply
read_passing(int status)
{
	bool failure = status >= HTTP_SERVER_ERROR || status == HTTP_REQUEST_TIMEOUT ||
				   status == HTTP_TOO_MANY_REQUESTS;

	return unknown(status, failure, psprintf("HTTP %d", status));
}

static GatewayReply
read_unauthorized(int status)
{
	return (GatewayReply){.meaning = MEANS_UNAUTHORIZED,
						  .status = status,
						  .error = psprintf("HTTP %d: the provider does not accept the API key,"
											" secret gateway_api_key",
											status)};
}

static GatewayReply
read_send(int status, const Body *body)
{
	if (is_success(status) && body->has_approved)
		return body->approved ? approved(status, body) : declined(status, body);
	if (is_success(status))
		return unreadable(status, body);
	if (is_passing(status))
		return read_passing(status);
	if (body->has_approved && !body->approved)
		return declined(status, body);
	if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
		return read_unauthorized(status);
	return (GatewayReply){.meaning = MEANS_REFUSED,
						  .status = status,
						  .error = psprintf("HTTP %d: the provider did not accept the request%s%s",
											status, body->message[0] != '\0' ? ": " : "",
											body->message)};
}

static GatewayReply
read_lookup(int status, const Body *body)
{
	if (status == HTTP_NOT_FOUND || (is_success(status) && strcmp(body->status, "NOT_FOUND") == 0))
		return (GatewayReply){.meaning = MEANS_NOT_FOUND,
							  .status = status,
							  .error = pstrdup("the provider does not know the key")};
	if (status == HTTP_UNAUTHORIZED || status == HTTP_FORBIDDEN)
		return read_unauthorized(status);
	if (!is_success(status))
		return read_passing(status);
	if (strcmp(body->status, "APPROVED") == 0)
		return approved(status, body);
	if (strcmp(body->status, "REJECTED") == 0)
		return declined(status, body);
	if (strcmp(body->status, "IN_PROGRESS") == 0)
		return (GatewayReply){.meaning = MEANS_IN_PROGRESS,
							  .status = status,
							  .error = pstrdup("the provider has not decided yet")};
	return unreadable(status, body);
}

GatewayReply
gateway_read(const GatewayWork *work, const GatewayExchange *exchange)
{
	GatewayReply reply;
	Body body;

	if (exchange->transport == GATEWAY_ANSWERED)
	{
		body_parse(work, exchange, &body);
		return work->action == GATEWAY_SEND ? read_send(exchange->status, &body)
											: read_lookup(exchange->status, &body);
	}
	take_message(body.message, exchange->error);
	for (char *c = body.message; *c != '\0'; c++)
	{
		if ((unsigned char) *c > '~')
			*c = '?'; /* of the library or the system, in whatever encoding */
	}
	reply = unknown(exchange->status, true, body.message);
	if (exchange->transport == GATEWAY_NOT_SENT)
		reply.meaning = MEANS_NOT_SENT;
	return reply;
}
