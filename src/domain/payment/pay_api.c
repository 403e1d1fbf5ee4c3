/*
 * pay_api.c
 *	  pay_invoice(), pay_order() and request_top_up(): one intention each to capture an amount.
 *
 * Guarantees: a target is captured once, whatever the keys; while the outcome of a payment is
 * unknown its target is not paid again. Idempotency: the key and its fingerprint are columns of the
 * payment. Locks: the invoice or the order, where callers with one key meet; then the key of the
 * payment, where those of a top-up meet; then the wallet.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_store.h"
#include "domain/payment/payment_rows.h"
#include "domain/pending/pending.h"
#include "domain/wallet/wallet.h"
#include "utils/builtins.h"

static const char *const methods_of_targets[] = {"CARD", "BANK_TRANSFER", "IAP", "WALLET", NULL};
static const char *const methods_of_top_ups[] = {"CARD", "BANK_TRANSFER", "IAP", NULL};

/* Reads method, payment method, key and metadata, which follow each other from argument `first` on. */
static void
payment_from_args(FunctionCallInfo fcinfo, Payment *payment, int first)
{
	bool top_up = strcmp(payment->target_type, TARGET_TOP_UP) == 0;

	payment->method = arg_choice_optional(fcinfo, first, "method",
										  top_up ? methods_of_top_ups : methods_of_targets);
	if (!PG_ARGISNULL(first + 1))
		payment->payment_method_id = PG_GETARG_DATUM(first + 1);
	if (payment->payment_method_id != 0 && payment->method != NULL &&
		strcmp(payment->method, "WALLET") == 0)
		billing_error(INVALID_ARGUMENT, errmsg("a wallet has no payment method"),
					  errhint("Leave payment_method_id null, or give another method."));
	payment->idempotency_key =
		arg_text_optional(fcinfo, first + 2, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	payment->metadata = arg_json_optional(fcinfo, first + 3, "metadata", MAX_METADATA_BYTES);
}

/* Of the arguments as given: what they stand for (the default) can change, the call does not. */
static void
payment_fingerprint(Payment *payment, const char *subject)
{
	if (payment->idempotency_key == NULL)
		return;
	payment->fingerprint = digest_text(
		psprintf("%s %s %s %s %s", payment->operation, subject,
				 payment->method != NULL ? payment->method : "-",
				 payment->payment_method_id != 0 ? id_text(payment->payment_method_id) : "-",
				 payment->metadata != NULL ? payment->metadata : "-"));
}

/* Asks the provider and writes what follows; false when the key was used meanwhile. */
static bool
payment_make(Payment *payment, Datum *result)
{
	payments_authorize(payment, 1);
	if (!payments_record(payment, 1))
		return false;
	payments_capture(payment, 1);
	*result = payment_row(payment);
	return true;
}

/* The same where callers of one key have met already: another target has it. */
static Datum
payment_make_met(Payment *payment)
{
	Datum result;

	if (!payment_make(payment, &result))
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
	return result;
}

static Datum
invoice_pay(Payment *payment, const PayableInvoice *invoice)
{
	Datum result;

	if (!invoice_may_become(invoice->status, INVOICE_PAID))
		billing_error(ILLEGAL_STATE, errmsg("invoice %s cannot be paid", invoice->number),
					  errdetail("It is %s.", invoice_status_name(invoice->status)));
	pending_require_none(payment->customer_id, payment->target_id,
						 psprintf("invoice %s", invoice->number),
						 "Wait for the payment, or end it with resolve_payment().");
	payment->amount = invoice->due;
	result = payment_make_met(payment);
	if (payment_status(payment) == PAYMENT_PENDING)
		payable_touch(payment->customer_id, payment->target_id);
	return result;
}

/* pay_invoice(invoice_id uuid, method text, payment_method_id uuid, key, metadata) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_pay_invoice);
Datum
billing_pay_invoice(PG_FUNCTION_ARGS)
{
	Payment payment = {.operation = "pay_invoice", .target_type = TARGET_INVOICE};
	PayableInvoice invoice;
	Datum result;

	payment.target_id = arg_required(fcinfo, 0, "invoice_id");
	payment_from_args(fcinfo, &payment, 1);
	payment_fingerprint(&payment, id_text(payment.target_id));
	spi_begin();
	payment.customer_id = invoice_require_customer(payment.target_id);
	invoice = payable_lock(payment.customer_id, payment.target_id, payment.idempotency_key);
	if (!payment_replay(&payment, &result))
		result = invoice_pay(&payment, &invoice);
	spi_end();
	return actor_visible_row(result);
}

static Datum
order_pay(Payment *payment, const Order *order)
{
	Datum result;

	order_require_transition(order->status, ORDER_PAID);
	pending_require_none(payment->customer_id, payment->target_id, "order",
						 "Wait for the payment, or end it with resolve_payment().");
	payment->order = order;
	payment->amount = order->total;
	result = payment_make_met(payment);
	if (payment_status(payment) == PAYMENT_PENDING)
		order_touch(order);
	return result;
}

/* pay_order(order_id uuid, method text, payment_method_id uuid, key, metadata) -> billing.payments */
PG_FUNCTION_INFO_V1(billing_pay_order);
Datum
billing_pay_order(PG_FUNCTION_ARGS)
{
	Payment payment = {.operation = "pay_order", .target_type = TARGET_ORDER};
	Order order;
	Datum result;

	payment.target_id = arg_required(fcinfo, 0, "order_id");
	payment_from_args(fcinfo, &payment, 1);
	payment_fingerprint(&payment, id_text(payment.target_id));
	spi_begin();
	payment.customer_id = order_require_customer(payment.target_id);
	order = order_lock(payment.customer_id, payment.target_id, payment.idempotency_key);
	if (!payment_replay(&payment, &result))
		result = order_pay(&payment, &order);
	spi_end();
	return actor_visible_row(result);
}

/* A top-up changes no entity that could be locked before: callers of one key meet where it is written. */
static Datum
top_up_pay(Payment *payment)
{
	Datum result;

	customer_ensure(payment->customer_id, payment->idempotency_key);
	payment->target_id =
		wallet_open(payment->customer_id, payment->amount.currency, payment->idempotency_key);
	if (!payment_make(payment, &result) && !payment_replay(payment, &result))
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
	return result;
}

/*
 * request_top_up(customer_id text, amount numeric, currency text, method text, payment_method_id uuid,
 *                key, metadata) -> billing.payments
 */
PG_FUNCTION_INFO_V1(billing_request_top_up);
Datum
billing_request_top_up(PG_FUNCTION_ARGS)
{
	Payment payment = {.operation = "request_top_up", .target_type = TARGET_TOP_UP};
	Datum amount;
	const Currency *currency;
	char *text;
	Datum result;

	payment.customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	actor_require_customer(payment.customer_id);
	amount = arg_required(fcinfo, 1, "amount");
	currency = arg_currency(fcinfo, 2);
	payment.amount = numeric_to_money(amount, currency, "amount");
	if (money_compare(payment.amount, money_zero(currency)) <= 0)
		billing_error(INVALID_ARGUMENT, errmsg("amount must be above 0"));
	payment_from_args(fcinfo, &payment, 3);
	text = psprintf(INT64_FORMAT " %s", payment.amount.minor, currency->code);
	payment_fingerprint(&payment, text);
	spi_begin();
	if (!payment_replay(&payment, &result))
		result = top_up_pay(&payment);
	spi_end();
	return actor_visible_row(result);
}
