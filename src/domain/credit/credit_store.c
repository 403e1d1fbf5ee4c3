/*
 * credit_store.c
 *	  Changing credits: what leaves them, with its posting.
 *
 * Guarantees: the balance of a credit and the ledger change together. The caller has locked the
 * credits and chosen the amounts after that; a credit that is not as he saw it is an error.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/period.h"
#include "domain/credit/credit_store.h"
#include "domain/customer/customer.h"
#include "domain/ledger/ledger.h"
#include "utils/timestamp.h"

static Stmt change_credits = {
	.name = "change_credits",
	.sql = "UPDATE billing.credits c SET balance = c.balance - u.amount, status = u.status,"
		   " ended_at = CASE WHEN u.status <> 'ACTIVE' THEN $6 END"
		   " FROM unnest($1, $2, $3, $4, $5) u(customer_id, credit_id, before, amount, status)"
		   " WHERE c.customer_id = u.customer_id AND c.credit_id = u.credit_id"
		   " AND c.status = 'ACTIVE' AND c.balance = u.before",
	.expect = SPI_OK_UPDATE,
	.nargs = 6,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, TEXTARRAYOID,
				 TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt select_credit = {
	.name = "select_credit",
	.sql =
		"SELECT c AS credit FROM billing.credits c WHERE c.customer_id = $1 AND c.credit_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static void
credits_update(const CreditChange *changes, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, NUMERICOID, NUMERICOID, TEXTOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < count; i++)
	{
		if (changes[i].becomes != CREDIT_ACTIVE)
			credit_require_transition(CREDIT_ACTIVE, changes[i].becomes);
		batch_row(batch);
		batch_text(batch, changes[i].credit.customer_id);
		batch_datum(batch, changes[i].credit.credit_id);
		batch_money(batch, changes[i].credit.balance);
		batch_money(batch, changes[i].amount);
		batch_text(batch, credit_status_name(changes[i].becomes));
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	Ensure(stmt_run(&change_credits, &args).count == (uint64) count, "a locked credit has changed");
}

static void
changes_post(const CreditChange *changes, int count)
{
	LedgerTransfer *transfers = palloc(sizeof(LedgerTransfer) * count);
	DateADT today = zone_day(clock_now(), house_time_zone());

	for (int i = 0; i < count; i++)
		transfers[i] = (LedgerTransfer){
			.journal_id = changes[i].journal_id,
			.customer_id = changes[i].credit.customer_id,
			.debit_account = ACCOUNT_CREDIT,
			.credit_account = changes[i].account,
			.amount = changes[i].amount,
			.kind = changes[i].kind,
			.reference_type = "CREDIT",
			.reference_id = id_text(changes[i].credit.credit_id),
			.effective_on = today,
		};
	ledger_post(transfers, count);
}

void
credits_change(const CreditChange *changes, int count)
{
	if (count == 0)
		return;
	credits_update(changes, count);
	changes_post(changes, count);
}

Datum
credit_row(const char *customer_id, Datum credit_id)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, credit_id);
	rows = stmt_run(&select_credit, &args);
	Ensure(row_next(&rows), "credit vanished");
	return row_composite(&rows, "credit");
}
