/*
 * payable_store.c
 *	  The invoices that payments are for. Locks: the invoices.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
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

static Stmt lock_invoices = {
	.name = "lock_payables",
	.sql = "SELECT FROM unnest($1, $2) k(customer_id, invoice_id) JOIN billing.invoice_headers h"
		   " ON h.customer_id = k.customer_id AND h.invoice_id = k.invoice_id"
		   " ORDER BY h.customer_id, h.invoice_id FOR NO KEY UPDATE OF h",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
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
payables_lock(const PayableKey *keys, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, keys[i].customer_id);
		batch_datum(batch, keys[i].invoice_id);
	}
	batch_args(batch, &args);
	stmt_run(&lock_invoices, &args);
}

void
payable_touch(const char *customer_id, Datum invoice_id)
{
	StmtArgs args = {0};

	arg_text(&args, customer_id);
	arg_datum(&args, invoice_id);
	stmt_run(&touch_invoice, &args);
}
