/*
 * usage_rules.c
 *	  What makes a usage event acceptable.
 */
#include "postgres.h"

#include "core/args.h"
#include "domain/metering/metering.h"
#include "mb/pg_wchar.h"

#define SECONDS_PER_MINUTE 60

static bool
text_is_bad(const char *value, const char *name, int max, UsageRefusal *refusal)
{
	if (value == NULL || text_is_blank(value))
		*refusal = (UsageRefusal){"INVALID_ARGUMENT", psprintf("%s is missing or blank.", name)};
	else if (strlen(value) > (size_t) max && pg_mbstrlen(value) > max)
		*refusal = (UsageRefusal){"INVALID_ARGUMENT",
								  psprintf("%s has %d characters, at most %d are allowed.", name,
										   pg_mbstrlen(value), max)};
	else
		return false;
	return true;
}

static bool
quantity_is_bad(const char *text, UsageRefusal *refusal)
{
	Decimal quantity;
	Decimal limit;

	if (text == NULL)
		*refusal = (UsageRefusal){"INVALID_ARGUMENT", pstrdup("quantity is missing.")};
	else if (!decimal_parse(text, &quantity))
		*refusal =
			(UsageRefusal){"INVALID_ARGUMENT",
						   psprintf("quantity is %s, not a finite decimal.", text_shown(text))};
	else if (quantity.negative)
		*refusal = (UsageRefusal){"INVALID_ARGUMENT",
								  psprintf("quantity is %s, below 0.", text_shown(text))};
	else if (decimal_significant_scale(&quantity) > USAGE_MAX_FRACTION)
		*refusal =
			(UsageRefusal){"INVALID_ARGUMENT",
						   psprintf("quantity has more than %d decimals.", USAGE_MAX_FRACTION)};
	else if (decimal_parse(USAGE_MAX_QUANTITY, &limit) && decimal_compare(&quantity, &limit) > 0)
		*refusal = (UsageRefusal){"INVALID_ARGUMENT", pstrdup("quantity is above 10^15.")};
	else
		return false;
	return true;
}

/* Whether an event may be stored at `now`; resource type and customer are looked up elsewhere. */
UsageRefusal
usage_event_check(const UsageEvent *event, TimestampTz now)
{
	UsageRefusal refusal = {NULL, NULL};
	int64 max_age = (int64) usage_max_age_minutes * SECONDS_PER_MINUTE * USECS_PER_SEC;
	int64 tolerance = (int64) usage_future_seconds * USECS_PER_SEC;

	if (text_is_bad(event->event_id, "event_id", MAX_EVENT_ID, &refusal) ||
		text_is_bad(event->customer_id, "customer_id", MAX_CUSTOMER_ID, &refusal) ||
		text_is_bad(event->resource_type, "resource_type", MAX_RESOURCE_TYPE, &refusal) ||
		quantity_is_bad(event->quantity, &refusal))
		return refusal;
	if (event->has_occurred_at && TIMESTAMP_NOT_FINITE(event->occurred_at))
		refusal = (UsageRefusal){"INVALID_ARGUMENT", pstrdup("occurred_at is not finite.")};
	else if (event->has_occurred_at && event->occurred_at > now + tolerance)
		refusal = (UsageRefusal){"INVALID_ARGUMENT",
								 psprintf("occurred_at is more than %d seconds ahead.",
										  usage_future_seconds)};
	else if (event->has_occurred_at && event->occurred_at < now - max_age)
		refusal = (UsageRefusal){"TOO_OLD", psprintf("occurred_at is more than %d days ago.",
													 usage_max_age_minutes / (24 * MINS_PER_HOUR))};
	else if (event->properties != NULL && strlen(event->properties) > USAGE_MAX_PROPERTIES)
		refusal = (UsageRefusal){"LIMIT_EXCEEDED",
								 psprintf("properties has %zu bytes, at most %d are allowed.",
										  strlen(event->properties), USAGE_MAX_PROPERTIES)};
	return refusal;
}
