/*
 * snapshot_store.c
 *	  The prices and tax rates that an invoice was made with, stored once per content.
 *
 * Guarantees: a stored snapshot never changes, and an invoice that refers to it can be priced
 * again by it for ever. Locks: the keys of new snapshots, in the order of their hashes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/json.h"
#include "domain/pricing/charge_parse.h"
#include "domain/pricing/snapshot.h"
#include "utils/builtins.h"

#define SNAPSHOT_VERSION 1

static void
write_segment(JsonWriter *json, const PricingPlan *plan, PeriodBounds bounds)
{
	json_open(json, '{');
	json_key(json, "planId");
	json_string(json, plan->plan_id[0] != '\0' ? plan->plan_id : NULL);
	json_key(json, "planName");
	json_string(json, plan->name);
	json_key(json, "from");
	json_timestamp(json, bounds.start);
	json_key(json, "to");
	json_timestamp(json, bounds.end);
	json_key(json, "charges");
	json_raw(json, plan->charges_text);
	json_close(json, '}');
}

static void
write_tax(JsonWriter *json, const TaxRate *tax)
{
	if (tax->category == NULL)
		return;
	json_open(json, '{');
	json_key(json, "code");
	json_string(json, tax->code);
	json_key(json, "category");
	json_string(json, tax->category);
	json_key(json, "percentage");
	json_decimal(json, &tax->percentage);
	json_close(json, '}');
}

PricingSnapshot
snapshot_make(const PricingPlan *plan, PeriodBounds bounds, const TaxRate *tax)
{
	PricingSnapshot snapshot;
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "version");
	json_int(&json, SNAPSHOT_VERSION);
	json_key(&json, "currency");
	json_string(&json, plan->currency->code);
	json_key(&json, "segments");
	json_open(&json, '[');
	write_segment(&json, plan, bounds);
	json_close(&json, ']');
	json_key(&json, "taxes");
	json_open(&json, '[');
	write_tax(&json, tax);
	json_close(&json, ']');
	json_close(&json, '}');
	snapshot.document = json.text.data;
	snapshot.hash = digest_text(snapshot.document);
	return snapshot;
}

static Stmt insert_snapshots = {
	.name = "insert_snapshots",
	.sql = "INSERT INTO billing.pricing_snapshots (content_hash, document, created_at)"
		   " SELECT s.content_hash, s.document::jsonb, $3"
		   " FROM (SELECT DISTINCT ON (n.content_hash) n.content_hash, n.document"
		   " FROM unnest($1, $2) n(content_hash, document) ORDER BY n.content_hash) s"
		   " WHERE NOT EXISTS (SELECT FROM billing.pricing_snapshots p"
		   " WHERE p.content_hash = s.content_hash) ORDER BY s.content_hash"
		   " ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 3,
	.argtypes = {BYTEAARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

void
snapshots_store(const PricingSnapshot *snapshots, int count)
{
	static const Oid types[] = {BYTEAOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_datum(batch, snapshots[i].hash);
		batch_text(batch, snapshots[i].document);
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_snapshots, &args);
}

static Stmt select_snapshot = {
	.name = "select_snapshot",
	.sql =
		"SELECT s.document ->> 'currency' AS currency, s.document #>> '{segments,0,planId}' AS plan_id,"
		" s.document #>> '{segments,0,planName}' AS name, s.document #> '{segments,0,charges}' AS charges"
		" FROM billing.pricing_snapshots s WHERE s.content_hash = pg_catalog.decode($1, 'hex')",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

PricingPlan *
snapshot_plan(const char *hash_hex)
{
	StmtArgs args = {0};
	Rows rows;
	PricingPlan *plan;
	bool isnull;

	arg_text(&args, hash_hex);
	rows = stmt_run(&select_snapshot, &args);
	Ensure(row_next(&rows), "pricing snapshot %s is missing", hash_hex);
	plan = plan_of_charges(row_datum(&rows, "charges", JSONBOID, &isnull),
						   currency_require(row_text(&rows, "currency")));
	plan->name = row_text(&rows, "name");
	strlcpy(plan->plan_id, row_text(&rows, "plan_id"), PLAN_ID_TEXT);
	return plan;
}
