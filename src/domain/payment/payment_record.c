/*
 * payment_record.c
 *	  Asking the provider, and recording what it answered.
 *
 * Guarantees: a captured amount is posted in the transaction that records the capture; a declined
 * payment changes nothing but itself; one whose outcome is unknown is PENDING and tells nobody yet.
 * Locks: keys of new rows; then the wallet, of a payment by wallet and of a top-up.
 */
#include "postgres.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/outbox.h"
#include "core/period.h"
#include "domain/customer/customer.h"
#include "domain/gateway_call/gateway_call.h"
#include "domain/gateway_call/gateway_scale.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/payment_rows.h"

#define METHOD_WALLET "WALLET"
#define MOST_TRANSFERS 2 /* of one payment */

bool
payment_by_house(const Payment *payment)
{
	return strcmp(payment->operation, "settlement") == 0 ||
		   strcmp(payment->operation, "collection") == 0;
}

/*
 * Whether the provider can be told the amount. Who pays is refused before anything is written; a charge
 * of the house is declined, so that its invoice stands and is paid otherwise.
 */
static bool
amount_fits(Payment *payment)
{
	if (!payment->provider->remote || gateway_takes(payment->amount))
		return true;
	if (!payment_by_house(payment))
		gateway_scale_check(payment->amount);
	payment->answer = (ProviderAnswer){
		.outcome = PROVIDER_DECLINED,
		.failure_code = "AMOUNT_NOT_SUPPORTED",
		.failure_message = "the payment gateway cannot take the amount",
	};
	return false;
}

void
payments_authorize(Payment *payments, int count)
{
	const PaymentProvider *gateway = gateway_configured() ? &http_provider : &mock_provider;
	DateADT today;

	if (count == 0)
		return;
	today = zone_day(clock_now(), house_time_zone());
	for (int i = 0; i < count; i++)
	{
		const char *method = payments[i].method;

		if (payments[i].provider == NULL)
			payments[i].provider =
				method != NULL && strcmp(method, METHOD_WALLET) == 0 ? &wallet_provider : gateway;
		payments[i].payment_id = id_new();
		payments[i].effective_on = today;
	}
	payments_find_methods(payments, count, today);
	for (int i = 0; i < count; i++)
	{
		Payment *payment = &payments[i];
		ProviderCall call = {
			.customer_id = payment->customer_id,
			.target_type = payment->target_type,
			.provider_key = id_text(payment->payment_id),
			.idempotency_key = payment->idempotency_key,
			.token = payment->token,
			.expired = payment->expired,
			.amount = payment->amount,
		};

		if (amount_fits(payment))
			payment->answer = payment->provider->authorize(&call);
	}
}

static void
json_begin(JsonWriter *json, const Payment *payment)
{
	bool approved = payment->answer.outcome == PROVIDER_APPROVED;

	json_init(json);
	json_open(json, '{');
	json_key(json, "paymentId");
	json_string(json, id_text(payment->payment_id));
	json_key(json, "customerId");
	json_string(json, payment->customer_id);
	json_key(json, "targetType");
	json_string(json, payment->target_type);
	json_key(json, "targetId");
	json_string(json, id_text(payment->target_id));
	json_key(json, "amount");
	json_money(json, payment->amount);
	json_key(json, "currency");
	json_string(json, payment->amount.currency->code);
	json_key(json, approved ? "providerReference" : "failureCode");
	json_string(json, approved ? payment->answer.reference : payment->answer.failure_code);
}

static Datum
json_end(JsonWriter *json)
{
	json_key(json, "occurredAt");
	json_timestamp(json, clock_now());
	json_close(json, '}');
	return json_to_jsonb(json);
}

Datum
payment_json(const Payment *payment)
{
	JsonWriter json;

	json_begin(&json, payment);
	return json_end(&json);
}

Datum
payment_late_json(const Payment *payment, Datum refund_id)
{
	JsonWriter json;

	json_begin(&json, payment);
	json_key(&json, "refundId");
	json_string(&json, id_text(refund_id));
	return json_end(&json);
}

