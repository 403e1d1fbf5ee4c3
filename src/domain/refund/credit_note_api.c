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
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/invoice/invoice_store.h"
#include "domain/pending/pending.h"
#include "domain/refund/correction.h"
#include "domain/refund/credit_note_args.h"
#include "domain/refund/refund_lock.h"
#include "utils/uuid.h"

static Stmt lock_invoice = {
	.name = "lock_corrected",
	.sql =
		"SELECT h.number::text AS number, h.status, h.currency, h.amount_due, h.amount_paid, h.applied_credit"
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

	note->invoice_id = arg_required(fcinfo, 0, "invoice_id");
	correction->lines = PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
	note->reason = arg_text_required(fcinfo, 2, "reason", MAX_REASON);
	correction->destination = arg_choice_optional(fcinfo, 3, "destination", refund_destinations);
	note->idempotency_key = arg_text_optional(fcinfo, 4, "idempotency_key", MAX_IDEMPOTENCY_KEY);
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

static void
lines_json(JsonWriter *json, const CreditNote *note)
{
	json_open(json, '[');
	for (int i = 0; i < note->line_count; i++)
	{
		json_int(json, note->lines[i].invoice_line_no);
		json_money(json, note->lines[i].net);
		json_string(json, note->lines[i].description);
	}
	json_close(json, ']');
}

/* Of the lines as they are meant, however they are written. */
static Datum
correction_fingerprint(const Correction *correction)
{
	const CreditNote *note = &correction->note;
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "issue_credit_note");
	json_string(&json, id_text(note->invoice_id));
	if (correction->lines == NULL)
		json_raw(&json, NULL);
	else
		lines_json(&json, note);
	json_string(&json, note->reason);
	json_string(&json, correction->destination);
	json_close(&json, ']');
	return digest_text(json.text.data);
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
	pending_require_none(note->customer_id, note->invoice_id,
						 psprintf("invoice %s", correction->number),
						 "Wait for its outcome, or end it with resolve_payment().");
	if (correction->lines == NULL)
		credit_note_of_rest(note);
	else
		credit_note_of_lines(note);
	if (money_is_zero(credit_note_total(note)))
		billing_error(CREDIT_NOTE_EXCEEDS_INVOICE,
					  errmsg("nothing is left of invoice %s", correction->number));
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
	if (correction.lines != NULL)
		credit_note_parse_lines(&correction.note, correction.lines, correction.taken.due.currency);
	if (correction.note.idempotency_key != NULL)
		correction.note.fingerprint = correction_fingerprint(&correction);
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
