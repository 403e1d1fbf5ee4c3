/*
 * args.c
 *	  Checking the arguments of entry points.
 *
 * Every refusal is INVALID_ARGUMENT and names the argument. Texts are taken as they are: no
 * trimming, no folding of case. Lengths are in characters.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/errors.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"

#define MAX_SHOWN_BYTES 64

bool
text_is_blank(const char *value)
{
	while (*value == ' ' || (*value >= '\t' && *value <= '\r'))
		value++;
	return *value == '\0';
}

/* What an error repeats of a value: its beginning. */
char *
text_shown(const char *value)
{
	char *shown = pstrdup(value);
	int length = (int) strlen(shown);

	if (length > MAX_SHOWN_BYTES)
		shown[pg_mbcliplen(shown, length, MAX_SHOWN_BYTES)] = '\0';
	return shown;
}

void
text_check(const char *value, const char *name, int max)
{
	int length;

	if (value == NULL)
		billing_error(INVALID_ARGUMENT, errmsg("%s must not be null", name));
	if (text_is_blank(value))
		billing_error(INVALID_ARGUMENT, errmsg("%s must not be blank", name));
	length = (int) strlen(value);
	if (length > max && (length = pg_mbstrlen(value)) > max)
		billing_error(INVALID_ARGUMENT, errmsg("%s is too long", name),
					  errdetail("It has %d characters, at most %d are allowed.", length, max));
}

char *
arg_text_required(FunctionCallInfo fcinfo, int number, const char *name, int max)
{
	char *value = PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));

	text_check(value, name, max);
	return value;
}

char *
arg_text_optional(FunctionCallInfo fcinfo, int number, const char *name, int max)
{
	return PG_ARGISNULL(number) ? NULL : arg_text_required(fcinfo, number, name, max);
}

Datum
arg_required(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		billing_error(INVALID_ARGUMENT, errmsg("%s must not be null", name));
	return PG_GETARG_DATUM(number);
}

/* A timestamp that is given and finite. */
TimestampTz
arg_time_required(FunctionCallInfo fcinfo, int number, const char *name)
{
	TimestampTz value = DatumGetTimestampTz(arg_required(fcinfo, number, name));

	if (TIMESTAMP_NOT_FINITE(value))
		billing_error(INVALID_ARGUMENT, errmsg("%s must be finite", name));
	return value;
}

/* The text of a JSON object, or NULL. */
char *
arg_json_optional(FunctionCallInfo fcinfo, int number, const char *name, int max_bytes)
{
	Jsonb *document;
	char *text;

	if (PG_ARGISNULL(number))
		return NULL;
	document = PG_GETARG_JSONB_P(number);
	if (!JB_ROOT_IS_OBJECT(document))
		billing_error(MALFORMED_DOCUMENT, errmsg("%s must be a JSON object", name));
	text = JsonbToCString(NULL, &document->root, VARSIZE(document));
	if (strlen(text) > (size_t) max_bytes)
		billing_error(LIMIT_EXCEEDED, errmsg("%s is too large", name),
					  errdetail("It has %zu bytes, at most %d are allowed.", strlen(text),
								max_bytes));
	return text;
}

/* One of `choices` (ended by NULL), or NULL. */
char *
arg_choice_optional(FunctionCallInfo fcinfo, int number, const char *name,
					const char *const *choices)
{
	StringInfoData list;
	char *value = PG_ARGISNULL(number) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(number));

	if (value == NULL)
		return NULL;
	initStringInfo(&list);
	for (int i = 0; choices[i] != NULL; i++)
	{
		if (strcmp(value, choices[i]) == 0)
			return value;
		appendStringInfo(&list, "%s%s", i > 0 ? ", " : "", choices[i]);
	}
	billing_error(INVALID_ARGUMENT, errmsg("%s is not one of the allowed values", name),
				  errdetail("The value is \"%s\".", text_shown(value)),
				  errhint("Allowed are %s.", list.data));
	return NULL; /* not reached */
}

/* A currency that is given; UNKNOWN_CURRENCY, whatever is wrong with it. */
const Currency *
arg_currency(FunctionCallInfo fcinfo, int number)
{
	return currency_require(PG_ARGISNULL(number) ? NULL
												 : text_to_cstring(PG_GETARG_TEXT_PP(number)));
}

/* The row that an entry point answers, of its declared type. */
Datum
result_of(FunctionCallInfo fcinfo, Datum *values, bool *nulls)
{
	TupleDesc desc;

	Ensure(get_call_result_type(fcinfo, NULL, &desc) == TYPEFUNC_COMPOSITE,
		   "return type must be a row type");
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

/* billing.checked_time(value timestamptz, name text, required boolean) -> timestamptz */
PG_FUNCTION_INFO_V1(billing_checked_time);
Datum
billing_checked_time(PG_FUNCTION_ARGS)
{
	char *name = arg_text_required(fcinfo, 1, "name", MAX_NAME);
	bool required = DatumGetBool(arg_required(fcinfo, 2, "required"));

	if (PG_ARGISNULL(0) && !required)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(arg_time_required(fcinfo, 0, name));
}

/* billing.checked_customer(customer_id text) -> text */
PG_FUNCTION_INFO_V1(billing_checked_customer);
Datum
billing_checked_customer(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID)));
}
