/*
 * gateway_flight.c
 *	  The calls of one gateway worker between claim and record: permits, requests, answers.
 *
 * Guarantees: each call has a permit of the bulkhead and one of the circuit breaker while it is in
 * the air, and gives both back when it has ended. An answer stays here until it is forgotten.
 * Nothing here is in a transaction.
 */
#include "postgres.h"

#include "domain/gateway/gateway.h"
#include "edge/breaker.h"
#include "edge/bulkhead.h"
#include "edge/http.h"
#include "lib/ilist.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "worker/gateway_flight.h"

#define DOWNSTREAM "gateway"
#define MAX_PERMITS 128
#define FULL_PAUSE_MS 50 /* other workers have all permits */

typedef struct Flight
{
	dlist_node node; /* of ended or unsent */
	GatewayWork *work;
	BreakerVerdict permit;
	GatewayReply reply;
	bool breaker_closed;
} Flight;

static HttpClient *client = NULL;
static dlist_head ended = DLIST_STATIC_INIT(ended);
static dlist_head unsent = DLIST_STATIC_INIT(unsent);
static int ended_count = 0;
static int unsent_count = 0;
static BreakerVerdict permits[MAX_PERMITS];
static int permit_count = 0;

static HttpLimits
limits(void)
{
	return (HttpLimits){.max_in_flight = gateway_settings.max_in_flight,
						.max_response = gateway_settings.max_response,
						.ca_file = gateway_settings.ca_file};
}

void
flights_open(void)
{
	HttpLimits present = limits();

	client = http_open(&present);
}

void
flights_reconfigure(void)
{
	HttpLimits present = limits();

	http_reconfigure(client, &present);
}

void
flights_close(void)
{
	if (client != NULL)
		http_close(client);
	client = NULL;
}

int
flights_in_air(void)
{
	return http_in_flight(client);
}

int
flights_room(void)
{
	return Max(gateway_settings.max_in_flight - http_in_flight(client) - unsent_count, 0);
}

bool
flights_any_done(void)
{
	return ended_count + unsent_count > 0;
}

int
flights_ended_count(void)
{
	return ended_count;
}

int
flights_admit(int most, TimestampTz *again)
{
	TimestampTz now = GetCurrentTimestamp();

	most = Min(Min(most, flights_room()), MAX_PERMITS);
	*again = TimestampTzPlusMilliseconds(now, FULL_PAUSE_MS);
	while (permit_count < most)
	{
		if (!bulkhead_enter(DOWNSTREAM, gateway_settings.max_in_flight))
			break;
		permits[permit_count] = breaker_ask(DOWNSTREAM, now, again);
		if (permits[permit_count] == BREAKER_REFUSE)
		{
			bulkhead_leave(DOWNSTREAM);
			break;
		}
		permit_count++;
	}
	return permit_count;
}

static void
permit_return(BreakerVerdict permit)
{
	breaker_cancel(DOWNSTREAM, permit);
	bulkhead_leave(DOWNSTREAM);
}

void
flights_dismiss(void)
{
	while (permit_count > 0)
		permit_return(permits[--permit_count]);
}

static Flight *
flight_new(GatewayWork *work)
{
	Flight *flight = MemoryContextAllocZero(work->context, sizeof(Flight));

	flight->work = work;
	return flight;
}

void
flights_keep_unsent(GatewayWork *work)
{
	dlist_push_tail(&unsent, &flight_new(work)->node);
	unsent_count++;
}

void
flights_send(GatewayWork *work, const GatewayAddress *to)
{
	Flight *flight = flight_new(work);
	GatewayRequest request = {0};
	HttpRequest call;

	gateway_request(work, to, &request);
	call = (HttpRequest){.method = request.method,
						 .url = request.url,
						 .headers = request.headers,
						 .body = request.body,
						 .body_size = request.body_size,
						 .connect_timeout_ms = gateway_settings.connect_timeout_ms,
						 .total_timeout_ms = gateway_settings.timeout_ms,
						 .tag = flight};
	if (permit_count > 0 && http_send(client, &call))
		flight->permit = permits[--permit_count];
	else
		flights_keep_unsent(work);
}

static GatewayTransport
transport_of(HttpResult result)
{
	if (result == HTTP_ANSWERED)
		return GATEWAY_ANSWERED;
	return result == HTTP_NOT_SENT ? GATEWAY_NOT_SENT : GATEWAY_BROKEN;
}

static void
flight_end(Flight *flight, const HttpResponse *response)
{
	GatewayExchange exchange = {.transport = transport_of(response->result),
								.status = response->status,
								.body = response->body,
								.body_size = response->body_size,
								.error = response->error};
	MemoryContext caller = MemoryContextSwitchTo(flight->work->context);

	flight->reply = gateway_read(flight->work, &exchange);
	MemoryContextSwitchTo(caller);
	breaker_tell(DOWNSTREAM, flight->permit, flight->reply.breaker_failure, response->elapsed_us);
	bulkhead_leave(DOWNSTREAM);
	flight->breaker_closed = breaker_is_closed(DOWNSTREAM);
	dlist_push_tail(&ended, &flight->node);
	ended_count++;
}

void
flights_wait(long timeout_ms)
{
	HttpResponse *response;

	http_wait(client, timeout_ms);
	while ((response = http_next(client)) != NULL)
	{
		flight_end(response->tag, response);
		http_free(client, response);
	}
}

int
flights_ended(GatewayResult *results, int most)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach (iter, &ended)
	{
		const Flight *flight = dlist_container(Flight, node, iter.cur);

		if (count == most)
			break;
		results[count++] = (GatewayResult){.work = flight->work,
										   .reply = flight->reply,
										   .breaker_closed = flight->breaker_closed};
	}
	return count;
}

int
flights_unsent(GatewayWork **works, int most)
{
	int count = 0;
	dlist_iter iter;

	dlist_foreach (iter, &unsent)
	{
		if (count == most)
			break;
		works[count++] = dlist_container(Flight, node, iter.cur)->work;
	}
	return count;
}

static void
forget_first(dlist_head *flights)
{
	Flight *flight = dlist_container(Flight, node, dlist_pop_head_node(flights));

	gateway_free(flight->work);
}

void
flights_forget(int ended_forgotten, int unsent_forgotten)
{
	for (int i = 0; i < ended_forgotten; i++)
		forget_first(&ended);
	for (int i = 0; i < unsent_forgotten; i++)
		forget_first(&unsent);
	ended_count -= ended_forgotten;
	unsent_count -= unsent_forgotten;
}
