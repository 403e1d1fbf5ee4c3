/*
 * wallet.h
 *	  Prepaid balances, as other modules move them.
 */
#ifndef BILLING_WALLET_H
#define BILLING_WALLET_H

#include "core/money.h"

/* A movement that another module makes; who makes it posts the ledger. */
typedef struct WalletChange
{
	const char *customer_id;
	Money amount;               /* above 0 */
	const char *reference_type; /* PAYMENT or REFUND */
	const char *reference_id;
} WalletChange;

/*
 * Both lock the wallet until the transaction ends, and append its event. Need spi_begin().
 * A withdrawal raises WALLET_NOT_FOUND and INSUFFICIENT_BALANCE; a deposit opens the wallet.
 */
extern void wallet_withdraw(const WalletChange *change);
extern void wallet_deposit(const WalletChange *change);

/*
 * The id of the wallet, which is opened if there is none; callers of one idempotency key (NULL: none)
 * meet there. Needs spi_begin().
 */
extern Datum wallet_open(const char *customer_id, const Currency *currency, const char *key);

#endif
