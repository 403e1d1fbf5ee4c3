/*
 * json.c
 *	  Writing JSON text.
 */
#include "postgres.h"

#include "core/json.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

void
json_init(JsonWriter *json)
{
	initStringInfo(&json->text);
	json->comma = false;
}

static void
json_separate(JsonWriter *json)
{
	if (json->comma)
		appendStringInfoChar(&json->text, ',');
	json->comma = true;
}

void
json_open(JsonWriter *json, char bracket)
{
	json_separate(json);
	appendStringInfoChar(&json->text, bracket);
	json->comma = false;
}

void
json_close(JsonWriter *json, char bracket)
{
	appendStringInfoChar(&json->text, bracket);
	json->comma = true;
}

void
json_key(JsonWriter *json, const char *key)
{
	json_separate(json);
	escape_json(&json->text, key);
	appendStringInfoChar(&json->text, ':');
	json->comma = false;
}

/* A value that is JSON already; NULL becomes null. */
void
json_raw(JsonWriter *json, const char *value)
{
	json_separate(json);
	appendStringInfoString(&json->text, value ? value : "null");
}

/* The members of an object that is JSON already, into the open one. */
void
json_members(JsonWriter *json, const char *object)
{
	const char *first = strchr(object, '{') + 1;
	const char *last = strrchr(object, '}');

	json_separate(json);
	appendBinaryStringInfo(&json->text, first, (int) (last - first));
}

void
json_string(JsonWriter *json, const char *value)
{
	json_separate(json);
	if (value == NULL)
		appendStringInfoString(&json->text, "null");
	else
		escape_json(&json->text, value);
}

void
json_bool(JsonWriter *json, bool value)
{
	json_raw(json, value ? "true" : "false");
}

void
json_int(JsonWriter *json, int64 value)
{
	json_separate(json);
	appendStringInfo(&json->text, INT64_FORMAT, value);
}

void
json_decimal(JsonWriter *json, const Decimal *value)
{
	char buffer[DECIMAL_TEXT_SIZE];

	json_raw(json, decimal_print(value, buffer));
}

void
json_money(JsonWriter *json, Money money)
{
	Decimal value = money_to_decimal(money);

	json_decimal(json, &value);
}

/* ISO 8601 in UTC, whatever the session's DateStyle and TimeZone are; NULL unless it is finite. */
char *
json_time_text(TimestampTz value)
{
	struct pg_tm tm;
	fsec_t fsec;
	char *text = palloc(MAXDATELEN + 1);
	int zone = 0; /* UTC */

	if (TIMESTAMP_NOT_FINITE(value) || timestamp2tm(value, NULL, &tm, &fsec, NULL, NULL) != 0)
		return NULL;
	tm.tm_isdst = 0;
	EncodeDateTime(&tm, fsec, true, zone, NULL, USE_XSD_DATES, text);
	return text;
}

void
json_timestamp(JsonWriter *json, TimestampTz value)
{
	json_string(json, json_time_text(value));
}

/* {"status": ...}: what the audit log says of an object before and after a change of state. */
Datum
json_status(const char *status)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, status);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

Datum
json_to_jsonb(JsonWriter *json)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json->text.data));
}
