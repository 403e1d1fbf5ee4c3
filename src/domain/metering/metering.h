/*
 * metering.h
 *	  Meters, usage events, and what they fold into.
 */
#ifndef BILLING_METERING_H
#define BILLING_METERING_H

#include "core/decimal.h"
#include "core/period.h"

#define USAGE_CONSUMER "usage"
#define USAGE_PARTITIONS 8 /* of usage_events, see metering.tables.sql */
#define USAGE_PARTITION_SEED UINT64CONST(0x7A5B22367996DCFD) /* HASH_PARTITION_SEED */
#define USAGE_MAX_BATCH 10000                                /* events of one JSON batch */
#define USAGE_MAX_ARRAY 5000000                              /* events of one array call */
#define USAGE_MAX_PROPERTIES 4096                            /* bytes */
#define USAGE_MAX_FRACTION 12                                /* decimals of a quantity */
#define USAGE_MAX_QUANTITY "1000000000000000"                /* 10^15 */

/* An event as it came in, before any check. */
typedef struct UsageEvent
{
	char *event_id;
	char *customer_id;
	char *resource_type;
	char *quantity; /* the text of the decimal */
	bool has_occurred_at;
	TimestampTz occurred_at;
	char *properties; /* the text of a JSON object, or NULL */
} UsageEvent;

/* Why an event is refused; reason NULL: it is not. */
typedef struct UsageRefusal
{
	const char *reason; /* for rejected_usage.reason */
	char *detail;
} UsageRefusal;

extern void metering_init(void);
extern int usage_max_age_minutes;
extern int usage_future_seconds;

/* Raises METER_NOT_FOUND, or makes sure that the meter is frozen. False instead of raising if `quiet`. */
extern bool meter_use(const char *resource_type, bool quiet);

extern UsageRefusal usage_event_check(const UsageEvent *event, TimestampTz now);

#endif
