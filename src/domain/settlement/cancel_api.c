/*
 * cancel_api.c
 *	  cancel_invoice(): takes an issued invoice back, so that its usage is billed anew.
 *
 * Guarantees: the postings are reversed by new transfers in the same transaction; the months of
 * the invoice are marked as unbilled. Locks: the invoice, then the marks of its months.
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
#include "core/period.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_state.h"
#include "domain/invoice/invoice_store.h"
#include "domain/ledger/ledger.h"
#include "domain/tax/tax.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

static Stmt lock_invoice = {
	.name = "lock_invoice",
	.sql = "SELECT h.number, h.status, h.currency, h.net, h.tax, h.total,"
		   " h.applied_credit + h.amount_paid > 0 AS settled FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt pending_payment = {
	.name = "pending_payment",
	.sql =
		"SELECT p.payment_id::text AS payment_id, (SELECT t.tax_code FROM billing.invoice_taxes t"
		" WHERE t.customer_id = $1 AND t.invoice_id = $2 LIMIT 1) AS tax_code"
		" FROM (SELECT 1) one LEFT JOIN billing.payments p"
		" ON p.customer_id = $1 AND p.target_id = $2 AND p.status = 'PENDING'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt cancel_header = {
	.name = "cancel_header",
	.sql =
		"UPDATE billing.invoice_headers h SET status = 'CANCELLED', rebilled = true, cancelled_at = $3,"
		" amount_credited = h.amount_credited + h.amount_due"
		" WHERE h.customer_id = $1 AND h.invoice_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt mark_months = {
	.name = "mark_months",
	.sql = "INSERT INTO billing.unbilled_usage AS u (customer_id, month, changes)"
		   " SELECT DISTINCT l.customer_id, (l.service_period || '-01')::date, 1"
		   " FROM billing.invoice_lines l WHERE l.customer_id = $1 AND l.invoice_id = $2"
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
	char *invoice_id;
	char *number;
	InvoiceStatus status;
	const char *tax_code;
	Money net;
	Money tax;
	char *reason;
} Cancellation;

/* Finds and locks the invoice; false when it is cancelled already. */
static bool
cancellation_lock(Cancellation *cancellation, Datum invoice_id)
{
	const Currency *currency;
	Rows rows;

	cancellation->customer_id = invoice_require_customer(invoice_id);
	arg_text(&cancellation->key, cancellation->customer_id);
	arg_datum(&cancellation->key, invoice_id);
	rows = stmt_run(&lock_invoice, &cancellation->key);
	Ensure(row_next(&rows), "invoice vanished");
	cancellation->status = invoice_status_of(row_text(&rows, "status"));
	if (cancellation->status == INVOICE_CANCELLED)
		return false;
	invoice_require_transition(cancellation->status, INVOICE_CANCELLED);
	if (row_bool(&rows, "settled"))
		billing_error(ILLEGAL_STATE, errmsg("invoice %s is partly paid", row_text(&rows, "number")),
					  errhint("Refund what was paid first."));
	currency = currency_require(row_text(&rows, "currency"));
	cancellation->number = row_text(&rows, "number");
	cancellation->net = row_money(&rows, "net", currency);
	cancellation->tax = row_money(&rows, "tax", currency);
	return true;
}

static void
require_no_pending_payment(Cancellation *cancellation)
{
	Rows rows = stmt_run(&pending_payment, &cancellation->key);
	char *payment_id;

	Ensure(row_next(&rows), "no answer about payments");
	payment_id = row_text_or_null(&rows, "payment_id");
	if (payment_id != NULL)
		billing_error(PAYMENT_IN_PROGRESS, errmsg("invoice %s is being paid", cancellation->number),
					  errdetail("Payment %s is not decided yet.", payment_id));
	cancellation->tax_code = row_text_or_null(&rows, "tax_code");
}

static void
cancellation_post(const Cancellation *cancellation)
{
	LedgerTransfer transfers[2];
	LedgerTransfer reversal = {
		.journal_id = id_new(),
		.customer_id = cancellation->customer_id,
		.debit_account = ACCOUNT_REVENUE,
		.credit_account = ACCOUNT_RECEIVABLE,
		.amount = cancellation->net,
		.kind = "INVOICE_CANCELLED",
		.reference_type = "INVOICE",
		.reference_id = cancellation->invoice_id,
		.effective_on = zone_day(clock_now(), house_time_zone()),
	};

	transfers[0] = reversal;
	reversal.debit_account = ACCOUNT_TAX_PAYABLE;
	reversal.amount = cancellation->tax;
	reversal.tax_code = cancellation->tax_code;
	transfers[1] = reversal;
	ledger_post(transfers, 2);
}

static Datum
cancelled_json(void)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, invoice_status_name(INVOICE_CANCELLED));
	json_key(&json, "rebill");
	json_bool(&json, true);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
cancellation_announce(const Cancellation *cancellation)
{
	JsonWriter json;
	AuditEntry entry = {
		.customer_id = cancellation->customer_id,
		.action = "INVOICE_CANCELLED",
		.target_type = "Invoice",
		.target_id = cancellation->invoice_id,
		.before = json_status(invoice_status_name(cancellation->status)),
		.after = cancelled_json(),
		.reason = cancellation->reason,
	};
	OutboxEvent event = {
		.aggregate_type = "Invoice",
		.aggregate_id = cancellation->invoice_id,
		.type = "InvoiceCancelled",
		.customer_id = cancellation->customer_id,
	};

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "invoiceId");
	json_string(&json, cancellation->invoice_id);
	json_key(&json, "number");
	json_string(&json, cancellation->number);
	json_key(&json, "customerId");
	json_string(&json, cancellation->customer_id);
	json_key(&json, "reason");
	json_string(&json, cancellation->reason);
	json_key(&json, "rebill");
	json_bool(&json, true);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	event.payload = json_to_jsonb(&json);
	outbox_append(&event, 1);
	audit_append(&entry, 1);
}

/* cancel_invoice(invoice_id uuid, reason text, rebill boolean) -> billing.invoices */
PG_FUNCTION_INFO_V1(billing_cancel_invoice);
Datum
billing_cancel_invoice(PG_FUNCTION_ARGS)
{
	Datum invoice_id = arg_required(fcinfo, 0, "invoice_id");
	Cancellation cancellation = {.reason = arg_text_required(fcinfo, 1, "reason", MAX_REASON)};
	Rows rows;
	Datum result;

	actor_require_service();
	if (!DatumGetBool(arg_required(fcinfo, 2, "rebill")))
		billing_error(INVALID_ARGUMENT,
					  errmsg("an invoice can only be cancelled to be billed again"),
					  errdetail(
						  "Cancelling it for good needs a credit note, which does not exist yet."));
	spi_begin();
	cancellation.invoice_id = id_text(invoice_id);
	if (cancellation_lock(&cancellation, invoice_id))
	{
		StmtArgs cancel;

		require_no_pending_payment(&cancellation);
		cancel = cancellation.key;
		arg_datum(&cancel, TimestampTzGetDatum(clock_now()));
		stmt_run(&cancel_header, &cancel);
		stmt_run(&mark_months, &cancellation.key);
		cancellation_post(&cancellation);
		cancellation_announce(&cancellation);
	}
	rows = stmt_run(&select_invoice, &cancellation.key);
	Ensure(row_next(&rows), "invoice vanished");
	result = row_composite(&rows, "invoice");
	spi_end();
	return result;
}
