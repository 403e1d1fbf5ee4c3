/*
 * ingest_batch_api.c
 *	  ingest_usage_batch() and ingest_usage_arrays(): many events in one call.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/metering/ingest.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

static char *
json_text_member(JsonbContainer *object, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), &buffer);

	if (value == NULL || value->type == jbvNull)
		return NULL;
	if (value->type == jbvString)
		return pnstrdup(value->val.string.val, value->val.string.len);
	if (value->type == jbvNumeric)
		return DatumGetCString(
			DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)));
	return pstrdup("");
}

static bool
json_member_is_string(JsonbContainer *object, const char *key)
{
	JsonbValue buffer;
	JsonbValue *value = getKeyJsonValueFromContainer(object, key, strlen(key), &buffer);

	return value != NULL && value->type == jbvString;
}

/*
 * ISO 8601 with a zone: neither words such as "yesterday" nor the session's TimeZone and DateStyle
 * decide when an event occurred.
 */
static bool
has_date_and_zone(const char *text)
{
	static const char shape[] = "0000-00-00";
	size_t length = strlen(text);

	for (size_t i = 0; i < sizeof(shape) - 1; i++)
	{
		if (i >= length ||
			(shape[i] == '0' ? (text[i] < '0' || text[i] > '9') : text[i] != shape[i]))
			return false;
	}
	return text[length - 1] == 'Z' || strpbrk(text + sizeof(shape) - 1, "+-") != NULL;
}

/* Reads a timestamp as timestamptz does; false where the text is none. */
static bool
json_time_member(JsonbContainer *object, const char *key, UsageEvent *event)
{
	MemoryContext context = CurrentMemoryContext;
	char *text = json_text_member(object, key);
	volatile bool ok = true;

	event->has_occurred_at = text != NULL;
	if (text == NULL)
		return true;
	if (!json_member_is_string(object, key) || !has_date_and_zone(text))
		return false;
	PG_TRY();
	{
		event->occurred_at = DatumGetTimestampTz(
			DirectFunctionCall3(timestamptz_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
								Int32GetDatum(-1)));
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(context);
		if (ERRCODE_TO_CATEGORY(geterrcode()) != ERRCODE_DATA_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
		ok = false;
	}
	PG_END_TRY();
	return ok;
}

static void
batch_take_json(UsageBatch *batch, JsonbValue *element)
{
	UsageEvent event = {0};
	JsonbContainer *object = element->type == jbvBinary ? element->val.binary.data : NULL;
	JsonbValue buffer;
	JsonbValue *properties;
	char *document;

	if (object == NULL || !JsonContainerIsObject(object))
	{
		usage_batch_refuse(batch, &event,
						   (UsageRefusal){"MALFORMED_REQUEST", "The event is not an object."},
						   NULL);
		return;
	}
	document = JsonbToCString(NULL, object, element->val.binary.len);
	event.event_id = json_text_member(object, "eventId");
	event.customer_id = json_text_member(object, "customerId");
	event.resource_type = json_text_member(object, "resourceType");
	event.quantity = json_text_member(object, "quantity");
	properties = getKeyJsonValueFromContainer(object, "properties", 10, &buffer);
	if (properties != NULL && properties->type == jbvBinary &&
		JsonContainerIsObject(properties->val.binary.data))
		event.properties =
			JsonbToCString(NULL, properties->val.binary.data, properties->val.binary.len);
	else if (properties != NULL && properties->type != jbvNull)
	{
		usage_batch_refuse(batch, &event,
						   (UsageRefusal){"MALFORMED_REQUEST", "properties is not an object."},
						   document);
		return;
	}
	if (!json_time_member(object, "occurredAt", &event))
	{
		usage_batch_refuse(batch, &event,
						   (UsageRefusal){"INVALID_ARGUMENT", "occurredAt is not a timestamp."},
						   document);
		return;
	}
	usage_batch_take(batch, &event, document);
	pfree(document);
}

static Datum
batch_result(FunctionCallInfo fcinfo, const UsageBatch *batch)
{
	Datum values[3] = {Int64GetDatum(batch->accepted), Int64GetDatum(batch->duplicate),
					   Int64GetDatum(batch->rejected)};
	bool nulls[3] = {false, false, false};

	return result_of(fcinfo, values, nulls);
}

/* ingest_usage_batch(events jsonb) -> (accepted bigint, duplicate bigint, rejected bigint) */
PG_FUNCTION_INFO_V1(billing_ingest_usage_batch);
Datum
billing_ingest_usage_batch(PG_FUNCTION_ARGS)
{
	Jsonb *events;
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue value;
	UsageBatch *batch;
	UsageBatch counts;

	if (PG_ARGISNULL(0))
		billing_error(INVALID_ARGUMENT, errmsg("events must not be null"));
	events = PG_GETARG_JSONB_P(0);
	if (!JB_ROOT_IS_ARRAY(events) || JB_ROOT_IS_SCALAR(events))
		billing_error(MALFORMED_DOCUMENT, errmsg("events must be a JSON array"));
	if (JB_ROOT_COUNT(events) > USAGE_MAX_BATCH)
		billing_error(LIMIT_EXCEEDED, errmsg("too many events in one batch"),
					  errdetail("The array has %u events, at most %d are allowed.",
								(unsigned) JB_ROOT_COUNT(events), USAGE_MAX_BATCH));
	actor_require_service();
	spi_begin();
	batch = usage_batch_new(clock_now());
	iterator = JsonbIteratorInit(&events->root);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM)
			batch_take_json(batch, &value);
	}
	usage_batch_store(batch);
	counts = *batch;
	spi_end();
	return batch_result(fcinfo, &counts);
}

