/*
 * snapshot.h
 *	  The prices and tax rates that an invoice was made with, stored once per content.
 */
#ifndef BILLING_SNAPSHOT_H
#define BILLING_SNAPSHOT_H

#include "core/period.h"
#include "domain/pricing/plan.h"
#include "domain/tax/tax.h"

typedef struct PricingSnapshot
{
	Datum hash;     /* bytea: of the document without capturedAt */
	char *document; /* JSON text, without capturedAt */
} PricingSnapshot;

extern PricingSnapshot
snapshot_make(const PricingPlan *plan, PeriodBounds bounds, const TaxRate *tax);

/* Stores those that are new, in the order of their hashes. Needs spi_begin(). */
extern void snapshots_store(const PricingSnapshot *snapshots, int count);

/* The plan of a stored snapshot, in the current memory context. */
extern PricingPlan *snapshot_plan(const char *hash_hex);

#endif
