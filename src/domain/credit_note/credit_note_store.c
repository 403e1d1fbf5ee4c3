/*
 * credit_note_store.c
 *	  Issuing credit notes: row, lines, postings, event and audit, all in the caller's transaction.
 *
 * Guarantees: numbers without a gap; the transfers of a note are its net and its tax. Locks: its key,
 * if it has one, then the number series, last of all.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/credit_note/credit_note.h"
#include "domain/invoice/document_number.h"
#include "domain/ledger/ledger.h"
#include "utils/timestamp.h"

static Stmt insert_note = {
	.name = "insert_credit_note",
	.sql =
		"INSERT INTO billing.credit_notes (customer_id, credit_note_id, invoice_id, number, currency, net, tax,"
		" total, tax_code, reason, issued_on, issued_at, idempotency_key, fingerprint)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $6 + $7, $8, $9, $10, $11, $12, $13)"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 13,
	.argtypes = {TEXTOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID, NUMERICOID, NUMERICOID, TEXTOID,
				 TEXTOID, DATEOID, TIMESTAMPTZOID, TEXTOID, BYTEAOID},
};

static Stmt insert_lines = {
	.name = "insert_credit_note_lines",
	.sql =
		"INSERT INTO billing.credit_note_lines (customer_id, credit_note_id, line_no, invoice_line_no,"
		" description, net, tax)"
		" SELECT $1, $2, l.line_no, NULLIF(l.invoice_line_no, 0), l.description, l.net, l.tax"
		" FROM unnest($3, $4, $5, $6, $7) l(line_no, invoice_line_no, description, net, tax)",
	.expect = SPI_OK_INSERT,
	.nargs = 7,
	.argtypes = {TEXTOID, UUIDOID, INT4ARRAYOID, INT4ARRAYOID, TEXTARRAYOID, NUMERICARRAYOID,
				 NUMERICARRAYOID},
};

Money
credit_note_total(const CreditNote *note)
{
	return money_add(note->net, note->tax);
}

static void
note_insert(const CreditNote *note, DateADT issued_on)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, note->customer_id);
	arg_datum(&args, note->credit_note_id);
	arg_datum(&args, note->invoice_id);
	arg_text(&args, note->number);
	arg_text(&args, note->net.currency->code);
	arg_datum(&args, money_to_numeric(note->net));
	arg_datum(&args, money_to_numeric(note->tax));
	arg_text(&args, note->tax_code);
	arg_text(&args, note->reason);
	arg_datum(&args, DateADTGetDatum(issued_on));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text(&args, note->idempotency_key);
	if (note->fingerprint == 0)
		arg_null(&args);
	else
		arg_datum(&args, note->fingerprint);
	rows = key_meet(&insert_note, &args, note->idempotency_key);
	if (rows.count == 0)
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
}

static void
lines_insert(const CreditNote *note)
{
	static const Oid types[] = {INT4OID, INT4OID, TEXTOID, NUMERICOID, NUMERICOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < note->line_count; i++)
	{
		batch_row(batch);
		batch_datum(batch, Int32GetDatum(i + 1));
		batch_datum(batch, Int32GetDatum(note->lines[i].invoice_line_no));
		batch_text(batch, note->lines[i].description);
		batch_money(batch, note->lines[i].net);
		batch_money(batch, note->lines[i].tax);
	}
	arg_text(&args, note->customer_id);
	arg_datum(&args, note->credit_note_id);
	batch_args(batch, &args);
	stmt_run(&insert_lines, &args);
}

static void
note_post(const CreditNote *note, DateADT issued_on)
{
	LedgerTransfer transfers[2];
	LedgerTransfer transfer = {
		.journal_id = note->credit_note_id,
		.customer_id = note->customer_id,
		.debit_account = ACCOUNT_REVENUE,
		.credit_account = ACCOUNT_RECEIVABLE,
		.amount = note->net,
		.kind = "CREDIT_NOTE_ISSUED",
		.reference_type = "CREDIT_NOTE",
		.reference_id = id_text(note->credit_note_id),
		.effective_on = issued_on,
	};

	transfers[0] = transfer;
	transfer.debit_account = ACCOUNT_TAX_PAYABLE;
	transfer.amount = note->tax;
	transfer.tax_code = note->tax_code;
	transfers[1] = transfer;
	ledger_post(transfers, 2);
}

static Datum
note_json(const CreditNote *note)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "creditNoteId");
	json_string(&json, id_text(note->credit_note_id));
	json_key(&json, "number");
	json_string(&json, note->number);
	json_key(&json, "invoiceId");
	json_string(&json, id_text(note->invoice_id));
	json_key(&json, "customerId");
	json_string(&json, note->customer_id);
	json_key(&json, "net");
	json_money(&json, note->net);
	json_key(&json, "tax");
	json_money(&json, note->tax);
	json_key(&json, "total");
	json_money(&json, credit_note_total(note));
	json_key(&json, "currency");
	json_string(&json, note->net.currency->code);
	json_key(&json, "reason");
	json_string(&json, note->reason);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
note_announce(const CreditNote *note)
{
	OutboxEvent event = {
		.aggregate_type = "CreditNote",
		.aggregate_id = id_text(note->credit_note_id),
		.type = "CreditNoteIssued",
		.customer_id = note->customer_id,
		.payload = note_json(note),
		.idempotency_key = note->idempotency_key,
	};
	AuditEntry entry = {
		.customer_id = note->customer_id,
		.action = "CREDIT_NOTE_ISSUED",
		.target_type = "CreditNote",
		.target_id = event.aggregate_id,
		.after = event.payload,
		.reason = note->reason,
	};

	outbox_append(&event, 1);
	audit_append(&entry, 1);
}

void
credit_note_issue(CreditNote *note)
{
	DocumentNumber document = {.customer_id = note->customer_id,
							   .document_id = note->credit_note_id};

	documents_number(SERIES_CREDIT_NOTE, &document, 1);
	note->number = document.number;
	note_insert(note, document.issued_on);
	lines_insert(note);
	note_post(note, document.issued_on);
	note_announce(note);
}
