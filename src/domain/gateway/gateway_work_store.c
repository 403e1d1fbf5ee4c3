/*
 * gateway_work_store.c
 *	  What the provider is told of payments and refunds, and the attempts to tell it.
 *
 * What is read never changes, but for the reference of a payment, which is there before a refund of it
 * is. Texts leave in UTF-8, whatever the database is encoded in, and come back as it can hold them.
 * Locks: the keys of new attempts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/errors.h"
#include "core/isolate.h"
#include "core/numeric.h"
#include "domain/gateway/gateway_rows.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

static Stmt describe_payments = {
	.name = "describe_gateway_payments",
	.sql =
		"SELECT k.n, p.provider_key::text AS provider_key, p.amount, p.currency::text AS currency,"
		" p.method, p.target_type, p.target_id::text AS target_id, m.token::text AS token"
		" FROM unnest($1, $2, $3) k(n, customer_id, payment_id)"
		" JOIN billing.payments p"
		" ON p.customer_id = k.customer_id AND p.payment_id = k.payment_id"
		" LEFT JOIN billing.payment_methods m"
		" ON m.customer_id = p.customer_id AND m.payment_method_id = p.payment_method_id",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

/* The money of a payment that failed came late: its reference is another. */
static Stmt describe_refunds = {
	.name = "describe_gateway_refunds",
	.sql =
		"SELECT k.n, r.provider_key::text AS provider_key, r.amount, r.currency::text AS currency,"
		" p.method, p.target_type, p.target_id::text AS target_id, r.reason,"
		" CASE WHEN p.status = 'FAILED' THEN p.late_reference ELSE p.provider_reference END"
		" AS reference"
		" FROM unnest($1, $2, $3) k(n, customer_id, refund_id)"
		" JOIN billing.refunds r ON r.customer_id = k.customer_id AND r.refund_id = k.refund_id"
		" JOIN billing.payments p"
		" ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {INT4ARRAYOID, TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static Stmt begin_payment_attempts = {
	.name = "begin_payment_attempts",
	.sql =
		"INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, call, status,"
		" sent_at) SELECT a.customer_id, a.payment_id, a.attempt_no, a.call, 'SENT', $5"
		" FROM unnest($1, $2, $3, $4) a(customer_id, payment_id, attempt_no, call)",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
};

static Stmt begin_refund_attempts = {
	.name = "begin_refund_attempts",
	.sql = "INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status,"
		   " sent_at) SELECT a.customer_id, a.refund_id, a.attempt_no, a.call, 'SENT', $5"
		   " FROM unnest($1, $2, $3, $4) a(customer_id, refund_id, attempt_no, call)",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, INT4ARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
};

static char *
text_to_utf8(char *text)
{
	return text != NULL ? pg_server_to_any(text, (int) strlen(text), PG_UTF8) : NULL;
}

static void
describe_row(GatewayWork *work, Rows *rows)
{
	MemoryContext caller = MemoryContextSwitchTo(work->context);

	work->amount = row_money(rows, "amount", currency_require(row_text(rows, "currency")));
	work->method = row_text(rows, "method");
	work->target_type = row_text(rows, "target_type");
	work->target_id = row_text(rows, "target_id");
	if (work->refund)
	{
		work->reference = text_to_utf8(row_text_or_null(rows, "reference"));
		work->reason = text_to_utf8(row_text_or_null(rows, "reason"));
	}
	else
		work->token = text_to_utf8(row_text_or_null(rows, "token"));
	work->customer_utf8 = text_to_utf8(work->customer_id);
	work->provider_key = row_text(rows, "provider_key");
	MemoryContextSwitchTo(caller);
}

/* Describes the works of one kind in one statement. */
static void
works_describe_kind(GatewayWork *const *works, int count, bool refunds)
{
	static const Oid types[] = {INT4OID, TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	for (int i = 0; i < count; i++)
	{
		if (works[i]->refund != refunds)
			continue;
		batch_row(batch);
		batch_datum(batch, Int32GetDatum(i));
		batch_text(batch, works[i]->customer_id);
		batch_datum(batch, works[i]->subject_id);
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	rows = stmt_run(refunds ? &describe_refunds : &describe_payments, &args);
	while (row_next(&rows))
	{
		int32 n = row_int32(&rows, "n");

		Ensure(n >= 0 && n < count, "description of a call that was not asked for");
		describe_row(works[n], &rows);
	}
}

typedef struct Description
{
	GatewayWork *const *works;
	int count;
} Description;

static void
description_run(void *argument)
{
	const Description *description = argument;

	works_describe_kind(description->works, description->count, false);
	works_describe_kind(description->works, description->count, true);
}

static bool
description_try(Description description)
{
	ErrorData *error = run_isolated(description_run, &description);

	if (error == NULL)
		return true;
	if (ERRCODE_TO_CATEGORY(error->sqlerrcode) == ERRCODE_OPERATOR_INTERVENTION)
		ReThrowError(error);
	return false;
}

void
works_describe(GatewayWork *const *works, int count)
{
	if (count == 0 || description_try((Description){works, count}))
		return;
	for (int i = 0; i < count; i++)
	{
		works[i]->provider_key = NULL;
		(void) description_try((Description){&works[i], 1});
	}
}

static void
attempts_begin_kind(GatewayWork *const *works, int count, TimestampTz now, bool refunds)
{
	static const Oid types[] = {TEXTOID, UUIDOID, INT4OID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (works[i]->refund != refunds)
			continue;
		batch_row(batch);
		batch_text(batch, works[i]->customer_id);
		batch_datum(batch, works[i]->subject_id);
		batch_datum(batch, Int32GetDatum(works[i]->attempt_no));
		batch_text(batch, works[i]->action == GATEWAY_SEND ? "SEND" : "LOOKUP");
	}
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(now));
	stmt_run(refunds ? &begin_refund_attempts : &begin_payment_attempts, &args);
}

void
attempts_begin(GatewayWork *const *works, int count, TimestampTz now)
{
	attempts_begin_kind(works, count, now, false);
	attempts_begin_kind(works, count, now, true);
}
