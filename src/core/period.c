/*
 * period.c
 *	  Calendar months and their bounds in a zone.
 *
 * A month is half-open: its first instant belongs to it, the first instant of the next does not.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/errors.h"
#include "core/period.h"
#include "fmgr.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"

#define PERIOD_FIRST_YEAR 1970

/* Reads YYYY-MM, and nothing else. */
Period
period_parse(const char *text)
{
	Period period = {0};
	bool ok = text != NULL && strlen(text) == PERIOD_TEXT_SIZE - 1 && text[4] == '-';

	for (int i = 0; ok && i < PERIOD_TEXT_SIZE - 1; i++)
	{
		if (i == 4)
			continue;
		ok = text[i] >= '0' && text[i] <= '9';
		if (i < 4)
			period.year = period.year * 10 + (text[i] - '0');
		else
			period.month = period.month * 10 + (text[i] - '0');
	}
	if (!ok || period.month < 1 || period.month > 12 || period.year < PERIOD_FIRST_YEAR)
		billing_error(INVALID_PERIOD, errmsg("period is not a month"),
					  text ? errdetail("The value is \"%s\".", text_shown(text))
						   : errdetail("The value is null."),
					  errhint("Write it as YYYY-MM, for example 2026-05."));
	return period;
}

char *
period_print(Period period, char *buffer)
{
	snprintf(buffer, PERIOD_TEXT_SIZE, "%04d-%02d", period.year % 10000, period.month % 100);
	return buffer;
}

Period
period_next(Period period)
{
	if (period.month == 12)
		return (Period){period.year + 1, 1};
	return (Period){period.year, period.month + 1};
}

int
period_compare(Period a, Period b)
{
	if (a.year != b.year)
		return a.year < b.year ? -1 : 1;
	return a.month < b.month ? -1 : a.month > b.month;
}

DateADT
period_first_day(Period period)
{
	return date2j(period.year, period.month, 1) - POSTGRES_EPOCH_JDATE;
}

Period
period_of_day(DateADT day)
{
	Period period;
	int day_of_month;

	j2date(day + POSTGRES_EPOCH_JDATE, &period.year, &period.month, &day_of_month);
	return period;
}

static TimestampTz
zone_midnight(DateADT day, Datum zone)
{
	Datum local = DirectFunctionCall1(date_timestamp, DateADTGetDatum(day));

	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, zone, local));
}

PeriodBounds
period_bounds(Period period, const char *zone)
{
	Datum name = CStringGetTextDatum(zone);
	PeriodBounds bounds;

	bounds.start = zone_midnight(period_first_day(period), name);
	bounds.end = zone_midnight(period_first_day(period_next(period)), name);
	return bounds;
}

/* The calendar day of an instant in a zone. */
DateADT
zone_day(TimestampTz at, const char *zone)
{
	Datum local =
		DirectFunctionCall2(timestamptz_zone, CStringGetTextDatum(zone), TimestampTzGetDatum(at));

	return DatumGetDateADT(DirectFunctionCall1(timestamp_date, local));
}

void
zone_check(const char *zone)
{
	pg_tz *found = pg_tzset(zone);

	/* a rule such as UTC+9 is taken by pg_tzset(), too, and means west of Greenwich */
	if (found == NULL || !pg_tz_acceptable(found) || zone[strcspn(zone, "<>,:")] != '\0' ||
		(strpbrk(zone, "+-0123456789") != NULL && strchr(zone, '/') == NULL))
		billing_error(INVALID_ARGUMENT, errmsg("time zone \"%s\" is not known", text_shown(zone)),
					  errhint("Use a name of pg_timezone_names, for example Asia/Seoul."));
}
