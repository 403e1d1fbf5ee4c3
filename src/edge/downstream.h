/*
 * downstream.h
 *	  The outside services that have a circuit breaker and a bulkhead, one of each by name.
 */
#ifndef BILLING_DOWNSTREAM_H
#define BILLING_DOWNSTREAM_H

#include "core/wake.h"

typedef struct Downstream
{
	const char *name;
	WorkerKind worker; /* who calls it */
} Downstream;

static const Downstream downstreams[] = {
	{"gateway", WORKER_GATEWAY},
};

/* Its place in the arrays of shared memory, or -1. */
static inline int
downstream_find(const char *name)
{
	for (int i = 0; i < (int) lengthof(downstreams); i++)
	{
		if (strcmp(downstreams[i].name, name) == 0)
			return i;
	}
	return -1;
}

#endif
