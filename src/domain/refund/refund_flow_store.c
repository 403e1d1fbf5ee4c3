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
#include "domain/gateway_call/gateway_call.h"
#include "domain/gateway_call/gateway_scale.h"
#include "domain/invoice/invoice_credited.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/payment_end.h"
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

/* What was captured late paid for nothing: neither a note nor the order knows of its refund. */
void
refund_split(Refund *refund)
{
	const Order *order = &refund->order;

	refund->tax = money_zero(refund->amount.currency);
	if (refund->payment.late)
		return;
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

	if (goes_to(refund, DESTINATION_SOURCE) && refund->payment.provider->remote)
		gateway_scale_check(refund->amount);
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

static WalletChange
wallet_change(const Refund *refund)
{
	return (WalletChange){
		.customer_id = refund->customer_id,
		.amount = refund->amount,
		.reference_type = "REFUND",
		.reference_id = id_text(refund->refund_id),
	};
}

void
refund_pay_out(Refund *refund)
{
	WalletChange change = wallet_change(refund);

	refund_require_transition(refund->status, REFUND_APPROVED);
	refund->status = REFUND_APPROVED;
	if (refund->payment.late || refund->reserved)
		return;
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

/* Where the money is until it goes back. */
static const char *
debited_account(const Refund *refund)
{
	if (refund->payment.late || refund->reserved)
		return ACCOUNT_REFUND_CLEARING;
	return is_target(refund, TARGET_TOP_UP) ? ACCOUNT_WALLET : ACCOUNT_RECEIVABLE;
}

static LedgerTransfer
refund_transfer(const Refund *refund)
{
	return (LedgerTransfer){
		.journal_id = refund->refund_id,
		.customer_id = refund->customer_id,
		.amount = refund->amount,
		.reference_type = "REFUND",
		.reference_id = id_text(refund->refund_id),
		.effective_on = zone_day(clock_now(), house_time_zone()),
	};
}

static void
refund_post(const Refund *refund)
{
	LedgerTransfer transfers[2];
	int count = 1;
	LedgerTransfer transfer = refund_transfer(refund);

	transfer.kind = "REFUND_COMPLETED";
	transfer.debit_account = debited_account(refund);
	transfer.credit_account = credited_account(refund);
	if (is_target(refund, TARGET_ORDER) && !refund->payment.late)
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
	if (is_target(refund, TARGET_ORDER) && !refund->payment.late)
		order_add_refund(&refund->order, refund->amount, refund->tax, refund->refund_id);
}

bool
refund_reserves(const Refund *refund)
{
	return is_target(refund, TARGET_TOP_UP) && !refund->payment.late;
}

/* Takes what a top-up brought out of the wallet, so that it is not spent while the provider is asked. */
static void
wallet_reserve(Refund *refund)
{
	WalletChange change = wallet_change(refund);
	LedgerTransfer transfer = refund_transfer(refund);

	wallet_withdraw(&change);
	transfer.kind = "REFUND_RESERVED";
	transfer.debit_account = ACCOUNT_WALLET;
	transfer.credit_account = ACCOUNT_REFUND_CLEARING;
	ledger_post(&transfer, 1);
	refund->reserved = true;
}

static void
wallet_give_back(const Refund *refund)
{
	WalletChange change = wallet_change(refund);
	LedgerTransfer transfer = refund_transfer(refund);

	wallet_deposit(&change);
	transfer.kind = "REFUND_RETURNED";
	transfer.debit_account = ACCOUNT_REFUND_CLEARING;
	transfer.credit_account = ACCOUNT_WALLET;
	ledger_post(&transfer, 1);
}

static void
refund_fail(Refund *refund)
{
	refund_require_transition(refund->status, REFUND_FAILED);
	refund->status = REFUND_FAILED;
	if (refund->reserved)
		wallet_give_back(refund);
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
 * One whose outcome is unknown changes nothing but its own row and the wallet that a top-up filled. Its
 * payment is written anew, so that a caller whose snapshot is older cannot lock it: he would not see
 * what counts against what is left. A remote provider is asked by the gateway worker.
 */
static void
refund_wait(Refund *refund)
{
	GatewayCall call = {refund->customer_id, SUBJECT_REFUND, refund->refund_id, !refund->by_house};
	StmtArgs args = {0};

	arg_text(&args, refund->customer_id);
	arg_datum(&args, refund->payment.payment_id);
	stmt_run(&touch_payment, &args);
	if (refund_reserves(refund))
		wallet_reserve(refund);
	if (refund->payment.provider->remote)
		gateway_calls_queue(&call, 1);
}

/* Gives back what was captured after its payment had FAILED; answers the id of the refund. */
static Datum
refund_late_capture(const Payment *payment)
{
	Refund refund = {
		.customer_id = payment->customer_id,
		.payment = {.customer_id = payment->customer_id,
					.payment_id = payment->payment_id,
					.status = PAYMENT_FAILED,
					.target_type = unconstify(char *, payment->target_type),
					.target_id = payment->target_id,
					.amount = payment->amount,
					.excess = money_zero(payment->amount.currency),
					.provider = payment->provider,
					.provider_reference = unconstify(char *, payment->answer.reference),
					.late = true},
		.amount = payment->amount,
		.destination = DESTINATION_SOURCE,
		.reason = "Captured after the payment had failed",
		.by_house = true,
	};

	refund_split(&refund);
	refund_request(&refund);
	refund_decide(&refund);
	return refund.refund_id;
}

void
refund_init(void)
{
	payment_end_port.refund_late = refund_late_capture;
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
