/*
 * test_gateway_request.c
 *	  What is said to a payment provider, and the amounts that it takes.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/gateway/gateway_request.h"
#include "harness.h"

#define KEY "01a205f7-5fbf-71d6-845b-beef2ddcc98b"

static GatewayAddress
address(void)
{
	return (GatewayAddress){.url = "http://pay.test:8080/api/", .api_key = "secret"};
}

static Money
amount(const char *code, int64 minor)
{
	return money_from_minor(minor, currency_require(code));
}

static GatewayWork
payment(void)
{
	return (GatewayWork){
		.customer_id = "acme",
		.customer_utf8 = "acme",
		.provider_key = KEY,
		.amount = amount("USD", 1050),
		.method = "CARD",
		.target_type = "ORDER",
		.target_id = "order-1",
		.lease_text = "01a205f7-5fc3-701b-b3cf-1e735f948397",
	};
}

static GatewayRequest
request_of(const GatewayWork *work)
{
	GatewayAddress to = address();
	GatewayRequest request;

	gateway_request(work, &to, &request);
	return request;
}

/* The value of a header, or NULL. */
static const char *
header(const GatewayRequest *request, const char *name)
{
	for (int i = 0; request->headers[i] != NULL; i++)
	{
		size_t length = strlen(name);

		if (strncmp(request->headers[i], name, length) == 0 &&
			strncmp(request->headers[i] + length, ": ", 2) == 0)
			return request->headers[i] + length + 2;
	}
	return NULL;
}

static void
a_payment_is_authorized(void)
{
	GatewayWork work = payment();
	GatewayRequest request = request_of(&work);

	CHECK_TEXT(request.method, "POST");
	CHECK_TEXT(request.url, "http://pay.test:8080/api/v1/payments/authorize");
	CHECK_TEXT(request.body,
			   "{\"idempotencyKey\":\"" KEY
			   "\",\"amount\":{\"amount\":10.50,\"currency\":\"USD\"},\"method\":\"CARD\","
			   "\"orderId\":\"order-1\",\"targetType\":\"ORDER\",\"customerId\":\"acme\"}");
	CHECK_INT(request.body_size, strlen(request.body));
	work.token = "tok_1";
	CHECK(strstr(request_of(&work).body, "\"paymentMethodToken\":\"tok_1\"}") != NULL);
}

static void
a_refund_names_its_payment(void)
{
	GatewayWork work = payment();
	GatewayRequest request;

	work.refund = true;
	work.reference = "tx-9";
	request = request_of(&work);
	CHECK_TEXT(request.url, "http://pay.test:8080/api/v1/payments/refund");
	CHECK_TEXT(request.body, "{\"idempotencyKey\":\"" KEY
							 "\",\"pgTransactionId\":\"tx-9\",\"amount\":{\"amount\":10.50,"
							 "\"currency\":\"USD\"}}");
	work.reason = "broken";
	CHECK(strstr(request_of(&work).body, ",\"reason\":\"broken\"}") != NULL);
}

static void
a_lookup_asks_by_the_key(void)
{
	GatewayWork work = payment();
	GatewayRequest request;

	work.action = GATEWAY_LOOKUP;
	work.refund = true;
	request = request_of(&work);
	CHECK_TEXT(request.method, "GET");
	CHECK_TEXT(request.url, "http://pay.test:8080/api/v1/payments/lookup/" KEY);
	CHECK(request.body == NULL && request.body_size == 0);
	CHECK(header(&request, "Content-Type") == NULL);
	work.provider_key = "a/b?c#d e%f";
	CHECK_TEXT(request_of(&work).url,
			   "http://pay.test:8080/api/v1/payments/lookup/a%2Fb%3Fc%23d%20e%25f");
}

static void
every_call_bears_its_key(void)
{
	for (int i = 0; i < 4; i++)
	{
		GatewayWork work = payment();
		GatewayRequest request;

		work.action = i < 2 ? GATEWAY_SEND : GATEWAY_LOOKUP;
		work.refund = i % 2 == 1;
		work.reference = "tx";
		request = request_of(&work);
		CHECK_TEXT(header(&request, "Idempotency-Key"), KEY);
		CHECK_TEXT(header(&request, "Authorization"), "Bearer secret");
		CHECK_TEXT(header(&request, "Accept"), "application/json");
	}
}

static void
without_an_api_key_there_is_no_header_of_it(void)
{
	GatewayWork work = payment();
	GatewayAddress to = address();
	GatewayRequest request;

	to.api_key = NULL;
	gateway_request(&work, &to, &request);
	CHECK(header(&request, "Authorization") == NULL);
	to.api_key = "two\r\nEvil: lines";
	gateway_request(&work, &to, &request);
	CHECK(header(&request, "Authorization") == NULL);
}

