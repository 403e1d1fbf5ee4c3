/*
 * http_transfer.h
 *	  One exchange of an HttpClient, for http.c alone. See http_transfer.c.
 */
#ifndef BILLING_HTTP_TRANSFER_H
#define BILLING_HTTP_TRANSFER_H

#include <curl/curl.h>

#include "edge/http.h"
#include "lib/ilist.h"

#define HTTP_CONTENT_TYPE_SIZE 128

typedef struct HttpTransfer
{
	HttpResponse response; /* first, so that http_free() finds the rest */
	dlist_node node;       /* of the client's idle, running or ended ones */
	CURL *easy;
	MemoryContext context;
	struct curl_slist *headers;
	char *request_body;
	char *answer; /* grows up to max_response, and a NUL */
	size_t answer_room;
	size_t answer_size;
	size_t header_bytes;
	size_t max_response;
	int total_timeout_ms;
	bool too_large;
	char error[CURL_ERROR_SIZE];
	char content_type[HTTP_CONTENT_TYPE_SIZE];
} HttpTransfer;

extern HttpTransfer *transfer_create(MemoryContext context);
extern void transfer_destroy(HttpTransfer *transfer);

/* False: it cannot be sent, and transfer->response says why. */
extern bool
transfer_prepare(HttpTransfer *transfer, const HttpRequest *request, const HttpLimits *limits);
extern void transfer_refuse(HttpTransfer *transfer, const char *why);
extern void transfer_finish(HttpTransfer *transfer, CURLcode code);
extern void transfer_clear(HttpTransfer *transfer);

#endif
