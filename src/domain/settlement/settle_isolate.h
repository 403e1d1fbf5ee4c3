/*
 * settle_isolate.h
 *	  Issuing a settlement in a subtransaction.
 */
#ifndef BILLING_SETTLE_ISOLATE_H
#define BILLING_SETTLE_ISOLATE_H

#include "domain/settlement/settlement.h"

/*
 * Issues the composed invoices; false, with everything of it undone, when the writing failed. The error of a
 * single customer is recorded on him.
 */
extern bool settlement_issue_isolated(Settlement *settlement);

#endif
