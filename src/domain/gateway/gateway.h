/*
 * gateway.h
 *	  Calls to the outside payment provider: what is due, what it is told, and what its answers do.
 *
 * The worker claims in one transaction, calls with none open, and records in another.
 */
#ifndef BILLING_GATEWAY_H
#define BILLING_GATEWAY_H

#include "domain/gateway/gateway_reply.h"
#include "domain/gateway/gateway_request.h"
#include "domain/gateway/gateway_settings.h"

/* An ended exchange. The worker keeps it until a transaction that recorded it is committed. */
typedef struct GatewayResult
{
	const GatewayWork *work;
	GatewayReply reply;
	bool breaker_closed; /* breaker_is_closed() when it ended */
} GatewayResult;

/*
 * All of these need spi_begin().
 *
 * gateway_claim: leases at most `most` calls that are due; nothing where this database may not speak
 * or no URL is set. Each work has a memory context of its own below `keep`, freed by gateway_free();
 * *works is of the current context. Nothing is sent before the transaction is committed.
 */
extern int gateway_claim(int most, MemoryContext keep, GatewayWork ***works);
extern void gateway_free(GatewayWork *work);

/*
 * Where to, with the API key, for gateway_request(); of the current context, wiped when it is used.
 * False: nowhere, or the key cannot be read, which is logged; then nothing is to be claimed.
 */
extern bool gateway_address(GatewayAddress *to);
extern void gateway_address_wipe(GatewayAddress *address);

/* What ended: payments and refunds end or are called again. Each harms only itself. */
extern void gateway_record(const GatewayResult *results, int count);

/* Claimed, and not sent after all: due again at `due_at`, as if never claimed. */
extern void gateway_unclaim(GatewayWork *const *works, int count, TimestampTz due_at);

/* When the next call is due; false: none waits. The past: one is due that another worker leases now. */
extern bool gateway_next_due(TimestampTz *when);

/* Tells of payments and refunds that are stuck; how many. About once a minute. */
extern int gateway_upkeep(int most);

#endif
