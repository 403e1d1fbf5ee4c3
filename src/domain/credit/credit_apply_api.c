/*
 * credit_apply_api.c
 *	  apply_credit(): pays what is due on an invoice with credits.
 *
 * Guarantees: nothing is applied while a payment of the invoice is not decided. Idempotency: the
 * key and its fingerprint are columns of the application. Locks: the invoice, where callers of one
 * key meet; then the credits, in the order in which they are used.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/spi.h"
#include "domain/credit/credit.h"
#include "domain/invoice/invoice_state.h"
#include "domain/pending/pending.h"
#include "utils/timestamp.h"

static Stmt lock_invoice = {
	.name = "lock_creditable",
	.sql = "SELECT h.number, h.status, h.currency, h.amount_due FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 AND h.deleted_at IS NULL"
		   " FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt find_by_key = {
	.name = "find_application_by_key",
	.sql = "SELECT a.amount, a.fingerprint = $3 AS same FROM billing.credit_applications a"
		   " WHERE a.customer_id = $1 AND a.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static Stmt apply_to_invoice = {
	.name = "apply_to_invoice",
	.sql = "UPDATE billing.invoice_headers h SET applied_credit = h.applied_credit + $3,"
		   " status = CASE WHEN h.amount_due = $3 THEN 'PAID' ELSE h.status END,"
		   " paid_at = CASE WHEN h.amount_due = $3 THEN $4 ELSE h.paid_at END"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, NUMERICOID, TIMESTAMPTZOID},
	.by_index = true,
};

typedef struct Application
{
	CreditDemand demand;
	StmtArgs key; /* customer_id, invoice_id */
	char *number;
	InvoiceStatus status;
} Application;

static void
application_lock(Application *application)
{
	CreditDemand *demand = &application->demand;
	Rows rows;

	arg_text(&application->key, demand->customer_id);
	arg_datum(&application->key, demand->invoice_id);
	rows = key_meet(&lock_invoice, &application->key, demand->idempotency_key);
	if (!row_next(&rows))
		billing_error(INVOICE_NOT_FOUND, errmsg("customer \"%s\" has no invoice %s",
												demand->customer_id, id_text(demand->invoice_id)));
	application->number = row_text(&rows, "number");
	application->status = invoice_status_of(row_text(&rows, "status"));
	demand->due = row_money(&rows, "amount_due", currency_require(row_text(&rows, "currency")));
	demand->at_most = demand->due;
}

/* Takes the limit that the caller gave, and what makes his key known again. */
static void
application_limit(FunctionCallInfo fcinfo, CreditDemand *demand)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "apply_credit");
	json_string(&json, id_text(demand->invoice_id));
	if (PG_ARGISNULL(2))
		json_raw(&json, NULL);
	else
	{
		Money limit = numeric_to_money(PG_GETARG_DATUM(2), demand->due.currency, "at_most");

		json_money(&json, limit);
		if (money_compare(limit, demand->due) < 0)
			demand->at_most = limit;
	}
	json_close(&json, ']');
	if (demand->idempotency_key != NULL)
		demand->fingerprint = digest_text(json.text.data);
}

/* What the key applied, or false when it was not used. */
static bool
application_replay(const CreditDemand *demand, Money *applied)
{
	StmtArgs args = {0};
	Rows rows;

	if (demand->idempotency_key == NULL)
		return false;
	arg_text(&args, demand->customer_id);
	arg_text(&args, demand->idempotency_key);
	arg_datum(&args, demand->fingerprint);
	rows = stmt_run(&find_by_key, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(demand->idempotency_key, row_bool(&rows, "same"));
	*applied = row_money(&rows, "amount", demand->due.currency);
	return true;
}

static void
require_creditable(Application *application)
{
	pending_require_none(application->demand.customer_id, application->demand.invoice_id,
						 psprintf("invoice %s", application->number),
						 "Ask again when it is APPROVED or FAILED.");
	if (!invoice_may_become(application->status, INVOICE_PAID))
		billing_error(ILLEGAL_STATE,
					  errmsg("invoice %s cannot be paid with credit", application->number),
					  errdetail("It is %s.", invoice_status_name(application->status)));
}

static void
application_book(Application *application)
{
	CreditDemand *demand = &application->demand;
	StmtArgs args = application->key;

	credits_reserve(demand, 1);
	credits_book(demand, 1);
	if (money_is_zero(demand->applied))
		return;
	arg_datum(&args, money_to_numeric(demand->applied));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&apply_to_invoice, &args);
	if (money_compare(demand->applied, demand->due) == 0)
		invoices_announce_paid(&(InvoicePaid){demand->customer_id, id_text(demand->invoice_id),
											  application->number, money_zero(demand->due.currency),
											  NULL},
							   1);
}

/* Whether the caller gave a limit of 0 or less. */
static bool
limit_is_nothing(FunctionCallInfo fcinfo)
{
	Decimal limit;

	if (PG_ARGISNULL(2))
		return false;
	limit = numeric_require_decimal(PG_GETARG_DATUM(2), "at_most");
	return limit.negative || decimal_is_zero(&limit);
}

static Money
apply(FunctionCallInfo fcinfo, Application *application)
{
	CreditDemand *demand = &application->demand;
	Money applied;

	application_lock(application);
	application_limit(fcinfo, demand);
	if (application_replay(demand, &applied))
		return applied;
	if (!limit_is_nothing(fcinfo))
		require_creditable(application);
	application_book(application);
	return demand->applied;
}

/* apply_credit(customer_id text, invoice_id uuid, at_most numeric, key) -> numeric, what was applied */
PG_FUNCTION_INFO_V1(billing_apply_credit);
Datum
billing_apply_credit(PG_FUNCTION_ARGS)
{
	Application application = {0};
	CreditDemand *demand = &application.demand;
	Money applied;

	demand->customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	demand->invoice_id = arg_required(fcinfo, 1, "invoice_id");
	demand->idempotency_key = arg_text_optional(fcinfo, 3, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	actor_require_customer(demand->customer_id);
	if (limit_is_nothing(fcinfo) && demand->idempotency_key == NULL)
	{
		Decimal nothing = decimal_zero();

		return decimal_to_numeric(&nothing);
	}
	spi_begin();
	applied = apply(fcinfo, &application);
	spi_end();
	return money_to_numeric(applied);
}
