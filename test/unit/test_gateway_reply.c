/*
 * test_gateway_reply.c
 *	  What answers of a payment provider mean, however broken they are.
 */
#include "postgres.h"

#include "domain/gateway/gateway_reply.h"
#include "harness.h"
#include "lib/stringinfo.h"

static const GatewayWork payment_send = {.action = GATEWAY_SEND};
static const GatewayWork refund_send = {.action = GATEWAY_SEND, .refund = true};
static const GatewayWork look_up = {.action = GATEWAY_LOOKUP};

static GatewayReply
answer(const GatewayWork *work, int status, const char *body, size_t size)
{
	GatewayExchange exchange = {.transport = GATEWAY_ANSWERED,
								.status = status,
								.body = body,
								.body_size = size};

	return gateway_read(work, &exchange);
}

static GatewayReply
sent(int status, const char *body)
{
	return answer(&payment_send, status, body, strlen(body));
}

static GatewayReply
found(int status, const char *body)
{
	return answer(&look_up, status, body, strlen(body));
}

static char *
repeated(char c, int count)
{
	char *text = palloc(count + 1);

	memset(text, c, count);
	text[count] = '\0';
	return text;
}

static void
an_explicit_approval_approves(void)
{
	GatewayReply reply = sent(200, "{\"approved\": true, \"pgTransactionId\": \"tx-1\"}");

	CHECK_INT(reply.meaning, MEANS_APPROVED);
	CHECK_TEXT(reply.reference, "tx-1");
	CHECK(reply.error == NULL && !reply.breaker_failure);
	reply = answer(&refund_send, 200, "{\"approved\":true,\"pgRefundId\":\"r\"}", 34);
	CHECK_INT(reply.meaning, MEANS_APPROVED);
	CHECK_TEXT(reply.reference, "r");
	reply = found(200, "{\"status\":\"APPROVED\",\"pgReferenceId\":\"x\"}");
	CHECK_INT(reply.meaning, MEANS_APPROVED);
	CHECK_TEXT(reply.reference, "x");
	CHECK_INT(sent(201, "{\"approved\":true,\"pgTransactionId\":\"t\"}").meaning, MEANS_APPROVED);
}

/* The words of one call do not decide another. */
static void
an_answer_to_another_question_decides_nothing(void)
{
	CHECK_INT(sent(200, "{\"status\":\"APPROVED\",\"pgReferenceId\":\"x\"}").meaning,
			  MEANS_UNKNOWN);
	CHECK_INT(found(200, "{\"approved\":true,\"pgTransactionId\":\"x\"}").meaning, MEANS_UNKNOWN);
	CHECK_INT(found(200, "{\"approved\":false}").meaning, MEANS_UNKNOWN);
	CHECK_INT(answer(&refund_send, 200, "{\"approved\":true,\"pgTransactionId\":\"x\"}", 39)
				  .meaning,
			  MEANS_UNKNOWN);
}

static void
an_approval_without_a_usable_reference_is_none(void)
{
	static const char *const bodies[] = {
		"{\"approved\":true}",
		"{\"approved\":true,\"pgTransactionId\":null}",
		"{\"approved\":true,\"pgTransactionId\":17}",
		"{\"approved\":true,\"pgTransactionId\":\"\"}",
		"{\"approved\":true,\"pgTransactionId\":\"a b\"}",
		"{\"approved\":true,\"pgTransactionId\":\"a\\nb\"}",
		"{\"approved\":true,\"pgTransactionId\":\"\\u00e9\"}",
	};

	for (size_t i = 0; i < lengthof(bodies); i++)
	{
		GatewayReply reply = sent(200, bodies[i]);

		CHECK_INT(reply.meaning, MEANS_UNKNOWN);
		CHECK(reply.reference == NULL && reply.error != NULL);
		CHECK(!reply.breaker_failure);
	}
}

static void
a_reference_is_never_cut(void)
{
	const char *form = "{\"approved\":true,\"pgTransactionId\":\"%s\"}";
	GatewayReply reply = sent(200, psprintf(form, repeated('a', 256)));

	CHECK_INT(reply.meaning, MEANS_APPROVED);
	CHECK_INT(strlen(reply.reference), 256);
	CHECK_INT(sent(200, psprintf(form, repeated('a', 257))).meaning, MEANS_UNKNOWN);
}

static void
an_explicit_decline_declines(void)
{
	GatewayReply reply =
		sent(200, "{\"approved\":false,\"errorCode\":\"CARD_DECLINED\",\"errorMessage\":\"no\"}");

	CHECK_INT(reply.meaning, MEANS_DECLINED);
	CHECK_TEXT(reply.failure_code, "CARD_DECLINED");
	CHECK_TEXT(reply.failure_message, "no");
	CHECK(!reply.breaker_failure);
	reply = found(200, "{\"status\":\"REJECTED\"}");
	CHECK_INT(reply.meaning, MEANS_DECLINED);
	CHECK_TEXT(reply.failure_code, "PG_REJECTED");
	CHECK(reply.failure_message == NULL);
	CHECK_INT(sent(402, "{\"approved\":false}").meaning, MEANS_DECLINED);
	CHECK_INT(sent(422, "{\"approved\":false}").meaning, MEANS_DECLINED);
}

