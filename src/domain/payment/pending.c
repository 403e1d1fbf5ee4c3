/* Not built yet. */
#include "postgres.h"

#include "core/errors.h"
#include "fmgr.h"

PG_FUNCTION_INFO_V1(billing_register_payment_method);
Datum
billing_register_payment_method(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_pay_order);
Datum
billing_pay_order(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_request_top_up);
Datum
billing_request_top_up(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_record_payment);
Datum
billing_record_payment(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}

PG_FUNCTION_INFO_V1(billing_resolve_payment);
Datum
billing_resolve_payment(PG_FUNCTION_ARGS)
{
	Ensure(false, "not built");
	PG_RETURN_NULL();
}
