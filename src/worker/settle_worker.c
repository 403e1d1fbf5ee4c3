/*
 * settle_worker.c
 *	  A helper of CALL settle_period(..., workers): runs the same loop and exits.
 *
 * It owns no logic and holds nothing between chunks; when it dies, the others go on.
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/errors.h"
#include "core/fault.h"
#include "core/spi.h"
#include "domain/settlement/settle_loop.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "tcop/tcopprot.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"

PGDLLEXPORT void billing_settle_worker_main(Datum argument);

void
billing_settle_worker_main(Datum argument)
{
	SettleWorkerArgs args;

	(void) argument;
	memcpy(&args, MyBgworkerEntry->bgw_extra, sizeof(args));
	pqsignal(SIGTERM, die);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(args.database, args.login, 0);
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	if (args.role != args.login)
		SetConfigOption("role", GetUserNameFromId(args.role, false), PGC_USERSET, PGC_S_SESSION);
	spi_begin_nonatomic();
	pgstat_report_activity(STATE_RUNNING, "billing settlement");
	settle_loop_take_settings(args.job);
	FAULT_POINT("before", "helper");
	settle_loop(args.period);
	FAULT_POINT("after", "helper");
	spi_end();
	CommitTransactionCommand();
	pgstat_report_stat(true);
	pgstat_report_activity(STATE_IDLE, NULL);
}
