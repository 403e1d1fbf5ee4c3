/*
 * secret_keys.h
 *	  The keys that secrets are encrypted with, from the file of the server.
 */
#ifndef BILLING_SECRET_KEYS_H
#define BILLING_SECRET_KEYS_H

#include "core/secret_crypto.h"

#define MAX_KEY_ID 64
#define MAX_SECRET_KEYS 16
#define MAX_KEY_FILE_BYTES 16384

typedef struct SecretKey
{
	char id[MAX_KEY_ID + 1];
	uint8 bytes[SECRET_KEY_BYTES];
} SecretKey;

typedef struct SecretKeys
{
	int count;
	SecretKey keys[MAX_SECRET_KEYS]; /* the first is the current one */
} SecretKeys;

extern void secret_keys_init(void);

/* Takes the text of a file apart. NULL, or what is wrong, with the number of the line (0: with all). */
extern const char *secret_keys_parse(const char *text, SecretKeys *keys, int *line);

/* Reads the file of billing.secret_key_file; ILLEGAL_STATE when there is none, or it is not sound. */
extern void secret_keys_load(SecretKeys *keys);

/* To be called as soon as the keys are not needed, errors included. */
extern void secret_keys_wipe(SecretKeys *keys);

/* The key of that id, or NULL. */
extern const SecretKey *secret_key_find(const SecretKeys *keys, const char *id);

#endif
