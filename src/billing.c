/*
 * billing.c
 *	  The front door: called once when the library is loaded. Nothing else.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/clock.h"
#include "core/compat.h"
#include "core/drop_guard.h"
#include "core/environment.h"
#include "core/fault.h"
#include "core/known.h"
#include "core/plan_rules.h"
#include "core/secret.h"
#include "core/shared.h"
#include "core/wake.h"
#include "domain/collection/collection.h"
#include "domain/customer/customer.h"
#include "domain/gateway/gateway.h"
#include "domain/gateway/webhook.h"
#include "domain/gateway_call/gateway_call.h"
#include "domain/metering/metering.h"
#include "domain/refund/refund.h"
#include "domain/settlement/settlement.h"
#include "edge/breaker.h"
#include "edge/bulkhead.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "worker/gateway_worker.h"
#include "worker/loop.h"
#include "worker/status.h"

BILLING_MODULE_MAGIC;

void _PG_init(void);

void
_PG_init(void)
{
	plan_rules_init();
	clock_init();
	actor_init();
	drop_guard_init();
	environment_init();
	known_init();
	secret_init();
	customer_init();
	gateway_call_init();
	gateway_init();
	wake_init();
	collection_init();
	metering_init();
	refund_init();
	settlement_init();
	breaker_init();
	bulkhead_init();
	webhook_init();
	status_init();
	worker_init();
	gateway_worker_init();
	FAULT_INIT();
	shared_init();
	MarkGUCPrefixReserved("billing");
}

/* billing.version() -> text */
PG_FUNCTION_INFO_V1(billing_version);
Datum
billing_version(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(BILLING_VERSION));
}
