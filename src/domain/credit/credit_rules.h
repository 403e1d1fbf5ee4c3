/*
 * credit_rules.h
 *	  The states of a credit, where its money comes from and goes to, and how credits are used up.
 *
 * Pure C: no SPI, no server state.
 */
#ifndef BILLING_CREDIT_RULES_H
#define BILLING_CREDIT_RULES_H

#include "core/money.h"

typedef enum CreditStatus
{
	CREDIT_ACTIVE,
	CREDIT_EXHAUSTED,
	CREDIT_EXPIRED,
	CREDIT_REVOKED,
} CreditStatus;

#define CREDIT_STATUS_COUNT 4

extern const char *const credit_types[]; /* ended by NULL */

extern const char *credit_status_name(CreditStatus status);
extern CreditStatus credit_status_of(const char *name);
extern bool credit_may_become(CreditStatus from, CreditStatus to);

/* Raises ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void credit_require_transition(CreditStatus from, CreditStatus to);

/* The account that a grant of the type debits, and that a revocation gives back to. */
extern const char *credit_source_account(const char *type);

/* The account that gets what is left of a credit of the type when it expires. */
extern const char *credit_expiry_account(const char *type);

/*
 * Takes at most `wanted` from balances, each used up before the next. Says in `taken` what each
 * gives, and answers the sum.
 */
extern Money credits_divide(Money wanted, const Money *balances, int count, Money *taken);

#endif
