/*
 * loop.c
 *	  The one loop of all background workers: settings, signals, one transaction at a time, errors.
 *
 * Guarantees: a worker never sleeps in a transaction, and always where a signal or a barrier of
 * another session wakes it. SIGTERM ends it at once. A cancel ends its running transaction only.
 * An error is reported, and what it interrupted is tried again, later each time; after
 * MAX_FAILURES in a row the process gives way to a fresh one. A database without the extension, or
 * with one of another version, is waited for. What is committed here is durable, whatever
 * synchronous_commit says: the outside is told of it.
 *
 * Locks the extension while a transaction runs, so that it is not dropped under it.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_db_role_setting.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "core/actor.h"
#include "core/errors.h"
#include "core/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/lmgr.h"
#include "storage/proc.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "worker/loop.h"
#include "worker/status.h"

#define OWNER "billing_owner"
#define NAP_MS 10000
#define FIRST_PAUSE_MS 100
#define MAX_PAUSE_MS 10000
#define MAX_FAILURES 8
#define RESTART_S 5
#define LOCK_TIMEOUT "500ms" /* nobody's open transaction keeps all other calls waiting */

static char *database = NULL;

/* of this process */
static const WorkerSpec *spec = NULL;
static int failures = 0;             /* in a row */
static TimestampTz not_before = 0;   /* no transaction before it: after an error */
static bool settings_changed = true; /* those of the database are to be read */

static Stmt select_extension = {
	.name = "select_extension_version",
	.sql =
		"SELECT x.extversion FROM pg_catalog.pg_extension x WHERE x.oid OPERATOR(pg_catalog.=) $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {OIDOID},
	.by_index = true,
};

void
worker_init(void)
{
	if (process_shared_preload_libraries_in_progress)
		DefineCustomStringVariable("billing.database",
								   "Names the database whose payments background workers call the"
								   " gateway for.",
								   "Empty: there are no workers.", &database, "", PGC_POSTMASTER, 0,
								   NULL, NULL, NULL);
}

bool
worker_wanted(void)
{
	return process_shared_preload_libraries_in_progress && !IsBinaryUpgrade && database != NULL &&
		   database[0] != '\0';
}

void
worker_register(const WorkerSpec *what, const char *entry, int count)
{
	for (int i = 0; i < count; i++)
	{
		BackgroundWorker worker = {
			.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION,
			.bgw_start_time = BgWorkerStart_RecoveryFinished,
			.bgw_restart_time = RESTART_S,
			.bgw_main_arg = Int32GetDatum(i),
		};

		strlcpy(worker.bgw_library_name, "billing", sizeof(worker.bgw_library_name));
		strlcpy(worker.bgw_function_name, entry, BGW_MAXLEN);
		strlcpy(worker.bgw_type, what->name, BGW_MAXLEN);
		snprintf(worker.bgw_name, BGW_MAXLEN, "%s %d", what->name, i);
		RegisterBackgroundWorker(&worker);
	}
}

/* The extension, locked; false when there is none, or not the one that this library is of. */
static bool
extension_lock(void)
{
	Oid extension = get_extension_oid("billing", true);
	StmtArgs args = {0};
	Rows rows;

	if (OidIsValid(extension))
		LockDatabaseObject(ExtensionRelationId, extension, 0, AccessShareLock);
	arg_datum(&args, ObjectIdGetDatum(extension));
	rows = stmt_run(&select_extension, &args);
	if (!row_next(&rows))
		status_state(WORKER_NO_EXTENSION);
	else if (strcmp(row_text(&rows, "extversion"), BILLING_VERSION) != 0)
		status_state(WORKER_OTHER_VERSION);
	else
	{
		status_state(WORKER_RUNNING);
		return true;
	}
	return false;
}

/* ALTER DATABASE ... SET: a session takes them when it logs in, a worker after a reload too. */
static void
database_settings_read(void)
{
	Relation table = table_open(DbRoleSettingRelationId, AccessShareLock);
	Snapshot snapshot = RegisterSnapshot(GetCatalogSnapshot(DbRoleSettingRelationId));

	ApplySetting(snapshot, MyDatabaseId, InvalidOid, table, PGC_S_DATABASE);
	UnregisterSnapshot(snapshot);
	table_close(table, AccessShareLock);
}

