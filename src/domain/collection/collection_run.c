/*
 * collection_run.c
 *	  collections_run(): charges declined invoices whose next try is due.
 *
 * Guarantees: a try is a payment of its own, made at most once however many sessions run; what is
 * decided is decided under the lock of the invoice. One that cannot be charged, whatever the reason,
 * harms itself alone and is looked at again an hour later. Locks: invoices, never waiting; their
 * collections; keys of new rows.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/isolate.h"
#include "domain/collection/collection_rows.h"
#include "miscadmin.h"

#define RUN_CHUNK 100
#define WAIT_AGAIN USECS_PER_HOUR /* while a payment is not decided, and after an error */

typedef struct Chunk
{
	const Collection *due;
	int count;
} Chunk;

/* What a chunk becomes, and the payments of those that are charged. */
typedef struct Work
{
	Collection *collections;
	int count;
	Collection **charged;
	Payment *payments;
	int payment_count;
} Work;

static void
work_decide(Work *work)
{
	for (int i = 0; i < work->count; i++)
	{
		Collection *collection = &work->collections[i];

		switch (collection_decide(&collection->facts, &collection->stop_reason))
		{
			case COLLECTION_CHARGE:
				work->charged[work->payment_count] = collection;
				work->payments[work->payment_count++] = (Payment){
					.customer_id = collection->customer_id,
					.operation = "collection",
					.target_type = TARGET_INVOICE,
					.target_id = collection->invoice_id,
					.amount = collection->facts.due,
				};
				break;
			case COLLECTION_WAIT:
				collection->next_attempt_at = clock_now() + WAIT_AGAIN;
				break;
			case COLLECTION_STOP:
				collection_require_transition(collection->status, COLLECTION_STOPPED);
				collection->status = COLLECTION_STOPPED;
				collection->announced = true;
				break;
		}
	}
}

/* The invoices of what was approved at once, and of what nobody knows yet. */
static void
work_pay(const Work *work)
{
	InvoicePayment *paid = palloc(sizeof(InvoicePayment) * Max(work->payment_count, 1));
	const Collection **waiting = palloc(sizeof(Collection *) * Max(work->payment_count, 1));
	int paid_count = 0;
	int waiting_count = 0;

	for (int i = 0; i < work->payment_count; i++)
	{
		const Payment *payment = &work->payments[i];

		if (payment->answer.outcome == PROVIDER_APPROVED)
			paid[paid_count++] = (InvoicePayment){payment->customer_id, payment->target_id,
												  payment->amount, id_text(payment->payment_id)};
		else if (payment->answer.outcome == PROVIDER_UNKNOWN)
			waiting[waiting_count++] = work->charged[i];
	}
	invoices_pay(paid, paid_count);
	collections_touch(waiting, waiting_count);
}

static void
work_charge(Work *work)
{
	payments_authorize(work->payments, work->payment_count);
	(void) payments_record(work->payments, work->payment_count); /* without keys */
	work_pay(work);
	for (int i = 0; i < work->payment_count; i++)
	{
		if (work->payments[i].answer.outcome == PROVIDER_UNKNOWN)
			work->charged[i]->next_attempt_at = clock_now() + WAIT_AGAIN;
		else
			collection_apply(work->charged[i], &work->payments[i]);
	}
}

static void
chunk_collect(void *argument)
{
	const Chunk *chunk = argument;
	Work work = {
		.collections = palloc(sizeof(Collection) * chunk->count),
		.count = chunk->count,
		.charged = palloc(sizeof(Collection *) * chunk->count),
		.payments = palloc(sizeof(Payment) * chunk->count),
	};

	memcpy(work.collections, chunk->due, sizeof(Collection) * chunk->count);
	work_decide(&work);
	work_charge(&work);
	collections_settle(work.collections, work.count);
}

/* Raises again what is no fault of an invoice: a cancel, a shutdown, what a repeat can mend. */
static void
rethrow_unless_own(ErrorData *error)
{
	int category = ERRCODE_TO_CATEGORY(error->sqlerrcode);

	if (category == ERRCODE_OPERATOR_INTERVENTION || category == ERRCODE_TRANSACTION_ROLLBACK ||
		category == ERRCODE_INSUFFICIENT_RESOURCES)
		ReThrowError(error);
}

static void
collect_alone(const Collection *due)
{
	ErrorData *error = run_isolated(chunk_collect, &(Chunk){due, 1});
	Collection later;

	if (error == NULL)
		return;
	rethrow_unless_own(error);
	ereport(WARNING, errcode(error->sqlerrcode),
			errmsg("invoice %s could not be collected", due->number),
			errdetail("%s", error->message));
	later = *due;
	later.next_attempt_at = clock_now() + WAIT_AGAIN;
	collections_write(&later, 1);
}

/* Those that another session charged between the look and the lock are not due any more. */
static int
drop_not_due(Collection *due, int count)
{
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (due[i].status == COLLECTION_ACTIVE && due[i].next_attempt_at <= clock_now())
			due[n++] = due[i];
	}
	return n;
}

static int
run_chunk(int most)
{
	Collection *due = palloc(sizeof(Collection) * most);
	int seen = collections_lock_due(due, most);
	int count = drop_not_due(due, seen);
	ErrorData *error;

	if (count == 0)
		return seen;
	error = run_isolated(chunk_collect, &(Chunk){due, count});
	if (error == NULL)
		return seen;
	rethrow_unless_own(error);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		collect_alone(&due[i]);
	}
	return seen;
}

int
collections_run(int most)
{
	int done = 0;
	int n;

	do
	{
		CHECK_FOR_INTERRUPTS();
		n = run_chunk(Min(most - done, RUN_CHUNK));
		done += n;
	} while (n > 0 && done < most);
	return done;
}
