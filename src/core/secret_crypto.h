/*
 * secret_crypto.h
 *	  AES-256-GCM over bytes: knows neither keys' names nor tables.
 */
#ifndef BILLING_SECRET_CRYPTO_H
#define BILLING_SECRET_CRYPTO_H

#define SECRET_KEY_BYTES 32
#define SECRET_NONCE_BYTES 12
#define SECRET_TAG_BYTES 16

typedef struct SecretSeal
{
	const uint8 *key;   /* SECRET_KEY_BYTES */
	const uint8 *nonce; /* SECRET_NONCE_BYTES, never used twice with a key */
	const uint8 *about; /* authenticated, not encrypted */
	int about_length;
} SecretSeal;

/* Writes length + SECRET_TAG_BYTES to `sealed`. False: libcrypto failed. */
extern bool secret_encrypt(const SecretSeal *seal, const uint8 *plain, int length, uint8 *sealed);

/*
 * Writes length - SECRET_TAG_BYTES to `plain`. False, and `plain` is wiped, unless key, nonce, what
 * it is about and every byte are those of the encryption.
 */
extern bool secret_decrypt(const SecretSeal *seal, const uint8 *sealed, int length, uint8 *plain);

#endif
