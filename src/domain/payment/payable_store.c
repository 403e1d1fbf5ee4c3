/*
 * payable_store.c
 *	  The invoice that a payment is for. Locks: the invoice.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/numeric.h"
#include "domain/payment/payment_rows.h"

static Stmt lock_invoice = {
	.name = "lock_payable",
	.sql = "SELECT h.number, h.status, h.currency, h.amount_due FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt touch_invoice = {
	.name = "touch_payable",
	.sql = "UPDATE billing.invoice_headers h SET status = h.status"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

PayableInvoice
payable_lock(const char *customer_id, Datum invoice_id, const char *key)
{
	PayableInvoice invoice;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, invoice_id);
	rows = key_meet(&lock_invoice, &args, key);
	Ensure(row_next(&rows), "invoice vanished");
	invoice.number = row_text(&rows, "number");
	invoice.status = invoice_status_of(row_text(&rows, "status"));
	invoice.due = row_money(&rows, "amount_due", currency_require(row_text(&rows, "currency")));
	return invoice;
}

void
payable_touch(const char *customer_id, Datum invoice_id)
{
	StmtArgs args = {0};

	arg_text(&args, customer_id);
	arg_datum(&args, invoice_id);
	stmt_run(&touch_invoice, &args);
}
