/*
 * errors.c
 *	  The registry of errors as rows.
 */
#include "postgres.h"

#include "core/errors.h"
#include "funcapi.h"
#include "utils/builtins.h"

typedef struct ErrorEntry
{
	const char *symbol;
	const char *api_code;
	const char *meaning;
	int sqlstate;
	int http_status;
} ErrorEntry;

#define ERROR_ENTRY(symbol, a, b, c, api_code, http_status, meaning)                               \
	{#symbol, api_code, meaning, MAKE_SQLSTATE('Z', 'B', a, b, c), http_status},

static const ErrorEntry entries[] = {BILLING_ERRORS(ERROR_ENTRY)};

/* The symbol of the registry, else the SQLSTATE. */
const char *
billing_error_name(int sqlerrcode)
{
	for (size_t i = 0; i < lengthof(entries); i++)
	{
		if (entries[i].sqlstate == sqlerrcode)
			return entries[i].symbol;
	}
	return pstrdup(unpack_sql_state(sqlerrcode));
}

/* billing.error_codes: the rows of the registry */
PG_FUNCTION_INFO_V1(billing_error_registry);
Datum
billing_error_registry(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (size_t i = 0; i < lengthof(entries); i++)
	{
		Datum values[5] = {CStringGetTextDatum(entries[i].symbol),
						   CStringGetTextDatum(unpack_sql_state(entries[i].sqlstate)),
						   CStringGetTextDatum(entries[i].api_code),
						   Int32GetDatum(entries[i].http_status),
						   CStringGetTextDatum(entries[i].meaning)};
		bool nulls[5] = {false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}
