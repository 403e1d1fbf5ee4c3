/*
 * gateway_record.c
 *	  What the answers of the provider do.
 *
 * Guarantees: an answer decides its payment or refund once; one whose lease was lost decides nothing
 * while another call is on its way, and is never dropped when none is: an approval of what failed
 * meanwhile is captured late. What cannot be recorded harms only itself: it is logged, and asked for
 * again. Nobody is waited for long, since others wait for the worker.
 * Locks: invoices, orders, payments, refunds and what ends with them; then the calls.
 */
#include "postgres.h"

#include "common/pg_prng.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/isolate.h"
#include "domain/gateway/gateway_end.h"
#include "domain/gateway/gateway_rows.h"
#include "domain/refund/refund_end.h"
#include "utils/guc.h"

#define LOCK_WAIT_OF_BATCH "250ms" /* below deadlock_timeout: the worker gives way */
#define LOCK_WAIT_OF_ONE "50ms"
#define POISON_PAUSE_US (60 * INT64CONST(1000000))

typedef struct Recording
{
	GatewayOutcome *outcomes;
	int count;
	const char *lock_wait;
	void (*work)(GatewayOutcome *outcomes, int count);
} Recording;

static ProviderAnswer
outcome_answer(const GatewayOutcome *outcome)
{
	const GatewayReply *reply = outcome->reply;

	switch (outcome->next.step)
	{
		case GATEWAY_APPROVE:
			return (ProviderAnswer){.outcome = PROVIDER_APPROVED, .reference = reply->reference};
		case GATEWAY_DECLINE:
			return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
									.failure_code = reply->failure_code,
									.failure_message = reply->failure_message};
		case GATEWAY_END_REFUSED:
			return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
									.failure_code = "PG_REFUSED",
									.failure_message = psprintf(
										"the provider answered HTTP %d and does not know the key",
										outcome->next.counts.refused_status)};
		case GATEWAY_END_NOT_FOUND:
			return (ProviderAnswer){.outcome = PROVIDER_DECLINED,
									.failure_code = "PG_NOT_FOUND",
									.failure_message = "the provider does not know the key"};
		case GATEWAY_AGAIN:
			break;
	}
	return (ProviderAnswer){.outcome = PROVIDER_UNKNOWN};
}

static const char *
outcome_reason(const GatewayOutcome *outcome)
{
	return outcome->work->action == GATEWAY_LOOKUP ? "lookup" : NULL;
}

static bool
ends(const GatewayOutcome *outcome, bool refund)
{
	return outcome->next.step != GATEWAY_AGAIN && outcome->work->refund == refund;
}

static bool
is_skipped(const GatewayOutcome *outcome)
{
	return !outcome->held && !outcome->gone;
}

static PaymentEnding *
payment_endings(const GatewayOutcome *outcomes, int count, int *n)
{
	PaymentEnding *endings = palloc0(sizeof(PaymentEnding) * count);

	*n = 0;
	for (int i = 0; i < count; i++)
	{
		if (!ends(&outcomes[i], false))
			continue;
		endings[*n].customer_id = outcomes[i].work->customer_id;
		endings[*n].payment_id = outcomes[i].work->subject_id;
		endings[*n].answer = outcome_answer(&outcomes[i]);
		endings[*n].reason = outcome_reason(&outcomes[i]);
		endings[(*n)++].attempt_no = outcomes[i].work->attempt_no;
	}
	return endings;
}

static RefundEnding *
refund_endings(const GatewayOutcome *outcomes, int count, int *n)
{
	RefundEnding *endings = palloc0(sizeof(RefundEnding) * count);

	*n = 0;
	for (int i = 0; i < count; i++)
	{
		if (!ends(&outcomes[i], true))
			continue;
		endings[*n].customer_id = outcomes[i].work->customer_id;
		endings[*n].refund_id = outcomes[i].work->subject_id;
		endings[*n].answer = outcome_answer(&outcomes[i]);
		endings[*n].reason = outcome_reason(&outcomes[i]);
		endings[*n].attempt_no = outcomes[i].work->attempt_no;
		refund_ending_lock(&endings[(*n)++]);
	}
	return endings;
}

static void
record(GatewayOutcome *outcomes, int count)
{
	int payment_count, refund_count;
	PaymentEnding *payments = payment_endings(outcomes, count, &payment_count);
	RefundEnding *refunds;
	int p = 0, r = 0;