/* As the owner of the tables, who is not a superuser. What a failed transaction set is set again. */
static void
lower_privileges(void)
{
	if (actor_role() != get_role_oid(OWNER, false))
		SetConfigOption("role", OWNER, PGC_SUSET, PGC_S_SESSION);
}

static void
settings_force(void)
{
	if (synchronous_commit == SYNCHRONOUS_COMMIT_OFF)
		SetConfigOption("synchronous_commit", "on", PGC_SUSET, PGC_S_SESSION);
	if (LockTimeout == 0)
		SetConfigOption("lock_timeout", LOCK_TIMEOUT, PGC_SUSET, PGC_S_SESSION);
}

/* One transaction. False when there was nothing for it to work on. */
static bool
transaction_run(void)
{
	bool ready;

	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	PushActiveSnapshot(GetTransactionSnapshot());
	pgstat_report_activity(STATE_RUNNING, spec->name);
	spi_begin();
	ready = extension_lock();
	if (ready)
	{
		if (settings_changed)
			database_settings_read();
		settings_force();
		lower_privileges();
		spec->tick();
	}
	spi_end();
	PopActiveSnapshot();
	CommitTransactionCommand();
	return ready;
}

static void
transaction_ended(bool ready)
{
	pgstat_report_stat(false);
	pgstat_report_activity(STATE_IDLE, NULL);
	failures = 0;
	if (!ready)
	{
		not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), NAP_MS / 2);
		spec->aborted();
		return;
	}
	if (settings_changed)
		spec->reload();
	settings_changed = false;
	spec->committed();
}

/* A cancel is somebody's wish, not a failure: what it broke off is tried again at once. */
static void
pause_after(const ErrorData *error)
{
	int64 pause = Min(FIRST_PAUSE_MS << Min(failures, MAX_FAILURES), MAX_PAUSE_MS);

	status_error(error->message);
	if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
		return;
	status_state(WORKER_FAILING);
	not_before = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), pause);
	failures++;
}

static void
recover(MemoryContext round)
{
	ErrorData *error;

	HOLD_INTERRUPTS();
	EmitErrorReport();
	AbortCurrentTransaction();
	MemoryContextSwitchTo(round);
	error = CopyErrorData();
	FlushErrorState();
	QueryCancelPending = false;
	pgstat_report_activity(STATE_IDLE, NULL);
	spec->aborted();
	pause_after(error);
	FreeErrorData(error);
	RESUME_INTERRUPTS();
	if (failures >= MAX_FAILURES)
		ereport(FATAL, errmsg("%s failed %d times in a row", spec->name, failures),
				errhint("It starts again in %d s.", RESTART_S));
}

static void
interrupts_serve(void)
{
	QueryCancelPending = false; /* nothing runs that it could end */
	CHECK_FOR_INTERRUPTS();
	if (!ConfigReloadPending)
		return;
	ConfigReloadPending = false;
	ProcessConfigFile(PGC_SIGHUP);
	settings_changed = true;
}

static long
pause_left(void)
{
	return TimestampDifferenceMilliseconds(GetCurrentTimestamp(), not_before);
}

static void
round_run(void)
{
	long pause = pause_left();
	bool wanted = spec->idle(pause > 0 ? Min(pause, NAP_MS) : NAP_MS, pause > 0);

	interrupts_serve();
	if (pause_left() > 0)
		return;
	if (wanted || settings_changed || failures > 0)
		transaction_ended(transaction_run());
}

static void
close_at_exit(int code, Datum argument)
{
	(void) code;
	(void) argument;
	spec->close();
}

static void
loop(void)
{
	MemoryContext round =
		AllocSetContextCreate(TopMemoryContext, "billing worker round", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContextReset(round);
		MemoryContextSwitchTo(round);
		PG_TRY();
		{
			round_run();
		}
		PG_CATCH();
		{
			recover(round);
		}
		PG_END_TRY();
	}
}

void
worker_run(const WorkerSpec *what, int number)
{
	spec = what;
	pqsignal(SIGHUP, SignalHandlerForConfigReload);
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnection(database, NULL, 0);
	SetConfigOption("default_transaction_isolation", "read committed", PGC_SUSET, PGC_S_SESSION);
	SetConfigOption("default_transaction_read_only", "off", PGC_SUSET, PGC_S_SESSION);
	status_attach(spec->kind, number);
	wake_register_worker(spec->kind);
	actor_become_worker(spec->actor);
	spec->open();
	before_shmem_exit(close_at_exit, (Datum) 0);
	loop();
}
