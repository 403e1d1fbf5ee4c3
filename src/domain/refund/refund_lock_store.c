/*
 * refund_lock_store.c
 *	  What a refund is decided on: its payment, what was paid with it, and what is left.
 *
 * Locks: the invoice or the order, then the payment.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/numeric.h"
#include "domain/refund/refund_lock.h"

static Stmt lock_invoice = {
	.name = "lock_refunded_invoice",
	.sql = "SELECT h.status FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

void
refund_lock(Refund *refund, const PaymentTarget *target, Datum payment_id)
{
	refund->customer_id = target->customer_id;
	if (strcmp(target->target_type, TARGET_ORDER) == 0)
		refund->order = order_lock(target->customer_id, target->target_id, refund->idempotency_key);
	else if (strcmp(target->target_type, TARGET_INVOICE) == 0)
	{
		StmtArgs args = {0};

		arg_text(&args, target->customer_id);
		arg_datum(&args, target->target_id);
		(void) key_meet(&lock_invoice, &args, refund->idempotency_key);
	}
	refund->payment = payment_lock(target->customer_id, payment_id, refund->idempotency_key);
}

static Stmt sum_refunds = {
	.name = "sum_refunds",
	.sql = "SELECT COALESCE(pg_catalog.sum(r.amount), 0) AS amount FROM billing.refunds r"
		   " WHERE r.customer_id = $1 AND r.payment_id = $2 AND r.status <> 'FAILED'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

Money
refund_left(const Refund *refund)
{
	const LockedPayment *payment = &refund->payment;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, refund->customer_id);
	arg_datum(&args, payment->payment_id);
	rows = stmt_run(&sum_refunds, &args);
	Ensure(row_next(&rows), "no sum of refunds");
	return money_subtract(money_subtract(payment->amount, payment->excess),
						  row_money(&rows, "amount", payment->amount.currency));
}
