/*
 * digest.h
 *	  Fingerprints: the first 16 bytes of SHA-256.
 */
#ifndef BILLING_DIGEST_H
#define BILLING_DIGEST_H

#define DIGEST_SIZE 16

/* The fingerprint of a text as bytea, in the current memory context. */
extern Datum digest_text(const char *text);

#endif
