/*
 * collection_settings.c
 *	  When declined invoices are charged again, and which declines are for good.
 */
#include "postgres.h"

#include "domain/collection/collection_rows.h"
#include "utils/guc.h"

#define DEFAULT_RETRY_DAYS "1, 3, 5, 7"
#define DEFAULT_HARD_DECLINES                                                                      \
	"CARD_EXPIRED, LOST_CARD, STOLEN_CARD, PICKUP_CARD, INVALID_ACCOUNT, ACCOUNT_CLOSED, FRAUD,"   \
	" REVOKED_AUTHORIZATION, AMOUNT_NOT_SUPPORTED"

static char *retry_days = NULL;
static char *hard_declines = NULL;

static bool
retry_days_check(char **newval, void **extra, GucSource source)
{
	RetrySchedule schedule;
	const char *problem = schedule_parse(*newval, &schedule);

	if (problem != NULL)
		GUC_check_errdetail("%s", problem);
	return problem == NULL;
}

static bool
hard_declines_check(char **newval, void **extra, GucSource source)
{
	const char *problem = codes_check(*newval);

	if (problem != NULL)
		GUC_check_errdetail("%s", problem);
	return problem == NULL;
}

void
collection_init(void)
{
	DefineCustomStringVariable(
		"billing.collection_retry_days",
		"Sets on which days after the first decline an invoice is charged again.",
		"Days from 1 to 365, rising, separated by commas. Empty: it is not charged again.",
		&retry_days, DEFAULT_RETRY_DAYS, PGC_SUSET, 0, retry_days_check, NULL, NULL);
	DefineCustomStringVariable(
		"billing.gateway_hard_declines", "Sets with which codes a provider declines for good.",
		"Separated by commas. An invoice that was declined so is not charged again.",
		&hard_declines, DEFAULT_HARD_DECLINES, PGC_SUSET, 0, hard_declines_check, NULL, NULL);
}

RetrySchedule
collection_schedule(void)
{
	RetrySchedule schedule;

	(void) schedule_parse(retry_days, &schedule); /* checked when it was set */
	return schedule;
}

const char *
collection_schedule_text(void)
{
	return retry_days;
}

bool
collection_code_is_hard(const char *code)
{
	return code != NULL && codes_hold(hard_declines, code);
}
