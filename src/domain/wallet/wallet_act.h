/*
 * wallet_act.h
 *	  What is done to a wallet once a key.
 */
#ifndef BILLING_WALLET_ACT_H
#define BILLING_WALLET_ACT_H

#include "domain/wallet/wallet_call.h"

/* Undoes a change that could not be booked, since another call has the key. */
extern void wallet_put_back(const WalletCall *call, Money balance, Money held);

/* What a call does, once a key. Both answer whether they did, and the row to answer. */
typedef struct WalletAct
{
	const char *kind; /* of the transfer */
	Stmt *stmt;
	bool (*replay)(const WalletCall *call, const struct WalletAct *act, Datum *result);
	bool (*attempt)(const WalletCall *call, const struct WalletAct *act, Datum *result);
} WalletAct;

extern const WalletAct wallet_top_up;
extern const WalletAct wallet_charge;
extern const WalletAct wallet_capture;

/* Raises 40001: another transaction has the key, and this snapshot cannot see it. */
extern void wallet_retry(const WalletCall *call);
extern Datum wallet_do(WalletCall *call, const WalletAct *act);

#endif
