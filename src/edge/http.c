/*
 * http.c
 *	  Many HTTP exchanges at once, driven by the process's own latch loop.
 *
 * Guarantees: no call of this module waits for the network but http_wait(), which also wakes for
 * MyLatch, and not at all where something has ended already. Each transfer ends by its total
 * timeout. Connections are kept and used again, no more than may be in flight. Threads of the
 * resolver run with all signals blocked, so that a signal is always handled in the main thread.
 *
 * libcurl starts in the process that calls http_open(), never in the postmaster: no thread lives
 * through a fork. It takes memory from malloc; what is ours lies in a context of the client.
 * The sockets are in one epoll descriptor, which is one socket of the latch's wait.
 */
#include "postgres.h"

#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/errors.h"
#include "edge/http_transfer.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#define EVENTS_AT_ONCE 64
#define NO_TIMER (-1)

struct HttpClient
{
	MemoryContext context;
	HttpLimits limits;
	CURLM *multi;
	int epoll;
	int64 timer_us; /* when libcurl wants to be called, by monotonic_us(); or NO_TIMER */
	int running_count;
	dlist_head idle;
	dlist_head running;
	dlist_head ended;
	dlist_head taken; /* by http_next(), and not freed */
};

static int64
monotonic_us(void)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	return (int64) INSTR_TIME_GET_MICROSEC(now);
}

/* CURLMOPT_SOCKETFUNCTION: which events of a socket are awaited. */
static int
watch_socket(CURL *easy, curl_socket_t socket, int what, void *argument, void *socket_data)
{
	HttpClient *client = argument;
	struct epoll_event event = {.data.fd = socket};

	if (what == CURL_POLL_REMOVE || what == CURL_POLL_NONE)
	{
		/* the kernel may have dropped it with its last descriptor */
		(void) epoll_ctl(client->epoll, EPOLL_CTL_DEL, socket, NULL);
		return 0;
	}
	if ((what & CURL_POLL_IN) != 0)
		event.events |= EPOLLIN;
	if ((what & CURL_POLL_OUT) != 0)
		event.events |= EPOLLOUT;
	if (epoll_ctl(client->epoll, EPOLL_CTL_MOD, socket, &event) == 0)
		return 0;
	return epoll_ctl(client->epoll, EPOLL_CTL_ADD, socket, &event);
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *multi, long timeout_ms, void *argument)
{
	HttpClient *client = argument;

	client->timer_us = timeout_ms < 0 ? NO_TIMER : monotonic_us() + (int64) timeout_ms * 1000;
	return 0;
}

static void
collect_ended(HttpClient *client)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(client->multi, &left)) != NULL)
	{
		CURLcode code = message->data.result;
		CURL *easy = message->easy_handle;
		HttpTransfer *transfer = NULL;

		if (message->msg != CURLMSG_DONE ||
			curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **) &transfer) != CURLE_OK)
			continue;
		transfer_finish(transfer, code);
		(void) curl_multi_remove_handle(client->multi, easy);
		dlist_delete(&transfer->node);
		dlist_push_tail(&client->ended, &transfer->node);
		client->running_count--;
	}
}

/* Does what the sockets and the timer are ready for. Waits for nothing. */
static void
drive(HttpClient *client)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	sigset_t all;
	sigset_t old;
	int count = epoll_wait(client->epoll, events, EVENTS_AT_ONCE, 0);
	int running;

	/* a thread that libcurl starts for its resolver keeps this mask */
	(void) sigfillset(&all);
	(void) pthread_sigmask(SIG_SETMASK, &all, &old);
	for (int i = 0; i < count; i++)
	{
		int ready = ((events[i].events & EPOLLIN) != 0 ? CURL_CSELECT_IN : 0) |
					((events[i].events & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0) |
					((events[i].events & (EPOLLERR | EPOLLHUP)) != 0 ? CURL_CSELECT_ERR : 0);

		(void) curl_multi_socket_action(client->multi, events[i].data.fd, ready, &running);
	}
	if (client->timer_us != NO_TIMER && client->timer_us <= monotonic_us())
	{
		client->timer_us = NO_TIMER;
		(void) curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	collect_ended(client);
	(void) pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/* The client has a copy of the limits. ca_file is read again by the requests after this. */
void
http_reconfigure(HttpClient *client, const HttpLimits *limits)
{
	const char *old_file = client->limits.ca_file;

	client->limits = *limits;
	client->limits.ca_file =
		MemoryContextStrdup(client->context, limits->ca_file != NULL ? limits->ca_file : "");
	if (old_file != NULL)
		pfree(unconstify(char *, old_file));
	(void) curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long) limits->max_in_flight);
}

/*
 * Only in a worker, whose life it lasts. Raises where there is no memory or no descriptor left.
 */
