/*
 * credit_book_store.c
 *	  Writing what credits gave to invoices: a constant number of statements for any number.
 *
 * Guarantees: credits, applications, postings, events and audit of one application are written
 * together; it is one journal. Locks: keys of applications. The credits are locked already.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/credit/credit.h"
#include "domain/credit/credit_store.h"
#include "utils/timestamp.h"

static Stmt insert_applications = {
	.name = "insert_credit_applications",
	.sql =
		"INSERT INTO billing.credit_applications (customer_id, application_id, invoice_id,"
		" amount, currency, idempotency_key, fingerprint, applied_at)"
		" SELECT a.*, $8 FROM unnest($1, $2, $3, $4, $5, $6, $7) a"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 8,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, UUIDARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,
				 TEXTARRAYOID, BYTEAARRAYOID, TIMESTAMPTZOID},
};

static Stmt insert_uses = {
	.name = "insert_credit_uses",
	.sql =
		"INSERT INTO billing.credit_uses (customer_id, application_id, use_no, credit_id, amount)"
		" SELECT u.* FROM unnest($1, $2, $3, $4, $5) u",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, UUIDARRAYOID, NUMERICARRAYOID},
};

typedef struct Booking
{
	Batch *applications;
	Batch *uses;
	CreditChange *changes;
	int change_count;
	OutboxEvent *events;
	int event_count;
	AuditEntry *entries;
	int entry_count;
} Booking;

static Booking
booking_new(const CreditDemand *demands, int count)
{
	static const Oid application_types[] = {TEXTOID, UUIDOID, UUIDOID, NUMERICOID,
											TEXTOID, TEXTOID, BYTEAOID};
	static const Oid use_types[] = {TEXTOID, UUIDOID, INT4OID, UUIDOID, NUMERICOID};
	int uses = 0;

	for (int i = 0; i < count; i++)
		uses += list_length(demands[i].uses);
	return (Booking){
		.applications = batch_new(application_types, lengthof(application_types)),
		.uses = batch_new(use_types, lengthof(use_types)),
		.changes = palloc(sizeof(CreditChange) * Max(uses, 1)),
		.events = palloc(sizeof(OutboxEvent) * 2 * Max(uses, 1)),
		.entries = palloc(sizeof(AuditEntry) * Max(count, 1)),
	};
}

static OutboxEvent
consumed_event(const CreditChange *use, const CreditDemand *demand)
{
	JsonWriter json;
	OutboxEvent event;

	credit_event_open(&json, &use->credit);
	json_key(&json, "consumedAmount");
	json_money(&json, use->amount);
	json_key(&json, "remainingBalance");
	json_money(&json, money_subtract(use->credit.balance, use->amount));
	json_key(&json, "referenceType");
	json_string(&json, "ADJUSTMENT");
	json_key(&json, "referenceId");
	json_string(&json, psprintf("invoice:%s", id_text(demand->invoice_id)));
	event = credit_event_close(&json, &use->credit, "CreditConsumed");
	event.idempotency_key = demand->idempotency_key;
	return event;
}

static void
book_use(Booking *booking, const CreditDemand *demand, const CreditChange *use)
{
	booking->changes[booking->change_count++] = *use;
	booking->events[booking->event_count++] = consumed_event(use, demand);
	if (use->becomes == CREDIT_EXHAUSTED)
	{
		JsonWriter json;

		credit_event_open(&json, &use->credit);
		booking->events[booking->event_count++] =
			credit_event_close(&json, &use->credit, "CreditExhausted");
	}
}

static Datum
due_json(Money due)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "amountDue");
	json_money(&json, due);
	json_key(&json, "currency");
	json_string(&json, due.currency->code);
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static AuditEntry
applied_entry(const CreditDemand *demand)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "customerId");
	json_string(&json, demand->customer_id);
	json_key(&json, "applied");
	json_money(&json, demand->applied);
	json_key(&json, "currency");
	json_string(&json, demand->applied.currency->code);
	json_key(&json, "amountDueAfter");
	json_money(&json, money_subtract(demand->due, demand->applied));
	json_close(&json, '}');
	return (AuditEntry){
		.customer_id = demand->customer_id,
		.action = "INVOICE_CREDIT_APPLIED",
		.target_type = "Invoice",
		.target_id = id_text(demand->invoice_id),
		.before = due_json(demand->due),
		.after = json_to_jsonb(&json),
	};
}

static void
book_demand(Booking *booking, const CreditDemand *demand)
{
	Datum application_id = id_new();

	batch_row(booking->applications);
	batch_text(booking->applications, demand->customer_id);
	batch_datum(booking->applications, application_id);
	batch_datum(booking->applications, demand->invoice_id);
	batch_money(booking->applications, demand->applied);
	batch_text(booking->applications, demand->applied.currency->code);
	batch_text(booking->applications, demand->idempotency_key);
	batch_datum_or_null(booking->applications, demand->fingerprint);
	for (int i = 0; i < list_length(demand->uses); i++)
	{
		CreditChange *use = list_nth(demand->uses, i);

		use->journal_id = application_id;
		batch_row(booking->uses);
		batch_text(booking->uses, demand->customer_id);
		batch_datum(booking->uses, application_id);
		batch_datum(booking->uses, Int32GetDatum(i + 1));
		batch_datum(booking->uses, use->credit.credit_id);
		batch_money(booking->uses, use->amount);
		book_use(booking, demand, use);
	}
	if (!money_is_zero(demand->applied))
		booking->entries[booking->entry_count++] = applied_entry(demand);
}

static void
booking_insert(const Booking *booking)
{
	StmtArgs applications = {0};
	StmtArgs uses = {0};

	batch_args(booking->applications, &applications);
	arg_datum(&applications, TimestampTzGetDatum(clock_now()));
	if (stmt_run(&insert_applications, &applications).count != (uint64) booking->applications->rows)
		billing_retry(errmsg("an idempotency key is used by a transaction that is not visible"));
	if (booking->uses->rows == 0)
		return;
	batch_args(booking->uses, &uses);
	stmt_run(&insert_uses, &uses);
}

void
credits_book(const CreditDemand *demands, int count)
{
	Booking booking = booking_new(demands, count);

	for (int i = 0; i < count; i++)
	{
		if (!money_is_zero(demands[i].applied) || demands[i].idempotency_key != NULL)
			book_demand(&booking, &demands[i]);
	}
	if (booking.applications->rows == 0)
		return;
	booking_insert(&booking);
	credits_change(booking.changes, booking.change_count);
	outbox_append(booking.events, booking.event_count);
	audit_append(booking.entries, booking.entry_count);
}
