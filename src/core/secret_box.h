/*
 * secret_box.h
 *	  One row of billing.secrets: opening and closing it. See secret.c.
 */
#ifndef BILLING_SECRET_BOX_H
#define BILLING_SECRET_BOX_H

#include "core/secret_keys.h"
#include "core/spi.h"
#include "utils/uuid.h"

typedef struct SecretBox
{
	const char *name;
	Datum secret_id;
	const char *key_id;
	bytea *nonce;
	bytea *ciphertext;
} SecretBox;

/* The present row of a result with these columns. */
extern SecretBox secret_box_row(Rows *rows, const char *name);

/* Encrypts a value under the current key: gives the box its key, nonce and ciphertext. */
extern void secret_box_close(SecretBox *box, const SecretKeys *keys, const char *value);

/* Its value, in the current memory context. Raises when a key is missing or a byte is not as it was. */
extern char *secret_box_open(const SecretBox *box, const SecretKeys *keys);

#endif
