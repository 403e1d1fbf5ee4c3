/*
 * collection_note.c
 *	  What follows from the end of a charge that the house made for an invoice.
 *
 * Guarantees: a payment counts once; each decline is followed by the time of the next try, or by a
 * dead letter. Locks: collections, whose invoices the caller has locked; keys of new rows.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/ids.h"
#include "domain/collection/collection_rows.h"

static bool
same_id(Datum a, Datum b)
{
	return a != 0 && memcmp(DatumGetUUIDP(a), DatumGetUUIDP(b), UUID_LEN) == 0;
}

static void
collection_approve(Collection *collection)
{
	if (collection->last_payment_id == 0 || collection->status != COLLECTION_ACTIVE)
		return;
	collection->status = COLLECTION_COLLECTED;
	collection->announced = true;
}

static void
collection_decline(Collection *collection, const ProviderAnswer *answer)
{
	RetrySchedule schedule = collection_schedule();
	Declines declines;

	collection->attempts++;
	collection->failure_code = answer->failure_code;
	collection->failure_message = answer->failure_message;
	if (collection->last_payment_id != 0 && collection->status != COLLECTION_ACTIVE)
		return; /* it ended otherwise meanwhile; the decline is counted */
	if (collection->step++ == 0)
		collection->first_failed_at = clock_now();
	declines = (Declines){collection->step, collection->first_failed_at, clock_now()};
	collection->hard = collection_code_is_hard(answer->failure_code);
	collection->announced = true;
	if (!collection->hard && schedule_next(&schedule, &declines, &collection->next_attempt_at))
		return;
	collection->status = COLLECTION_EXHAUSTED;
	collection->dead_letter_id = id_new();
}

static bool
is_approved(const Payment *payment)
{
	return payment->answer.outcome == PROVIDER_APPROVED;
}

void
collection_apply(Collection *collection, const Payment *payment)
{
	if (is_approved(payment))
		collection_approve(collection);
	else
		collection_decline(collection, &payment->answer);
	collection->last_payment_id = payment->payment_id;
}

void
collections_settle(Collection *collections, int count)
{
	collections_write(collections, count);
	dead_letters_insert(collections, count);
	collections_announce(collections, count);
}

/* An approval of what was never declined has no collection, and makes none. */
static bool
payment_counts(const Collection *collection, const Payment *payment)
{
	if (collection->last_payment_id == 0)
		return !is_approved(payment);
	return !same_id(collection->last_payment_id, payment->payment_id);
}

void
collections_note(const Payment *payments, int count)
{
	Collection *collections = palloc0(sizeof(Collection) * Max(count, 1));
	const Payment **decided = palloc(sizeof(Payment *) * Max(count, 1));
	int decided_count = 0;
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (payments[i].answer.outcome == PROVIDER_UNKNOWN)
			continue;
		collections[decided_count].customer_id = payments[i].customer_id;
		collections[decided_count].invoice_id = payments[i].target_id;
		decided[decided_count++] = &payments[i];
	}
	if (decided_count == 0)
		return;
	collections_load(collections, decided_count);
	for (int i = 0; i < decided_count; i++)
	{
		if (!payment_counts(&collections[i], decided[i]))
			continue;
		collections[n] = collections[i];
		collection_apply(&collections[n++], decided[i]);
	}
	collections_settle(collections, n);
}