/* A proxy, or a provider that is not sure, may say the same. */
static void
a_decline_with_a_passing_status_declines_nothing(void)
{
	static const int statuses[] = {100, 202, 204, 302, 408, 409, 425, 429, 500, 502, 503, 504, 599};

	for (size_t i = 0; i < lengthof(statuses); i++)
	{
		CHECK_INT(sent(statuses[i], "{\"approved\":false}").meaning, MEANS_UNKNOWN);
		CHECK_INT(sent(statuses[i], "{\"approved\":true,\"pgTransactionId\":\"t\"}").meaning,
				  MEANS_UNKNOWN);
		CHECK_INT(found(statuses[i], "{\"status\":\"REJECTED\"}").meaning, MEANS_UNKNOWN);
		CHECK_INT(found(statuses[i], "{\"status\":\"NOT_FOUND\"}").meaning, MEANS_UNKNOWN);
	}
}

static void
a_request_that_is_not_accepted_is_looked_up(void)
{
	static const int statuses[] = {400, 402, 404, 405, 406, 410, 413, 415, 418, 422, 499};

	for (size_t i = 0; i < lengthof(statuses); i++)
	{
		GatewayReply reply = sent(statuses[i], "{}");

		CHECK_INT(reply.meaning, MEANS_REFUSED);
		CHECK_INT(reply.status, statuses[i]);
		CHECK(!reply.breaker_failure);
		CHECK_INT(sent(statuses[i], "<html>").meaning, MEANS_REFUSED);
		CHECK_INT(sent(statuses[i], "{\"approved\":true,\"pgTransactionId\":\"t\"}").meaning,
				  MEANS_REFUSED);
	}
	CHECK_INT(found(400, "{}").meaning, MEANS_UNKNOWN);
}

static void
an_api_key_that_is_not_accepted_is_told(void)
{
	CHECK_INT(sent(401, "").meaning, MEANS_UNAUTHORIZED);
	CHECK_INT(sent(403, "{}").meaning, MEANS_UNAUTHORIZED);
	CHECK_INT(found(401, "").meaning, MEANS_UNAUTHORIZED);
	CHECK(strstr(sent(401, "").error, "gateway_api_key") != NULL);
	CHECK_INT(sent(403, "{\"approved\":false}").meaning, MEANS_DECLINED);
}

static void
a_key_that_is_not_known_is_no_failure(void)
{
	CHECK_INT(found(404, "").meaning, MEANS_NOT_FOUND);
	CHECK_INT(found(404, "<html>").meaning, MEANS_NOT_FOUND);
	CHECK_INT(found(200, "{\"status\":\"NOT_FOUND\"}").meaning, MEANS_NOT_FOUND);
	CHECK_INT(found(200, "{\"status\":\"IN_PROGRESS\"}").meaning, MEANS_IN_PROGRESS);
	CHECK(!found(404, "").breaker_failure);
	CHECK_INT(found(200, "{\"status\":\"not_found\"}").meaning, MEANS_UNKNOWN);
	CHECK_INT(found(200, "{\"status\":\"APPROVED_BUT_NOT_REALLY\",\"pgReferenceId\":\"x\"}")
				  .meaning,
			  MEANS_UNKNOWN);
}

static void
a_broken_body_decides_nothing(void)
{
	static const struct
	{
		const char *body;
		size_t size;
	} bodies[] = {
#define BODY(text) {text, sizeof(text) - 1}
		BODY(""),
		BODY(" "),
		BODY("\0"),
		BODY("{"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\""),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\"}}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\"}\0"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\"} {}"),
		BODY("[true]"),
		BODY("[{\"approved\":true,\"pgTransactionId\":\"t\"}]"),
		BODY("true"),
		BODY("null"),
		BODY("\"approved\""),
		BODY("{\"approved\":\"true\",\"pgTransactionId\":\"t\"}"),
		BODY("{\"approved\":1,\"pgTransactionId\":\"t\"}"),
		BODY("{\"approved\":null,\"pgTransactionId\":\"t\"}"),
		BODY("{\"approved\":{},\"pgTransactionId\":\"t\"}"),
		BODY("{\"Approved\":true,\"pgTransactionId\":\"t\"}"),
		BODY("{\"approved\":true,\"approved\":false,\"pgTransactionId\":\"t\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\",\"pgTransactionId\":\"u\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\\u0000u\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\0u\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"\xff\xfe\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\",\"x\":\"\xc3\"}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\",\"x\":1e999}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\",\"x\":99999999999999999999999}"),
		BODY("{\"approved\":true,\"pgTransactionId\":\"t\",\"x\":01}"),
		BODY("{'approved':true}"),
		BODY("\xef\xbb\xbf{\"approved\":true,\"pgTransactionId\":\"t\"}"),
		BODY("HTTP/1.1 200 OK"),
#undef BODY
	};

	for (size_t i = 0; i < lengthof(bodies); i++)
	{
		GatewayReply reply = answer(&payment_send, 200, bodies[i].body, bodies[i].size);

		CHECK_INT(reply.meaning, MEANS_UNKNOWN);
		CHECK(reply.breaker_failure);
		CHECK(reply.error != NULL && reply.reference == NULL && reply.failure_code == NULL);
		reply = answer(&look_up, 200, bodies[i].body, bodies[i].size);
		CHECK_INT(reply.meaning, MEANS_UNKNOWN);
	}
}

