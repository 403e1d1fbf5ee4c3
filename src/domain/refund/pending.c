/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(billing_soft_delete);
Datum
billing_soft_delete(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_issue_credit_note);
Datum
billing_issue_credit_note(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}
