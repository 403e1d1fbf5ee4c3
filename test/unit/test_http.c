/*
 * test_http.c
 *	  The HTTP client against a server that answers well and badly (http_server.py), without
 *	  PostgreSQL: its latch and its accounting of descriptors are stubs below.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "edge/http.h"
#include "harness.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

#undef printf
#undef fprintf
#undef snprintf

#define MAX_RESPONSE 65536

enum ServerPort
{
	PORT_HTTP,
	PORT_HTTPS,
	PORT_OTHER_NAME,
	PORT_SILENT,
	PORT_FRAGILE,
	PORT_COUNT
};

static int ports[PORT_COUNT];
static int descriptors = 0;

/* ---- what the server gives ---- */

bool IsUnderPostmaster = true;
struct Latch *MyLatch = NULL;

int
WaitLatchOrSocket(Latch *latch, int events, pgsocket sock, long timeout, uint32 wait_event_info)
{
	struct pollfd waited = {.fd = sock, .events = POLLIN};

	return poll(&waited, 1, (int) timeout) > 0 ? WL_SOCKET_READABLE : WL_TIMEOUT;
}

bool
AcquireExternalFD(void)
{
	descriptors++;
	return true;
}

void
ReserveExternalFD(void)
{
	descriptors++;
}

void
ReleaseExternalFD(void)
{
	descriptors--;
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size minContextSize,
							  Size initBlockSize, Size maxBlockSize)
{
	return NULL;
}

void
MemoryContextDelete(MemoryContext context)
{
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	return palloc(size);
}

/* ---- one exchange ---- */

typedef struct Exchange
{
	HttpClient *client;
	HttpResponse *response;
} Exchange;

static char *
url_of(enum ServerPort port, const char *path)
{
	bool tls = port == PORT_HTTPS || port == PORT_OTHER_NAME;

	return psprintf("%s://localhost:%d%s", tls ? "https" : "http", ports[port], path);
}

static HttpLimits
limits_of(int max_in_flight)
{
	return (HttpLimits){.max_in_flight = max_in_flight,
						.max_response = MAX_RESPONSE,
						.ca_file = UNIT_CERTIFICATES "/ca.crt"};
}

static HttpClient *
open_client(int max_in_flight)
{
	HttpLimits limits = limits_of(max_in_flight);

	return http_open(&limits);
}

static HttpRequest
request_of(enum ServerPort port, const char *path)
{
	return (HttpRequest){.method = "GET",
						 .url = url_of(port, path),
						 .connect_timeout_ms = 20000,
						 .total_timeout_ms = 30000};
}

static HttpResponse *
await(HttpClient *client)
{
	HttpResponse *response;

	while ((response = http_next(client)) == NULL)
	{
		CHECK(http_in_flight(client) > 0);
		http_wait(client, 1000);
	}
	return response;
}

static HttpResponse *
ask(HttpClient *client, HttpRequest request)
{
	CHECK(http_send(client, &request));
	return await(client);
}

static void
expect(enum ServerPort port, const char *path, HttpResult result)
{
	HttpClient *client = open_client(4);
	HttpRequest request = request_of(port, path);
	HttpResponse *response;

	if (result == HTTP_TIMEOUT)
		request.total_timeout_ms = 2000;
	response = ask(client, request);
	if (response->result != result)
		harness_fail(__FILE__, __LINE__, "%s: result %d, status %d: %s", path, response->result,
					 response->status, response->error);
	CHECK((response->result == HTTP_ANSWERED) == (response->error[0] == '\0'));
	CHECK(response->elapsed_us < 10 * 1000 * 1000);
	http_free(client, response);
	http_close(client);
	CHECK_INT(descriptors, 0);
}

static int64
cpu_us(void)
{
	return (int64) clock() * 1000 * 1000 / CLOCKS_PER_SEC;
}

