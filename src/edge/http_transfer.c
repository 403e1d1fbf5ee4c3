/*
 * http_transfer.c
 *	  One HTTP exchange: what is asked of libcurl, what comes back, and what it means.
 *
 * Guarantees: http and https only, no redirect, no proxy, no netrc, TLS verified. An answer takes no
 * more memory than its limit. NOT_SENT is said only where not one byte of the request left this
 * process. Nothing is thrown through libcurl: its callbacks call nothing that can raise.
 *
 * libcurl would send a request again when a connection that it had kept turns out to be closed before
 * any byte of the answer. A request with a body is not sent again so: the other side may have taken
 * it, and only the caller knows whether that may happen twice.
 */
#include "postgres.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "edge/http_transfer.h"
#include "storage/fd.h"
#include "utils/memutils.h"

#define MAX_HEADER_BYTES 65536 /* of an answer */
#define FIRST_ROOM 4096        /* for an answer, doubled as it grows */
#define KEEP_ROOM 65536        /* a larger buffer is not kept for the next answer */
#define CA_CACHE_SECONDS 60L   /* so that a new CA file counts soon */
#define KEEPALIVE_IDLE_SECONDS 30L
#define KEEPALIVE_INTERVAL_SECONDS 10L

/* Room for `needed` bytes and a NUL, or false. Raises nothing. */
static bool
answer_reserve(HttpTransfer *transfer, size_t needed)
{
	size_t room = Max(transfer->answer_room, FIRST_ROOM);
	char *larger;

	if (needed < transfer->answer_room)
		return true;
	while (room <= needed)
		room *= 2;
	larger = MemoryContextAllocExtended(transfer->context, room, MCXT_ALLOC_NO_OOM);
	if (larger == NULL)
		return false;
	if (transfer->answer != NULL)
	{
		memcpy(larger, transfer->answer, transfer->answer_size);
		pfree(transfer->answer);
	}
	transfer->answer = larger;
	transfer->answer_room = room;
	return true;
}

/* CURLOPT_WRITEFUNCTION: another count than `size` ends the transfer. */
static size_t
receive_body(char *data, size_t one, size_t size, void *argument)
{
	HttpTransfer *transfer = argument;
	size_t needed = transfer->answer_size + size;

	if (needed > transfer->max_response)
	{
		transfer->too_large = true;
		return 0;
	}
	if (!answer_reserve(transfer, needed))
		return 0;
	memcpy(transfer->answer + transfer->answer_size, data, size);
	transfer->answer_size = needed;
	return size;
}

/* CURLOPT_HEADERFUNCTION: counts only; a header without end would take the time of others. */
static size_t
receive_header(char *data, size_t one, size_t size, void *argument)
{
	HttpTransfer *transfer = argument;

	transfer->header_bytes += size;
	transfer->too_large = transfer->header_bytes > MAX_HEADER_BYTES;
	return transfer->too_large ? 0 : size;
}

/*
 * CURLOPT_OPENSOCKETFUNCTION: the server's files and our sockets share one limit of descriptors. The
 * kernel gives up a connection whose peer acknowledges nothing, so that it is not used again.
 */
static curl_socket_t
open_socket(void *argument, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpTransfer *transfer = argument;
	unsigned int timeout = (unsigned int) transfer->total_timeout_ms;
	int opened;

	if (!AcquireExternalFD())
		return CURL_SOCKET_BAD;
	opened = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (opened < 0)
	{
		ReleaseExternalFD();
		return CURL_SOCKET_BAD;
	}
	(void) setsockopt(opened, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof(timeout));
	return opened;
}

/* CURLOPT_PREREQFUNCTION: before a request leaves, for the first time or again. */
static int
before_request(void *argument, char *remote, char *local, int remote_port, int local_port)
{
	HttpTransfer *transfer = argument;
	long sent = 0;

	(void) curl_easy_getinfo(transfer->easy, CURLINFO_REQUEST_SIZE, &sent);
	if (transfer->request_body == NULL || sent == 0)
		return CURL_PREREQFUNC_OK;
	strlcpy(transfer->error, "the connection was closed before an answer", sizeof(transfer->error));
	return CURL_PREREQFUNC_ABORT;
}

