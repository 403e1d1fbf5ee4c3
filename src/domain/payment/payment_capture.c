/*
 * payment_capture.c
 *	  What approved payments do to their targets: once, in the transaction that records it.
 *
 * Locks: the invoices and orders are locked by the caller; then the wallet, of a payment by wallet and
 * of a top-up.
 */
#include "postgres.h"

#include "core/ids.h"
#include "domain/order/order_batch.h"
#include "domain/payment/payment_rows.h"
#include "domain/wallet/wallet.h"

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

/* What of a payment is for its invoice: more than was due became a credit. */
static Money
invoice_part(const Payment *payment)
{
	if (payment->credit_id == 0)
		return payment->amount;
	return money_subtract(payment->amount, payment->excess);
}

void
payments_capture(const Payment *payments, int count)
{
	InvoicePayment *parts = palloc(sizeof(InvoicePayment) * count);
	OrderPayment *paid = palloc(sizeof(OrderPayment) * count);
	int part_count = 0;
	int paid_count = 0;

	for (int i = 0; i < count; i++)
	{
		const Payment *payment = &payments[i];

		if (payment->answer.outcome != PROVIDER_APPROVED)
			continue;
		if (strcmp(payment->target_type, TARGET_ORDER) == 0)
			paid[paid_count++] = (OrderPayment){payment->order, payment->payment_id};
		else if (strcmp(payment->target_type, TARGET_INVOICE) == 0 &&
				 !money_is_zero(invoice_part(payment)))
			parts[part_count++] =
				(InvoicePayment){payment->customer_id, payment->target_id, invoice_part(payment),
								 id_text(payment->payment_id)};
	}
	invoices_pay(parts, part_count);
	orders_mark_paid(paid, paid_count);
}
