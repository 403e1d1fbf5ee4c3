/*
 * payment_api.c
 *	  pay_invoice(): one intention to capture what is due on an invoice.
 *
 * Idempotency: the key and its fingerprint are columns of the payment. Locks: the invoice; callers
 * with one key meet there.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/invoice/invoice_state.h"
#include "domain/invoice/invoice_store.h"
#include "domain/payment/payment.h"
#include "utils/builtins.h"
#include "utils/uuid.h"

static Stmt lock_invoice = {
	.name = "lock_payable",
	.sql = "SELECT h.number, h.status, h.currency, h.amount_due FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt find_by_key = {
	.name = "find_payment_by_key",
	.sql =
		"SELECT p AS payment, COALESCE(p.fingerprint = $3, false) AS same FROM billing.payments p"
		" WHERE p.customer_id = $1 AND p.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static Stmt find_pending = {
	.name = "find_pending_payment",
	.sql = "SELECT p.payment_id::text AS payment_id FROM billing.payments p"
		   " WHERE p.customer_id = $1 AND p.target_id = $2 AND p.status = 'PENDING'",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt select_payment = {
	.name = "select_payment",
	.sql =
		"SELECT p AS payment FROM billing.payments p WHERE p.customer_id = $1 AND p.payment_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static void
payment_from_args(FunctionCallInfo fcinfo, Payment *payment)
{
	static const char *const methods[] = {"CARD", "BANK_TRANSFER", "IAP", NULL};

	payment->target_type = "INVOICE";
	payment->target_id = arg_required(fcinfo, 0, "invoice_id");
	payment->method = arg_choice_optional(fcinfo, 1, "method", methods);
	if (payment->method == NULL)
		payment->method = "CARD";
	if (!PG_ARGISNULL(2))
		billing_error(INVALID_ARGUMENT, errmsg("payment method does not exist"),
					  errhint(
						  "Leave payment_method_id null to pay by the default of the provider."));
	payment->idempotency_key = arg_text_optional(fcinfo, 3, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	payment->metadata = arg_json_optional(fcinfo, 4, "metadata", MAX_METADATA_BYTES);
	if (payment->idempotency_key != NULL)
		payment->fingerprint = digest_text(
			psprintf("pay_invoice %s %s", id_text(payment->target_id), payment->method));
}

/* The payment that the key made, or false when it made none. */
static bool
payment_replay(const Payment *payment, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (payment->idempotency_key == NULL)
		return false;
	arg_text(&args, payment->customer_id);
	arg_text(&args, payment->idempotency_key);
	arg_datum(&args, payment->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(payment->idempotency_key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "payment");
	return true;
}

static void
require_payable(Payment *payment, Rows *invoice, StmtArgs *key)
{
	char *number = row_text(invoice, "number");
	InvoiceStatus status = invoice_status_of(row_text(invoice, "status"));
	Rows pending;

	if (!invoice_may_become(status, INVOICE_PAID))
		billing_error(ILLEGAL_STATE, errmsg("invoice %s cannot be paid", number),
					  errdetail("It is %s.", invoice_status_name(status)));
	pending = stmt_run(&find_pending, key);
	if (row_next(&pending))
		billing_error(PAYMENT_IN_PROGRESS, errmsg("invoice %s is being paid", number),
					  errdetail("Payment %s is not decided yet.",
								row_text(&pending, "payment_id")));
	payment->amount =
		row_money(invoice, "amount_due", currency_require(row_text(invoice, "currency")));
}

static Datum
payment_row(const Payment *payment)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, payment->customer_id);
	arg_datum(&args, payment->payment_id);
	rows = stmt_run(&select_payment, &args);
	Ensure(row_next(&rows), "payment vanished");
	return row_composite(&rows, "payment");
}

/* pay_invoice(invoice_id uuid, method text, payment_method_id uuid, key, meta) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_pay_invoice);
Datum
billing_pay_invoice(PG_FUNCTION_ARGS)
{
	Payment payment = {0};
	StmtArgs key = {0};
	Rows rows;
	Datum result;

	payment_from_args(fcinfo, &payment);
	spi_begin();
	payment.customer_id = invoice_require_customer(payment.target_id);
	arg_text(&key, payment.customer_id);
	arg_datum(&key, payment.target_id);
	rows = key_meet(&lock_invoice, &key, payment.idempotency_key);
	Ensure(row_next(&rows), "invoice vanished");
	if (!payment_replay(&payment, &result))
	{
		require_payable(&payment, &rows, &key);
		payments_authorize(&payment, 1);
		payments_record(&payment, 1);
		if (payment.answer.outcome == PROVIDER_APPROVED)
			invoices_pay(&(InvoicePayment){payment.customer_id, payment.target_id, payment.amount,
										   id_text(payment.payment_id)},
						 1);
		result = payment_row(&payment);
	}
	spi_end();
	return actor_visible_row(result);
}
