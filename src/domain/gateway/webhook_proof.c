/*
 * webhook_proof.c
 *	  What proves that a webhook is the provider's, as its headers say it.
 *
 * Guarantees: a header that is not wholly of the expected form proves nothing; comparing tells
 * nothing by its time about how much of a digest was right. Pure C.
 */
#include "postgres.h"

#include "core/hex.h"
#include "domain/gateway/webhook_proof.h"

#define SCHEME "sha256="
#define MAX_TIMESTAMP_DIGITS 12

static bool
timestamp_parse(const char *text, int64 *timestamp)
{
	size_t length = strlen(text);

	if (length == 0 || length > MAX_TIMESTAMP_DIGITS || strspn(text, "0123456789") != length)
		return false;
	*timestamp = 0;
	for (; *text != '\0'; text++)
		*timestamp = *timestamp * 10 + (*text - '0');
	return true;
}

/* One signature, blanks around it allowed. Moves *text behind it. */
static bool
signature_parse(const char **text, uint8 *digest)
{
	const char *at = *text + strspn(*text, " ");

	if (strncmp(at, SCHEME, strlen(SCHEME)) != 0)
		return false;
	at += strlen(SCHEME);
	if (!hex_to_bytes(at, digest, WEBHOOK_DIGEST_BYTES))
		return false;
	at += 2 * WEBHOOK_DIGEST_BYTES;
	*text = at + strspn(at, " ");
	return true;
}

bool
webhook_proof_parse(const char *timestamp, const char *signatures, WebhookProof *proof)
{
	proof->count = 0;
	if (!timestamp_parse(timestamp, &proof->timestamp))
		return false;
	for (;;)
	{
		if (proof->count == WEBHOOK_MAX_SIGNATURES ||
			!signature_parse(&signatures, proof->digests[proof->count]))
			return false;
		proof->count++;
		if (*signatures == '\0')
			return true;
		if (*signatures++ != ',')
			return false;
	}
}

bool
webhook_proof_matches(const WebhookProof *proof, const uint8 *digest)
{
	volatile uint8 found = 0;

	for (int i = 0; i < proof->count; i++)
	{
		volatile uint8 difference = 0;

		for (int k = 0; k < WEBHOOK_DIGEST_BYTES; k++)
			difference = (uint8) (difference | (proof->digests[i][k] ^ digest[k]));
		found = (uint8) (found | (difference == 0));
	}
	return found != 0;
}
