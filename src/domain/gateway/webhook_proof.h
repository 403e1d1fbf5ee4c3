/*
 * webhook_proof.h
 *	  What proves that a webhook is the provider's, as its headers say it. Pure.
 */
#ifndef BILLING_WEBHOOK_PROOF_H
#define BILLING_WEBHOOK_PROOF_H

#define WEBHOOK_DIGEST_BYTES 32 /* SHA-256 */
#define WEBHOOK_MAX_SIGNATURES 8

typedef struct WebhookProof
{
	int64 timestamp; /* seconds since 1970 */
	int count;
	uint8 digests[WEBHOOK_MAX_SIGNATURES][WEBHOOK_DIGEST_BYTES];
} WebhookProof;

/* False unless both are of the expected form: digits; and "sha256=<64 hex digits>", one or several by commas. */
extern bool webhook_proof_parse(const char *timestamp, const char *signatures, WebhookProof *proof);

/* Whether one of the digests is that one; takes as long whatever differs. */
extern bool webhook_proof_matches(const WebhookProof *proof, const uint8 *digest);

#endif
