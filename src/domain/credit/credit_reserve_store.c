/*
 * credit_reserve_store.c
 *	  Which credits pay how much of which invoice.
 *
 * Guarantees: what is reserved stays so until the transaction ends, since the credits are locked;
 * the locked version of each says whether it is usable, and how much is left. Locks: the usable
 * credits, by customer, then in the order in which they are used.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/credit/credit.h"
#include "domain/credit/credit_store.h"
#include "domain/ledger/ledger.h"
#include "utils/timestamp.h"

static Stmt lock_usable = {
	.name = "lock_usable_credits",
	.sql =
		"SELECT c.customer_id, c.credit_id, c.type, c.balance FROM unnest($1, $2) d(customer_id, currency)"
		" JOIN billing.credits c ON c.customer_id = d.customer_id AND c.currency = d.currency"
		" AND c.status = 'ACTIVE'"
		" WHERE c.valid_from <= $3 AND (c.valid_until IS NULL OR c.valid_until > $3)"
		" ORDER BY c.customer_id, c.valid_until NULLS LAST, c.created_at, c.credit_id"
		" FOR NO KEY UPDATE OF c",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, TEXTARRAYOID, TIMESTAMPTZOID},
	.by_index = true,
};

static bool
wants_credit(const CreditDemand *demand)
{
	return !money_is_negative(demand->at_most) && !money_is_zero(demand->at_most);
}

/* Asks for the credits of those who want any; no rows when nobody does. */
static Rows
lock_credits(const CreditDemand *demands, int count)
{
	static const Oid types[] = {TEXTOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (!wants_credit(&demands[i]))
			continue;
		batch_row(batch);
		batch_text(batch, demands[i].customer_id);
		batch_text(batch, demands[i].due.currency->code);
	}
	if (batch->rows == 0)
		return (Rows){0};
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	return stmt_run(&lock_usable, &args);
}

static CreditDemand *
demand_of(CreditDemand *demands, int count, const char *customer_id)
{
	for (int i = 0; i < count; i++)
	{
		if (strcmp(demands[i].customer_id, customer_id) == 0)
			return &demands[i];
	}
	Ensure(false, "customer \"%s\" was not asked for", customer_id);
	return NULL; /* not reached */
}

/* Adds a locked credit to the demand of its customer, as one that gives nothing yet. */
static void
add_usable(CreditDemand *demand, Rows *rows)
{
	CreditChange *use = palloc0(sizeof(CreditChange));
	bool isnull;

	use->credit = (Credit){
		.customer_id = demand->customer_id,
		.credit_id = row_datum(rows, "credit_id", UUIDOID, &isnull),
		.type = row_text(rows, "type"),
		.balance = row_money(rows, "balance", demand->due.currency),
	};
	use->kind = "CREDIT_APPLIED";
	use->account = ACCOUNT_RECEIVABLE;
	demand->uses = lappend(demand->uses, use);
}

/* Keeps of the usable credits those that give something. */
static void
divide(CreditDemand *demand)
{
	int count = list_length(demand->uses);
	Money *balances = palloc(sizeof(Money) * Max(count, 1));
	Money *taken = palloc(sizeof(Money) * Max(count, 1));
	List *uses = NIL;

	for (int i = 0; i < count; i++)
		balances[i] = ((CreditChange *) list_nth(demand->uses, i))->credit.balance;
	demand->applied = credits_divide(demand->at_most, balances, count, taken);
	for (int i = 0; i < count; i++)
	{
		CreditChange *use = list_nth(demand->uses, i);

		if (money_is_zero(taken[i]))
			break;
		use->amount = taken[i];
		use->becomes = money_compare(taken[i], balances[i]) == 0 ? CREDIT_EXHAUSTED : CREDIT_ACTIVE;
		uses = lappend(uses, use);
	}
	demand->uses = uses;
}

void
credits_reserve(CreditDemand *demands, int count)
{
	Rows rows = lock_credits(demands, count);

	for (int i = 0; i < count; i++)
		demands[i].uses = NIL;
	while (row_next(&rows))
		add_usable(demand_of(demands, count, row_text(&rows, "customer_id")), &rows);
	for (int i = 0; i < count; i++)
		divide(&demands[i]);
}
