/*
 * payment_find_store.c
 *	  Finding and locking a payment that exists.
 *
 * Locks: the payment. Who needs its target locks that before.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/numeric.h"
#include "domain/payment/payment_find.h"
#include "utils/uuid.h"

static Stmt resolve_payment = {
	.name = "resolve_payment",
	.sql = "SELECT p.customer_id, p.target_type, p.target_id FROM billing.payments p"
		   " WHERE p.payment_id = $1 AND p.deleted_at IS NULL",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

static Stmt select_target = {
	.name = "select_payment_target",
	.sql = "SELECT p.target_type, p.target_id FROM billing.payments p"
		   " WHERE p.customer_id = $1 AND p.payment_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_payment = {
	.name = "lock_payment",
	.sql =
		"SELECT p.status, p.target_type, p.target_id, p.amount, p.excess, p.currency, p.method,"
		" p.provider, p.late_captured_at IS NOT NULL AS late,"
		" COALESCE(p.late_reference, p.provider_reference) AS provider_reference FROM billing.payments p"
		" WHERE p.customer_id = $1 AND p.payment_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt select_token = {
	.name = "select_payment_token",
	.sql = "SELECT m.token FROM billing.payments p JOIN billing.payment_methods m"
		   " ON m.customer_id = p.customer_id AND m.payment_method_id = p.payment_method_id"
		   " WHERE p.customer_id = $1 AND p.payment_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Datum
row_uuid(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, UUIDOID, &isnull);

	Ensure(!isnull, "column \"%s\" is null", column);
	return value;
}

PaymentTarget
payment_require_target(Datum payment_id)
{
	PaymentTarget target;
	StmtArgs args = {0};
	Rows rows;

	arg_datum(&args, payment_id);
	rows = stmt_run(&resolve_payment, &args);
	if (!row_next(&rows))
		billing_error(PAYMENT_NOT_FOUND, errmsg("payment %s does not exist", id_text(payment_id)));
	target.customer_id = row_text(&rows, "customer_id");
	actor_require_customer(target.customer_id);
	target.target_type = row_text(&rows, "target_type");
	target.target_id = row_uuid(&rows, "target_id");
	return target;
}

PaymentTarget
payment_target(const char *customer_id, Datum payment_id)
{
	PaymentTarget target = {.customer_id = pstrdup(customer_id)};
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, payment_id);
	rows = stmt_run(&select_target, &args);
	Ensure(row_next(&rows), "payment vanished");
	target.target_type = row_text(&rows, "target_type");
	target.target_id = row_uuid(&rows, "target_id");
	return target;
}

LockedPayment
payment_lock(const char *customer_id, Datum payment_id, const char *key)
{
	LockedPayment payment = {.customer_id = customer_id, .payment_id = payment_id};
	StmtArgs args = {0};
	const Currency *currency;
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, payment_id);
	rows = key_meet(&lock_payment, &args, key);
	Ensure(row_next(&rows), "payment vanished");
	currency = currency_require(row_text(&rows, "currency"));
	payment.status = payment_status_of(row_text(&rows, "status"));
	payment.target_type = row_text(&rows, "target_type");
	payment.target_id = row_uuid(&rows, "target_id");
	payment.amount = row_money(&rows, "amount", currency);
	payment.excess = row_money(&rows, "excess", currency);
	payment.method = row_text(&rows, "method");
	payment.provider = provider_of(row_text(&rows, "provider"));
	payment.provider_reference = row_text_or_null(&rows, "provider_reference");
	payment.late = row_bool(&rows, "late");
	rows = stmt_run(&select_token, &args);
	payment.token = row_next(&rows) ? row_text(&rows, "token") : NULL;
	return payment;
}
