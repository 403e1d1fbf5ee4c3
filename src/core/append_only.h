/*
 * append_only.h
 *	  The guard of a table whose rows are only ever deleted by one statement of ours.
 */
#ifndef BILLING_APPEND_ONLY_H
#define BILLING_APPEND_ONLY_H

#include "core/spi.h"
#include "datatype/timestamp.h"
#include "fmgr.h"

/* Of a trigger: refuses every change but the deletes of `purge`; `hint` says what to call. */
extern Datum append_only_but(FunctionCallInfo fcinfo, const Stmt *purge, const char *hint);

/* Runs a statement whose arguments are a time and a number of rows; answers how many it took. */
extern int64 purge_run(Stmt *purge, TimestampTz before, int most);

#endif