	payments_ending_lock(payments, payment_count);
	refunds = refund_endings(outcomes, count, &refund_count);
	outcomes_lock(outcomes, count);
	for (int i = 0; i < count; i++)
	{
		if (ends(&outcomes[i], false))
			payments[p++].skip = is_skipped(&outcomes[i]);
		else if (ends(&outcomes[i], true))
			refunds[r++].skip = is_skipped(&outcomes[i]);
	}
	gateway_payments_end(payments, payment_count);
	for (r = 0; r < refund_count; r++)
		refund_ending_apply(&refunds[r]);
	outcomes_reschedule(outcomes, count);
	outcomes_hasten(outcomes, count);
	outcomes_end_attempts(outcomes, count);
}

/* What could not be recorded: looked up later, with what was wrong. */
static void
record_poison(GatewayOutcome *outcomes, int count)
{
	outcomes_lock(outcomes, count);
	outcomes_reschedule(outcomes, count);
	outcomes_end_attempts(outcomes, count);
}

static void
recording_run(void *argument)
{
	const Recording *recording = argument;
	int level = NewGUCNestLevel();

	(void) set_config_option("lock_timeout", recording->lock_wait, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	recording->work(recording->outcomes, recording->count);
	AtEOXact_GUC(true, level);
}

/* A cancel is for the transaction, never for one of its rows. */
static ErrorData *
recording_try(const Recording *recording)
{
	ErrorData *error = run_isolated(recording_run, unconstify(Recording *, recording));

	if (error != NULL && ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return error;
}

static void
record_alone(GatewayOutcome *outcome)
{
	Recording recording = {outcome, 1, LOCK_WAIT_OF_ONE, record};
	ErrorData *error = recording_try(&recording);
	GatewayReply reply = {.meaning = MEANS_UNKNOWN};
	GatewayOutcome poison = *outcome;

	if (error == NULL)
		return;
	ereport(LOG, errmsg("the answer of the payment gateway about %s %s cannot be recorded: %s",
						outcome->work->refund ? "refund" : "payment",
						id_text(outcome->work->subject_id), error->message));
	reply.error = psprintf("the answer could not be recorded: %s", error->message);
	poison.reply = &reply;
	poison.next.step = GATEWAY_AGAIN;
	poison.next.action = GATEWAY_LOOKUP;
	poison.next.due_at = clock_real() + POISON_PAUSE_US;
	recording = (Recording){&poison, 1, LOCK_WAIT_OF_ONE, record_poison};
	error = recording_try(&recording);
	if (error != NULL)
		ereport(LOG, errmsg("its call is left to its lease: %s", error->message));
}

static void
outcome_plan(GatewayOutcome *outcome, const GatewayResult *result)
{
	GatewayMoment moment = {
		.now = clock_real(),
		.random = pg_prng_uint32(&pg_global_prng_state),
		.breaker_closed = result->breaker_closed,
	};
	GatewayReply *reply = palloc(sizeof(GatewayReply));

	*reply = result->reply;
	reply->failure_message = text_from_utf8(reply->failure_message);
	reply->error = text_from_utf8(reply->error);
	outcome->work = result->work;
	outcome->reply = reply;
	outcome->next = gateway_next(result->work, reply, &moment);
}

void
gateway_record(const GatewayResult *results, int count)
{
	GatewayOutcome *outcomes = palloc0(sizeof(GatewayOutcome) * (count + 1));
	Recording all = {outcomes, count, LOCK_WAIT_OF_BATCH, record};

	for (int i = 0; i < count; i++)
		outcome_plan(&outcomes[i], &results[i]);
	if (count > 1 && recording_try(&all) == NULL)
		return;
	for (int i = 0; i < count; i++)
		record_alone(&outcomes[i]);
}

void
gateway_unclaim(GatewayWork *const *works, int count, TimestampTz due_at)
{
	GatewayOutcome *outcomes = palloc0(sizeof(GatewayOutcome) * (count + 1));
	GatewayReply *replies = palloc0(sizeof(GatewayReply) * (count + 1));

	for (int i = 0; i < count; i++)
	{
		GatewayNext *next = &outcomes[i].next;

		replies[i].meaning = MEANS_NOT_SENT;
		outcomes[i].work = works[i];
		outcomes[i].reply = &replies[i];
		*next = (GatewayNext){GATEWAY_AGAIN, works[i]->action, due_at, works[i]->counts};
		if (works[i]->action == GATEWAY_SEND && --next->counts.sends == 0)
			next->counts.first_sent_at = 0;
	}
	if (count == 0)
		return;
	outcomes_lock(outcomes, count);
	outcomes_reschedule(outcomes, count);
	outcomes_end_attempts(outcomes, count);
}
