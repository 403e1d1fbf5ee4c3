/*
 * dead_letter_store.c
 *	  Writing dead letters of invoices that could not be collected.
 *
 * Guarantees: a letter holds all that is needed to understand it without reading any other table.
 * Locks: keys of new rows.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/ids.h"
#include "domain/collection/collection_rows.h"
#include "utils/timestamp.h"

#define PAYMENTS_TOLD 50 /* of an invoice, the newest */
#define ATTEMPTS_TOLD 20 /* of a payment, likewise */

static Stmt insert_letters = {
	.name = "insert_dead_letters",
	.sql = "INSERT INTO billing.dead_letters (customer_id, dead_letter_id, source, subject_type,"
		   " subject_id, error_class, failure_reason, payload, retry_count, status, created_at)"
		   " SELECT d.customer_id, d.dead_letter_id, 'PAYMENT', 'INVOICE', d.invoice_id,"
		   " d.error_class, d.failure_reason, pg_catalog.jsonb_build_object("
		   "'invoiceId', h.invoice_id, 'number', h.number, 'period', h.period, 'status', h.status,"
		   " 'total', h.total, 'amountDue', h.amount_due, 'currency', h.currency,"
		   " 'issuedAt', h.issued_at, 'dueAt', h.due_at, 'customerId', h.customer_id,"
		   " 'customer', h.customer_snapshot, 'schedule', $6, 'firstFailedAt', c.first_failed_at,"
		   " 'attempts', c.attempts, 'payments', (SELECT pg_catalog.jsonb_agg(p.payment"
		   " ORDER BY p.created_at, p.payment_id) FROM (SELECT p.created_at, p.payment_id,"
		   " pg_catalog.jsonb_build_object('paymentId', p.payment_id, 'operation', p.operation,"
		   " 'amount', p.amount, 'currency', p.currency, 'method', p.method,"
		   " 'paymentMethodId', p.payment_method_id, 'provider', p.provider,"
		   " 'providerKey', p.provider_key, 'providerReference', p.provider_reference,"
		   " 'status', p.status, 'failureCode', p.failure_code,"
		   " 'failureMessage', p.failure_message, 'createdAt', p.created_at,"
		   " 'completedAt', p.completed_at, 'attempts', (SELECT pg_catalog.jsonb_agg(a.attempt"
		   " ORDER BY a.attempt_no) FROM (SELECT a.attempt_no, pg_catalog.jsonb_build_object("
		   "'attempt', a.attempt_no, 'call', a.call, 'status', a.status,"
		   " 'failureCode', a.failure_code, 'failureMessage', a.failure_message,"
		   " 'providerReference', a.provider_reference, 'sentAt', a.sent_at,"
		   " 'finishedAt', a.finished_at) AS attempt FROM billing.payment_attempts a"
		   " WHERE a.customer_id = p.customer_id AND a.payment_id = p.payment_id"
		   " ORDER BY a.attempt_no DESC LIMIT $9) a)) AS payment"
		   " FROM billing.payments p WHERE p.customer_id = h.customer_id"
		   " AND p.target_id = h.invoice_id AND p.target_type = 'INVOICE'"
		   " ORDER BY p.created_at DESC, p.payment_id DESC LIMIT $8) p)),"
		   " c.step, 'OPEN', $7"
		   " FROM unnest($1, $2, $3, $4, $5) d(customer_id, invoice_id, dead_letter_id,"
		   " error_class, failure_reason)"
		   " JOIN billing.invoice_headers h ON h.customer_id = d.customer_id"
		   " AND h.invoice_id = d.invoice_id"
		   " JOIN billing.collections c ON c.customer_id = d.customer_id"
		   " AND c.invoice_id = d.invoice_id",
	.expect = SPI_OK_INSERT,
	.nargs = 9,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
				 TIMESTAMPTZOID, INT8OID, INT8OID},
	.by_index = true,
};

static const char *
failure_reason(const Collection *collection)
{
	const char *code = collection->failure_code != NULL ? collection->failure_code : "DECLINED";

	return collection->failure_message != NULL
			   ? psprintf("%s: %s", code, collection->failure_message)
			   : code;
}

void
dead_letters_insert(const Collection *collections, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, UUIDOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		const Collection *collection = &collections[i];

		if (collection->dead_letter_id == 0)
			continue;
		batch_row(batch);
		batch_text(batch, collection->customer_id);
		batch_datum(batch, collection->invoice_id);
		batch_datum(batch, collection->dead_letter_id);
		batch_text(batch, collection->hard ? "HARD_DECLINE" : "RETRIES_EXHAUSTED");
		batch_text(batch, failure_reason(collection));
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_text(&args, collection_schedule_text());
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_datum(&args, Int64GetDatum(PAYMENTS_TOLD));
	arg_datum(&args, Int64GetDatum(ATTEMPTS_TOLD));
	stmt_run(&insert_letters, &args);
}
