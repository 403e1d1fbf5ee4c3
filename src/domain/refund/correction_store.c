/*
 * correction_store.c
 *	  Where the total of a credit note is taken from.
 *
 * Guarantees: what is due is lowered first; then what was paid goes back, the newest payment first, then
 * credit that was applied. Locks: the payments of the locked invoice, newest first; the wallet; the
 * number series.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/credit/credit.h"
#include "domain/ledger/ledger.h"
#include "domain/refund/correction.h"
#include "domain/refund/refund_lock.h"

static Money
money_least(Money a, Money b)
{
	return money_compare(a, b) < 0 ? a : b;
}

static Stmt select_payments = {
	.name = "select_refundable_payments",
	.sql = "SELECT p.payment_id FROM billing.payments p"
		   " WHERE p.customer_id = $1 AND p.target_id = $2 AND p.status = 'APPROVED'"
		   " ORDER BY p.completed_at DESC, p.payment_id DESC",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

/* The note is written with the money back, and a remote provider answers later. */
static void
require_at_once(const Refund *refund)
{
	if (strcmp(refund->destination, DESTINATION_SOURCE) == 0 && refund->payment.provider->remote)
		billing_error(ILLEGAL_STATE,
					  errmsg("payment %s goes back to its source after this call",
							 id_text(refund->payment.payment_id)),
					  errdetail("A credit note is written with the money back."),
					  errhint("Call refund_payment(), which writes the credit note when the money "
							  "is back, or choose another destination: WALLET or CREDIT."));
}

/* Plans refunds of the payments, newest first, for at most `rest`; answers what remains of it. */
static Money
plan_refunds(Correction *correction, Money rest)
{
	CreditNote *note = &correction->note;
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, note->customer_id);
	arg_datum(&args, note->invoice_id);
	rows = stmt_run(&select_payments, &args);
	correction->refunds = palloc0(sizeof(Refund) * (rows.count + 1));
	while (!money_is_zero(rest) && row_next(&rows))
	{
		Refund *refund = &correction->refunds[correction->refund_count];

		refund->customer_id = note->customer_id;
		refund->payment =
			payment_lock(note->customer_id, row_datum(&rows, "payment_id", UUIDOID, &isnull), NULL);
		refund->amount = money_least(refund_left(refund), rest);
		if (money_is_zero(refund->amount))
			continue;
		refund->destination = correction->destination;
		require_at_once(refund);
		refund->reason = note->reason;
		refund->note = note;
		rest = money_subtract(rest, refund->amount);
		correction->refund_count++;
	}
	return rest;
}

void
correction_plan(Correction *correction)
{
	InvoiceCredited *taken = &correction->taken;
	Money total = credit_note_total(&correction->note);
	Money rest;
	Money after_refunds;

	taken->due = money_least(taken->due, total);
	rest = money_subtract(total, taken->due);
	if (!money_is_zero(rest) && correction->destination == NULL)
		billing_error(ILLEGAL_STATE, errmsg("invoice %s is paid", correction->number),
					  errdetail("The credit note is more than what is due."),
					  errhint(
						  "Say by destination where the money goes: SOURCE, WALLET or CREDIT."));
	after_refunds = plan_refunds(correction, rest);
	taken->paid = money_subtract(rest, after_refunds);
	if (money_compare(after_refunds, taken->applied) > 0)
		billing_error(ILLEGAL_STATE,
					  errmsg("invoice %s has a refund that is not decided", correction->number),
					  errhint("End it with resolve_refund()."));
	taken->applied = after_refunds;
}

/* The tax of the refunds is that of the note, split over them cumulatively. */
static void
refunds_pay_out(Correction *correction)
{
	const CreditNote *note = &correction->note;
	Money amount = money_zero(note->net.currency);
	Money tax = amount;

	for (int i = 0; i < correction->refund_count; i++)
	{
		Refund *refund = &correction->refunds[i];
		Money to_date;

		amount = money_add(amount, refund->amount);
		to_date = money_portion(note->tax, amount, credit_note_total(note));
		refund->tax = money_subtract(to_date, tax);
		tax = to_date;
		refund_request(refund);
		if (refund->answer.outcome != PROVIDER_APPROVED)
			billing_error(ILLEGAL_STATE,
						  errmsg("payment %s was not refunded",
								 id_text(refund->payment.payment_id)),
						  errhint("Choose another destination: WALLET or CREDIT."));
		refund_pay_out(refund);
	}
}

static void
return_applied(const Correction *correction)
{
	CreditGrant grant = {
		.customer_id = correction->note.customer_id,
		.type = CREDIT_REFUND,
		.amount = correction->taken.applied,
		.valid_from = clock_now(),
		.reason = correction->note.reason,
		.debit_account = ACCOUNT_RECEIVABLE,
		.journal_id = correction->note.credit_note_id,
	};

	if (money_is_zero(correction->taken.applied))
		return;
	Ensure(credit_grant(&grant), "a credit without a key was not granted");
}

void
correction_book(Correction *correction)
{
	refunds_pay_out(correction);
	return_applied(correction);
	credit_note_issue(&correction->note);
	invoice_credit(&correction->taken);
	for (int i = 0; i < correction->refund_count; i++)
		refund_complete(&correction->refunds[i]);
}
