/*
 * period.h
 *	  Calendar months, written YYYY-MM, and their bounds in a zone.
 */
#ifndef BILLING_PERIOD_H
#define BILLING_PERIOD_H

#include "utils/date.h"
#include "utils/timestamp.h"

#define PERIOD_TEXT_SIZE 8

typedef struct Period
{
	int year;
	int month; /* 1 to 12 */
} Period;

typedef struct PeriodBounds
{
	TimestampTz start; /* inclusive */
	TimestampTz end;   /* exclusive */
} PeriodBounds;

extern Period period_parse(const char *text);
extern char *period_print(Period period, char *buffer);
extern Period period_next(Period period);
extern int period_compare(Period a, Period b);
extern DateADT period_first_day(Period period);
extern Period period_of_day(DateADT day);
extern PeriodBounds period_bounds(Period period, const char *zone);
extern DateADT zone_day(TimestampTz at, const char *zone);
extern void zone_check(const char *zone);

#endif
