/*
 * usage.h
 *	  Reading the usage of one customer's month, always including what is not folded yet.
 */
#ifndef BILLING_USAGE_H
#define BILLING_USAGE_H

#include "core/period.h"
#include "core/spi.h"

/* Rows (resource_type text, quantity numeric, event_count bigint). Needs spi_begin(). */
extern Rows usage_of_month(const char *customer_id, Period period);

#endif
