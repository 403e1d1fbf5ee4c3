/*
 * record_api.c
 *	  record_payment(): money that came in by itself for an invoice.
 *
 * Guarantees: nothing of it is lost: what is more than is due becomes a credit. Idempotency: the key
 * and its fingerprint are columns of the payment. Locks: the invoice, where callers with one key
 * meet; then the keys of the credit and the payment.
 */
#include "postgres.h"

#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/period.h"
#include "domain/credit/credit.h"
#include "domain/customer/customer.h"
#include "domain/invoice/invoice_store.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/payment_rows.h"
#include "domain/pending/pending.h"
#include "utils/builtins.h"

#define MAX_REFERENCE 256

/* A transfer as the caller reports it. */
typedef struct Transfer
{
	Payment payment;
	Datum amount; /* numeric, until the currency is known */
	bool timed;
	TimestampTz received_at;
} Transfer;

static void
transfer_from_args(FunctionCallInfo fcinfo, Transfer *transfer)
{
	static const char *const methods[] = {"BANK_TRANSFER", NULL};
	Payment *payment = &transfer->payment;

	payment->target_id = arg_required(fcinfo, 0, "invoice_id");
	transfer->amount = arg_required(fcinfo, 1, "amount");
	payment->method = arg_choice_optional(fcinfo, 2, "method", methods);
	if (payment->method == NULL)
		payment->method = methods[0];
	payment->reference = arg_text_optional(fcinfo, 3, "reference", MAX_REFERENCE);
	transfer->timed = !PG_ARGISNULL(4);
	transfer->received_at =
		transfer->timed ? arg_time_required(fcinfo, 4, "received_at") : clock_now();
	if (transfer->received_at > clock_now())
		billing_error(INVALID_ARGUMENT, errmsg("received_at must not be in the future"));
	payment->idempotency_key = arg_text_optional(fcinfo, 5, "idempotency_key", MAX_IDEMPOTENCY_KEY);
}

static void
transfer_amount(Transfer *transfer, const Currency *currency)
{
	Payment *payment = &transfer->payment;

	payment->amount = numeric_to_money(transfer->amount, currency, "amount");
	if (money_compare(payment->amount, money_zero(currency)) <= 0)
		billing_error(INVALID_ARGUMENT, errmsg("amount must be above 0"));
	if (payment->idempotency_key != NULL)
		payment->fingerprint = digest_text(
			psprintf("%s %s " INT64_FORMAT " %s %s %s", payment->operation,
					 id_text(payment->target_id), payment->amount.minor, payment->method,
					 transfer->timed ? psprintf(INT64_FORMAT, transfer->received_at) : "-",
					 payment->reference != NULL ? psprintf("+%s", payment->reference) : "-"));
}

/* What is beyond what is due, as a credit that never expires. */
static void
excess_grant(Payment *payment)
{
	CreditGrant grant = {
		.customer_id = payment->customer_id,
		.type = CREDIT_REFUND,
		.amount = payment->excess,
		.valid_from = clock_now(),
		.reason = "more was transferred than was due",
		.debit_account = ACCOUNT_BANK,
		.journal_id = payment->payment_id,
		.effective_on = &payment->effective_on,
	};

	if (money_is_zero(payment->excess))
		return;
	Ensure(credit_grant(&grant), "a credit without a key was refused");
	payment->credit_id = grant.credit_id;
}

static Datum
transfer_book(Transfer *transfer, const PayableInvoice *invoice)
{
	Payment *payment = &transfer->payment;
	Money none = money_zero(payment->amount.currency);

	if (invoice->status == INVOICE_DRAFT)
		billing_error(ILLEGAL_STATE, errmsg("invoice %s cannot be paid", invoice->number),
					  errdetail("It is %s.", invoice_status_name(invoice->status)));
	pending_require_none(payment->customer_id, payment->target_id,
						 psprintf("invoice %s", invoice->number),
						 "Wait for the payment, or end it with resolve_payment().");
	payment->provider = &manual_provider;
	payments_authorize(payment, 1);
	payment->effective_on = zone_day(transfer->received_at, house_time_zone());
	payment->excess = money_compare(payment->amount, invoice->due) > 0
						  ? money_subtract(payment->amount, invoice->due)
						  : none;
	excess_grant(payment);
	if (!payments_record(payment, 1))
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
	payments_capture(payment, 1);
	return payment_row(payment);
}

/*
 * record_payment(invoice_id uuid, amount numeric, method text, reference text, received_at timestamptz,
 *                key) -> billing.payments
 */
PG_FUNCTION_INFO_V1(billing_record_payment);
Datum
billing_record_payment(PG_FUNCTION_ARGS)
{
	Transfer transfer = {.payment = {.operation = "record_payment", .target_type = TARGET_INVOICE}};
	Payment *payment = &transfer.payment;
	PayableInvoice invoice;
	Datum result;

	actor_require_service();
	transfer_from_args(fcinfo, &transfer);
	spi_begin();
	payment->customer_id = invoice_require_customer(payment->target_id);
	invoice = payable_lock(payment->customer_id, payment->target_id, payment->idempotency_key);
	transfer_amount(&transfer, invoice.due.currency);
	if (!payment_replay(payment, &result))
		result = transfer_book(&transfer, &invoice);
	spi_end();
	return result;
}
