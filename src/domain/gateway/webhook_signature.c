/*
 * webhook_signature.c
 *	  Whether a webhook is the provider's: HMAC-SHA256 over its timestamp and body.
 *
 * Guarantees: a webhook passes only when it was signed with a live value of the secret
 * gateway_webhook at most billing.gateway_webhook_tolerance ago, by the real clock; digests are
 * compared in constant time; the error says neither which secret nor which part was wrong. Headers
 * are found whatever their case; one that comes twice proves nothing. Locks nothing.
 */
#include "postgres.h"

#include "common/hmac.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/secret.h"
#include "domain/gateway/webhook.h"
#include "domain/gateway/webhook_proof.h"
#include "utils/guc.h"

#define TIMESTAMP_HEADER "X-Webhook-Timestamp"
#define SIGNATURE_HEADER "X-Webhook-Signature"
#define DEFAULT_TOLERANCE 300 /* s */
#define MAX_TOLERANCE 3600    /* s */
#define MS_PER_SECOND 1000

static int tolerance = DEFAULT_TOLERANCE;

void
webhook_init(void)
{
	DefineCustomIntVariable("billing.gateway_webhook_tolerance",
							"Sets how old, or how far ahead, the timestamp of a webhook may be.",
							NULL, &tolerance, DEFAULT_TOLERANCE, 1, MAX_TOLERANCE, PGC_SUSET,
							GUC_UNIT_S, NULL, NULL, NULL);
}

static void
not_authentic(void)
{
	billing_error(INVALID_SIGNATURE, errmsg("webhook is not authentic"),
				  errhint("It carries the headers %s, seconds since 1970, at most %d seconds old,"
						  " and %s, sha256= and the HMAC-SHA256 in hexadecimal digits of the"
						  " timestamp, a full stop and the body.",
						  TIMESTAMP_HEADER, tolerance, SIGNATURE_HEADER));
}

/* The text of a header, NULL when it is not there exactly once as a text. */
static char *
header_value(const Jsonb *headers, const char *name)
{
	Jsonb *document = (Jsonb *) headers;
	JsonbIterator *iterator = JsonbIteratorInit(&document->root);
	JsonbIteratorToken token;
	JsonbValue value;
	char *found = NULL;
	int count = 0;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		bool match = token == WJB_KEY && value.val.string.len == (int) strlen(name) &&
					 pg_strncasecmp(value.val.string.val, name, strlen(name)) == 0;

		if (!match)
			continue;
		(void) JsonbIteratorNext(&iterator, &value, true);
		if (value.type == jbvString)
			found = pnstrdup(value.val.string.val, value.val.string.len);
		count++;
	}
	return count == 1 ? found : NULL;
}

static bool
sign(const char *secret, const char *timestamp, const bytea *body, uint8 *digest)
{
	pg_hmac_ctx *context = pg_hmac_create(PG_SHA256);
	bool ok =
		context != NULL && pg_hmac_init(context, (const uint8 *) secret, strlen(secret)) == 0 &&
		pg_hmac_update(context, (const uint8 *) timestamp, strlen(timestamp)) == 0 &&
		pg_hmac_update(context, (const uint8 *) ".", 1) == 0 &&
		pg_hmac_update(context, (const uint8 *) VARDATA_ANY(body), VARSIZE_ANY_EXHDR(body)) == 0 &&
		pg_hmac_final(context, digest, WEBHOOK_DIGEST_BYTES) == 0;

	pg_hmac_free(context);
	return ok;
}

static bool
is_fresh(int64 timestamp)
{
	int64 age = clock_unix_ms() - timestamp * MS_PER_SECOND;

	return age <= (int64) tolerance * MS_PER_SECOND && age >= -(int64) tolerance * MS_PER_SECOND;
}

/* Tries every live secret, also after one that fits. */
static bool
is_signed(const WebhookProof *proof, const char *timestamp, const bytea *body)
{
	char *secrets[MAX_LIVE_SECRETS];
	int count = secrets_read_live(WEBHOOK_SECRET, secrets, MAX_LIVE_SECRETS);
	bool computed = true;
	bool found = false;

	if (count == 0)
		billing_error(ILLEGAL_STATE, errmsg("there is no secret for webhooks"),
					  errhint("Store the provider's signing secret with"
							  " set_secret('%s', ...).",
							  WEBHOOK_SECRET));
	for (int i = 0; i < count; i++)
	{
		uint8 digest[WEBHOOK_DIGEST_BYTES] = {0};

		computed &= sign(secrets[i], timestamp, body, digest);
		found |= webhook_proof_matches(proof, digest);
		explicit_bzero(digest, sizeof(digest));
		explicit_bzero(secrets[i], strlen(secrets[i]));
	}
	Ensure(computed, "could not compute HMAC-SHA256");
	return found;
}

void
webhook_require_authentic(const Jsonb *headers, const bytea *body)
{
	char *timestamp = header_value(headers, TIMESTAMP_HEADER);
	char *signatures = header_value(headers, SIGNATURE_HEADER);
	WebhookProof proof = {0};
	bool formed = timestamp != NULL && signatures != NULL &&
				  webhook_proof_parse(timestamp, signatures, &proof);

	if (!formed)
		proof.count = 0;
	if (!is_signed(&proof, formed ? timestamp : "", body) || !is_fresh(proof.timestamp))
		not_authentic();
}
