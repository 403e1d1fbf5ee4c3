/*
 * payment_end.c
 *	  Ending payments that exist: what an answer means for one in each of its states.
 *
 * Guarantees: a payment leaves PENDING once, whoever ends it at once, and is captured then as if the
 * provider had answered in the call that made it. A decline of one that is decided changes nothing. An
 * approval of one that FAILED is never dropped: its money is booked and asked back, once, and what it
 * was for stays as it is.
 * Locks: what payments_ending_lock() says; then the wallets of top-ups by customer and currency; then
 * the gateway calls.
 */
#include "postgres.h"

#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/outbox.h"
#include "core/period.h"
#include "core/wake.h"
#include "domain/customer/customer.h"
#include "domain/gateway_call/gateway_call.h"
#include "domain/invoice/invoice_state.h"
#include "domain/ledger/ledger.h"
#include "domain/payment/payment_end_rows.h"
#include "domain/payment/payment_rows.h"

PaymentEndPort payment_end_port = {0};

/* Endings of one kind, in the order in which they lock wallets. */
typedef struct EndingSet
{
	PaymentEnding **items;
	int count;
} EndingSet;

static bool
approved(const PaymentEnding *ending)
{
	return ending->answer.outcome == PROVIDER_APPROVED;
}

static PaymentEndResult
ending_result(const PaymentEnding *ending)
{
	if (ending->skip)
		return PAYMENT_LEFT;
	Ensure(ending->answer.outcome != PROVIDER_UNKNOWN, "an unknown outcome ends no payment");
	if (ending->status == PAYMENT_PENDING)
		return PAYMENT_ENDED;
	if (ending->status == PAYMENT_FAILED && approved(ending) && !ending->late)
		return PAYMENT_CAPTURED_LATE;
	return PAYMENT_WAS_ENDED;
}

static int
by_wallet(const void *left, const void *right)
{
	const PaymentEnding *a = *(PaymentEnding *const *) left;
	const PaymentEnding *b = *(PaymentEnding *const *) right;
	int order = strcmp(a->customer_id, b->customer_id);

	if (order != 0)
		return order;
	return strcmp(a->payment.amount.currency->code, b->payment.amount.currency->code);
}

static EndingSet
endings_of(PaymentEnding *endings, int count, PaymentEndResult result)
{
	EndingSet set = {palloc(sizeof(PaymentEnding *) * count), 0};

	for (int i = 0; i < count; i++)
	{
		if (endings[i].result == result)
			set.items[set.count++] = &endings[i];
	}
	qsort(set.items, set.count, sizeof(PaymentEnding *), by_wallet);
	return set;
}

static Datum
reconciled_json(const PaymentEnding *ending)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "status");
	json_string(&json, payment_status_name(payment_status(&ending->payment)));
	json_key(&json, approved(ending) ? "providerReference" : "failureCode");
	json_string(&json, approved(ending) ? ending->answer.reference : ending->answer.failure_code);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static AuditEntry
ending_audit(const PaymentEnding *ending)
{
	AuditEntry entry = {
		.customer_id = ending->customer_id,
		.action = approved(ending) ? "PAYMENT_AUTHORIZED" : "PAYMENT_REJECTED",
		.target_type = "Payment",
		.target_id = id_text(ending->payment_id),
		.reason = ending->reason,
	};

	if (ending->reason == NULL)
	{
		entry.after = payment_json(&ending->payment);
		return entry;
	}
	entry.action = "PAYMENT_RECONCILED";
	entry.before = json_status(payment_status_name(PAYMENT_PENDING));
	entry.after = reconciled_json(ending);
	return entry;
}

static void
endings_audit(const EndingSet *set)
{
	AuditEntry *entries = palloc(sizeof(AuditEntry) * set->count);

	for (int i = 0; i < set->count; i++)
		entries[i] = ending_audit(set->items[i]);
	audit_append(entries, set->count);
}

