/*
 * collection_rules.h
 *	  When a declined invoice is charged again, and when not any more. Pure C.
 */
#ifndef BILLING_COLLECTION_RULES_H
#define BILLING_COLLECTION_RULES_H

#include "datatype/timestamp.h"
#include "domain/invoice/invoice_state.h"

#define SCHEDULE_MAX_STEPS 20
#define SCHEDULE_MAX_DAY 365
#define CODES_MAX 100

typedef struct RetrySchedule
{
	int count;
	int days[SCHEDULE_MAX_STEPS]; /* after the first decline, rising */
} RetrySchedule;

/* What of an invoice decides whether it is charged again. */
typedef struct CollectionFacts
{
	InvoiceStatus status;
	Money due;
	bool automatic; /* the customer is charged by the house */
	bool pending;   /* a payment of it is not decided */
} CollectionFacts;

typedef enum CollectionDecision
{
	COLLECTION_CHARGE,
	COLLECTION_WAIT,
	COLLECTION_STOP,
} CollectionDecision;

/* Both answer what is wrong with the text of a setting, or NULL. A list of codes is told by commas. */
extern const char *schedule_parse(const char *text, RetrySchedule *schedule);
extern const char *codes_check(const char *text);
extern bool codes_hold(const char *text, const char *code);

/* How often a charge was declined since the first time, the last time now. */
typedef struct Declines
{
	int count;
	TimestampTz first;
	TimestampTz now;
} Declines;

/*
 * When the charge is tried again; false: not any more. A try that came so late that the next one is
 * due already does not take its place: what lies between the two in the schedule lies between them.
 */
extern bool
schedule_next(const RetrySchedule *schedule, const Declines *declines, TimestampTz *next);

/* What to do with an invoice whose try is due; `reason` of a stop. */
extern CollectionDecision collection_decide(const CollectionFacts *facts, const char **reason);

#endif
