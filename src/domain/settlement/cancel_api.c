/*
 * cancel_api.c
 *	  cancel_invoice(): takes an issued invoice back, by a credit note of all that is left of it.
 *
 * Guarantees: its postings are undone by new transfers in the same transaction, applied credit comes
 * back as one credit, and with rebill the months of the invoice are marked as unbilled; without, its
 * lines count as billed for ever. Locks: the invoice, the marks of its months, the number series.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "core/spi.h"
#include "domain/credit/credit.h"
#include "domain/credit_note/credit_note.h"
#include "domain/invoice/invoice_state.h"
#include "domain/invoice/invoice_store.h"
#include "domain/ledger/ledger.h"
#include "domain/pending/pending.h"
#include "utils/timestamp.h"

static Stmt lock_invoice = {
	.name = "lock_invoice",
	.sql = "SELECT h.number, h.status, h.currency, h.amount_paid, h.applied_credit,"
		   " h.total - h.amount_credited AS rest FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt cancel_header = {
	.name = "cancel_header",
	.sql =
		"UPDATE billing.invoice_headers h SET status = 'CANCELLED', rebilled = $4, cancelled_at = $3,"
		" amount_credited = h.total, applied_credit = 0"
		" WHERE h.customer_id = $1 AND h.invoice_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, BOOLOID},
	.by_index = true,
};

static Stmt mark_months = {
	.name = "mark_months",
	.sql = "INSERT INTO billing.unbilled_usage AS u (customer_id, month, changes)"
		   " SELECT DISTINCT l.customer_id, (l.service_period || '-01')::date, 1"
		   " FROM billing.invoice_lines l WHERE l.customer_id = $1 AND l.invoice_id = $2 ORDER BY 2"
		   " ON CONFLICT (customer_id, month) DO UPDATE SET changes = u.changes + 1",
	.expect = SPI_OK_INSERT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt select_invoice = {
	.name = "select_cancelled_invoice",
	.sql =
		"SELECT i AS invoice FROM billing.invoices i WHERE i.customer_id = $1 AND i.invoice_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

typedef struct Cancellation
{
	StmtArgs key; /* customer_id, invoice_id */
	char *customer_id;
	Datum invoice_id;
	char *number;
	InvoiceStatus status;
	Money rest;    /* what no credit note has taken back yet */
	Money applied; /* credit that comes back */
	char *reason;
	bool rebill;
} Cancellation;

static void
require_unpaid(Cancellation *cancellation, Money paid)
{
	invoice_require_transition(cancellation->status, INVOICE_CANCELLED);
	pending_require_none(cancellation->customer_id, cancellation->invoice_id,
						 psprintf("invoice %s", cancellation->number), NULL);
	if (!money_is_zero(paid))
		billing_error(ILLEGAL_STATE, errmsg("invoice %s is partly paid", cancellation->number),
					  errhint("Refund what was paid first."));
}

/* Finds and locks the invoice; false when it is cancelled already. */
static bool
cancellation_lock(Cancellation *cancellation)
{
	const Currency *currency;
	Rows rows;

	cancellation->customer_id = invoice_require_customer(cancellation->invoice_id);
	arg_text(&cancellation->key, cancellation->customer_id);
	arg_datum(&cancellation->key, cancellation->invoice_id);
	rows = stmt_run(&lock_invoice, &cancellation->key);
	Ensure(row_next(&rows), "invoice vanished");
	cancellation->status = invoice_status_of(row_text(&rows, "status"));
	if (cancellation->status == INVOICE_CANCELLED)
		return false;
	currency = currency_require(row_text(&rows, "currency"));
	cancellation->number = row_text(&rows, "number");
	cancellation->rest = row_money(&rows, "rest", currency);
	cancellation->applied = row_money(&rows, "applied_credit", currency);
	require_unpaid(cancellation, row_money(&rows, "amount_paid", currency));
	return true;
}

static void
cancellation_return_credit(const Cancellation *cancellation)
{
	CreditGrant grant = {
		.customer_id = cancellation->customer_id,
		.type = CREDIT_REFUND,
		.amount = cancellation->applied,
		.valid_from = clock_now(),
		.reason = cancellation->reason,
		.debit_account = ACCOUNT_RECEIVABLE,
	};

	if (money_is_zero(cancellation->applied))
		return;
	Ensure(credit_grant(&grant), "a credit without a key was not granted");
}

static Datum
cancelled_json(const Cancellation *cancellation)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, invoice_status_name(INVOICE_CANCELLED));
	json_key(&json, "rebill");
	json_bool(&json, cancellation->rebill);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static Datum
event_json(const Cancellation *cancellation, const CreditNote *note)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, id_text(cancellation->invoice_id));
	json_key(&json, "number");
	json_string(&json, cancellation->number);
	json_key(&json, "customerId");
	json_string(&json, cancellation->customer_id);
	json_key(&json, "creditNoteId");
	json_string(&json, id_text(note->credit_note_id));
	json_key(&json, "reason");
	json_string(&json, cancellation->reason);
	json_key(&json, "rebill");
	json_bool(&json, cancellation->rebill);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
cancellation_announce(const Cancellation *cancellation, const CreditNote *note)
{
	AuditEntry entry = {
		.customer_id = cancellation->customer_id,
		.action = "INVOICE_CANCELLED",
		.target_type = "Invoice",
		.target_id = id_text(cancellation->invoice_id),
		.before = json_status(invoice_status_name(cancellation->status)),
		.after = cancelled_json(cancellation),
		.reason = cancellation->reason,
	};
	OutboxEvent event = {
		.aggregate_type = "Invoice",
		.aggregate_id = entry.target_id,
		.type = "InvoiceCancelled",
		.customer_id = cancellation->customer_id,
		.payload = event_json(cancellation, note),
	};

	outbox_append(&event, 1);
	audit_append(&entry, 1);
}

/* The note comes last, since it locks the number series. */
static void
cancellation_book(Cancellation *cancellation)
{
	StmtArgs cancel = cancellation->key;
	CreditNote note = {
		.customer_id = cancellation->customer_id,
		.invoice_id = cancellation->invoice_id,
		.reason = cancellation->reason,
	};

	arg_datum(&cancel, TimestampTzGetDatum(clock_now()));
	arg_datum(&cancel, BoolGetDatum(cancellation->rebill));
	stmt_run(&cancel_header, &cancel);
	if (cancellation->rebill)
		stmt_run(&mark_months, &cancellation->key);
	cancellation_return_credit(cancellation);
	credit_note_of_amount(&note, cancellation->rest);
	credit_note_issue(&note);
	cancellation_announce(cancellation, &note);
}

/* cancel_invoice(invoice_id uuid, reason text, rebill boolean) -> billing.invoices */
PG_FUNCTION_INFO_V1(billing_cancel_invoice);
Datum
billing_cancel_invoice(PG_FUNCTION_ARGS)
{
	Cancellation cancellation = {
		.invoice_id = arg_required(fcinfo, 0, "invoice_id"),
		.reason = arg_text_required(fcinfo, 1, "reason", MAX_REASON),
		.rebill = DatumGetBool(arg_required(fcinfo, 2, "rebill")),
	};
	Rows rows;
	Datum result;

	actor_require_service();
	spi_begin();
	if (cancellation_lock(&cancellation))
		cancellation_book(&cancellation);
	rows = stmt_run(&select_invoice, &cancellation.key);
	Ensure(row_next(&rows), "invoice vanished");
	result = row_composite(&rows, "invoice");
	spi_end();
	return result;
}
