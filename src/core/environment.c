/*
 * environment.c
 *	  Silence of clones: a copy of a database never talks to the outside by itself.
 *
 * Guarantees: environment_may_speak() is true only where the server was given billing.environment
 * from outside of its data directory, enable_workers() stored that very name in this very
 * database, and the server is not a standby. A copy lacks one of them: a restored dump the stored
 * name (its table is not dumped), CREATE DATABASE ... TEMPLATE the database's OID, a copied data
 * directory the setting. pg_upgrade and a promoted standby keep all. See docs/adr/0013.
 *
 * The setting is judged once, when the server starts. Locks nothing but the row that it writes.
 */
#include "postgres.h"

#include <limits.h>
#include <stdlib.h>

#include "access/xlog.h"
#include "catalog/pg_type.h"
#include "commands/dbcommands.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/environment.h"
#include "core/errors.h"
#include "core/json.h"
#include "core/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define MAX_ENVIRONMENT 64 /* bytes */

/* What keeps workers from talking, the first that holds. */
typedef enum EnvironmentState
{
	ENVIRONMENT_NOT_PRELOADED,
	ENVIRONMENT_NOT_SET,
	ENVIRONMENT_IN_DATA_DIRECTORY,
	ENVIRONMENT_NOT_ENABLED,
	ENVIRONMENT_OTHER_DATABASE,
	ENVIRONMENT_OTHER_ENVIRONMENT,
	ENVIRONMENT_STANDBY,
	ENVIRONMENT_ALLOWED
} EnvironmentState;

static const struct
{
	const char *name;
	const char *reason;
} states[] = {
	[ENVIRONMENT_NOT_PRELOADED] =
		{"NOT_PRELOADED",
		 "The library is not in shared_preload_libraries, so billing.environment cannot be set."},
	[ENVIRONMENT_NOT_SET] = {"NOT_SET", "The server was started without billing.environment."},
	[ENVIRONMENT_IN_DATA_DIRECTORY] =
		{"IN_DATA_DIRECTORY",
		 "billing.environment is set in a file in the data directory, which every copy brings"
		 " along. Set it on the command line, or in a file outside."},
	[ENVIRONMENT_NOT_ENABLED] = {"NOT_ENABLED",
								 "enable_workers() was not called in this database, or"
								 " disable_workers() was since."},
	[ENVIRONMENT_OTHER_DATABASE] =
		{"OTHER_DATABASE",
		 "enable_workers() was called in the database that this one is a copy of."},
	[ENVIRONMENT_OTHER_ENVIRONMENT] = {"OTHER_ENVIRONMENT",
									   "enable_workers() was called in another environment."},
	[ENVIRONMENT_STANDBY] = {"STANDBY",
							 "The server is a standby. Once promoted, its workers may talk."},
	[ENVIRONMENT_ALLOWED] = {"ALLOWED", "Workers may talk to the outside."},
};

static char *environment_setting = NULL;

/* What the server's start says, before the database is asked: ALLOWED when the setting counts. */
static EnvironmentState server_state = ENVIRONMENT_NOT_PRELOADED;

static Stmt select_enabled = {
	.name = "select_enabled_environment",
	.sql = "SELECT w.environment, w.database_oid = $1 AS here FROM billing.worker_environment w",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {OIDOID},
	.read_only = true,
};

static Stmt upsert_enabled = {
	.name = "upsert_enabled_environment",
	.sql = "INSERT INTO billing.worker_environment AS w (environment, database_oid, enabled_at)"
		   " VALUES ($1, $2, $3) ON CONFLICT (singleton) DO UPDATE SET environment ="
		   " EXCLUDED.environment, database_oid = EXCLUDED.database_oid, enabled_at ="
		   " EXCLUDED.enabled_at WHERE w.environment <> EXCLUDED.environment"
		   " OR w.database_oid <> EXCLUDED.database_oid",
	.expect = SPI_OK_INSERT,
	.nargs = 3,
	.argtypes = {TEXTOID, OIDOID, TIMESTAMPTZOID},
};

static Stmt delete_enabled = {
	.name = "delete_enabled_environment",
	.sql = "DELETE FROM billing.worker_environment w RETURNING w.environment",
	.expect = SPI_OK_DELETE_RETURNING,
};

static bool
environment_check(char **newval, void **extra, GucSource source)
{
	(void) extra;
	(void) source;
	if (strlen(*newval) <= MAX_ENVIRONMENT)
		return true;
	GUC_check_errdetail("It has more than %d bytes.", MAX_ENVIRONMENT);
	return false;
}

/* By real paths, so that no symbolic link leads in or out. A file that is gone counts as inside. */
static bool
is_in_data_directory(const char *path)
{
	char file[PATH_MAX];
	char directory[PATH_MAX];

	return path == NULL || realpath(path, file) == NULL || realpath(DataDir, directory) == NULL ||
		   path_is_prefix_of_path(directory, file);
}

