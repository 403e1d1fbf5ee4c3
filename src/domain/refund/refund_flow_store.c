/*
 * refund_flow_store.c
 *	  A refund from its request to the money that is back.
 *
 * Guarantees: what is booked is what goes back, once, and only when it is COMPLETED; an unknown
 * outcome books nothing. Locks, after the target and the payment: the wallet, the number series.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/period.h"
#include "domain/credit/credit.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_credited.h"
#include "domain/ledger/ledger.h"
#include "domain/refund/refund_rows.h"
#include "domain/wallet/wallet.h"

const char *const refund_destinations[] = {DESTINATION_SOURCE, DESTINATION_WALLET,
										   DESTINATION_CREDIT, NULL};

static bool
is_target(const Refund *refund, const char *target_type)
{
	return strcmp(refund->payment.target_type, target_type) == 0;
}

static bool
goes_to(const Refund *refund, const char *destination)
{
	return strcmp(refund->destination, destination) == 0;
}

/* A note of one line for the amount: by its tax an order's and an invoice's refunds sum to the whole. */
static void
invoice_split(Refund *refund)
{
	CreditNote *note = palloc0(sizeof(CreditNote));

	note->customer_id = refund->customer_id;
	note->invoice_id = refund->payment.target_id;
	note->reason = refund->reason != NULL
					   ? refund->reason
					   : psprintf("Refund of payment %s", id_text(refund->payment.payment_id));
	credit_note_of_amount(note, refund->amount);
	refund->note = note;
	refund->tax = note->tax;
}

void
refund_split(Refund *refund)
{
	const Order *order = &refund->order;

	refund->tax = money_zero(refund->amount.currency);
	if (is_target(refund, TARGET_INVOICE))
		invoice_split(refund);
	else if (is_target(refund, TARGET_ORDER))
		refund->tax =
			money_subtract(money_portion(order->tax, money_add(order->refunded, refund->amount),
										 order->total),
						   order->refunded_tax);
}

void
refund_request(Refund *refund)
{
	ProviderCall call;

	refund->refund_id = id_new();
	refund->status = REFUND_REQUESTED;
	refund_insert(refund);
	refund_announce(refund);
	if (!goes_to(refund, DESTINATION_SOURCE))
	{
		refund->answer = (ProviderAnswer){.outcome = PROVIDER_APPROVED};
		return;
	}
	call = (ProviderCall){
		.customer_id = refund->customer_id,
		.target_type = refund->payment.target_type,
		.provider_key = id_text(refund->refund_id),
		.idempotency_key = refund->idempotency_key,
		.token = refund->payment.token,
		.amount = refund->amount,
		.reference = refund->payment.provider_reference,
	};
	refund->answer = refund->payment.provider->refund(&call);
}

static void
grant_refund(Refund *refund)
{
	CreditGrant grant = {
		.customer_id = refund->customer_id,
		.type = CREDIT_REFUND,
		.amount = refund->amount,
		.valid_from = clock_now(),
		.reason = refund->reason,
		.debit_account = ACCOUNT_REFUND_CLEARING,
		.journal_id = refund->refund_id,
	};

	Ensure(credit_grant(&grant), "a credit without a key was not granted");
	refund->credit_id = grant.credit_id;
}

void
refund_pay_out(Refund *refund)
{
	WalletChange change = {
		.customer_id = refund->customer_id,
		.amount = refund->amount,
		.reference_type = "REFUND",
		.reference_id = id_text(refund->refund_id),
	};

	refund_require_transition(refund->status, REFUND_APPROVED);
	refund->status = REFUND_APPROVED;
	if (is_target(refund, TARGET_TOP_UP))
		wallet_withdraw(&change);
	else if (goes_to(refund, DESTINATION_WALLET) ||
			 (goes_to(refund, DESTINATION_SOURCE) && refund->payment.provider == &wallet_provider))
		wallet_deposit(&change);
	else if (goes_to(refund, DESTINATION_CREDIT))
		grant_refund(refund);
}

static const char *
credited_account(const Refund *refund)
{
	if (goes_to(refund, DESTINATION_WALLET))
		return ACCOUNT_WALLET;
	if (goes_to(refund, DESTINATION_CREDIT))
		return ACCOUNT_REFUND_CLEARING;
	return refund->payment.provider->account;
}

static void
refund_post(const Refund *refund)
{
	LedgerTransfer transfers[2];
	int count = 1;
	LedgerTransfer transfer = {
		.journal_id = refund->refund_id,
		.customer_id = refund->customer_id,
		.debit_account = is_target(refund, TARGET_TOP_UP) ? ACCOUNT_WALLET : ACCOUNT_RECEIVABLE,
		.credit_account = credited_account(refund),
		.amount = refund->amount,
		.kind = "REFUND_COMPLETED",
		.reference_type = "REFUND",
		.reference_id = id_text(refund->refund_id),
		.effective_on = zone_day(clock_now(), house_time_zone()),
	};

	if (is_target(refund, TARGET_ORDER))
	{
		transfer.debit_account = ACCOUNT_TAX_PAYABLE;
		transfer.amount = refund->tax;
		transfer.tax_code = refund->order.tax_code;
		transfers[count++] = transfer;
		transfer.debit_account = ACCOUNT_REVENUE;
		transfer.amount = money_subtract(refund->amount, refund->tax);
		transfer.tax_code = NULL;
	}
	transfers[0] = transfer;
	ledger_post(transfers, count);
}

void
refund_complete(Refund *refund)
{
	refund_require_transition(refund->status, REFUND_COMPLETED);
	refund->status = REFUND_COMPLETED;
	refund_post(refund);
	refund_update(refund);
	refund_announce(refund);
	if (is_target(refund, TARGET_ORDER))
		order_add_refund(&refund->order, refund->amount, refund->tax, refund->refund_id);
}

static void
refund_fail(Refund *refund)
{
	refund_require_transition(refund->status, REFUND_FAILED);
	refund->status = REFUND_FAILED;
	refund_update(refund);
	refund_announce(refund);
}

static void
refund_approve(Refund *refund)
{
	refund_pay_out(refund);
	if (refund->note != NULL)
	{
		Money zero = money_zero(refund->amount.currency);

		credit_note_issue(refund->note);
		invoice_credit(&(InvoiceCredited){.customer_id = refund->customer_id,
										  .invoice_id = refund->note->invoice_id,
										  .due = zero,
										  .paid = refund->amount,
										  .applied = zero});
	}
	refund_complete(refund);
}

static Stmt touch_payment = {
	.name = "touch_payment",
	.sql = "UPDATE billing.payments p SET status = p.status"
		   " WHERE p.customer_id = $1 AND p.payment_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

/*
 * One whose outcome is unknown changes nothing but its own row. Its payment is written anew, so that a
 * caller whose snapshot is older cannot lock it: he would not see what counts against what is left.
 */
static void
refund_wait(const Refund *refund)
{
	StmtArgs args = {0};

	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->payment.payment_id);
	stmt_run(&touch_payment, &args);
}

void
refund_decide(Refund *refund)
{
	switch (refund->answer.outcome)
	{
		case PROVIDER_APPROVED:
			refund_approve(refund);
			break;
		case PROVIDER_DECLINED:
			refund_fail(refund);
			break;
		case PROVIDER_UNKNOWN:
			refund_wait(refund);
			break;
	}
}
