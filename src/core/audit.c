/*
 * audit.c
 *	  Appending to the audit log, in the transaction of what it records.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/audit.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "utils/timestamp.h"

static Stmt insert_entries = {
	.name = "insert_entries",
	.sql =
		"INSERT INTO billing.audit_entries (audit_id, customer_id, action, target_type, target_id,"
		" before, after, reason, actor_type, actor_id, trace_id, occurred_at)"
		" SELECT a.audit_id, a.customer_id, a.action, a.target_type, a.target_id,"
		" a.before, a.after, a.reason, $9, $10, $11, $12"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8)"
		" a(audit_id, customer_id, action, target_type, target_id, before, after, reason)",
	.expect = SPI_OK_INSERT,
	.nargs = 12,
	.argtypes = {UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 JSONBARRAYOID, JSONBARRAYOID, TEXTARRAYOID, TEXTOID, TEXTOID, TEXTOID,
				 TIMESTAMPTZOID},
};

static const Oid entry_types[] = {UUIDOID, TEXTOID,  TEXTOID,  TEXTOID,
								  TEXTOID, JSONBOID, JSONBOID, TEXTOID};

/* Appends entries in the given order, with the actor of the call. Needs spi_begin(). */
void
audit_append(const AuditEntry *entries, int count)
{
	Batch *batch;
	StmtArgs args = {0};
	Actor actor;

	if (count == 0)
		return;
	actor = actor_current();
	batch = batch_new(entry_types, lengthof(entry_types));
	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_datum(batch, id_new());
		batch_text(batch, entries[i].customer_id);
		batch_text(batch, entries[i].action);
		batch_text(batch, entries[i].target_type);
		batch_text(batch, entries[i].target_id);
		batch_datum_or_null(batch, entries[i].before);
		batch_datum_or_null(batch, entries[i].after);
		batch_text(batch, entries[i].reason);
	}
	batch_args(batch, &args);
	arg_text(&args, actor.type);
	arg_text(&args, actor.id);
	arg_text(&args, actor_trace_id());
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_entries, &args);
}