static EnvironmentState
judge_setting(void)
{
	const struct config_generic *record = guc_record("billing.environment");

	if (environment_setting == NULL || environment_setting[0] == '\0')
		return ENVIRONMENT_NOT_SET;
	if (record->source == PGC_S_ARGV ||
		(record->source == PGC_S_FILE && !is_in_data_directory(record->sourcefile)))
		return ENVIRONMENT_ALLOWED;
	return ENVIRONMENT_IN_DATA_DIRECTORY;
}

void
environment_init(void)
{
	if (!process_shared_preload_libraries_in_progress)
		return;
	DefineCustomStringVariable(
		"billing.environment", "Names the environment of the server, such as production.",
		"Counts only from outside of the data directory. See enable_workers().",
		&environment_setting, "", PGC_POSTMASTER, 0, environment_check, NULL, NULL);
	server_state = judge_setting();
}

/* The state, and the environment that the database was enabled for or NULL. */
static EnvironmentState
environment_state(char **enabled)
{
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, ObjectIdGetDatum(MyDatabaseId));
	rows = stmt_run(&select_enabled, &args);
	*enabled = row_next(&rows) ? row_text(&rows, "environment") : NULL;
	if (server_state != ENVIRONMENT_ALLOWED)
		return server_state;
	if (*enabled == NULL)
		return ENVIRONMENT_NOT_ENABLED;
	if (!row_bool(&rows, "here"))
		return ENVIRONMENT_OTHER_DATABASE;
	if (strcmp(*enabled, environment_setting) != 0)
		return ENVIRONMENT_OTHER_ENVIRONMENT;
	return RecoveryInProgress() ? ENVIRONMENT_STANDBY : ENVIRONMENT_ALLOWED;
}

bool
environment_may_speak(void)
{
	char *enabled;

	return environment_state(&enabled) == ENVIRONMENT_ALLOWED;
}

static Datum
environment_document(const char *environment)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "environment");
	json_string(&json, environment);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
audit_change(AuditEntry entry)
{
	entry.target_type = "Database";
	entry.target_id = get_database_name(MyDatabaseId);
	audit_append(&entry, 1);
}

/* enable_workers() -> text, the name of the environment */
PG_FUNCTION_INFO_V1(billing_enable_workers);
Datum
billing_enable_workers(PG_FUNCTION_ARGS)
{
	StmtArgs args = {0};

	actor_require_admin();
	if (server_state != ENVIRONMENT_ALLOWED)
		billing_error(ILLEGAL_STATE, errmsg("the server has no environment that counts"),
					  errdetail("%s", states[server_state].reason));
	spi_begin();
	arg_text(&args, environment_setting);
	arg_datum(&args, ObjectIdGetDatum(MyDatabaseId));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	if (stmt_run(&upsert_enabled, &args).count > 0)
		audit_change((AuditEntry){.action = "WORKERS_ENABLED",
								  .after = environment_document(environment_setting)});
	spi_end();
	PG_RETURN_TEXT_P(cstring_to_text(environment_setting));
}

/* disable_workers() -> void */
PG_FUNCTION_INFO_V1(billing_disable_workers);
Datum
billing_disable_workers(PG_FUNCTION_ARGS)
{
	Rows rows;

	actor_require_admin();
	spi_begin();
	rows = stmt_run(&delete_enabled, NULL);
	if (row_next(&rows))
		audit_change((AuditEntry){.action = "WORKERS_DISABLED",
								  .before = environment_document(row_text(&rows, "environment"))});
	spi_end();
	PG_RETURN_VOID();
}

static Datum
text_or_null(const char *value, bool *isnull)
{
	*isnull = value == NULL || value[0] == '\0';
	return *isnull ? (Datum) 0 : CStringGetTextDatum(value);
}

/* workers_allowed() -> (allowed, state, environment, enabled_for, reason) */
PG_FUNCTION_INFO_V1(billing_workers_allowed);
Datum
billing_workers_allowed(PG_FUNCTION_ARGS)
{
	MemoryContext caller = CurrentMemoryContext;
	EnvironmentState state;
	char *enabled;
	Datum values[5];
	bool nulls[5] = {false};
	Datum result;

	actor_require_service();
	spi_begin();
	state = environment_state(&enabled);
	values[0] = BoolGetDatum(state == ENVIRONMENT_ALLOWED);
	values[1] = CStringGetTextDatum(states[state].name);
	values[2] = text_or_null(environment_setting, &nulls[2]);
	values[3] = text_or_null(enabled, &nulls[3]);
	values[4] = CStringGetTextDatum(states[state].reason);
	MemoryContextSwitchTo(caller);
	result = result_of(fcinfo, values, nulls);
	spi_end();
	return result;
}
