/*
 * invoice_credited_store.c
 *	  What credit notes take from an invoice.
 *
 * Guarantees: what is paid, applied, credited and due sums to the total. The ledger is posted by who
 * issues the note and gives the money back. Locks: the invoice, which the caller has locked already.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/invoice/invoice_credited.h"
#include "domain/invoice/invoice_state.h"
#include "utils/timestamp.h"

static Stmt credit_invoice = {
	.name = "credit_invoice",
	.sql =
		"UPDATE billing.invoice_headers h SET amount_paid = h.amount_paid - $4,"
		" applied_credit = h.applied_credit - $5,"
		" amount_credited = h.amount_credited + $3 + $4 + $5,"
		" status = CASE WHEN $3 > 0 AND h.amount_due = $3 THEN 'PAID' ELSE h.status END,"
		" paid_at = CASE WHEN $3 > 0 AND h.amount_due = $3 THEN $6 ELSE h.paid_at END"
		" WHERE h.customer_id = $1 AND h.invoice_id = $2 AND h.status IN ('ISSUED', 'OVERDUE', 'PAID')"
		" RETURNING h.number::text AS number, $3 > 0 AND h.status = 'PAID' AS now_paid",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 6,
	.argtypes = {TEXTOID, UUIDOID, NUMERICOID, NUMERICOID, NUMERICOID, TIMESTAMPTZOID},
	.by_index = true,
};

void
invoice_credit(const InvoiceCredited *credited)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, credited->customer_id);
	arg_datum(&args, credited->invoice_id);
	arg_datum(&args, money_to_numeric(credited->due));
	arg_datum(&args, money_to_numeric(credited->paid));
	arg_datum(&args, money_to_numeric(credited->applied));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&credit_invoice, &args);
	Ensure(row_next(&rows), "an invoice was credited that is not issued");
	if (row_bool(&rows, "now_paid"))
		invoices_announce_paid(
			&(InvoicePaid){
				.customer_id = credited->customer_id,
				.invoice_id = id_text(credited->invoice_id),
				.number = row_text(&rows, "number"),
				.amount = money_zero(credited->due.currency),
			},
			1);
}
