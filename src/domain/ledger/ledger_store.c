/*
 * ledger_store.c
 *	  Posting transfers.
 *
 * Guarantees: a transfer is one row, so debits equal credits by construction; rows are appended
 * in the caller's transaction and never changed. Locks nothing: no account has a running balance.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/ledger/ledger.h"
#include "utils/timestamp.h"

static Stmt insert_transfers = {
	.name = "insert_transfers",
	.sql =
		"INSERT INTO billing.ledger_transfers (transfer_id, journal_id, customer_id, debit_account,"
		" credit_account, amount, currency, kind, reference_type, reference_id, tax_code,"
		" effective_on, posted_at, actor_type, actor_id, trace_id)"
		" SELECT t.*, $13, $14, $15, $16"
		" FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) t",
	.expect = SPI_OK_INSERT,
	.nargs = 16,
	.argtypes = {UUIDARRAYOID, UUIDARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 NUMERICARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID,
				 TEXTARRAYOID, DATEARRAYOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, TEXTOID},
};

static const Oid transfer_types[] = {UUIDOID, UUIDOID, TEXTOID, TEXTOID, TEXTOID, NUMERICOID,
									 TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, DATEOID};

static void
transfer_add(Batch *batch, const LedgerTransfer *transfer)
{
	Ensure(!money_is_negative(transfer->amount), "a transfer of a negative amount");
	if (money_is_zero(transfer->amount))
		return;
	batch_row(batch);
	batch_datum(batch, id_new());
	batch_datum(batch, transfer->journal_id);
	batch_text(batch, transfer->customer_id);
	batch_text(batch, transfer->debit_account);
	batch_text(batch, transfer->credit_account);
	batch_money(batch, transfer->amount);
	batch_text(batch, transfer->amount.currency->code);
	batch_text(batch, transfer->kind);
	batch_text(batch, transfer->reference_type);
	batch_text(batch, transfer->reference_id);
	batch_text(batch, transfer->tax_code);
	batch_datum(batch, DateADTGetDatum(transfer->effective_on));
}

/* Posts transfers in the given order; those of zero are left out. Needs spi_begin(). */
void
ledger_post(const LedgerTransfer *transfers, int count)
{
	Batch *batch = batch_new(transfer_types, lengthof(transfer_types));
	StmtArgs args = {0};
	Actor actor = actor_current();

	for (int i = 0; i < count; i++)
		transfer_add(batch, &transfers[i]);
	if (batch->rows == 0)
		return;
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text(&args, actor.type);
	arg_text(&args, actor.id);
	arg_text(&args, actor_trace_id());
	stmt_run(&insert_transfers, &args);
}