HttpClient *
http_open(const HttpLimits *limits)
{
	static bool started = false;
	MemoryContext context =
		AllocSetContextCreate(TopMemoryContext, "billing http", ALLOCSET_DEFAULT_SIZES);
	HttpClient *client = MemoryContextAllocZero(context, sizeof(HttpClient));

	Ensure(IsUnderPostmaster, "libcurl does not start in the postmaster");
	Ensure(started || curl_global_init(CURL_GLOBAL_ALL) == CURLE_OK, "libcurl does not start");
	started = true;
	client->context = context;
	client->timer_us = NO_TIMER;
	dlist_init(&client->idle);
	dlist_init(&client->running);
	dlist_init(&client->ended);
	dlist_init(&client->taken);
	client->multi = curl_multi_init();
	Ensure(client->multi != NULL, "libcurl has no memory");
	ReserveExternalFD();
	client->epoll = epoll_create1(EPOLL_CLOEXEC);
	Ensure(client->epoll >= 0, "could not create an epoll descriptor: %m");
	(void) curl_multi_setopt(client->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
	(void) curl_multi_setopt(client->multi, CURLMOPT_SOCKETDATA, client);
	(void) curl_multi_setopt(client->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	(void) curl_multi_setopt(client->multi, CURLMOPT_TIMERDATA, client);
	http_reconfigure(client, limits);
	return client;
}

static void
destroy_all(HttpClient *client, dlist_head *transfers, bool running)
{
	while (!dlist_is_empty(transfers))
	{
		HttpTransfer *transfer =
			dlist_container(HttpTransfer, node, dlist_pop_head_node(transfers));

		if (running)
			(void) curl_multi_remove_handle(client->multi, transfer->easy);
		transfer_destroy(transfer);
	}
}

/* Breaks off what is in flight, at once. Responses that were not freed are gone with the client. */
void
http_close(HttpClient *client)
{
	sigset_t all;
	sigset_t old;

	(void) sigfillset(&all);
	(void) pthread_sigmask(SIG_SETMASK, &all, &old);
	destroy_all(client, &client->running, true);
	destroy_all(client, &client->ended, false);
	destroy_all(client, &client->taken, false);
	destroy_all(client, &client->idle, false);
	(void) curl_multi_cleanup(client->multi);
	(void) pthread_sigmask(SIG_SETMASK, &old, NULL);
	(void) close(client->epoll);
	ReleaseExternalFD();
	MemoryContextDelete(client->context);
}

/*
 * Copies the request and starts it: its first bytes leave before this returns, if a connection is
 * open. False: as many are in flight as may be. What cannot be sent at all ends as NOT_SENT.
 */
bool
http_send(HttpClient *client, const HttpRequest *request)
{
	HttpTransfer *transfer;

	if (client->running_count >= client->limits.max_in_flight)
		return false;
	transfer = dlist_is_empty(&client->idle)
				   ? transfer_create(client->context)
				   : dlist_container(HttpTransfer, node, dlist_pop_head_node(&client->idle));
	Ensure(transfer != NULL, "libcurl has no memory");
	if (transfer_prepare(transfer, request, &client->limits))
	{
		if (curl_multi_add_handle(client->multi, transfer->easy) == CURLM_OK)
		{
			dlist_push_tail(&client->running, &transfer->node);
			client->running_count++;
			drive(client);
			return true;
		}
		transfer_refuse(transfer, "libcurl has no memory");
	}
	dlist_push_tail(&client->ended, &transfer->node);
	return true;
}

/*
 * Sleeps until MyLatch is set, a socket is ready or `timeout_ms` is over, and drives the transfers.
 * It does not reset the latch and does not look at interrupts: both are the caller's, before he
 * looks for work. Ends the process when the postmaster is dead.
 */
void
http_wait(HttpClient *client, long timeout_ms)
{
	if (client->timer_us != NO_TIMER)
	{
		int64 left_us = Max(client->timer_us - monotonic_us(), 0);

		timeout_ms = Min(timeout_ms, (long) ((left_us + 999) / 1000));
	}
	if (!dlist_is_empty(&client->ended))
		timeout_ms = 0;
	/* what it answers is not asked: a latch that is set hides the sockets */
	(void) WaitLatchOrSocket(MyLatch,
							 WL_LATCH_SET | WL_SOCKET_READABLE | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH,
							 client->epoll, Max(timeout_ms, 0), PG_WAIT_EXTENSION);
	drive(client);
}

/* The next that has ended, in the order in which they did; NULL when there is none. */
HttpResponse *
http_next(HttpClient *client)
{
	HttpTransfer *transfer;

	if (dlist_is_empty(&client->ended))
		return NULL;
	transfer = dlist_container(HttpTransfer, node, dlist_pop_head_node(&client->ended));
	dlist_push_tail(&client->taken, &transfer->node);
	return &transfer->response;
}

void
http_free(HttpClient *client, HttpResponse *response)
{
	HttpTransfer *transfer = (HttpTransfer *) response;

	dlist_delete(&transfer->node);
	transfer_clear(transfer);
	dlist_push_head(&client->idle, &transfer->node);
}

/* How many have not ended. */
int
http_in_flight(const HttpClient *client)
{
	return client->running_count;
}
