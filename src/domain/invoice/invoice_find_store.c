/*
 * invoice_find_store.c
 *	  From the id of an invoice to its customer, who has to be the caller's.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/errors.h"
#include "core/spi.h"
#include "domain/invoice/invoice_store.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

static Stmt resolve_invoice = {
	.name = "resolve_invoice",
	.sql =
		"SELECT h.customer_id FROM billing.invoice_headers h WHERE h.invoice_id = $1 AND h.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

char *
invoice_require_customer(Datum invoice_id)
{
	StmtArgs args = {0};
	Rows rows;
	char *customer_id;

	arg_datum(&args, invoice_id);
	rows = stmt_run(&resolve_invoice, &args);
	if (!row_next(&rows))
		billing_error(INVOICE_NOT_FOUND,
					  errmsg("invoice %s does not exist",
							 DatumGetCString(DirectFunctionCall1(uuid_out, invoice_id))));
	customer_id = row_text(&rows, "customer_id");
	actor_require_customer(customer_id);
	return customer_id;
}
