/*
 * digest.c
 *	  Fingerprints: the first 16 bytes of SHA-256.
 */
#include "postgres.h"

#include "common/cryptohash.h"
#include "common/sha2.h"
#include "core/compat.h"
#include "core/digest.h"
#include "core/errors.h"

Datum
digest_text(const char *text)
{
	uint8 hash[PG_SHA256_DIGEST_LENGTH];
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);
	bytea *result = palloc(VARHDRSZ + DIGEST_SIZE);
	bool ok = context != NULL && pg_cryptohash_init(context) == 0 &&
			  pg_cryptohash_update(context, (const uint8 *) text, strlen(text)) == 0 &&
			  pg_cryptohash_final(context, hash, sizeof(hash)) == 0;

	pg_cryptohash_free(context);
	Ensure(ok, "could not compute SHA-256");
	SET_VARSIZE(result, VARHDRSZ + DIGEST_SIZE);
	memcpy(VARDATA(result), hash, DIGEST_SIZE);
	return PointerGetDatum(result);
}
