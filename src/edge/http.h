/*
 * http.h
 *	  Many HTTP exchanges at once in one process, driven by its latch loop. See http.c.
 */
#ifndef BILLING_HTTP_H
#define BILLING_HTTP_H

typedef struct HttpClient HttpClient;

typedef struct HttpLimits
{
	int max_in_flight;
	int max_response;    /* bytes of a body; its headers have a bound of their own */
	const char *ca_file; /* PEM of the trusted certificates; NULL or empty: the system's */
} HttpLimits;

typedef struct HttpRequest
{
	const char *method;
	const char *url;            /* http or https */
	const char *const *headers; /* "Name: value", ended by NULL; or NULL */
	const char *body;           /* or NULL */
	size_t body_size;
	int connect_timeout_ms;
	int total_timeout_ms;
	void *tag; /* comes back with the response */
} HttpRequest;

typedef enum HttpResult
{
	HTTP_ANSWERED, /* whole, whatever the status says */
	HTTP_NOT_SENT, /* not one byte of the request left: resolve, connect, TLS, no socket */
	HTTP_TIMEOUT,  /* sent, and no whole answer in time */
	HTTP_BROKEN,   /* sent; then reset, cut off, or not HTTP */
	HTTP_TOO_LARGE /* sent; the answer is more than the limit */
} HttpResult;

typedef struct HttpResponse
{
	void *tag;
	HttpResult result;
	int status;       /* 0 where none came */
	const char *body; /* ended by a NUL that body_size does not count; "" unless ANSWERED */
	size_t body_size;
	const char *content_type; /* or NULL */
	const char *error;        /* "" when ANSWERED */
	int64 elapsed_us;
} HttpResponse;

extern HttpClient *http_open(const HttpLimits *limits);
extern void http_close(HttpClient *client);
extern void http_reconfigure(HttpClient *client, const HttpLimits *limits);
extern bool http_send(HttpClient *client, const HttpRequest *request);
extern void http_wait(HttpClient *client, long timeout_ms);
extern HttpResponse *http_next(HttpClient *client);
extern void http_free(HttpClient *client, HttpResponse *response);
extern int http_in_flight(const HttpClient *client);

#endif
