/*
 * ids.c
 *	  UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "fmgr.h"
#include "utils/builtins.h"

/* A new UUIDv7, allocated in the current memory context. */
Datum
id_new(void)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	uint64 ms = (uint64) clock_unix_ms();

	if (!pg_strong_random(id->data + 6, UUID_LEN - 6))
		ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random values"));
	for (int i = 0; i < 6; i++)
		id->data[i] = (unsigned char) (ms >> (8 * (5 - i)));
	id->data[6] = (id->data[6] & 0x0f) | 0x70;
	id->data[8] = (id->data[8] & 0x3f) | 0x80;
	return UUIDPGetDatum(id);
}

char *
id_text(Datum id)
{
	return DatumGetCString(DirectFunctionCall1(uuid_out, id));
}