static int64
monotonic_ms(void)
{
	struct timespec now;

	(void) clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- the tests ---- */

static void
an_answer_comes_whole_with_its_status_and_type(void)
{
	HttpClient *client = open_client(4);
	int tag;
	HttpRequest request = request_of(PORT_HTTP, "/declined");
	HttpResponse *response;

	request.tag = &tag;
	response = ask(client, request);
	CHECK_INT(response->result, HTTP_ANSWERED);
	CHECK_INT(response->status, 402);
	CHECK_TEXT(response->body, "{\"approved\":false}");
	CHECK_INT(response->body_size, 18);
	CHECK_TEXT(response->content_type, "application/json");
	CHECK_TEXT(response->error, "");
	CHECK(response->tag == &tag);
	CHECK(response->elapsed_us > 0);
	http_free(client, response);
	response = ask(client, request_of(PORT_HTTP, "/nothing"));
	CHECK_INT(response->status, 204);
	CHECK_TEXT(response->body, "");
	CHECK(response->content_type == NULL);
	http_free(client, response);
	http_close(client);
}

static void
method_headers_and_body_are_what_was_asked_each_time(void)
{
	static const char *const methods[] = {"POST", "PUT", "GET", "DELETE", "POST"};
	static const char *const headers[] = {"Idempotency-Key: k1", "Content-Type: application/json",
										  NULL};
	HttpClient *client = open_client(1);

	for (size_t i = 0; i < lengthof(methods); i++)
	{
		HttpRequest request = request_of(PORT_HTTP, "/echo");
		char body[] = "{\"a\":1}";
		bool with_body = methods[i][0] == 'P';
		HttpResponse *response;

		request.method = methods[i];
		request.headers = i == 2 ? NULL : headers;
		request.body = with_body ? body : NULL;
		request.body_size = with_body ? strlen(body) : 0;
		CHECK(http_send(client, &request));
		memset(body, 'z', sizeof(body) - 1); /* it was copied */
		response = await(client);
		CHECK(strstr(response->body, psprintf("\"method\": \"%s\"", methods[i])) != NULL);
		CHECK((strstr(response->body, "\"idempotency-key\": \"k1\"") != NULL) == (i != 2));
		CHECK((strstr(response->body, "\\\"a\\\":1") != NULL) == with_body);
		CHECK(strstr(response->body, "\"user-agent\": \"billing/") != NULL);
		CHECK(strstr(response->body, "\"expect\"") == NULL);
		http_free(client, response);
	}
	http_close(client);
}

static void
what_was_sent_is_never_called_not_sent(void)
{
	expect(PORT_HTTP, "/hang", HTTP_TIMEOUT);
	expect(PORT_HTTP, "/drip", HTTP_TIMEOUT);
	expect(PORT_HTTP, "/reset", HTTP_BROKEN);
	expect(PORT_HTTP, "/close", HTTP_BROKEN);
	expect(PORT_HTTP, "/truncated", HTTP_BROKEN);
	expect(PORT_HTTP, "/garbage", HTTP_BROKEN);
	expect(PORT_HTTPS, "/reset", HTTP_BROKEN);
	expect(PORT_HTTPS, "/hang", HTTP_TIMEOUT);
}

static void
a_body_or_a_header_without_end_is_cut_off(void)
{
	expect(PORT_HTTP, "/large", HTTP_TOO_LARGE);
	expect(PORT_HTTP, "/endless", HTTP_TOO_LARGE);
	expect(PORT_HTTP, "/headers", HTTP_TOO_LARGE);
}

static void
what_reached_nobody_is_not_sent(void)
{
	HttpClient *client = open_client(4);
	static const char *const split[] = {"X-Trace: a\r\nX-Admin: yes", NULL};
	static const char *const urls[] = {"http://localhost:1/ok",
									   "http://nowhere..invalid/ok",
									   "ftp://localhost/ok",
									   "file:///etc/passwd",
									   "http://",
									   ""};
	HttpRequest request;
	HttpResponse *response;

	for (size_t i = 0; i < lengthof(urls); i++)
	{
		request = request_of(PORT_HTTP, "/ok");
		request.url = urls[i];
		response = ask(client, request);
		CHECK_INT(response->result, HTTP_NOT_SENT);
		CHECK(response->error[0] != '\0');
		http_free(client, response);
	}
	request = request_of(PORT_HTTP, "/ok");
	request.headers = split;
	response = ask(client, request);
	CHECK_INT(response->result, HTTP_NOT_SENT);
	CHECK_TEXT(response->error, "a header contains a control character");
	http_free(client, response);
	/* the handshake hangs: the connect timeout ends it */
	request = request_of(PORT_HTTP, "/ok");
	request.url = psprintf("https://localhost:%d/ok", ports[PORT_SILENT]);
	request.connect_timeout_ms = 200;
	response = ask(client, request);
	CHECK_INT(response->result, HTTP_NOT_SENT);
	CHECK(response->elapsed_us < 10 * 1000 * 1000);
	http_free(client, response);
	http_close(client);
	CHECK_INT(descriptors, 0);
}

static void
a_certificate_is_believed_only_of_this_name_and_this_authority(void)
{
	HttpClient *client = open_client(4);
	HttpLimits limits = limits_of(4);
	HttpResponse *response;

	response = ask(client, request_of(PORT_HTTPS, "/ok"));
	CHECK_INT(response->result, HTTP_ANSWERED);
	http_free(client, response);
	response = ask(client, request_of(PORT_OTHER_NAME, "/ok"));
	CHECK_INT(response->result, HTTP_NOT_SENT);
	CHECK(strstr(response->error, "certificate") != NULL);
	http_free(client, response);
	limits.ca_file = NULL; /* the system's authorities know nothing of ours */
	http_reconfigure(client, &limits);
	response = ask(client, request_of(PORT_HTTPS, "/ok"));
	CHECK_INT(response->result, HTTP_NOT_SENT);
	http_free(client, response);
	limits = limits_of(4);
	http_reconfigure(client, &limits);
	response = ask(client, request_of(PORT_HTTPS, "/ok"));
	CHECK_INT(response->result, HTTP_ANSWERED);
	http_free(client, response);
	http_close(client);
}

static void
a_resend_of_libcurl_that_cannot_connect_counts_as_sent(void)
{
	HttpClient *client = open_client(1);
	HttpRequest request = request_of(PORT_FRAGILE, "/ok");
	HttpResponse *response = ask(client, request);

	CHECK_INT(response->result, HTTP_ANSWERED);
	http_free(client, response);
	request.method = "POST";
	response = ask(client, request);
	CHECK_INT(response->result, HTTP_BROKEN);
	CHECK(strstr(response->error, "onnect") != NULL); /* the error alone would say: not sent */
	http_free(client, response);
	http_close(client);
}

static void
a_redirect_is_an_answer_and_not_followed(void)
{
	HttpClient *client = open_client(1);
	HttpResponse *response = ask(client, request_of(PORT_HTTP, "/redirect"));

	CHECK_INT(response->status, 302);
	http_free(client, response);
	http_close(client);
}

static void
the_environment_gives_no_proxy(void)
{
	HttpClient *client;
	HttpResponse *response;

	setenv("http_proxy", "http://localhost:1", 1);
	client = open_client(1);
	response = ask(client, request_of(PORT_HTTP, "/ok"));
	unsetenv("http_proxy");
	CHECK_INT(response->result, HTTP_ANSWERED);
	http_free(client, response);
	http_close(client);
}

static int
ask_count(HttpClient *client, const char *path)
{
	HttpResponse *response = ask(client, request_of(PORT_HTTP, path));
	int count = (int) strtol(response->body, NULL, 10);

	http_free(client, response);
	return count;
}

static void
a_request_with_a_body_is_sent_once(void)
{
	HttpClient *client = open_client(1);
	HttpRequest request = request_of(PORT_HTTP, "/reset");
	int before = ask_count(client, "/resets");
	HttpResponse *response;

	request.method = "POST";
	request.body = "{}";
	request.body_size = 2;
	response = ask(client, request); /* on the connection that was kept */
	CHECK_INT(response->result, HTTP_BROKEN);
	http_free(client, response);
	CHECK_INT(ask_count(client, "/resets") - before, 1);
	http_close(client);
}

static void
connections_are_kept_and_bounded(void)
{
	HttpClient *client = open_client(8);
	int before = ask_count(client, "/connections");

	for (int round = 0; round < 20; round++)
	{
		HttpRequest request = request_of(PORT_HTTP, "/wait");

		for (int i = 0; i < 8; i++)
			CHECK(http_send(client, &request));
		for (int i = 0; i < 8; i++)
			http_free(client, await(client));
	}
	CHECK(ask_count(client, "/connections") - before <= 8);
	CHECK(descriptors <= 9); /* theirs, and the one of epoll */
	http_close(client);
	CHECK_INT(descriptors, 0);
}

static void
requests_that_hang_cost_nothing_and_closing_breaks_them_off(void)
{
	HttpClient *client = open_client(64);
	HttpRequest request = request_of(PORT_HTTP, "/hang");
	int64 start;
	int waits = 0;

	for (int i = 0; i < 64; i++)
		CHECK(http_send(client, &request));
	for (int quiet = 0; quiet < 3; waits++) /* until all are sent */
	{
		start = monotonic_ms();
		http_wait(client, 100);
		quiet = monotonic_ms() - start >= 90 ? quiet + 1 : 0;
		CHECK(waits < 10000);
	}
	start = cpu_us();
	waits = 0;
	for (int64 until = monotonic_ms() + 2000; monotonic_ms() < until; waits++)
		http_wait(client, 1000);
	CHECK(cpu_us() - start < 20 * 1000);
	CHECK(waits < 20);
	CHECK_INT(http_in_flight(client), 64);
	CHECK(!http_send(client, &request)); /* no room */
	start = cpu_us();
	http_close(client);
	CHECK(cpu_us() - start < 100 * 1000);
	CHECK_INT(descriptors, 0);
}

/* A thread that libcurl starts must never run a handler of the server. */
static pthread_t main_thread;
static volatile sig_atomic_t elsewhere = 0;

static void
note_thread(int signal)
{
	if (!pthread_equal(pthread_self(), main_thread))
		elsewhere = 1;
}

static void
signals_are_handled_in_the_main_thread_only(void)
{
	FILE *status;
	char path[64];
	char line[256];
	sigset_t usr1;

	main_thread = pthread_self();
	(void) signal(SIGUSR1, note_thread);
	(void) sigemptyset(&usr1);
	(void) sigaddset(&usr1, SIGUSR1);
	for (int i = 0; i < 200; i++)
	{
		/* one for each: libcurl 8.14 forgets the name of a lookup when a handle does its next */
		HttpClient *client = open_client(1);
		HttpRequest request = request_of(PORT_HTTP, "/ok");
		HttpResponse *response;

		request.url = psprintf("http://n%d..invalid/ok", i); /* asks no name server */
		CHECK(http_send(client, &request));
		/* blocked here, it goes to any thread that does not block it */
		(void) pthread_sigmask(SIG_BLOCK, &usr1, NULL);
		(void) kill(getpid(), SIGUSR1);
		response = await(client);
		(void) pthread_sigmask(SIG_UNBLOCK, &usr1, NULL);
		CHECK_INT(response->result, HTTP_NOT_SENT);
		http_free(client, response);
		http_close(client);
	}
	CHECK(!elsewhere);
	/* and the caller's own mask is as it was */
	(void) snprintf(path, sizeof(path), "/proc/%d/status", (int) getpid());
	status = fopen(path, "r");
	while (status != NULL && fgets(line, sizeof(line), status) != NULL)
	{
		if (strncmp(line, "SigBlk:", 7) == 0)
			CHECK(strtoull(line + 7, NULL, 16) == 0);
	}
	if (status != NULL)
		(void) fclose(status);
}

static const UnitTest tests[] = {
	{"an answer comes whole, with its status and type",
	 an_answer_comes_whole_with_its_status_and_type},
	{"method, headers and body are what was asked, each time",
	 method_headers_and_body_are_what_was_asked_each_time},
	{"what was sent is never called not sent", what_was_sent_is_never_called_not_sent},
	{"a body or a header without end is cut off", a_body_or_a_header_without_end_is_cut_off},
	{"what reached nobody is not sent", what_reached_nobody_is_not_sent},
	{"a certificate is believed only of this name and this authority",
	 a_certificate_is_believed_only_of_this_name_and_this_authority},
	{"a resend of libcurl that cannot connect counts as sent",
	 a_resend_of_libcurl_that_cannot_connect_counts_as_sent},
	{"a redirect is an answer and not followed", a_redirect_is_an_answer_and_not_followed},
	{"the environment gives no proxy", the_environment_gives_no_proxy},
	{"a request with a body is sent once", a_request_with_a_body_is_sent_once},
	{"connections are kept and bounded", connections_are_kept_and_bounded},
	{"requests that hang cost nothing, and closing breaks them off",
	 requests_that_hang_cost_nothing_and_closing_breaks_them_off},
	{"signals are handled in the main thread only", signals_are_handled_in_the_main_thread_only},
};

/* The server ends with its standard input, which ends with this process. */
static bool
start_server(void)
{
	int input[2];
	int output[2];
	FILE *answers;

	if (pipe(input) != 0 || pipe(output) != 0)
		return false;
	(void) fcntl(input[1], F_SETFD, FD_CLOEXEC);
	if (fork() == 0)
	{
		(void) dup2(input[0], STDIN_FILENO);
		(void) dup2(output[1], STDOUT_FILENO);
		(void) execlp(UNIT_PYTHON, UNIT_PYTHON, "http_server.py", UNIT_CERTIFICATES, NULL);
		_exit(127);
	}
	(void) close(input[0]);
	(void) close(output[1]);
	answers = fdopen(output[0], "r");
	for (int i = 0; i < PORT_COUNT; i++)
	{
		if (answers == NULL || fscanf(answers, "%d", &ports[i]) != 1)
			return false;
	}
	return true;
}

int
main(void)
{
	if (start_server())
		return harness_run(tests, lengthof(tests));
	printf("Bail out! http_server.py does not start\n");
	return 1;
}
