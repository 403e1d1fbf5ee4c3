/*
 * window.c
 *	  Change windows: how a consumer sees every committed row exactly once without marking it.
 *
 * A row carries (era, bucket, xid). A consumer keeps for each bucket the snapshot that it consumed
 * last; its next window is what the new snapshot sees and the old one did not. Guarantees:
 * - the consumer's own transaction counts as running in the stored snapshot, so what it writes
 *   before or after the fold belongs to a later window;
 * - the cursor row is locked in one statement, the new snapshot is taken in the next;
 * - a cursor never moves backwards;
 * - transaction ids of another cluster mean nothing: after a restore a new era begins.
 * Locks: the cursor row. See docs/adr/0002-change-windows.md.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/known.h"
#include "core/spi.h"
#include "core/window.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"
#include "utils/xid8.h"

/* The era of this backend, while era_generation is known_generation(). */
static int32 current_era = 0;
static uint64 era_generation = 0;

/* The bucket of a customer: the same as hashtextextended(customer_id, 0) & 63. */
int
window_bucket(const char *customer_id)
{
	uint64 hash =
		hash_bytes_extended((const unsigned char *) customer_id, (int) strlen(customer_id), 0);

	return (int) (hash & (WINDOW_BUCKETS - 1));
}

static Stmt select_era = {
	.name = "select_era",
	.sql = "SELECT e.era FROM billing.window_eras e JOIN billing.window_lineage l USING (era)"
		   " ORDER BY e.era DESC LIMIT 1",
	.expect = SPI_OK_SELECT,
};

static Stmt lock_eras = {
	.name = "lock_eras",
	.sql = "SELECT pg_catalog.pg_advisory_xact_lock("
		   "pg_catalog.hashtextextended('billing.window_eras', 0))",
	.expect = SPI_OK_SELECT,
};

static Stmt start_era = {
	.name = "start_era",
	.sql = "WITH started AS (INSERT INTO billing.window_eras"
		   " (era, system_identifier, database_name, first_xid, started_at)"
		   " SELECT COALESCE(pg_catalog.max(e.era), 0) + 1,"
		   " $2, pg_catalog.current_database(), pg_catalog.pg_current_xact_id(), $1"
		   " FROM billing.window_eras e ON CONFLICT DO NOTHING RETURNING era)"
		   " INSERT INTO billing.window_lineage (era) SELECT era FROM started RETURNING era",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 2,
	.argtypes = {TIMESTAMPTZOID, INT8OID},
};

/*
 * The era in which this cluster writes. window_lineage is left out of dumps on purpose: what was
 * restored from a dump has eras but no lineage, and starts a new one at its first write, while
 * pg_upgrade, base backups and promoted standbys copy the files and keep both.
 */
int32
window_era(void)
{
	Rows rows;

	if (current_era != 0 && era_generation == known_generation())
		return current_era;
	rows = stmt_run(&select_era, NULL);
	if (!row_next(&rows))
	{
		StmtArgs args = {0};

		stmt_run(&lock_eras, NULL);
		rows = stmt_run(&select_era, NULL);
		if (!row_next(&rows))
		{
			arg_datum(&args, TimestampTzGetDatum(clock_now()));
			arg_datum(&args, Int64GetDatum((int64) GetSystemIdentifier()));
			rows = stmt_run(&start_era, &args);
			if (!row_next(&rows))
				billing_retry(errmsg("an era was started by a transaction that is not visible"));
		}
	}
	current_era = row_int32(&rows, "era");
	era_generation = known_generation();
	return current_era;
}

static Stmt make_cursors = {
	.name = "make_cursors",
	.sql = "INSERT INTO billing.window_cursors (consumer, bucket, era, snapshot, moved_at)"
		   " SELECT $1, b::smallint, 0, '1:1:', $2 FROM pg_catalog.generate_series(0, 63) b"
		   " WHERE NOT EXISTS (SELECT FROM billing.window_cursors w"
		   " WHERE w.consumer = $1 AND w.bucket = b)"
		   " ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

static Stmt lock_cursors = {
	.name = "lock_cursors",
	.sql = "SELECT w.bucket, w.era, w.snapshot, w.snapshot::text AS snapshot_text"
		   " FROM billing.window_cursors w WHERE w.consumer = $1 AND w.bucket >= $2"
		   " AND w.bucket < $2 + $3 ORDER BY w.bucket FOR UPDATE SKIP LOCKED",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, INT4OID, INT4OID},
};

/* Makes the cursors of a consumer that has none. */
void
window_open(const char *consumer)
{
	StmtArgs args = {0};

	arg_text(&args, consumer);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&make_cursors, &args);
}

typedef struct CursorGroup
{
	char *snapshot_text;
	WindowCursors *cursors;
} CursorGroup;

static WindowCursors *
group_of(List **groups, Rows *rows)
{
	char *text = row_text(rows, "snapshot_text");
	int32 era = row_int32(rows, "era");
	CursorGroup *group;
	ListCell *cell;
	bool isnull;

	foreach (cell, *groups)
	{
		group = lfirst(cell);
		if (group->cursors->era == era && strcmp(group->snapshot_text, text) == 0)
			return group->cursors;
	}
	group = palloc(sizeof(CursorGroup));
	group->snapshot_text = text;
	group->cursors = palloc0(sizeof(WindowCursors));
	group->cursors->era = era;
	group->cursors->snapshot = row_datum(rows, "snapshot", PG_SNAPSHOTOID, &isnull);
	*groups = lappend(*groups, group);
	return group->cursors;
}