typedef struct Column
{
	Datum *values;
	bool *nulls;
	int count;
} Column;

static ArrayType *
array_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	ArrayType *array = DatumGetArrayTypeP(arg_required(fcinfo, number, name));

	if (ARR_NDIM(array) > 1)
		billing_error(INVALID_ARGUMENT, errmsg("%s must have one dimension", name));
	return array;
}

static Column
column_read(FunctionCallInfo fcinfo, int number, const char *name, Oid type)
{
	Column column;

	deconstruct_array(array_argument(fcinfo, number, name), type, -1, false, TYPALIGN_INT,
					  &column.values, &column.nulls, &column.count);
	return column;
}

static Column
times_read(FunctionCallInfo fcinfo)
{
	Column column;
	ArrayType *array = array_argument(fcinfo, 4, "occurred_at");

	deconstruct_array(array, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE,
					  &column.values, &column.nulls, &column.count);
	return column;
}

static char *
column_text(const Column *column, int row)
{
	return column->nulls[row] ? NULL : TextDatumGetCString(column->values[row]);
}

static void
check_lengths(const Column *columns, const Column *times)
{
	for (int i = 1; i < 4; i++)
	{
		if (columns[i].count != columns[0].count)
			billing_error(INVALID_ARGUMENT, errmsg("arrays have different lengths"),
						  errdetail("The first has %d elements, another %d.", columns[0].count,
									columns[i].count));
	}
	if (times->count != columns[0].count)
		billing_error(INVALID_ARGUMENT, errmsg("arrays have different lengths"),
					  errdetail("The first has %d elements, occurred_at %d.", columns[0].count,
								times->count));
	if (columns[0].count > USAGE_MAX_ARRAY)
		billing_error(LIMIT_EXCEEDED, errmsg("too many events in one call"),
					  errdetail("The arrays have %d events, at most %d are allowed.",
								columns[0].count, USAGE_MAX_ARRAY));
}

/* ingest_usage_arrays(text[], text[], text[], numeric[], timestamptz[]) -> (accepted, duplicate, rejected) */
PG_FUNCTION_INFO_V1(billing_ingest_usage_arrays);
Datum
billing_ingest_usage_arrays(PG_FUNCTION_ARGS)
{
	Column columns[4] = {column_read(fcinfo, 0, "event_ids", TEXTOID),
						 column_read(fcinfo, 1, "customer_ids", TEXTOID),
						 column_read(fcinfo, 2, "resource_types", TEXTOID),
						 column_read(fcinfo, 3, "quantities", NUMERICOID)};
	Column times = times_read(fcinfo);
	UsageBatch *batch;
	UsageBatch counts;

	check_lengths(columns, &times);
	actor_require_service();
	spi_begin();
	batch = usage_batch_new(clock_now());
	for (int i = 0; i < columns[0].count; i++)
	{
		UsageEvent event = {0};

		event.event_id = column_text(&columns[0], i);
		event.customer_id = column_text(&columns[1], i);
		event.resource_type = column_text(&columns[2], i);
		if (!columns[3].nulls[i])
			event.quantity =
				DatumGetCString(DirectFunctionCall1(numeric_out, columns[3].values[i]));
		event.has_occurred_at = !times.nulls[i];
		event.occurred_at = times.nulls[i] ? 0 : DatumGetTimestampTz(times.values[i]);
		usage_batch_take(batch, &event, NULL);
		if (event.quantity != NULL)
			pfree(event.quantity);
		CHECK_FOR_INTERRUPTS();
	}
	usage_batch_store(batch);
	counts = *batch;
	spi_end();
	return batch_result(fcinfo, &counts);
}
