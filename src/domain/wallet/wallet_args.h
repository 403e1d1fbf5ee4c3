/*
 * wallet_args.h
 *	  The arguments that entry points of wallets have in common, and what a key signs of them.
 */
#ifndef BILLING_WALLET_ARGS_H
#define BILLING_WALLET_ARGS_H

#include "domain/wallet/wallet_call.h"
#include "fmgr.h"
#include "lib/stringinfo.h"

/*
 * The text of which the fingerprint is made: the function's name, then each argument. A NULL is told
 * apart from an empty value, and two values from one.
 */
extern void sign_begin(StringInfo signature, const char *function);
extern void sign_value(StringInfo signature, const char *value);
extern Datum sign_end(StringInfo signature);

/* An amount above 0, with no more decimals than the currency has. */
extern Money arg_amount(FunctionCallInfo fcinfo, int number, const Currency *currency);

/*
 * Reads (customer_id, amount, currency, reference_type, reference_id, idempotency_key, metadata,
 * expected_version) and signs all but the key and the version, which is no part of what is asked for.
 */
extern void wallet_call_read(FunctionCallInfo fcinfo, WalletCall *call, StringInfo signature);

#endif
