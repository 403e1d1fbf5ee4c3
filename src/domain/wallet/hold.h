/*
 * hold.h
 *	  Holds on wallets, inside the module.
 */
#ifndef BILLING_HOLD_H
#define BILLING_HOLD_H

#include "core/batch.h"
#include "datatype/timestamp.h"
#include "domain/wallet/hold_state.h"
#include "domain/wallet/wallet_act.h"

typedef struct Hold
{
	Datum hold_id;
	const char *customer_id;
	const Currency *currency;
	/* known when it is locked */
	Datum wallet_id;
	Money amount;
	HoldStatus status;
	bool due; /* expires_at has come */
	const char *reference_type;
	const char *reference_id;
} Hold;

/* Why a held amount is available again. */
typedef struct HoldEnd
{
	HoldStatus status; /* RELEASED or EXPIRED */
	const char *key;   /* of a release, or NULL */
} HoldEnd;

typedef struct HoldCall
{
	WalletCall wallet; /* of hold_wallet(); comes first */
	bool expires;      /* false: expires_at is not looked at */
	TimestampTz expires_at;
} HoldCall;
extern const WalletAct hold_place;

/* Finds whose hold it is, or raises HOLD_NOT_FOUND; nothing is locked. */
extern Hold hold_require(Datum hold_id);

/* Locks it, after its wallet. */
extern void hold_lock(Hold *hold);

/* Marks a locked hold as captured; the wallet is charged already. */
extern void hold_captured(const Hold *hold, Money captured, Money held_after);

/* Rows (customer_id, hold_id) of holds whose wallets are locked. */
extern Batch *hold_batch_new(void);

/* Ends those that are OPEN: holds, wallets, events, audit. How many, and added to `freed` how much. */
extern int64 holds_end(Batch *holds, const HoldEnd *end, Money *freed);

/* Ends the due holds of a locked wallet; answers what is available again by that. */
extern Money holds_expire_due(const WalletCall *call, Datum wallet_id);

#endif
