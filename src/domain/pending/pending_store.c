/*
 * pending_store.c
 *	  Whether an order or invoice is being paid.
 *
 * Reads payments for modules below them. Locks nothing: the caller has the order or invoice, and
 * who pays it takes the same lock.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/pending/pending.h"

static Stmt find_pending = {
	.name = "find_pending_payment",
	.sql = "SELECT p.payment_id::text AS payment_id FROM billing.payments p"
		   " WHERE p.customer_id = $1 AND p.target_id = $2 AND p.status = 'PENDING'"
		   " AND p.target_type <> 'TOP_UP'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

void
pending_require_none(const char *customer_id, Datum target_id, const char *what, const char *hint)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, target_id);
	rows = stmt_run(&find_pending, &args);
	if (row_next(&rows))
		billing_error(PAYMENT_IN_PROGRESS, errmsg("%s is being paid", what),
					  errdetail("Payment %s is not decided yet.", row_text(&rows, "payment_id")),
					  hint != NULL ? errhint("%s", hint) : 0);
}
