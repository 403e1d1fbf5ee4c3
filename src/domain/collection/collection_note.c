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
collection_decline(Collection *collection, const CollectionNote *note)
{
	RetrySchedule schedule = collection_schedule();
	Declines declines;

	collection->attempts++;
	collection->failure_code = note->failure_code;
	collection->failure_message = note->failure_message;
	if (collection->last_payment_id != 0 && collection->status != COLLECTION_ACTIVE)
		return; /* it ended otherwise meanwhile; the decline is counted */
	if (collection->step++ == 0)
		collection->first_failed_at = clock_now();
	declines = (Declines){collection->step, collection->first_failed_at, clock_now()};
	collection->hard = collection_code_is_hard(note->failure_code);
	collection->announced = true;
	if (!collection->hard && schedule_next(&schedule, &declines, &collection->next_attempt_at))
		return;
	collection->status = COLLECTION_EXHAUSTED;
	collection->dead_letter_id = id_new();
}

void
collection_apply(Collection *collection, const CollectionNote *note)
{
	if (note->approved)
		collection_approve(collection);
	else
		collection_decline(collection, note);
	collection->last_payment_id = note->payment_id;
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
note_counts(const Collection *collection, const CollectionNote *note)
{
	if (collection->last_payment_id == 0)
		return !note->approved;
	return !same_id(collection->last_payment_id, note->payment_id);
}

void
collections_note(const CollectionNote *notes, int count)
{
	Collection *collections;
	int n = 0;

	if (count == 0)
		return;
	collections = palloc0(sizeof(Collection) * count);
	for (int i = 0; i < count; i++)
	{
		collections[i].customer_id = notes[i].customer_id;
		collections[i].invoice_id = notes[i].invoice_id;
	}
	collections_load(collections, count);
	for (int i = 0; i < count; i++)
	{
		if (!note_counts(&collections[i], &notes[i]))
			continue;
		collections[n] = collections[i];
		collection_apply(&collections[n++], &notes[i]);
	}
	collections_settle(collections, n);
}

CollectionNote
collection_note_of(const Payment *payment)
{
	return (CollectionNote){
		.customer_id = payment->customer_id,
		.invoice_id = payment->target_id,
		.payment_id = payment->payment_id,
		.approved = payment->answer.outcome == PROVIDER_APPROVED,
		.failure_code = payment->answer.failure_code,
		.failure_message = payment->answer.failure_message,
	};
}

void
collections_note_payments(const Payment *payments, int count)
{
	CollectionNote *notes = palloc(sizeof(CollectionNote) * Max(count, 1));
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (payments[i].answer.outcome != PROVIDER_UNKNOWN)
			notes[n++] = collection_note_of(&payments[i]);
	}
	collections_note(notes, n);
}