List *
window_lock(const char *consumer, int first, int count)
{
	List *groups = NIL;
	List *result = NIL;
	ListCell *cell;
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, consumer);
	arg_datum(&args, Int32GetDatum(first));
	arg_datum(&args, Int32GetDatum(count));
	rows = stmt_run(&lock_cursors, &args);
	while (row_next(&rows))
	{
		WindowCursors *cursors = group_of(&groups, &rows);

		cursors->buckets[cursors->count++] =
			DatumGetInt16(row_datum(&rows, "bucket", INT2OID, &isnull));
	}
	foreach (cell, groups)
		result = lappend(result, ((CursorGroup *) lfirst(cell))->cursors);
	return result;
}

void
arg_buckets(StmtArgs *args, const WindowCursors *cursors)
{
	Datum values[WINDOW_BUCKETS];
	bool nulls[WINDOW_BUCKETS] = {false};

	for (int i = 0; i < cursors->count; i++)
		values[i] = Int16GetDatum(cursors->buckets[i]);
	arg_array(args, &(ArrayArg){values, nulls, cursors->count, INT2OID});
}

static Datum
snapshot_in(const char *text)
{
	return DirectFunctionCall1(pg_snapshot_in, CStringGetDatum(text));
}

/*
 * pg_current_snapshot() with the caller's own transaction among the running ones: a snapshot
 * never lists its own transaction, so its rows would count as seen.
 */
static Datum
snapshot_with_own(void)
{
	Datum now = DirectFunctionCall1(pg_current_snapshot, (Datum) 0);
	uint64 own = U64FromFullTransactionId(GetTopFullTransactionId());
	char *text = DatumGetCString(DirectFunctionCall1(pg_snapshot_out, now));
	char *place;
	uint64 xmin = strtou64(text, &place, 10);
	uint64 xmax = strtou64(place + 1, &place, 10);
	StringInfoData list;
	bool placed = false;

	if (own >= xmax)
		return now;
	initStringInfo(&list);
	place++;
	while (*place != '\0')
	{
		uint64 xid = strtou64(place, &place, 10);

		if (!placed && own < xid)
		{
			appendStringInfo(&list, UINT64_FORMAT ",", own);
			placed = true;
		}
		appendStringInfo(&list, UINT64_FORMAT ",", xid);
		if (*place == ',')
			place++;
	}
	if (!placed)
		appendStringInfo(&list, UINT64_FORMAT ",", own);
	list.data[list.len - 1] = '\0';
	return snapshot_in(
		psprintf(UINT64_FORMAT ":" UINT64_FORMAT ":%s", Min(xmin, own), xmax, list.data));
}

static Stmt take_snapshot = {
	.name = "take_snapshot",
	.sql = "SELECT billing.window_snapshot() AS snapshot",
	.expect = SPI_OK_SELECT,
};

/* With a header of four bytes: functions that are called for each row use that in place. */
static Datum
snapshot_whole(Rows *rows, bool *isnull)
{
	return PointerGetDatum(PG_DETOAST_DATUM(row_datum(rows, "snapshot", PG_SNAPSHOTOID, isnull)));
}

Datum
window_take(void)
{
	Rows rows = stmt_run(&take_snapshot, NULL);
	bool isnull;

	Ensure(row_next(&rows), "no snapshot");
	return snapshot_whole(&rows, &isnull);
}

static Stmt move_cursor = {
	.name = "move_cursor",
	.sql = "UPDATE billing.window_cursors w SET era = $3, snapshot = $4, moved_at = $5"
		   " WHERE w.consumer = $1 AND w.bucket = ANY ($2) AND (w.era < $3 OR"
		   " pg_catalog.pg_snapshot_xmax(w.snapshot) <= pg_catalog.pg_snapshot_xmax($4))",
	.expect = SPI_OK_UPDATE,
	.nargs = 5,
	.argtypes = {TEXTOID, INT2ARRAYOID, INT4OID, PG_SNAPSHOTOID, TIMESTAMPTZOID},
};

void
window_move(const char *consumer, const WindowCursors *cursors, int32 era, Datum snapshot)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, consumer);
	arg_buckets(&args, cursors);
	arg_datum(&args, Int32GetDatum(era));
	arg_datum(&args, snapshot);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&move_cursor, &args);
	if (rows.count != (uint64) cursors->count)
		billing_retry(errmsg("window cursors of \"%s\" would move backwards", consumer));
}

PG_FUNCTION_INFO_V1(billing_window_snapshot);
Datum
billing_window_snapshot(PG_FUNCTION_ARGS)
{
	PG_RETURN_DATUM(snapshot_with_own());
}

PG_FUNCTION_INFO_V1(billing_bucket_of);
Datum
billing_bucket_of(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT16((int16) window_bucket(text_to_cstring(PG_GETARG_TEXT_PP(0))));
}
