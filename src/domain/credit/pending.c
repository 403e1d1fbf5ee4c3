/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "domain/credit/credit.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(billing_apply_credit);
Datum
billing_apply_credit(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_revoke_credit);
Datum
billing_revoke_credit(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_expire_credits);
Datum
billing_expire_credits(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

void
credits_reserve(CreditDemand *demands, int count)
{
	Ensure(false, "not built");
}
void
credits_book(const CreditDemand *demands, int count)
{
	Ensure(false, "not built");
}
