/*
 * gateway_outcome_store.c
 *	  The rows of calls and attempts that ended without a decision.
 *
 * Guarantees: a call is changed only under its lease. Locks: the rows of calls, in the order of their
 * keys, after all that is locked of their payments and refunds.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "domain/gateway/gateway_rows.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

static Stmt lock_calls = {
	.name = "lock_gateway_calls",
	.sql = "SELECT k.n, COALESCE(g.lease_token = k.lease_token, false) AS held"
		   " FROM unnest($1, $2, $3, $4) k(n, customer_id, subject_id, lease_token)"
		   " JOIN billing.gateway_calls g"
		   " ON g.customer_id = k.customer_id AND g.subject_id = k.subject_id"
		   " ORDER BY g.customer_id, g.subject_id FOR NO KEY UPDATE OF g",
	.expect = SPI_OK_SELECT,
	.nargs = 4,
	.argtypes = {INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt reschedule_calls = {
	.name = "reschedule_gateway_calls",
	.sql = "UPDATE billing.gateway_calls g SET lease_token = NULL, action = n.action,"
		   " due_at = n.due_at, sends = n.sends, tries = n.tries, lookups = n.lookups,"
		   " first_sent_at = n.first_sent_at, not_found_since = n.not_found_since,"
		   " refused_status = n.refused_status, last_error = COALESCE(n.error, g.last_error)"
		   " FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) n(customer_id,"
		   " subject_id, lease_token, action, due_at, sends, tries, lookups, first_sent_at,"
		   " not_found_since, refused_status, error) WHERE g.customer_id = n.customer_id"
		   " AND g.subject_id = n.subject_id AND g.lease_token = n.lease_token",
	.expect = SPI_OK_UPDATE,
	.nargs = 12,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TIMESTAMPTZARRAYOID,
				 INT4ARRAYOID, INT4ARRAYOID, INT4ARRAYOID, TIMESTAMPTZARRAYOID, TIMESTAMPTZARRAYOID,
				 INT4ARRAYOID, TEXTARRAYOID},
	.by_index = true,
};

static Stmt hasten_calls = {
	.name = "hasten_gateway_calls",
	.sql = "UPDATE billing.gateway_calls g SET due_at = LEAST(g.due_at, $3)"
		   " FROM unnest($1, $2) k(customer_id, subject_id)"
		   " WHERE g.customer_id = k.customer_id AND g.subject_id = k.subject_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

#define END_ATTEMPTS(table, id)                                                                    \
	"UPDATE billing." table " a SET status = e.status, provider_reference = e.reference,"          \
	" failure_code = e.code, failure_message = e.message, finished_at = $8"                        \
	" FROM unnest($1, $2, $3, $4, $5, $6, $7) e(customer_id, subject_id, attempt_no, status,"      \
	" reference, code, message) WHERE a.customer_id = e.customer_id"                               \
	" AND a." id " = e.subject_id AND a.attempt_no = e.attempt_no AND a.finished_at IS NULL"

#define END_ATTEMPTS_TYPES                                                                         \
	{                                                                                              \
		TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,        \
			TEXTARRAYOID, TIMESTAMPTZOID                                                           \
	}

static Stmt end_payment_attempts = {
	.name = "end_undecided_payment_attempts",
	.sql = END_ATTEMPTS("payment_attempts", "payment_id"),
	.expect = SPI_OK_UPDATE,
	.nargs = 8,
	.argtypes = END_ATTEMPTS_TYPES,
	.by_index = true,
};

static Stmt end_refund_attempts = {
	.name = "end_undecided_refund_attempts",
	.sql = END_ATTEMPTS("refund_attempts", "refund_id"),
	.expect = SPI_OK_UPDATE,
	.nargs = 8,
	.argtypes = END_ATTEMPTS_TYPES,
	.by_index = true,
};

char *
text_from_utf8(char *text)
{
	char *to = text;

	if (text == NULL || GetDatabaseEncoding() == PG_UTF8)
		return text;
	for (const char *from = text; *from != '\0'; from++)
	{
		if (!IS_HIGHBIT_SET(*from))
			*to++ = *from;
		else if (((unsigned char) *from & 0xC0) != 0x80)
			*to++ = '?';
	}
	*to = '\0';
	return text;
}

void
outcomes_lock(GatewayOutcome *outcomes, int count)
{
	static const Oid types[] = {INT4OID, TEXTOID, UUIDOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
	{
		outcomes[i].held = false;
		outcomes[i].gone = true;
		batch_row(batch);
		batch_datum(batch, Int32GetDatum(i));
		batch_text(batch, outcomes[i].work->customer_id);
		batch_datum(batch, outcomes[i].work->subject_id);
		batch_datum(batch, outcomes[i].work->lease_token);
	}
	batch_args(batch, &args);
	rows = stmt_run(&lock_calls, &args);
	while (row_next(&rows))
	{
		int32 n = row_int32(&rows, "n");

		Ensure(n >= 0 && n < count, "call that was not asked for");
		outcomes[n].held = row_bool(&rows, "held");
		outcomes[n].gone = false;
	}
}

static void
batch_time_or_null(Batch *batch, TimestampTz time)
{
	if (time == 0)
		batch_null(batch);
	else
		batch_datum(batch, TimestampTzGetDatum(time));
}

static void
next_to_batch(Batch *batch, const GatewayOutcome *outcome)
{
	const GatewayNext *next = &outcome->next;
	const GatewayCounts *counts = &next->counts;

	batch_row(batch);
	batch_text(batch, outcome->work->customer_id);
	batch_datum(batch, outcome->work->subject_id);
	batch_datum(batch, outcome->work->lease_token);
	batch_text(batch, next->action == GATEWAY_SEND ? "SEND" : "LOOKUP");
	batch_datum(batch, TimestampTzGetDatum(next->due_at));
	batch_datum(batch, Int32GetDatum(counts->sends));
	batch_datum(batch, Int32GetDatum(counts->tries));
	batch_datum(batch, Int32GetDatum(counts->lookups));
	batch_time_or_null(batch, counts->first_sent_at);
	batch_time_or_null(batch, counts->not_found_since);
	if (counts->refused_status == 0)
		batch_null(batch);
	else
		batch_datum(batch, Int32GetDatum(counts->refused_status));
	batch_text(batch, outcome->reply->error);
}

void
outcomes_reschedule(const GatewayOutcome *outcomes, int count)
{
	static const Oid types[] = {TEXTOID,        UUIDOID,        UUIDOID, TEXTOID,
								TIMESTAMPTZOID, INT4OID,        INT4OID, INT4OID,
								TIMESTAMPTZOID, TIMESTAMPTZOID, INT4OID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (outcomes[i].held && outcomes[i].next.step == GATEWAY_AGAIN)
			next_to_batch(batch, &outcomes[i]);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	stmt_run(&reschedule_calls, &args);
}

void
outcomes_hasten(const GatewayOutcome *outcomes, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (outcomes[i].held || outcomes[i].gone || outcomes[i].next.step == GATEWAY_AGAIN)
			continue;
		batch_row(batch);
		batch_text(batch, outcomes[i].work->customer_id);
		batch_datum(batch, outcomes[i].work->subject_id);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_real()));
	stmt_run(&hasten_calls, &args);
}

static const char *
attempt_status(const GatewayReply *reply)
{
	switch (reply->meaning)
	{
		case MEANS_APPROVED:
			return "APPROVED";
		case MEANS_DECLINED:
			return "DECLINED";
		case MEANS_NOT_SENT:
			return "NOT_SENT";
		default:
			return "UNKNOWN";
	}
}

/* Whether the payment or refund itself is ended, and the attempt with it. */
static bool
is_decisive(const GatewayOutcome *outcome)
{
	return outcome->next.step != GATEWAY_AGAIN && (outcome->held || outcome->gone);
}

static void
end_attempts(const GatewayOutcome *outcomes, int count, bool refunds)
{
	static const Oid types[] = {TEXTOID, UUIDOID, INT4OID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		const GatewayWork *work = outcomes[i].work;
		const GatewayReply *reply = outcomes[i].reply;

		if (work->refund != refunds || is_decisive(&outcomes[i]))
			continue;
		batch_row(batch);
		batch_text(batch, work->customer_id);
		batch_datum(batch, work->subject_id);
		batch_datum(batch, Int32GetDatum(work->attempt_no));
		batch_text(batch, attempt_status(reply));
		batch_text(batch, reply->reference);
		batch_text(batch, reply->failure_code);
		batch_text(batch, reply->error != NULL ? reply->error : reply->failure_message);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_real()));
	stmt_run(refunds ? &end_refund_attempts : &end_payment_attempts, &args);
}

void
outcomes_end_attempts(const GatewayOutcome *outcomes, int count)
{
	end_attempts(outcomes, count, false);
	end_attempts(outcomes, count, true);
}
