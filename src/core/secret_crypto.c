/*
 * secret_crypto.c
 *	  AES-256-GCM over bytes, by libcrypto; the only file that knows it.
 *
 * Guarantees: what is decrypted is what was encrypted, with the same key, nonce and description, or
 * there is no answer at all. Raises nothing, so that no context of libcrypto outlives a call.
 */
#include "postgres.h"

#include <openssl/evp.h>

#include "core/secret_crypto.h"

/* A context that is set up but for its text; NULL: libcrypto failed. */
static EVP_CIPHER_CTX *
cipher_begin(const SecretSeal *seal, int encrypts)
{
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	int length;

	if (context == NULL)
		return NULL;
	if (EVP_CipherInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL, encrypts) == 1 &&
		EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_IVLEN, SECRET_NONCE_BYTES, NULL) == 1 &&
		EVP_CipherInit_ex(context, NULL, NULL, seal->key, seal->nonce, encrypts) == 1 &&
		EVP_CipherUpdate(context, NULL, &length, seal->about, seal->about_length) == 1)
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

bool
secret_encrypt(const SecretSeal *seal, const uint8 *plain, int length, uint8 *sealed)
{
	EVP_CIPHER_CTX *context = cipher_begin(seal, 1);
	int written = 0;
	int rest = 0;
	bool ok;

	if (context == NULL)
		return false;
	ok = EVP_CipherUpdate(context, sealed, &written, plain, length) == 1 &&
		 EVP_CipherFinal_ex(context, sealed + written, &rest) == 1 && written + rest == length &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, SECRET_TAG_BYTES, sealed + length) == 1;
	EVP_CIPHER_CTX_free(context);
	return ok;
}

bool
secret_decrypt(const SecretSeal *seal, const uint8 *sealed, int length, uint8 *plain)
{
	int plain_length = length - SECRET_TAG_BYTES;
	EVP_CIPHER_CTX *context;
	uint8 tag[SECRET_TAG_BYTES];
	int written = 0;
	int rest = 0;
	bool ok;

	if (plain_length < 0 || (context = cipher_begin(seal, 0)) == NULL)
		return false;
	memcpy(tag, sealed + plain_length, SECRET_TAG_BYTES);
	ok = EVP_CipherUpdate(context, plain, &written, sealed, plain_length) == 1 &&
		 EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, SECRET_TAG_BYTES, tag) == 1 &&
		 EVP_CipherFinal_ex(context, plain + written, &rest) == 1 && written + rest == plain_length;
	EVP_CIPHER_CTX_free(context);
	if (!ok)
		explicit_bzero(plain, plain_length);
	return ok;
}
