/*
 * fault.c
 *	  Named points at which a test build fails, dies or waits. Compiled with FAULTS=1 only.
 *
 * Every statement is two points, "before NAME" and "after NAME": stmt_run() passes them, so a new
 * statement needs nothing. A transaction in which one was passed has two more: "commit", when all
 * is done but the commit, and "committed", when it is durable and nobody has heard of it. Between
 * statements, where no other point is near, a FAULT_POINT() stands by itself.
 *
 * billing.fault says what happens:
 *	  record             logs each point that is passed, with the depth of its transaction: 1, or
 *	                     more inside a subtransaction
 *	  error@POINT#N      raises an error at the N-th pass (default 1) since the setting was made
 *	  crash@POINT#N      kills this process with signal 9, so that the server starts anew
 *	  wait@POINT#N       waits while another session holds the advisory lock FAULT_LOCK
 *
 * At "committed" a process can only die: there is nothing left to undo, and it is not to be
 * interrupted.
 */
#include "postgres.h"

#include <signal.h>

#include "access/xact.h"
#include "core/fault.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define FAULT_LOCK INT64CONST(6060)
#define FAULT_NAME_SIZE 100

typedef enum FaultAction
{
	FAULT_NONE,
	FAULT_RECORD,
	FAULT_ERROR,
	FAULT_CRASH,
	FAULT_WAIT,
} FaultAction;

typedef struct Fault
{
	FaultAction action;
	int pass;
	char point[FAULT_NAME_SIZE];
} Fault;

static const struct
{
	const char *name;
	FaultAction action;
} actions[] = {{"error@", FAULT_ERROR}, {"crash@", FAULT_CRASH}, {"wait@", FAULT_WAIT}};

static char *fault_setting = NULL;
static Fault fault = {0};
static int passes = 0;          /* of the point of the fault, since it was set */
static bool passed_any = false; /* in this transaction */

static bool
fault_parse(const char *text, Fault *parsed)
{
	const char *hash = strchr(text, '#');

	for (int i = 0; i < (int) lengthof(actions); i++)
	{
		size_t length = strlen(actions[i].name);

		if (strncmp(text, actions[i].name, length) != 0)
			continue;
		parsed->action = actions[i].action;
		strlcpy(parsed->point, text + length, FAULT_NAME_SIZE);
		if (strchr(parsed->point, '#') != NULL)
			*strchr(parsed->point, '#') = '\0';
		parsed->pass = hash == NULL ? 1 : (int) strtol(hash + 1, NULL, 10);
		return parsed->pass > 0 && parsed->point[0] != '\0';
	}
	parsed->action = strcmp(text, "record") == 0 ? FAULT_RECORD : FAULT_NONE;
	return text[0] == '\0' || parsed->action == FAULT_RECORD;
}

static bool
fault_check(char **newval, void **extra, GucSource source)
{
	Fault parsed = {0};

	(void) extra;
	(void) source;
	return fault_parse(*newval, &parsed);
}

static void
fault_assign(const char *newval, void *extra)
{
	(void) extra;
	memset(&fault, 0, sizeof(fault));
	(void) fault_parse(newval, &fault);
	passes = 0;
}

static void
fault_wait(void)
{
	DirectFunctionCall1(pg_advisory_lock_shared_int8, Int64GetDatum(FAULT_LOCK));
	DirectFunctionCall1(pg_advisory_unlock_shared_int8, Int64GetDatum(FAULT_LOCK));
}

static void
fault_pass(const char *point)
{
	if (fault.action == FAULT_RECORD)
		ereport(LOG, errmsg("fault point %d: %s", GetCurrentTransactionNestLevel(), point));
	if (strcmp(point, fault.point) != 0 || ++passes != fault.pass)
		return;
	if (fault.action == FAULT_CRASH)
		kill(MyProcPid, SIGKILL);
	if (fault.action == FAULT_WAIT)
		fault_wait();
	if (fault.action == FAULT_ERROR)
		ereport(ERROR, errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
				errmsg("fault at \"%s\"", point));
}

/* The point "PLACE NAME". */
void
fault_point(const char *place, const char *name)
{
	char point[FAULT_NAME_SIZE];

	snprintf(point, sizeof(point), "%s %s", place, name);
	passed_any = true;
	fault_pass(point);
}

static void
fault_at_end(XactEvent event, void *arg)
{
	bool ours = passed_any;

	(void) arg;
	if (event == XACT_EVENT_PRE_COMMIT)
	{
		if (ours)
			fault_pass("commit");
		return;
	}
	passed_any = false;
	if (event == XACT_EVENT_COMMIT && ours &&
		(fault.action == FAULT_CRASH || fault.action == FAULT_RECORD))
		fault_pass("committed");
}

void
fault_init(void)
{
	DefineCustomStringVariable("billing.fault", "Sets what goes wrong in a test build, and where.",
							   "Empty: nothing. See src/core/fault.c.", &fault_setting, "",
							   PGC_SUSET, GUC_NOT_IN_SAMPLE, fault_check, fault_assign, NULL);
	RegisterXactCallback(fault_at_end, NULL);
}
