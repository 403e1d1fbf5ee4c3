/*
 * wallet_call.h
 *	  A call that changes a wallet, inside the module.
 */
#ifndef BILLING_WALLET_CALL_H
#define BILLING_WALLET_CALL_H

#include "core/money.h"
#include "core/spi.h"

typedef struct WalletCall
{
	const char *customer_id;
	Money amount;     /* above 0 */
	bool adds;        /* or takes from what is available */
	bool captures;    /* or from what is held, of which `unheld` is set free: */
	Money unheld;     /* the whole hold */
	bool has_version; /* goes on only if the wallet has this version */
	int64 version;
	const char *reference_type; /* NULL: the wallet itself */
	const char *reference_id;
	const char *key;   /* idempotency key, or NULL */
	Datum fingerprint; /* bytea, 0 without a key */
	Datum metadata;    /* jsonb, or 0 */
} WalletCall;

/* A locked wallet. */
typedef struct WalletState
{
	Datum wallet_id;
	Money balance;
	Money held;
	int64 version;
} WalletState;

/* The arguments with which every statement begins that changes a wallet for a call. */
#define WALLET_ARG_TYPES                                                                           \
	TEXTOID, TEXTOID, NUMERICOID, NUMERICOID, INT8OID, TIMESTAMPTZOID, TEXTOID, TEXTOID, JSONBOID, \
		TEXTOID, TEXTOID, TEXTOID
#define WALLET_ARGS 12
extern void arg_wallet(StmtArgs *args, const WalletCall *call);

/* Locks the wallet, which is opened for a call that adds, or raises WALLET_NOT_FOUND. */
extern WalletState wallet_lock(const WalletCall *call);

/* Makes a locked wallet able to take the call, or raises why it cannot. */
extern void wallet_prepare(WalletCall *call, const WalletState *state);

/* What the audit log says of a wallet: {"balance", "held", "currency", "holdId"}; hold_id may be NULL. */
extern Datum wallet_json(Money balance, Money held, const char *hold_id);

#endif
