/*
 * credit_grant_store.c
 *	  Writing a granted credit: row, posting, event and audit, in the caller's transaction.
 *
 * Locks: the key of the grant, where callers of one key meet.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "core/period.h"
#include "domain/credit/credit.h"
#include "domain/credit/credit_event.h"
#include "domain/customer/customer.h"
#include "domain/ledger/ledger.h"
#include "utils/timestamp.h"

static Stmt insert_credit = {
	.name = "insert_credit",
	.sql =
		"INSERT INTO billing.credits (customer_id, credit_id, type, currency, granted, balance, valid_from,"
		" valid_until, status, reason, idempotency_key, fingerprint, metadata, created_at)"
		" VALUES ($1, $2, $3, $4, $5, $5, $6, $7, 'ACTIVE', $8, $9, $10, $11::jsonb, $12)"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 12,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, TEXTOID, NUMERICOID, TIMESTAMPTZOID, TIMESTAMPTZOID,
				 TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID},
};

static bool
grant_insert(const CreditGrant *grant)
{
	StmtArgs args = {0};

	arg_text(&args, grant->customer_id);
	arg_datum(&args, grant->credit_id);
	arg_text(&args, grant->type);
	arg_text(&args, grant->amount.currency->code);
	arg_datum(&args, money_to_numeric(grant->amount));
	arg_datum(&args, TimestampTzGetDatum(grant->valid_from));
	if (grant->expires)
		arg_datum(&args, TimestampTzGetDatum(grant->valid_until));
	else
		arg_null(&args);
	arg_text(&args, grant->reason);
	arg_text(&args, grant->idempotency_key);
	if (grant->idempotency_key != NULL)
		arg_datum(&args, grant->fingerprint);
	else
		arg_null(&args);
	arg_text(&args, grant->metadata);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	return key_meet(&insert_credit, &args, grant->idempotency_key).count == 1;
}

static void
grant_post(const CreditGrant *grant)
{
	LedgerTransfer transfer = {
		.journal_id = grant->journal_id != (Datum) 0 ? grant->journal_id : id_new(),
		.customer_id = grant->customer_id,
		.debit_account = grant->debit_account,
		.credit_account = ACCOUNT_CREDIT,
		.amount = grant->amount,
		.kind = "CREDIT_GRANTED",
		.reference_type = "CREDIT",
		.reference_id = id_text(grant->credit_id),
		.effective_on = grant->effective_on != NULL ? *grant->effective_on
													: zone_day(clock_now(), house_time_zone()),
	};

	ledger_post(&transfer, 1);
}

static void
grant_announce(const CreditGrant *grant)
{
	Credit credit = {grant->customer_id, grant->credit_id, grant->type, grant->amount};
	OutboxEvent event;
	AuditEntry entry;
	JsonWriter json;

	credit_event_open(&json, &credit);
	json_key(&json, "type");
	json_string(&json, grant->type);
	json_key(&json, "grantedAmount");
	json_money(&json, grant->amount);
	json_key(&json, "validFrom");
	json_timestamp(&json, grant->valid_from);
	json_key(&json, "validUntil");
	if (grant->expires)
		json_timestamp(&json, grant->valid_until);
	else
		json_raw(&json, NULL);
	event = credit_event_close(&json, &credit, "CreditGranted");
	event.idempotency_key = grant->idempotency_key;
	outbox_append(&event, 1);
	entry = (AuditEntry){
		.customer_id = grant->customer_id,
		.action = "CREDIT_GRANTED",
		.target_type = "Credit",
		.target_id = event.aggregate_id,
		.after = event.payload,
		.reason = grant->reason,
	};
	audit_append(&entry, 1);
}

bool
credit_grant(CreditGrant *grant)
{
	grant->credit_id = id_new();
	if (!grant_insert(grant))
		return false;
	grant_post(grant);
	grant_announce(grant);
	return true;
}
