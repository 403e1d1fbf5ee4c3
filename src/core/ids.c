/*
 * ids.c
 *	  UUID version 7 (RFC 9562): 48 bits of milliseconds, 74 random bits.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#define RANDOM_POOL 1024 /* random bytes that are asked for at once */

/* Copies random bytes out of a pool that belongs to this process alone. */
static void
random_take(unsigned char *target, int count)
{
	static unsigned char pool[RANDOM_POOL];
	static int left = 0;
	static int owner = 0;

	if (left < count || owner != MyProcPid)
	{
		if (!pg_strong_random(pool, RANDOM_POOL))
			ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR),
					errmsg("could not generate random values"));
		left = RANDOM_POOL;
		owner = MyProcPid;
	}
	left -= count;
	memcpy(target, pool + left, count);
}

/* A new UUIDv7, allocated in the current memory context. */
Datum
id_new(void)
{
	pg_uuid_t *id = palloc(sizeof(pg_uuid_t));
	uint64 ms = (uint64) clock_unix_ms();

	random_take(id->data + 6, UUID_LEN - 6);
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
