/*
 * credit_note_api.c
 *	  issue_credit_note(): takes back a part of an issued invoice, or all that is left of it.
 *
 * Guarantees: it lowers what is due first; the rest of it goes back, in the same transaction, to the
 * payments of the invoice, newest first, and then to credit that was applied. Idempotency: the key and
 * its fingerprint are columns of the note. Locks: the invoice, where callers of one key meet; its
 * payments, newest first; the wallet; the number series.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/credit/credit.h"
#include "domain/invoice/invoice_credited.h"
#include "domain/invoice/invoice_state.h"
#include "domain/invoice/invoice_store.h"
#include "domain/ledger/ledger.h"
#include "domain/refund/credit_note_args.h"
#include "domain/refund/refund.h"
#include "utils/uuid.h"

typedef struct Correction
{
	CreditNote note;
	Jsonb *lines;            /* NULL: all that is not credited yet */
	const char *destination; /* of what was paid; NULL: nowhere */
	char *number;            /* of the invoice */
	InvoiceStatus status;
	InvoiceCredited taken; /* at first what there is, then what the note takes of it */
	int refund_count;
	Refund *refunds;
} Correction;

static Stmt lock_invoice = {
	.name = "lock_corrected",
	.sql = "SELECT h.number::text AS number, h.status, h.currency, h.amount_due, h.amount_paid, h.applied_credit"
		   " FROM billing.invoice_headers h WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static void
correction_from_args(FunctionCallInfo fcinfo, Correction *correction)
{
	CreditNote *note = &correction->note;
	JsonWriter json;

	note->invoice_id = arg_required(fcinfo, 0, "invoice_id");
	correction->lines = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	note->reason = arg_text_required(fcinfo, 2, "reason", MAX_REASON);
	correction->destination = arg_choice_optional(fcinfo, 3, "destination", refund_destinations);
	note->idempotency_key = arg_text_optional(fcinfo, 4, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	if (note->idempotency_key == NULL)
		return;
	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "issue_credit_note");
	json_string(&json, id_text(note->invoice_id));
	json_raw(&json, correction->lines == NULL ? NULL
											  : JsonbToCString(NULL, &correction->lines->root,
															   VARSIZE(correction->lines)));
	json_string(&json, note->reason);
	json_string(&json, correction->destination);
	json_close(&json, ']');
	note->fingerprint = digest_text(json.text.data);
}

static void
correction_lock(Correction *correction)
{
	const CreditNote *note = &correction->note;
	const Currency *currency;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, note->customer_id);
	arg_datum(&args, note->invoice_id);
	rows = key_meet(&lock_invoice, &args, note->idempotency_key);
	Ensure(row_next(&rows), "invoice vanished");
	currency = currency_require(row_text(&rows, "currency"));
	correction->number = row_text(&rows, "number");
	correction->status = invoice_status_of(row_text(&rows, "status"));
	correction->taken = (InvoiceCredited){
		.customer_id = note->customer_id,
		.invoice_id = note->invoice_id,
		.due = row_money(&rows, "amount_due", currency),
		.paid = row_money(&rows, "amount_paid", currency),
		.applied = row_money(&rows, "applied_credit", currency),
	};
}

static Stmt find_by_key = {
	.name = "find_credit_note_by_key",
	.sql = "SELECT n AS note, n.fingerprint = $3 AS same FROM billing.credit_notes n"
		   " WHERE n.customer_id = $1 AND n.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

/* The note that the key made, or false when it made none. */
static bool
note_replay(const CreditNote *note, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (note->idempotency_key == NULL)
		return false;
	arg_text(&args, note->customer_id);
	arg_text(&args, note->idempotency_key);
	arg_datum(&args, note->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(note->idempotency_key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "note");
	return true;
}

static void
correction_compose(Correction *correction)
{
	CreditNote *note = &correction->note;

	if (correction->status != INVOICE_ISSUED && correction->status != INVOICE_OVERDUE &&
		correction->status != INVOICE_PAID)
		billing_error(ILLEGAL_STATE,
					  errmsg("invoice %s cannot have a credit note", correction->number),
					  errdetail("It is %s.", invoice_status_name(correction->status)));
	refund_require_none_pending(note->customer_id, note->invoice_id);
	if (correction->lines == NULL)
		credit_note_of_rest(note);
	else
	{
		credit_note_parse_lines(note, correction->lines, correction->taken.due.currency);
		credit_note_of_lines(note);
	}
	if (money_is_zero(credit_note_total(note)))
		billing_error(CREDIT_NOTE_EXCEEDS_INVOICE,
					  errmsg("nothing is left of invoice %s", correction->number));
}

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
		refund->payment = payment_lock(note->customer_id,
									   row_datum(&rows, "payment_id", UUIDOID, &isnull), NULL);
		refund->amount = money_least(refund_left(refund), rest);
		if (money_is_zero(refund->amount))
			continue;
		refund->destination = correction->destination;
		refund->reason = note->reason;
		refund->note = note;
		rest = money_subtract(rest, refund->amount);
		correction->refund_count++;
	}
	return rest;
}

/* Where the total of the note is taken from. */
static void
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
					  errhint("Say by destination where the money goes: SOURCE, WALLET or CREDIT."));
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
						  errmsg("payment %s was not refunded", id_text(refund->payment.payment_id)),
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

static void
correction_book(Correction *correction)
{
	refunds_pay_out(correction);
	return_applied(correction);
	credit_note_issue(&correction->note);
	invoice_credit(&correction->taken);
	for (int i = 0; i < correction->refund_count; i++)
		refund_complete(&correction->refunds[i]);
}

static Stmt select_note = {
	.name = "select_credit_note",
	.sql = "SELECT n AS note FROM billing.credit_notes n"
		   " WHERE n.customer_id = $1 AND n.credit_note_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Datum
note_row(const CreditNote *note)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, note->customer_id);
	arg_datum(&args, note->credit_note_id);
	rows = stmt_run(&select_note, &args);
	Ensure(row_next(&rows), "credit note vanished");
	return row_composite(&rows, "note");
}

/* issue_credit_note(invoice_id uuid, lines jsonb, reason text, destination text, key) -> billing.credit_notes */
PG_FUNCTION_INFO_V1(billing_issue_credit_note);
Datum
billing_issue_credit_note(PG_FUNCTION_ARGS)
{
	Correction correction = {0};
	Datum result;

	correction_from_args(fcinfo, &correction);
	actor_require_service();
	spi_begin();
	correction.note.customer_id = invoice_require_customer(correction.note.invoice_id);
	correction_lock(&correction);
	if (!note_replay(&correction.note, &result))
	{
		correction_compose(&correction);
		correction_plan(&correction);
		correction_book(&correction);
		result = note_row(&correction.note);
	}
	spi_end();
	return result;
}
