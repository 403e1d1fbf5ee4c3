/*
 * method_store.c
 *	  The payment methods that payments are made with.
 *
 * What is read of them never changes but for the default and the expiry. Locks nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/batch.h"
#include "core/errors.h"
#include "core/ids.h"
#include "domain/payment/payment_rows.h"

#define DEFAULT_METHOD "CARD"

static Stmt select_method = {
	.name = "select_payment_method",
	.sql = "SELECT m.customer_id, m.payment_method_id, m.type, m.token,"
		   " COALESCE(m.expires_on < $3, false) AS expired FROM billing.payment_methods m"
		   " WHERE m.customer_id = $1 AND m.payment_method_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, DATEOID},
	.by_index = true,
};

static Stmt select_defaults = {
	.name = "select_default_methods",
	.sql = "SELECT m.customer_id, m.payment_method_id, m.type, m.token,"
		   " COALESCE(m.expires_on < $2, false) AS expired FROM billing.payment_methods m"
		   " WHERE m.customer_id = ANY ($1) AND m.is_default",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, DATEOID},
	.by_index = true,
};

static void
method_take(Payment *payment, Rows *rows)
{
	bool isnull;

	payment->method = row_text(rows, "type");
	payment->payment_method_id = row_datum(rows, "payment_method_id", UUIDOID, &isnull);
	payment->token = row_text(rows, "token");
	payment->expired = row_bool(rows, "expired");
}

/* The method that the caller named, which has to be the customer's and of the type that he named. */
static void
method_find(Payment *payment, DateADT today)
{
	const char *wanted = payment->method;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, payment->customer_id);
	arg_datum(&args, payment->payment_method_id);
	arg_datum(&args, DateADTGetDatum(today));
	rows = stmt_run(&select_method, &args);
	if (!row_next(&rows))
		billing_error(PAYMENT_METHOD_NOT_FOUND,
					  errmsg("payment method %s does not exist",
							 id_text(payment->payment_method_id)),
					  errhint("Register it for the customer with register_payment_method()."));
	method_take(payment, &rows);
	if (wanted != NULL && strcmp(wanted, payment->method) != 0)
		billing_error(INVALID_ARGUMENT, errmsg("payment method is not of type %s", wanted),
					  errdetail("It is of type %s.", payment->method),
					  errhint("Leave method null to pay by the payment method's own."));
}

/* True for a payment that takes the default of its customer, if that is of its method. */
static bool
wants_default(const Payment *payment)
{
	return payment->provider->outside && payment->payment_method_id == 0;
}

static void
defaults_take(Payment *payments, int count, Rows *rows)
{
	while (row_next(rows))
	{
		char *customer_id = row_text(rows, "customer_id");
		char *type = row_text(rows, "type");

		for (int i = 0; i < count; i++)
		{
			Payment *payment = &payments[i];

			if (wants_default(payment) && strcmp(payment->customer_id, customer_id) == 0 &&
				(payment->method == NULL || strcmp(payment->method, type) == 0))
				method_take(payment, rows);
		}
	}
}

static void
defaults_find(Payment *payments, int count, DateADT today)
{
	char **customers = palloc(sizeof(char *) * count);
	StmtArgs args = {0};
	Rows rows;
	int n = 0;

	for (int i = 0; i < count; i++)
	{
		if (wants_default(&payments[i]))
			customers[n++] = unconstify(char *, payments[i].customer_id);
	}
	if (n == 0)
		return;
	arg_text_array(&args, customers, n);
	arg_datum(&args, DateADTGetDatum(today));
	rows = stmt_run(&select_defaults, &args);
	defaults_take(payments, count, &rows);
}

void
payments_find_methods(Payment *payments, int count, DateADT today)
{
	defaults_find(payments, count, today);
	for (int i = 0; i < count; i++)
	{
		if (payments[i].payment_method_id != 0 && payments[i].token == NULL)
			method_find(&payments[i], today);
		if (payments[i].method == NULL)
			payments[i].method = DEFAULT_METHOD;
	}
}
