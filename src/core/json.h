/*
 * json.h
 *	  Writing JSON text. Amounts are written from exact decimals, never through a double.
 */
#ifndef BILLING_JSON_H
#define BILLING_JSON_H

#include "core/money.h"
#include "datatype/timestamp.h"
#include "lib/stringinfo.h"

typedef struct JsonWriter
{
	StringInfoData text;
	bool comma; /* the next value needs a comma before it */
} JsonWriter;

extern void json_init(JsonWriter *json);
extern void json_open(JsonWriter *json, char bracket);
extern void json_close(JsonWriter *json, char bracket);
extern void json_key(JsonWriter *json, const char *key);
extern void json_raw(JsonWriter *json, const char *value);
extern void json_members(JsonWriter *json, const char *object);
extern void json_string(JsonWriter *json, const char *value);
extern void json_bool(JsonWriter *json, bool value);
extern void json_int(JsonWriter *json, int64 value);
extern void json_decimal(JsonWriter *json, const Decimal *value);
extern void json_money(JsonWriter *json, Money money);
extern char *json_time_text(TimestampTz value);
extern void json_timestamp(JsonWriter *json, TimestampTz value);
extern Datum json_to_jsonb(JsonWriter *json);
extern Datum json_status(const char *status);

#endif
