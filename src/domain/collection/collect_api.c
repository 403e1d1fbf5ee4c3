/*
 * collect_api.c
 *	  collect_invoices(): charges declined invoices whose next try is due, for a scheduler.
 *
 * Locks: see collection_run.c; it waits for nobody.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/collection/collection.h"

#define COLLECT_MAX_BATCH 10000 /* invoices of one call, which is one transaction */

/* collect_invoices(batch int) -> bigint, how many it looked at */
PG_FUNCTION_INFO_V1(billing_collect_invoices);
Datum
billing_collect_invoices(PG_FUNCTION_ARGS)
{
	int32 batch = DatumGetInt32(arg_required(fcinfo, 0, "batch"));
	int64 done;

	if (batch < 1 || batch > COLLECT_MAX_BATCH)
		billing_error(INVALID_ARGUMENT, errmsg("batch is out of range"),
					  errdetail("The value is %d, allowed are 1 to %d.", batch, COLLECT_MAX_BATCH));
	actor_require_service();
	spi_begin();
	done = collections_run(batch);
	spi_end();
	PG_RETURN_INT64(done);
}
