/*
 * credit_revoke_api.c
 *	  revoke_credit(): takes back what is left of a credit.
 *
 * Locks: the credit.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "domain/credit/credit_store.h"

static Stmt resolve_credit = {
	.name = "resolve_credit",
	.sql = "SELECT c.customer_id FROM billing.credits c WHERE c.credit_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

static Stmt lock_credit = {
	.name = "lock_credit",
	.sql = "SELECT c.type, c.currency, c.balance, c.status FROM billing.credits c"
		   " WHERE c.customer_id = $1 AND c.credit_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static char *
customer_of(Datum credit_id)
{
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, credit_id);
	rows = stmt_run(&resolve_credit, &args);
	if (!row_next(&rows))
		billing_error(CREDIT_NOT_FOUND, errmsg("credit %s does not exist", id_text(credit_id)));
	return row_text(&rows, "customer_id");
}

/* Locks the credit and answers its status. */
static CreditStatus
credit_lock(Credit *credit)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, credit->customer_id);
	arg_datum(&args, credit->credit_id);
	rows = stmt_run(&lock_credit, &args);
	Ensure(row_next(&rows), "credit vanished");
	credit->type = row_text(&rows, "type");
	credit->balance = row_money(&rows, "balance", currency_require(row_text(&rows, "currency")));
	return credit_status_of(row_text(&rows, "status"));
}

static void
announce_revoked(const Credit *credit, const char *reason)
{
	JsonWriter json;
	OutboxEvent event;
	AuditEntry entry;

	credit_event_open(&json, credit);
	json_key(&json, "revokedBalance");
	json_money(&json, credit->balance);
	json_key(&json, "reason");
	json_string(&json, reason);
	event = credit_event_close(&json, credit, "CreditRevoked");
	outbox_append(&event, 1);
	entry = (AuditEntry){
		.customer_id = credit->customer_id,
		.action = "CREDIT_REVOKED",
		.target_type = "Credit",
		.target_id = event.aggregate_id,
		.before = credit_state_json(CREDIT_ACTIVE, credit->balance),
		.after = credit_state_json(CREDIT_REVOKED, money_zero(credit->balance.currency)),
		.reason = reason,
	};
	audit_append(&entry, 1);
}

/* revoke_credit(credit_id uuid, reason text) -> billing.credits */
PG_FUNCTION_INFO_V1(billing_revoke_credit);
Datum
billing_revoke_credit(PG_FUNCTION_ARGS)
{
	Credit credit = {.credit_id = arg_required(fcinfo, 0, "credit_id")};
	char *reason = arg_text_required(fcinfo, 1, "reason", CREDIT_MAX_REASON);
	CreditStatus status;
	Datum result;

	actor_require_service();
	spi_begin();
	credit.customer_id = customer_of(credit.credit_id);
	status = credit_lock(&credit);
	if (status != CREDIT_REVOKED)
	{
		credit_require_transition(status, CREDIT_REVOKED);
		credits_change(&(CreditChange){.credit = credit,
									   .amount = credit.balance,
									   .becomes = CREDIT_REVOKED,
									   .kind = "CREDIT_REVOKED",
									   .account = credit_source_account(credit.type),
									   .journal_id = id_new()},
					   1);
		announce_revoked(&credit, reason);
	}
	result = credit_row(credit.customer_id, credit.credit_id);
	spi_end();
	return result;
}
