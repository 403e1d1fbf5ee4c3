/*
 * meter_store.c
 *	  Meters: what is counted, in which unit and how a month of it is summed.
 *
 * Guarantees: the aggregation of a meter never changes after its first event. Locks: the row of a
 * meter, only when it is frozen or registered.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/known.h"
#include "core/spi.h"
#include "domain/metering/metering.h"
#include "utils/builtins.h"

static KnownNames frozen_meters;

static Stmt select_meter = {
	.name = "select_meter",
	.sql =
		"SELECT m.frozen_at IS NOT NULL AS frozen FROM billing.meters m WHERE m.resource_type = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt freeze_meter = {
	.name = "freeze_meter",
	.sql = "INSERT INTO billing.meter_definitions AS d"
		   " (resource_type, unit, description, aggregation, frozen_at, created_at)"
		   " SELECT m.resource_type, m.unit, m.description, m.aggregation, $2, $2"
		   " FROM billing.meters m WHERE m.resource_type = $1"
		   " ON CONFLICT (resource_type) DO UPDATE SET frozen_at = COALESCE(d.frozen_at, $2)",
	.expect = SPI_OK_INSERT,
	.nargs = 2,
	.argtypes = {TEXTOID, TIMESTAMPTZOID},
};

bool
meter_use(const char *resource_type, bool quiet)
{
	StmtArgs args = {0};
	Rows rows;

	if (known_find(&frozen_meters, resource_type, NULL))
		return true;
	arg_text(&args, resource_type);
	rows = stmt_run(&select_meter, &args);
	if (!row_next(&rows))
	{
		if (!quiet)
			billing_error(METER_NOT_FOUND,
						  errmsg("no meter for resource type \"%s\"", resource_type),
						  errhint("Register it with register_meter()."));
		return false;
	}
	if (!row_bool(&rows, "frozen"))
	{
		arg_datum(&args, TimestampTzGetDatum(clock_now()));
		stmt_run(&freeze_meter, &args);
	}
	known_add(&frozen_meters, resource_type, 1);
	return true;
}

static Stmt lock_meter = {
	.name = "lock_meter",
	.sql = "INSERT INTO billing.meter_definitions AS d"
		   " (resource_type, unit, description, aggregation, created_at)"
		   " SELECT $1, $2, $3, COALESCE((SELECT m.aggregation FROM billing.meters m"
		   " WHERE m.resource_type = $1), $4), $5"
		   " ON CONFLICT (resource_type) DO UPDATE SET unit = EXCLUDED.unit,"
		   " description = EXCLUDED.description"
		   " RETURNING d.aggregation, d.frozen_at IS NOT NULL AS frozen",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 5,
	.argtypes = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt set_aggregation = {
	.name = "set_aggregation",
	.sql = "UPDATE billing.meter_definitions d SET aggregation = $2 WHERE d.resource_type = $1",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, TEXTOID},
};

/* register_meter(resource_type text, unit text, description text, aggregation text = 'SUM') -> void */
PG_FUNCTION_INFO_V1(billing_register_meter);
Datum
billing_register_meter(PG_FUNCTION_ARGS)
{
	static const char *const aggregations[] = {"SUM", "COUNT", "MAX", "LAST", NULL};
	char *resource_type = arg_text_required(fcinfo, 0, "resource_type", MAX_RESOURCE_TYPE);
	char *unit = arg_text_required(fcinfo, 1, "unit", MAX_NAME);
	char *description = arg_text_optional(fcinfo, 2, "description", MAX_LONG_NAME);
	char *aggregation = arg_choice_optional(fcinfo, 3, "aggregation", aggregations);
	StmtArgs args = {0};
	StmtArgs change = {0};
	Rows rows;
	char *current;

	actor_require_service();
	if (aggregation == NULL)
		billing_error(INVALID_ARGUMENT, errmsg("aggregation must not be null"));
	spi_begin();
	arg_text(&args, resource_type);
	arg_text(&args, unit);
	arg_text(&args, description);
	arg_text(&args, aggregation);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&lock_meter, &args);
	Ensure(row_next(&rows), "meter \"%s\" vanished", resource_type);
	current = row_text(&rows, "aggregation");
	if (strcmp(current, aggregation) != 0)
	{
		if (row_bool(&rows, "frozen"))
			billing_error(FROZEN,
						  errmsg("the aggregation of meter \"%s\" is frozen", resource_type),
						  errdetail("It is %s since the first event.", current),
						  errhint("Register another resource type."));
		arg_text(&change, resource_type);
		arg_text(&change, aggregation);
		stmt_run(&set_aggregation, &change);
	}
	spi_end();
	PG_RETURN_VOID();
}