static void
the_callers_trace_goes_on(void)
{
	GatewayWork work = payment();
	GatewayRequest request;

	work.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736";
	request = request_of(&work);
	CHECK_TEXT(header(&request, "traceparent"),
			   "00-4bf92f3577b34da6a3ce929d0e0e4736-b3cf1e735f948397-01");
	CHECK_TEXT(header(&request, "X-Trace-Id"), "4bf92f3577b34da6a3ce929d0e0e4736");
}

static void
a_trace_that_is_none_is_made_of_the_key(void)
{
	static char *const ids[] = {NULL, "checkout-17", "00000000000000000000000000000000",
								"4bf92f3577b34da6a3ce929d0e0e47360", "a\r\nEvil: 1"};

	for (size_t i = 0; i < lengthof(ids); i++)
	{
		GatewayWork work = payment();
		GatewayRequest request;

		work.trace_id = ids[i];
		request = request_of(&work);
		CHECK_TEXT(header(&request, "traceparent"),
				   "00-01a205f75fbf71d6845bbeef2ddcc98b-b3cf1e735f948397-01");
		for (int h = 0; request.headers[h] != NULL; h++)
			CHECK(strpbrk(request.headers[h], "\r\n") == NULL);
	}
}

static void
texts_are_escaped(void)
{
	GatewayWork work = payment();

	work.customer_utf8 = "a\"b\\c\n\x01\xc3\xa9\x7f";
	CHECK(strstr(request_of(&work).body,
				 "\"customerId\":\"a\\\"b\\\\c\\u000a\\u0001\xc3\xa9\x7f\"}") != NULL);
}

static void
amounts_have_the_scale_of_the_gateway(void)
{
	static const struct
	{
		const char *currency;
		int64 minor; /* of ISO 4217 */
		const char *decimal;
		const char *in_minor;
	} amounts[] = {
		{"USD", 1050, "10.50", "1050"},
		{"USD", 1, "0.01", "1"},
		{"KRW", 10000, "10000", "10000"},
		{"KWD", 1230, "1.230", "1230"},
		{"ISK", 500, "500.00", "50000"},
		{"UGX", 7, "7.00", "700"},
		{"MGA", 500, "5", "5"},
		{"JPY", INT64_MAX, "9223372036854775807", "9223372036854775807"},
		{"ISK", INT64_MAX, "9223372036854775807.00", "922337203685477580700"},
		{"USD", INT64_MAX, "92233720368547758.07", "9223372036854775807"},
	};

	for (size_t i = 0; i < lengthof(amounts); i++)
	{
		Money money = amount(amounts[i].currency, amounts[i].minor);

		CHECK(gateway_takes(money));
		CHECK_TEXT(gateway_amount_text(money, GATEWAY_AMOUNTS_DECIMAL), amounts[i].decimal);
		CHECK_TEXT(gateway_amount_text(money, GATEWAY_AMOUNTS_MINOR), amounts[i].in_minor);
	}
}

static void
what_a_gateway_cannot_take_is_refused(void)
{
	EXPECT_ERROR(ERRCODE_BILLING_INVALID_ARGUMENT, gateway_scale_check(amount("KWD", 1234)));
	CHECK(strstr(unit_error.detail, "0.010 KWD") != NULL);
	CHECK(unit_error.hint[0] != '\0');
	EXPECT_ERROR(ERRCODE_BILLING_INVALID_ARGUMENT, gateway_scale_check(amount("MGA", 740)));
	EXPECT_ERROR(ERRCODE_INTERNAL_ERROR,
				 gateway_amount_text(amount("MGA", 740), GATEWAY_AMOUNTS_MINOR));
	gateway_scale_check(amount("MGA", 700));
}

/* Of every currency at least whole units can be paid. */
static void
whole_units_of_every_currency_are_taken(void)
{
	int count;
	const Currency *currencies = currency_list(&count);

	for (int i = 0; i < count; i++)
	{
		int64 unit = 1;

		for (int digit = 0; digit < currencies[i].exponent; digit++)
			unit *= 10;
		CHECK(gateway_takes(money_from_minor(unit, &currencies[i])));
	}
}

static const UnitTest tests[] = {
	{"a payment is authorized", a_payment_is_authorized},
	{"a refund names its payment", a_refund_names_its_payment},
	{"a lookup asks by the key", a_lookup_asks_by_the_key},
	{"every call bears its key", every_call_bears_its_key},
	{"without an API key there is no header of it", without_an_api_key_there_is_no_header_of_it},
	{"the caller's trace goes on", the_callers_trace_goes_on},
	{"a trace that is none is made of the key", a_trace_that_is_none_is_made_of_the_key},
	{"texts are escaped", texts_are_escaped},
	{"amounts have the scale of the gateway", amounts_have_the_scale_of_the_gateway},
	{"what a gateway cannot take is refused", what_a_gateway_cannot_take_is_refused},
	{"whole units of every currency are taken", whole_units_of_every_currency_are_taken},
};

UNIT_MAIN(tests)
