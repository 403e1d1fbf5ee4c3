/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "domain/wallet/wallet.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(billing_hold_wallet);
Datum
billing_hold_wallet(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_capture_hold);
Datum
billing_capture_hold(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_release_hold);
Datum
billing_release_hold(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_expire_holds);
Datum
billing_expire_holds(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}