/* CURLOPT_CLOSESOCKETFUNCTION */
static int
close_socket(void *argument, curl_socket_t socket)
{
	ReleaseExternalFD();
	return close(socket);
}

/* What is the same for every request. */
static bool
set_constants(HttpTransfer *transfer)
{
	CURL *easy = transfer->easy;
	bool ok = true;

#define SET(option, value) ok = curl_easy_setopt(easy, option, value) == CURLE_OK && ok
	SET(CURLOPT_PRIVATE, transfer);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CA_CACHE_TIMEOUT, CA_CACHE_SECONDS);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_USERAGENT, "billing/" BILLING_VERSION);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, KEEPALIVE_IDLE_SECONDS);
	SET(CURLOPT_TCP_KEEPINTVL, KEEPALIVE_INTERVAL_SECONDS);
	/* else a transfer that ends while its name is being resolved waits for the resolver's thread */
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_WRITEFUNCTION, receive_body);
	SET(CURLOPT_WRITEDATA, transfer);
	SET(CURLOPT_HEADERFUNCTION, receive_header);
	SET(CURLOPT_HEADERDATA, transfer);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, transfer);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, transfer);
	SET(CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	SET(CURLOPT_ERRORBUFFER, transfer->error);
	return ok;
}

/* NULL when there is no memory. */
HttpTransfer *
transfer_create(MemoryContext context)
{
	HttpTransfer *transfer = MemoryContextAllocZero(context, sizeof(HttpTransfer));

	transfer->context = context;
	transfer->easy = curl_easy_init();
	if (transfer->easy != NULL && set_constants(transfer))
		return transfer;
	transfer_destroy(transfer);
	return NULL;
}

/* It is in no multi handle any more. */
void
transfer_destroy(HttpTransfer *transfer)
{
	transfer_clear(transfer);
	if (transfer->answer != NULL)
		pfree(transfer->answer);
	if (transfer->easy != NULL)
		curl_easy_cleanup(transfer->easy);
	pfree(transfer);
}

/* Ready for the next request. */
void
transfer_clear(HttpTransfer *transfer)
{
	curl_slist_free_all(transfer->headers);
	transfer->headers = NULL;
	if (transfer->request_body != NULL)
		pfree(transfer->request_body);
	transfer->request_body = NULL;
	if (transfer->answer_room > KEEP_ROOM)
	{
		pfree(transfer->answer);
		transfer->answer = NULL;
		transfer->answer_room = 0;
	}
	transfer->answer_size = 0;
	transfer->header_bytes = 0;
	transfer->too_large = false;
	transfer->error[0] = '\0';
	transfer->content_type[0] = '\0';
	memset(&transfer->response, 0, sizeof(transfer->response));
}

/* libcurl sends a header as it is: one with a line end would be two. */
static bool
header_is_clean(const char *header)
{
	for (const char *c = header; *c != '\0'; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7F)
			return false;
	}
	return true;
}

/* What is wrong with the headers, or NULL. */
static const char *
set_headers(HttpTransfer *transfer, const char *const *headers)
{
	/* without it libcurl may wait a second for "100 Continue" before it sends a body */
	static const char *const no_headers[] = {NULL};
	struct curl_slist *list = curl_slist_append(NULL, "Expect:");

	for (const char *const *header = headers != NULL ? headers : no_headers; *header; header++)
	{
		struct curl_slist *longer = curl_slist_append(list, *header);

		if (longer == NULL || !header_is_clean(*header))
		{
			curl_slist_free_all(list);
			return longer == NULL ? "out of memory" : "a header contains a control character";
		}
		list = longer;
	}
	transfer->headers = list;
	return list == NULL ? "out of memory" : NULL;
}

static bool
set_body(HttpTransfer *transfer, const HttpRequest *request)
{
	CURL *easy = transfer->easy;
	bool with_body = request->body != NULL || strcmp(request->method, "POST") == 0;
	const char *usual = with_body ? "POST" : "GET";
	bool ok = true;

	if (with_body)
	{
		size_t size = request->body != NULL ? request->body_size : 0;

		transfer->request_body = MemoryContextAlloc(transfer->context, size + 1);
		memcpy(transfer->request_body, size > 0 ? request->body : "", size);
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) size);
		SET(CURLOPT_POSTFIELDS, transfer->request_body);
	}
	else
		SET(CURLOPT_HTTPGET, 1L);
	SET(CURLOPT_CUSTOMREQUEST, strcmp(request->method, usual) == 0 ? NULL : request->method);
	return ok;
}

