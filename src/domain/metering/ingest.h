/*
 * ingest.h
 *	  Many usage events in one statement, with those apart that are refused.
 */
#ifndef BILLING_INGEST_H
#define BILLING_INGEST_H

#include "core/batch.h"
#include "domain/metering/metering.h"
#include "nodes/pg_list.h"

typedef struct UsageBatch
{
	TimestampTz now;
	Batch *events;  /* what will be stored */
	Batch *refused; /* what goes to rejected_usage */
	List *missing;  /* customers to be made */
	int64 accepted;
	int64 duplicate;
	int64 rejected;
	bool any_properties;
} UsageBatch;

extern UsageBatch *usage_batch_new(TimestampTz now);

/* Adds a checked event. */
extern void usage_batch_add(UsageBatch *batch, const UsageEvent *event);

/* Checks an event and adds it, or puts it among the refused. */
extern void usage_batch_take(UsageBatch *batch, const UsageEvent *event, const char *document);
extern void usage_batch_refuse(UsageBatch *batch, const UsageEvent *event, UsageRefusal refusal,
							   const char *document);

/* Lists those events whose id is known with other content. */
extern void usage_batch_list_conflicts(UsageBatch *batch);

/* Stores the events and the refused, and counts. */
extern void usage_batch_store(UsageBatch *batch);

#endif
