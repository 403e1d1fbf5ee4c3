/*
 * row_digest.c
 *	  The digest of a row: a second source of truth for every column of every table.
 *
 * Each table has a column row_digest and the trigger stamp_row, which digests the rows that this
 * library writes and no others. So a row that anybody else changed or made no longer agrees with
 * its digest, and verify() names it. A row that did not agree does not come to agree by a later
 * change that is ours: its digest stays wrong by the same amount.
 *
 * The digest is 64 bits: the exclusive or, over the columns that are not null, of a hash of the
 * column's name and value. So it does not depend on the order of columns, which differs between an
 * installation and an upgraded one, and a new column that is null changes nothing. It is against
 * accidents, not against somebody who computes it anew; and of the byte order of the machine.
 *
 * Takes no lock and reads no table.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/spi.h"
#include "utils/rel.h"
#include "utils/typcache.h"

#define DIGEST_COLUMN "row_digest"

/* A row taken apart. */
typedef struct DigestRow
{
	TupleDesc desc;
	int position; /* of the digest, from 0; -1: it has none */
	Datum *values;
	bool *nulls;
} DigestRow;

static int
digest_position(TupleDesc desc)
{
	for (int i = desc->natts - 1; i >= 0; i--)
	{
		if (strcmp(NameStr(TupleDescAttr(desc, i)->attname), DIGEST_COLUMN) == 0)
			return i;
	}
	return -1;
}

static DigestRow
row_deform(HeapTuple tuple, TupleDesc desc)
{
	DigestRow row = {desc, digest_position(desc), palloc(mul_size(sizeof(Datum), desc->natts)),
					 palloc(mul_size(sizeof(bool), desc->natts))};

	heap_deform_tuple(tuple, desc, row.values, row.nulls);
	return row;
}

/* A number has the same digest whatever its width. */
static int64
value_by_value(Datum value, int16 length)
{
	switch (length)
	{
		case 1:
			return DatumGetChar(value);
		case 2:
			return DatumGetInt16(value);
		case 4:
			return DatumGetInt32(value);
		default:
			return DatumGetInt64(value);
	}
}

static uint64
value_digest(Datum value, Form_pg_attribute column)
{
	const char *name = NameStr(column->attname);
	uint64 seed = hash_bytes_extended((const unsigned char *) name, strlen(name), 0);
	uint64 digest;
	struct varlena *varlena;

	if (column->attbyval)
	{
		int64 number = value_by_value(value, column->attlen);

		return hash_bytes_extended((const unsigned char *) &number, sizeof(number), seed);
	}
	if (column->attlen > 0)
		return hash_bytes_extended((const unsigned char *) DatumGetPointer(value), column->attlen,
								   seed);
	Ensure(column->attlen == -1, "column \"%s\" cannot be digested", name);
	varlena = PG_DETOAST_DATUM_PACKED(value);
	digest = hash_bytes_extended((const unsigned char *) VARDATA_ANY(varlena),
								 VARSIZE_ANY_EXHDR(varlena), seed);
	if ((Pointer) varlena != DatumGetPointer(value))
		pfree(varlena);
	return digest;
}

/* Without the digest itself, and without what PostgreSQL computes from other columns. */
static uint64
row_digest(const DigestRow *row)
{
	uint64 digest = 0;

	for (int i = 0; i < row->desc->natts; i++)
	{
		Form_pg_attribute column = TupleDescAttr(row->desc, i);

		if (i != row->position && !row->nulls[i] && !column->attisdropped &&
			column->attgenerated == '\0')
			digest ^= value_digest(row->values[i], column);
	}
	return digest;
}

/* billing.row_digest(record) -> bigint */
PG_FUNCTION_INFO_V1(billing_row_digest);
Datum
billing_row_digest(PG_FUNCTION_ARGS)
{
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc desc =
		lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	DigestRow row = row_deform(&tuple, desc);
	uint64 digest = row_digest(&row);

	ReleaseTupleDesc(desc);
	pfree(row.values);
	pfree(row.nulls);
	PG_RETURN_INT64((int64) digest);
}

/* By how much the digest of a row is wrong: 0 in a sound one. */
static uint64
digest_error(HeapTuple tuple, TupleDesc desc)
{
	DigestRow row = row_deform(tuple, desc);

	return row_digest(&row) ^ (uint64) DatumGetInt64(row.values[row.position]);
}

/* Trigger: digests a new row that this library writes; leaves any other as it is. */
PG_FUNCTION_INFO_V1(billing_stamp_row);
Datum
billing_stamp_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc desc;
	HeapTuple tuple;
	DigestRow row;
	uint64 digest;

	Ensure(CALLED_AS_TRIGGER(fcinfo), "billing_stamp_row must be called as a trigger");
	tuple =
		TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) ? trigger->tg_newtuple : trigger->tg_trigtuple;
	if (stmt_running() == NULL)
		return PointerGetDatum(tuple);
	desc = RelationGetDescr(trigger->tg_relation);
	row = row_deform(tuple, desc);
	Ensure(row.position >= 0, "row has no digest");
	digest = row_digest(&row);
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		digest ^= digest_error(trigger->tg_trigtuple, desc);
	row.values[row.position] = Int64GetDatum((int64) digest);
	row.nulls[row.position] = false;
	return PointerGetDatum(heap_form_tuple(desc, row.values, row.nulls));
}