/* It does not even begin. */
void
transfer_refuse(HttpTransfer *transfer, const char *why)
{
	transfer->response.result = HTTP_NOT_SENT;
	transfer->response.body = "";
	transfer->response.error = why;
}

bool
transfer_prepare(HttpTransfer *transfer, const HttpRequest *request, const HttpLimits *limits)
{
	CURL *easy = transfer->easy;
	bool own_ca = limits->ca_file != NULL && limits->ca_file[0] != '\0';
	const char *wrong = set_headers(transfer, request->headers);
	bool ok = set_body(transfer, request);

	transfer->response.tag = request->tag;
	transfer->max_response = (size_t) limits->max_response;
	transfer->total_timeout_ms = request->total_timeout_ms;
	SET(CURLOPT_HTTPHEADER, transfer->headers);
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long) request->connect_timeout_ms);
	SET(CURLOPT_TIMEOUT_MS, (long) request->total_timeout_ms);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) limits->max_response);
	SET(CURLOPT_CAINFO, own_ca ? limits->ca_file : curl_version_info(CURLVERSION_NOW)->cainfo);
	SET(CURLOPT_CAPATH, own_ca ? NULL : curl_version_info(CURLVERSION_NOW)->capath);
#undef SET
	if (wrong == NULL && ok)
		return true;
	transfer_refuse(transfer, wrong != NULL ? wrong : "out of memory");
	return false;
}

/* Text of strangers, for a log or a column: printable ASCII. */
static void
make_printable(char *text)
{
	for (char *c = text; *c != '\0'; c++)
	{
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
}

/*
 * By the bytes of requests that left, not by the error: what failed at a second try was sent. Times
 * do not tell: libcurl 8.22 fills them for what never connected.
 */
static bool
nothing_was_sent(CURL *easy)
{
	long request_size = 1;

	(void) curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &request_size);
	return request_size == 0;
}

static HttpResult
result_of_code(const HttpTransfer *transfer, CURLcode code)
{
	if (code == CURLE_OK)
		return HTTP_ANSWERED;
	if (nothing_was_sent(transfer->easy))
		return HTTP_NOT_SENT;
	if (transfer->too_large || code == CURLE_FILESIZE_EXCEEDED)
		return HTTP_TOO_LARGE;
	return code == CURLE_OPERATION_TIMEDOUT ? HTTP_TIMEOUT : HTTP_BROKEN;
}

/* Fills the response; it lives until transfer_clear(). */
void
transfer_finish(HttpTransfer *transfer, CURLcode code)
{
	HttpResponse *response = &transfer->response;
	const char *content_type = NULL;
	curl_off_t elapsed = 0;
	long status = 0;

	(void) curl_easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
	(void) curl_easy_getinfo(transfer->easy, CURLINFO_TOTAL_TIME_T, &elapsed);
	(void) curl_easy_getinfo(transfer->easy, CURLINFO_CONTENT_TYPE, &content_type);
	response->result = result_of_code(transfer, code);
	response->status = (int) status;
	response->elapsed_us = elapsed;
	response->body = "";
	response->error = "";
	if (content_type != NULL)
	{
		strlcpy(transfer->content_type, content_type, sizeof(transfer->content_type));
		make_printable(transfer->content_type);
		response->content_type = transfer->content_type;
	}
	if (response->result == HTTP_ANSWERED)
	{
		if (transfer->answer_size > 0)
		{
			transfer->answer[transfer->answer_size] = '\0';
			response->body = transfer->answer;
			response->body_size = transfer->answer_size;
		}
		return;
	}
	if (response->result == HTTP_TOO_LARGE)
		strlcpy(transfer->error, "the answer is larger than the limit", sizeof(transfer->error));
	else if (transfer->error[0] == '\0')
		strlcpy(transfer->error, curl_easy_strerror(code), sizeof(transfer->error));
	make_printable(transfer->error);
	response->error = transfer->error;
}
