/*
 * payment_capture.c
 *	  What an approved payment does to its target: once, in the transaction that records it.
 *
 * Locks: the invoice or the order is locked by the caller; then the wallet, of a payment by wallet and
 * of a top-up.
 */
#include "postgres.h"

#include "core/ids.h"
#include "domain/payment/payment_rows.h"
#include "domain/wallet/wallet.h"

static void
invoice_capture(const Payment *payment, const char *payment_id)
{
	InvoicePayment part = {payment->customer_id, payment->target_id, payment->amount, payment_id};

	if (payment->credit_id != 0)
		part.amount = money_subtract(payment->amount, payment->excess);
	if (!money_is_zero(part.amount))
		invoices_pay(&part, 1);
}

void
payment_move_wallet(const Payment *payment)
{
	WalletChange change = {
		.customer_id = payment->customer_id,
		.amount = payment->amount,
		.reference_type = "PAYMENT",
		.reference_id = id_text(payment->payment_id),
	};

	if (payment->provider == &wallet_provider)
		wallet_withdraw(&change);
	if (strcmp(payment->target_type, TARGET_TOP_UP) == 0)
		wallet_deposit(&change);
}

void
payment_capture(const Payment *payment)
{
	if (payment->answer.outcome != PROVIDER_APPROVED)
		return;
	if (strcmp(payment->target_type, TARGET_INVOICE) == 0)
		invoice_capture(payment, id_text(payment->payment_id));
	else if (strcmp(payment->target_type, TARGET_ORDER) == 0)
		order_mark_paid(payment->order, payment->payment_id);
}
