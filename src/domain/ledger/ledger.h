/*
 * ledger.h
 *	  Posting transfers: one row debits one account and credits another.
 */
#ifndef BILLING_LEDGER_H
#define BILLING_LEDGER_H

#include "core/money.h"
#include "utils/date.h"

#define ACCOUNT_RECEIVABLE "receivable"
#define ACCOUNT_REVENUE "revenue"
#define ACCOUNT_TAX_PAYABLE "tax_payable"
#define ACCOUNT_GATEWAY_CLEARING "gateway_clearing"
#define ACCOUNT_FUNDING_CLEARING "funding_clearing"
#define ACCOUNT_REFUND_CLEARING "refund_clearing"
#define ACCOUNT_BANK "bank"
#define ACCOUNT_WALLET "wallet"
#define ACCOUNT_CREDIT "credit"
#define ACCOUNT_PROMOTION "promotion"
#define ACCOUNT_BREAKAGE_REVENUE "breakage_revenue"

typedef struct LedgerTransfer
{
	Datum journal_id; /* shared by the transfers of one business event */
	const char *customer_id;
	const char *debit_account;
	const char *credit_account;
	Money amount; /* positive; a transfer of zero is left out */
	const char *kind;
	const char *reference_type;
	const char *reference_id;
	const char *tax_code; /* NULL unless the transfer is of tax */
	DateADT effective_on;
} LedgerTransfer;

extern void ledger_post(const LedgerTransfer *transfers, int count);

#endif
