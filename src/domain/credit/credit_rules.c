/*
 * credit_rules.c
 *	  The states of a credit as a table, its accounts by type, and how credits are used up. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/credit/credit.h"
#include "domain/credit/credit_rules.h"
#include "domain/ledger/ledger.h"

static const char *const status_names[CREDIT_STATUS_COUNT] = {
	[CREDIT_ACTIVE] = "ACTIVE",
	[CREDIT_EXHAUSTED] = "EXHAUSTED",
	[CREDIT_EXPIRED] = "EXPIRED",
	[CREDIT_REVOKED] = "REVOKED",
};

typedef struct CreditTransition
{
	CreditStatus from;
	CreditStatus to;
	const char *why;
} CreditTransition;

static const CreditTransition transitions[] = {
	{CREDIT_ACTIVE, CREDIT_EXHAUSTED, "all of it was applied to invoices"},
	{CREDIT_ACTIVE, CREDIT_EXPIRED, "its valid_until has come"},
	{CREDIT_ACTIVE, CREDIT_REVOKED, "what was left was taken back"},
};

typedef struct CreditAccounts
{
	const char *type;
	const char *source;
	const char *expiry;
} CreditAccounts;

/* What was given away is taken back when it expires; what was paid for stays with the house. */
static const CreditAccounts accounts[] = {
	{"PROMO", ACCOUNT_PROMOTION, ACCOUNT_PROMOTION},
	{"COMPENSATION", ACCOUNT_PROMOTION, ACCOUNT_PROMOTION},
	{"PREPAID", ACCOUNT_FUNDING_CLEARING, ACCOUNT_BREAKAGE_REVENUE},
	{CREDIT_REFUND, ACCOUNT_REFUND_CLEARING, ACCOUNT_BREAKAGE_REVENUE},
};

const char *const credit_types[] = {"PROMO", "PREPAID", "COMPENSATION", CREDIT_REFUND, NULL};

const char *
credit_status_name(CreditStatus status)
{
	return status_names[status];
}

CreditStatus
credit_status_of(const char *name)
{
	for (int i = 0; i < CREDIT_STATUS_COUNT; i++)
	{
		if (strcmp(name, status_names[i]) == 0)
			return (CreditStatus) i;
	}
	Ensure(false, "unknown credit status \"%s\"", name);
	return CREDIT_ACTIVE; /* not reached */
}

bool
credit_may_become(CreditStatus from, CreditStatus to)
{
	for (size_t i = 0; i < lengthof(transitions); i++)
	{
		if (transitions[i].from == from && transitions[i].to == to)
			return true;
	}
	return false;
}

void
credit_require_transition(CreditStatus from, CreditStatus to)
{
	if (!credit_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("credit cannot become %s", status_names[to]),
					  errdetail("It is %s.", status_names[from]));
}

static const CreditAccounts *
accounts_of(const char *type)
{
	for (size_t i = 0; i < lengthof(accounts); i++)
	{
		if (strcmp(type, accounts[i].type) == 0)
			return &accounts[i];
	}
	Ensure(false, "unknown credit type \"%s\"", type);
	return NULL; /* not reached */
}

const char *
credit_source_account(const char *type)
{
	return accounts_of(type)->source;
}

const char *
credit_expiry_account(const char *type)
{
	return accounts_of(type)->expiry;
}

Money
credits_divide(Money wanted, const Money *balances, int count, Money *taken)
{
	Money left = money_is_negative(wanted) ? money_zero(wanted.currency) : wanted;
	Money sum = money_zero(wanted.currency);

	for (int i = 0; i < count; i++)
	{
		taken[i] = money_compare(balances[i], left) < 0 ? balances[i] : left;
		left = money_subtract(left, taken[i]);
		sum = money_add(sum, taken[i]);
	}
	return sum;
}
