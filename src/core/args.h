/*
 * args.h
 *	  Checking the arguments of entry points: null, empty, too long, out of range. And their answer.
 */
#ifndef BILLING_ARGS_H
#define BILLING_ARGS_H

#include "core/currency.h"
#include "fmgr.h"
#include "utils/timestamp.h"

#define MAX_CUSTOMER_ID 64
#define MAX_EVENT_ID 128
#define MAX_RESOURCE_TYPE 64
#define MAX_IDEMPOTENCY_KEY 128
#define MAX_NAME 64
#define MAX_LONG_NAME 256
#define MAX_REASON 512
#define MAX_METADATA_BYTES 16384

extern bool text_is_blank(const char *value);
extern char *text_shown(const char *value);
extern void text_check(const char *value, const char *name, int max);
extern char *arg_text_required(FunctionCallInfo fcinfo, int number, const char *name, int max);
extern char *arg_text_optional(FunctionCallInfo fcinfo, int number, const char *name, int max);
extern Datum arg_required(FunctionCallInfo fcinfo, int number, const char *name);
extern TimestampTz arg_time_required(FunctionCallInfo fcinfo, int number, const char *name);
extern char *
arg_json_optional(FunctionCallInfo fcinfo, int number, const char *name, int max_bytes);
extern char *arg_choice_optional(FunctionCallInfo fcinfo, int number, const char *name,
								 const char *const *choices);
extern const Currency *arg_currency(FunctionCallInfo fcinfo, int number);
extern Datum result_of(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

#endif