/* The calls go before the attempts are read: nobody claims one, and begins an attempt, after that. */
static void
calls_end(PaymentEnding *const *endings, int count)
{
	GatewayCall *calls = palloc0(sizeof(GatewayCall) * count);

	for (int i = 0; i < count; i++)
	{
		calls[i].customer_id = endings[i]->customer_id;
		calls[i].subject_id = endings[i]->payment_id;
		wake_waiters_at_commit(endings[i]->payment_id);
	}
	gateway_calls_drop(calls, count);
	attempts_end(endings, count);
}

static void
endings_decide(const EndingSet *set)
{
	Payment *payments;

	if (set->count == 0)
		return;
	payments = palloc(sizeof(Payment) * set->count);
	for (int i = 0; i < set->count; i++)
	{
		payment_require_transition(set->items[i]->status, payment_status(&set->items[i]->payment));
		payments[i] = set->items[i]->payment;
	}
	payments_announce(payments, set->count);
	endings_audit(set);
	payments_post(payments, set->count);
	payments_capture(payments, set->count);
	calls_end(set->items, set->count);
	payments_end(set->items, set->count);
}

static LedgerTransfer
late_transfer(const Payment *payment)
{
	return (LedgerTransfer){
		.journal_id = payment->payment_id,
		.customer_id = payment->customer_id,
		.debit_account = payment->provider->account,
		.credit_account = ACCOUNT_REFUND_CLEARING,
		.amount = payment->amount,
		.kind = "PAYMENT_CAPTURED_LATE",
		.reference_type = "PAYMENT",
		.reference_id = id_text(payment->payment_id),
		.effective_on = payment->effective_on,
	};
}

static void
late_announce(const PaymentEnding *ending, Datum refund_id)
{
	const Payment *payment = &ending->payment;
	OutboxEvent event = {
		.aggregate_type = "Payment",
		.aggregate_id = id_text(payment->payment_id),
		.type = "PaymentCapturedLate",
		.customer_id = payment->customer_id,
		.payload = payment_late_json(payment, refund_id),
		.idempotency_key = payment->idempotency_key,
	};
	AuditEntry entry = {
		.customer_id = payment->customer_id,
		.action = "PAYMENT_CAPTURED_LATE",
		.target_type = "Payment",
		.target_id = event.aggregate_id,
		.before = json_status(payment_status_name(PAYMENT_FAILED)),
		.after = event.payload,
		.reason = ending->reason,
	};

	outbox_append(&event, 1);
	audit_append(&entry, 1);
}

/* The payment stays FAILED: who was told so has paid otherwise since, or never will. */
static void
endings_capture_late(const EndingSet *set)
{
	if (set->count == 0)
		return;
	payments_capture_late(set->items, set->count);
	attempts_end(set->items, set->count);
	for (int i = 0; i < set->count; i++)
	{
		const Payment *payment = &set->items[i]->payment;
		LedgerTransfer transfer = late_transfer(payment);

		Ensure(payment_end_port.refund_late != NULL, "nobody gives late captures back");
		ledger_post(&transfer, 1);
		late_announce(set->items[i], payment_end_port.refund_late(payment));
	}
}

/* What the worker was answered is kept with its attempt, though it decides nothing any more. */
static void
endings_keep_answers(const EndingSet *set)
{
	PaymentEnding **answered = palloc(sizeof(PaymentEnding *) * (set->count + 1));
	int n = 0;

	for (int i = 0; i < set->count; i++)
	{
		if (set->items[i]->attempt_no > 0)
			answered[n++] = set->items[i];
	}
	attempts_end(answered, n);
}

void
payments_ending_apply(PaymentEnding *endings, int count)
{
	EndingSet decided, late, known;
	DateADT today;

	if (count == 0)
		return;
	today = zone_day(clock_now(), house_time_zone());
	for (int i = 0; i < count; i++)
	{
		endings[i].payment.answer = endings[i].answer;
		endings[i].payment.effective_on = today;
		endings[i].result = ending_result(&endings[i]);
	}
	decided = endings_of(endings, count, PAYMENT_ENDED);
	late = endings_of(endings, count, PAYMENT_CAPTURED_LATE);
	known = endings_of(endings, count, PAYMENT_WAS_ENDED);
	endings_decide(&decided);
	endings_capture_late(&late);
	endings_keep_answers(&known);
}
