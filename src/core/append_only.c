/*
 * append_only.c
 *	  The guards of tables that are append-only, or whose rows are never deleted.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "core/append_only.h"
#include "core/errors.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

/* Trigger: refuses UPDATE, DELETE and TRUNCATE, whoever asks. */
PG_FUNCTION_INFO_V1(billing_append_only);
Datum
billing_append_only(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		Ensure(false, "billing_append_only must be called as a trigger");
	billing_error(
		APPEND_ONLY,
		errmsg("table \"%s\" is append-only", RelationGetRelationName(trigger->tg_relation)),
		errhint("Book a correction as a new row: issue_credit_note() or cancel_invoice() "
				"for an invoice, refund_payment() for a payment, correct_usage() for usage."));
	PG_RETURN_POINTER(NULL);
}

/* Trigger: refuses DELETE and TRUNCATE, whoever asks. Its argument is the hint. */
PG_FUNCTION_INFO_V1(billing_never_deleted);
Datum
billing_never_deleted(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	Ensure(CALLED_AS_TRIGGER(fcinfo) && trigger->tg_trigger->tgnargs == 1,
		   "billing_never_deleted must be called as a trigger, with a hint");
	billing_error(APPEND_ONLY,
				  errmsg("rows of table \"%s\" are never deleted",
						 RelationGetRelationName(trigger->tg_relation)),
				  errhint("%s", trigger->tg_trigger->tgargs[0]));
	PG_RETURN_POINTER(NULL);
}

Datum
append_only_but(FunctionCallInfo fcinfo, const Stmt *purge, const char *hint)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	Ensure(CALLED_AS_TRIGGER(fcinfo), "a guard must be called as a trigger");
	if (stmt_running() != purge || !TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		billing_error(APPEND_ONLY,
					  errmsg("table \"%s\" is append-only",
							 RelationGetRelationName(trigger->tg_relation)),
					  errhint("%s", hint));
	PG_RETURN_POINTER(NULL);
}

int64
purge_run(Stmt *purge, TimestampTz before, int most)
{
	StmtArgs args = {0};

	arg_datum(&args, TimestampTzGetDatum(before));
	arg_datum(&args, Int32GetDatum(most));
	return (int64) stmt_run(purge, &args).count;
}
