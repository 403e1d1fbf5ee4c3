/*
 * gateway_request.c
 *	  What is said to the provider. Pure C.
 *
 * Guarantees: every call carries the key of its payment or refund; an amount is written as decimal
 * text, never through a double; what is not JSON, or not fit for a header or a path, is escaped or
 * left out. All of it is UTF-8.
 */
#include "postgres.h"

#include "domain/gateway/gateway_request.h"
#include "lib/stringinfo.h"

#define TRACE_DIGITS 32
#define SPAN_DIGITS 16

static void
json_escape(StringInfo json, const char *value)
{
	appendStringInfoChar(json, '"');
	for (const unsigned char *c = (const unsigned char *) value; *c != '\0'; c++)
	{
		if (*c < 0x20)
			appendStringInfo(json, "\\u%04x", *c);
		else
		{
			if (*c == '"' || *c == '\\')
				appendStringInfoChar(json, '\\');
			appendStringInfoChar(json, (char) *c);
		}
	}
	appendStringInfoChar(json, '"');
}

/* A member of the open object; nothing for a value that is NULL. */
static void
json_member(StringInfo json, const char *key, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(json, "%s\"%s\":", json->data[json->len - 1] == '{' ? "" : ",", key);
	json_escape(json, value);
}

static void
json_amount(StringInfo json, const GatewayWork *work, const GatewayAddress *to)
{
	appendStringInfo(json, ",\"amount\":{\"amount\":%s,\"currency\":\"%s\"}",
					 gateway_amount_text(work->amount, to->amounts), work->amount.currency->code);
}

static char *
authorize_body(const GatewayWork *work, const GatewayAddress *to)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	json_member(&json, "idempotencyKey", work->provider_key);
	json_amount(&json, work, to);
	json_member(&json, "method", work->method);
	json_member(&json, "orderId", work->target_id);
	json_member(&json, "targetType", work->target_type);
	json_member(&json, "customerId", work->customer_utf8);
	json_member(&json, "paymentMethodToken", work->token);
	appendStringInfoChar(&json, '}');
	return json.data;
}

static char *
refund_body(const GatewayWork *work, const GatewayAddress *to)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	json_member(&json, "idempotencyKey", work->provider_key);
	json_member(&json, "pgTransactionId", work->reference);
	json_amount(&json, work, to);
	json_member(&json, "reason", work->reason);
	appendStringInfoChar(&json, '}');
	return json.data;
}

/* The URL of a call; a slash at the end of the base counts nothing. */
static char *
request_url(const char *base, const char *path)
{
	size_t length = strlen(base);

	while (length > 0 && base[length - 1] == '/')
		length--;
	return psprintf("%.*s/v1/payments/%s", (int) length, base, path);
}

/* Letters, digits and the like, of which ids are made. Others are written in hexadecimal. */
static char *
path_escape(const char *value)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	StringInfoData text;

	initStringInfo(&text);
	for (const unsigned char *c = (const unsigned char *) value; *c != '\0'; c++)
	{
		if (strchr(plain, *c) != NULL)
			appendStringInfoChar(&text, (char) *c);
		else
			appendStringInfo(&text, "%%%02X", *c);
	}
	return text.data;
}

/* Only what is printable ASCII may stand in a header: it could begin another one. */
static bool
is_header_value(const char *value)
{
	for (const unsigned char *c = (const unsigned char *) value; *c != '\0'; c++)
	{
		if (*c < 0x20 || *c > 0x7e)
			return false;
	}
	return value[0] != '\0';
}

/* Lower-case digits without hyphens, if there are as many and not all 0; else NULL. */
static char *
hex_digits(const char *text, int digits)
{
	char *result = palloc(digits + 1);
	int n = 0;
	bool zero = true;

	for (; text != NULL && *text != '\0'; text++)
	{
		char c = *text >= 'A' && *text <= 'F' ? (char) (*text + ('a' - 'A')) : *text;

		if (c == '-')
			continue;
		if (n == digits || strchr("0123456789abcdef", c) == NULL)
			return NULL;
		zero = zero && c == '0';
		result[n++] = c;
	}
	result[n] = '\0';
	return n == digits && !zero ? result : NULL;
}

/*
 * W3C trace context: the caller's trace where it has such an id, else one of the payment's or refund's
 * key, so that all calls of it are one trace. The span is of the lease: each call has another.
 */
static char *
trace_parent(const GatewayWork *work)
{
	char *trace = hex_digits(work->trace_id, TRACE_DIGITS);
	char *lease = hex_digits(work->lease_text, TRACE_DIGITS);

	if (trace == NULL)
		trace = hex_digits(work->provider_key, TRACE_DIGITS);
	if (trace == NULL || lease == NULL)
		return NULL;
	/* the end of a lease's id is random */
	return psprintf("traceparent: 00-%s-%s-01", trace, lease + TRACE_DIGITS - SPAN_DIGITS);
}

static void
request_headers(const GatewayWork *work, const GatewayAddress *to, GatewayRequest *request)
{
	char *trace = trace_parent(work);
	int n = 0;

	request->headers[n++] = "Accept: application/json";
	if (request->body != NULL)
		request->headers[n++] = "Content-Type: application/json";
	request->headers[n++] = psprintf("Idempotency-Key: %s", work->provider_key);
	if (to->api_key != NULL && is_header_value(to->api_key))
		request->headers[n++] = psprintf("Authorization: Bearer %s", to->api_key);
	if (trace != NULL)
		request->headers[n++] = trace;
	if (work->trace_id != NULL && is_header_value(work->trace_id))
		request->headers[n++] = psprintf("X-Trace-Id: %s", work->trace_id);
	request->headers[n] = NULL;
}

void
gateway_request(const GatewayWork *work, const GatewayAddress *to, GatewayRequest *request)
{
	*request = (GatewayRequest){0};
	if (work->action == GATEWAY_LOOKUP)
	{
		request->method = "GET";
		request->url = request_url(to->url, psprintf("lookup/%s", path_escape(work->provider_key)));
	}
	else
	{
		request->method = "POST";
		request->url = request_url(to->url, work->refund ? "refund" : "authorize");
		request->body = work->refund ? refund_body(work, to) : authorize_body(work, to);
		request->body_size = strlen(request->body);
	}
	request_headers(work, to, request);
}
