/*
 * clock.c
 *	  Business time, movable in tests by the superuser setting billing.now.
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/clock.h"
#include "core/errors.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define UNIX_TO_POSTGRES_MS                                                                        \
	(((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE)) * SECS_PER_DAY * 1000)

static char *now_setting = NULL;

/* The parsed setting, valid while parsed_text is the setting's own string. */
static bool now_parsed = false;
static TimestampTz now_value;

static void
now_assign(const char *newval, void *extra)
{
	(void) newval;
	(void) extra;
	now_parsed = false;
}

void
clock_init(void)
{
	DefineCustomStringVariable(
		"billing.now", "Sets the business time of tests.",
		"A timestamp with time zone; empty means the start of the transaction.", &now_setting, "",
		PGC_SUSET, GUC_NOT_IN_SAMPLE, NULL, now_assign, NULL);
}

TimestampTz
clock_now(void)
{
	if (now_setting == NULL || now_setting[0] == '\0')
		return GetCurrentTransactionStartTimestamp();
	if (!now_parsed)
	{
		now_value = DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(now_setting),
								ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
		now_parsed = true;
	}
	return now_value;
}

TimestampTz
clock_real(void)
{
	return GetCurrentTimestamp();
}

int64
clock_unix_ms(void)
{
	return GetCurrentTimestamp() / 1000 + UNIX_TO_POSTGRES_MS;
}

PG_FUNCTION_INFO_V1(billing_business_now);
Datum
billing_business_now(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(clock_now());
}
