/*
 * gateway_settings.c
 *	  The settings of the calls to the payment gateway.
 *
 * All can be changed by a reload of the configuration; the worker reads them before each claim.
 */
#include "postgres.h"

#include "domain/gateway/gateway.h"
#include "utils/guc.h"

#define DAY_S (24 * 60 * 60)

GatewaySettings gateway_settings = {0};

static char *lookup_delays_text = NULL;

static const struct config_enum_entry amount_choices[] = {
	{"decimal", GATEWAY_AMOUNTS_DECIMAL, false},
	{"minor", GATEWAY_AMOUNTS_MINOR, false},
	{NULL, 0, false},
};

typedef struct IntSetting
{
	const char *name;
	const char *what;
	const char *more;
	int *value;
	int initial;
	int least;
	int most;
	int unit;
} IntSetting;

static const IntSetting int_settings[] = {
	{"billing.gateway_connect_timeout", "Sets how long connecting to the payment gateway may take.",
	 NULL, &gateway_settings.connect_timeout_ms, 2000, 1, 60000, GUC_UNIT_MS},
	{"billing.gateway_timeout", "Sets how long a whole call of the payment gateway may take.",
	 "After it the outcome is unknown, and is looked up. The lease of a call is 10 s longer.",
	 &gateway_settings.timeout_ms, 5000, 1, 300000, GUC_UNIT_MS},
	{"billing.gateway_max_in_flight", "Sets how many calls of the payment gateway run at once.",
	 "Over all workers.", &gateway_settings.max_in_flight, 20, 1, 1024, 0},
	{"billing.gateway_max_response",
	 "Sets the size above which an answer of the gateway is refused.", NULL,
	 &gateway_settings.max_response, 64 * 1024, 256, 16 * 1024 * 1024, GUC_UNIT_BYTE},
	{"billing.gateway_retry_delay",
	 "Sets the pause before a call that could not be sent is repeated.",
	 "It doubles with each try up to 1 min; each pause is a random part of it.",
	 &gateway_settings.retry_delay_ms, 200, 1, 60000, GUC_UNIT_MS},
	{"billing.gateway_key_lifetime", "Sets how long the same key may be sent to the gateway again.",
	 "After it the outcome is only looked up. Keep it below what the provider promises.",
	 &gateway_settings.key_lifetime_s, DAY_S - 60 * 60, 0, 30 * DAY_S, GUC_UNIT_S},
	{"billing.gateway_not_found_after",
	 "Sets after how long a payment that the gateway does not know has failed.",
	 "Counted from its first answer of this kind after the lifetime of the key.",
	 &gateway_settings.not_found_after_s, DAY_S, 0, 365 * DAY_S, GUC_UNIT_S},
	{"billing.gateway_stuck_after",
	 "Sets after how long an undecided payment stands in billing.stuck_payments.", NULL,
	 &gateway_settings.stuck_after_s, 60 * 60, 0, 365 * DAY_S, GUC_UNIT_S},
};

/* Items like 5s or 1min, parted by commas. False: they are not such. Allocates nothing. */
static bool
delays_parse(const char *text, GatewayDelays *delays)
{
	char item[32];

	*delays = (GatewayDelays){0};
	for (;;)
	{
		size_t length = strcspn(text, ",");
		int ms;

		if (length >= sizeof(item) || delays->count == GATEWAY_MAX_DELAYS)
			return false;
		memcpy(item, text, length);
		item[length] = '\0';
		if (!parse_int(item, &ms, GUC_UNIT_MS, NULL) || ms <= 0)
			return false;
		delays->ms[delays->count++] = ms;
		if (text[length] == '\0')
			return true;
		text += length + 1;
	}
}

static bool
delays_check(char **newval, void **extra, GucSource source)
{
	GatewayDelays delays;

	(void) extra;
	(void) source;
	if (delays_parse(*newval, &delays))
		return true;
	GUC_check_errdetail("It must be 1 to %d times above 0, parted by commas.", GATEWAY_MAX_DELAYS);
	GUC_check_errhint("For example \"%s\".", GATEWAY_DEFAULT_DELAYS);
	return false;
}

static void
delays_assign(const char *newval, void *extra)
{
	(void) extra;
	(void) delays_parse(newval, &gateway_settings.lookup_delays);
}

void
gateway_init(void)
{
	for (size_t i = 0; i < lengthof(int_settings); i++)
	{
		const IntSetting *s = &int_settings[i];

		DefineCustomIntVariable(s->name, s->what, s->more, s->value, s->initial, s->least, s->most,
								PGC_SUSET, s->unit, NULL, NULL, NULL);
	}
	DefineCustomStringVariable("billing.gateway_lookup_delays",
							   "Sets when an unknown outcome is looked up: the last repeats.",
							   "A list of at most 16 times.", &lookup_delays_text,
							   GATEWAY_DEFAULT_DELAYS, PGC_SUSET, 0, delays_check, delays_assign,
							   NULL);
	DefineCustomStringVariable(
		"billing.gateway_ca_file",
		"Names the file of certificates that the gateway's is verified with.",
		"Empty: those of the system.", &gateway_settings.ca_file, "", PGC_SUSET, 0, NULL, NULL,
		NULL);
	DefineCustomEnumVariable("billing.gateway_amounts",
							 "Sets how amounts are written for the gateway: 10.50 or 1050.", NULL,
							 &gateway_settings.amounts, GATEWAY_AMOUNTS_DECIMAL, amount_choices,
							 PGC_SUSET, 0, NULL, NULL, NULL);
}