static void
deep_nesting_decides_nothing(void)
{
	char *deep = psprintf("{\"approved\":true,\"pgTransactionId\":\"t\",\"x\":%s%s}",
						  repeated('[', 100000), repeated(']', 100000));

	CHECK_INT(sent(200, deep).meaning, MEANS_UNKNOWN);
	CHECK_INT(sent(200, repeated('[', 60000)).meaning, MEANS_UNKNOWN);
}

static void
texts_are_bounded(void)
{
	GatewayReply reply =
		sent(200, psprintf("{\"approved\":false,\"errorCode\":\"%s\",\"errorMessage\":\"%s\"}",
						   repeated('C', 65), repeated('m', 513)));

	CHECK_INT(strlen(reply.failure_code), 64);
	CHECK_INT(strlen(reply.failure_message), 512);
	/* of two bytes each, so that the limit falls into one */
	reply = sent(200, psprintf("{\"approved\":false,\"errorMessage\":\"x%s\"}",
							   "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"));
	CHECK_INT(strlen(reply.failure_message), 9);
}

static void
a_message_is_cut_between_characters(void)
{
	StringInfoData body;
	GatewayReply reply;

	initStringInfo(&body);
	appendStringInfoString(&body, "{\"approved\":false,\"errorMessage\":\"x");
	for (int i = 0; i < 300; i++)
		appendStringInfoString(&body, "\xc3\xa9");
	appendStringInfoString(&body, "\"}");
	reply = sent(200, body.data);
	CHECK_INT(strlen(reply.failure_message), 511);
	CHECK_INT((unsigned char) reply.failure_message[510], 0xa9);
}

static void
control_characters_do_not_come_in(void)
{
	GatewayReply reply = sent(
		200,
		"{\"approved\":false,\"errorCode\":\"A\\nB C\\u00e9\",\"errorMessage\":\"a\\nb\\u001b\"}");

	CHECK_TEXT(reply.failure_code, "A?B?C??");
	CHECK_TEXT(reply.failure_message, "a b ");
}

static void
what_did_not_leave_is_told_from_what_did(void)
{
	GatewayExchange exchange = {.transport = GATEWAY_NOT_SENT, .error = "could not connect\n"};
	GatewayReply reply = gateway_read(&payment_send, &exchange);

	CHECK_INT(reply.meaning, MEANS_NOT_SENT);
	CHECK(reply.breaker_failure);
	CHECK_TEXT(reply.error, "could not connect ");
	exchange.transport = GATEWAY_BROKEN;
	reply = gateway_read(&payment_send, &exchange);
	CHECK_INT(reply.meaning, MEANS_UNKNOWN);
	CHECK(reply.breaker_failure);
	exchange.error = "\xff\xfe";
	CHECK_TEXT(gateway_read(&payment_send, &exchange).error, "??");
	exchange.error = NULL;
	CHECK_TEXT(gateway_read(&payment_send, &exchange).error, "");
}

static void
only_what_fails_counts_against_the_provider(void)
{
	static const int failures[] = {408, 429, 500, 503};
	static const int others[] = {301, 400, 401, 404, 409, 422};

	for (size_t i = 0; i < lengthof(failures); i++)
		CHECK(sent(failures[i], "").breaker_failure);
	for (size_t i = 0; i < lengthof(others); i++)
		CHECK(!sent(others[i], "").breaker_failure);
}

static const UnitTest tests[] = {
	{"an explicit approval approves", an_explicit_approval_approves},
	{"an answer to another question decides nothing",
	 an_answer_to_another_question_decides_nothing},
	{"an approval without a usable reference is none",
	 an_approval_without_a_usable_reference_is_none},
	{"a reference is never cut", a_reference_is_never_cut},
	{"an explicit decline declines", an_explicit_decline_declines},
	{"a decline with a passing status declines nothing",
	 a_decline_with_a_passing_status_declines_nothing},
	{"a request that is not accepted is looked up", a_request_that_is_not_accepted_is_looked_up},
	{"an API key that is not accepted is told", an_api_key_that_is_not_accepted_is_told},
	{"a key that is not known is no failure", a_key_that_is_not_known_is_no_failure},
	{"a broken body decides nothing", a_broken_body_decides_nothing},
	{"deep nesting decides nothing", deep_nesting_decides_nothing},
	{"texts are bounded", texts_are_bounded},
	{"a message is cut between characters", a_message_is_cut_between_characters},
	{"control characters do not come in", control_characters_do_not_come_in},
	{"what did not leave is told from what did", what_did_not_leave_is_told_from_what_did},
	{"only what fails counts against the provider", only_what_fails_counts_against_the_provider},
};

UNIT_MAIN(tests)
