/*
 * webhook.h
 *	  A webhook of the payment provider: from headers and bytes to a stored event.
 */
#ifndef BILLING_WEBHOOK_H
#define BILLING_WEBHOOK_H

#include "core/spi.h"
#include "domain/gateway/webhook_rules.h"
#include "domain/payment/provider.h"
#include "utils/jsonb.h"

#define WEBHOOK_SECRET "gateway_webhook"
#define WEBHOOK_MAX_BYTES 65536

/* The parsed body; what is not given is NULL. */
typedef struct WebhookEvent
{
	char *event_id;
	char *type;
	char *provider_key;
	ProviderAnswer answer; /* of a known type */
	Datum body_digest;
} WebhookEvent;

/* The payment or refund that an event is about. */
typedef struct WebhookSubject
{
	const char *subject; /* NULL: none */
	Datum subject_id;
	char *customer_id;
} WebhookSubject;

/* A row of billing.gateway_webhooks. */
typedef struct WebhookRecord
{
	const char *provider;
	WebhookEvent event;
	WebhookSubject subject;
	const char *result;
} WebhookRecord;

extern void webhook_init(void);

/* INVALID_SIGNATURE unless the headers prove the body; ILLEGAL_STATE without a secret. Needs spi_begin(). */
extern void webhook_require_authentic(const Jsonb *headers, const bytea *body);

/* MALFORMED_DOCUMENT. */
extern WebhookEvent webhook_event_parse(const bytea *body);

/* All of these need spi_begin(). What was stored of an event: false when nothing was. INCOMPATIBLE_PARAMS. */
extern bool webhook_stored(WebhookRecord *record);
extern WebhookSubject webhook_find_subject(const WebhookEvent *event);

/* False: another transaction stored the event meanwhile, and nothing is to be done. */
extern bool webhook_store(const WebhookRecord *record);

#endif