void
payments_announce(const Payment *payments, int count)
{
	OutboxEvent *events = palloc0(sizeof(OutboxEvent) * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		const Payment *payment = &payments[i];

		if (payment->answer.outcome == PROVIDER_UNKNOWN)
			continue;
		events[n++] = (OutboxEvent){
			.aggregate_type = "Payment",
			.aggregate_id = id_text(payment->payment_id),
			.type = payment->answer.outcome == PROVIDER_APPROVED ? "PaymentApproved"
																 : "PaymentRejected",
			.customer_id = payment->customer_id,
			.payload = payment_json(payment),
			.idempotency_key = payment->idempotency_key,
		};
	}
	outbox_append(events, n);
}

static void
payments_audit(const Payment *payments, int count)
{
	AuditEntry *entries = palloc0(sizeof(AuditEntry) * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		const Payment *payment = &payments[i];

		if (payment->answer.outcome == PROVIDER_UNKNOWN)
			continue;
		entries[n++] = (AuditEntry){
			.customer_id = payment->customer_id,
			.action = payment->answer.outcome == PROVIDER_APPROVED ? "PAYMENT_AUTHORIZED"
																   : "PAYMENT_REJECTED",
			.target_type = "Payment",
			.target_id = id_text(payment->payment_id),
			.after = payment_json(payment),
		};
	}
	audit_append(entries, n);
}

/* Of an order its tax apart; of an invoice what was due, since the excess is posted with its credit. */
static int
payment_transfers(const Payment *payment, LedgerTransfer *transfers)
{
	LedgerTransfer transfer = {
		.journal_id = payment->payment_id,
		.customer_id = payment->customer_id,
		.debit_account = payment->provider->account,
		.credit_account = ACCOUNT_WALLET,
		.amount = payment->amount,
		.kind = "PAYMENT_CAPTURED",
		.reference_type = "PAYMENT",
		.reference_id = id_text(payment->payment_id),
		.effective_on = payment->effective_on,
	};
	int n = 0;

	if (strcmp(payment->target_type, TARGET_INVOICE) == 0)
	{
		transfer.credit_account = ACCOUNT_RECEIVABLE;
		if (payment->credit_id != 0)
			transfer.amount = money_subtract(payment->amount, payment->excess);
	}
	else if (strcmp(payment->target_type, TARGET_ORDER) == 0)
	{
		transfer.credit_account = ACCOUNT_REVENUE;
		transfer.amount = payment->order->net;
		transfers[n++] = transfer;
		transfer.credit_account = ACCOUNT_TAX_PAYABLE;
		transfer.amount = payment->order->tax;
		transfer.tax_code = payment->order->tax_code;
	}
	transfers[n++] = transfer;
	return n;
}

/* A wallet is locked before its transfer has a position: its transfers are in the order of its changes. */
void
payments_post(const Payment *payments, int count)
{
	LedgerTransfer *transfers = palloc0(sizeof(LedgerTransfer) * count * MOST_TRANSFERS);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (payments[i].answer.outcome != PROVIDER_APPROVED)
			continue;
		payment_move_wallet(&payments[i]);
		n += payment_transfers(&payments[i], &transfers[n]);
	}
	ledger_post(transfers, n);
}

static void
calls_queue(const Payment *payments, int count)
{
	GatewayCall *calls = palloc(sizeof(GatewayCall) * count);
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (payments[i].provider->remote && payment_status(&payments[i]) == PAYMENT_PENDING)
			calls[n++] = (GatewayCall){payments[i].customer_id, SUBJECT_PAYMENT,
									   payments[i].payment_id, !payment_by_house(&payments[i])};
	}
	gateway_calls_queue(calls, n);
}

bool
payments_record(const Payment *payments, int count)
{
	if (count == 0)
		return true;
	if (!payments_insert(payments, count))
		return false;
	attempts_insert(payments, count);
	payments_announce(payments, count);
	payments_audit(payments, count);
	payments_post(payments, count);
	calls_queue(payments, count);
	return true;
}
