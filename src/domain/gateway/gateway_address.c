/*
 * gateway_address.c
 *	  Where the payment gateway is, and the key that opens it.
 *
 * Guarantees: the API key is decrypted for one batch of calls, and wiped by who asked for it. Locks
 * nothing.
 */
#include "postgres.h"

#include "core/isolate.h"
#include "core/secret.h"
#include "domain/gateway/gateway.h"
#include "domain/gateway_call/gateway_call.h"
#include "utils/memutils.h"

#define API_KEY_SECRET "gateway_api_key"

typedef struct KeyReading
{
	GatewayAddress *to;
	MemoryContext context;
} KeyReading;

static void
read_api_key(void *argument)
{
	KeyReading *reading = argument;
	char *key = secret_read(API_KEY_SECRET);

	if (key == NULL)
		return;
	reading->to->api_key = MemoryContextStrdup(reading->context, key);
	explicit_bzero(key, strlen(key));
}

bool
gateway_address(GatewayAddress *to)
{
	KeyReading reading = {to, CurrentMemoryContext};
	ErrorData *error;

	*to = (GatewayAddress){.amounts = (GatewayAmounts) gateway_settings.amounts};
	if (!gateway_configured())
		return false;
	to->url = pstrdup(gateway_url());
	error = run_isolated(read_api_key, &reading);
	if (error == NULL)
		return true;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	ereport(LOG, errmsg("the API key of the payment gateway cannot be read: %s", error->message),
			error->hint != NULL ? errhint("%s", error->hint) : 0);
	FreeErrorData(error);
	return false;
}

void
gateway_address_wipe(GatewayAddress *address)
{
	if (address->api_key != NULL)
		explicit_bzero(address->api_key, strlen(address->api_key));
	address->api_key = NULL;
}
