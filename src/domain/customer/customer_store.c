/*
 * customer_store.c
 *	  Customers: finding them, making them at first write.
 *
 * Guarantees: a customer that a call has named exists when the call goes on. Locks nothing but
 * the key of a row that it makes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/known.h"
#include "core/spi.h"
#include "domain/customer/customer.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define DEFAULT_ZONE "UTC"

static bool auto_register_customers = true;
static KnownNames known_customers;

void
customer_init(void)
{
	DefineCustomBoolVariable(
		"billing.auto_register_customers",
		"Makes a customer that was never registered at the first write for him.", NULL,
		&auto_register_customers, true, PGC_SUSET, 0, NULL, NULL, NULL);
}

static Stmt select_customer = {
	.name = "select_customer",
	.sql = "SELECT c.customer_id FROM billing.customers c WHERE c.customer_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Stmt insert_customer = {
	.name = "insert_customer",
	.sql = "INSERT INTO billing.customers"
		   " (customer_id, net_days, time_zone, collection, created_at, updated_at)"
		   " VALUES ($1, 14, $2, 'AUTOMATIC', $3, $3) ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt select_house_zone = {
	.name = "select_house_zone",
	.sql = "SELECT s.time_zone FROM billing.billing_settings s",
	.expect = SPI_OK_SELECT,
};

char *
house_time_zone(void)
{
	Rows rows = stmt_run(&select_house_zone, NULL);

	return row_next(&rows) ? row_text(&rows, "time_zone") : pstrdup(DEFAULT_ZONE);
}

static bool
customer_exists(const char *customer_id)
{
	StmtArgs args = {0};
	Rows rows;

	if (known_find(&known_customers, customer_id, NULL))
		return true;
	arg_text(&args, customer_id);
	rows = stmt_run(&select_customer, &args);
	if (!row_next(&rows))
		return false;
	known_add(&known_customers, customer_id, 0);
	return true;
}

void
customer_require(const char *customer_id)
{
	if (!customer_exists(customer_id))
		billing_error(CUSTOMER_NOT_FOUND, errmsg("customer \"%s\" does not exist", customer_id),
					  errhint("Register the customer with register_customer()."));
}

/* Makes the customer with the defaults, if he does not exist. */
void
customer_make(const char *customer_id, const char *key)
{
	StmtArgs args = {0};

	arg_text(&args, customer_id);
	arg_text(&args, house_time_zone());
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	key_meet(&insert_customer, &args, key);
}

void
customer_ensure(const char *customer_id, const char *key)
{
	if (customer_exists(customer_id))
		return;
	if (!auto_register_customers)
		customer_require(customer_id);
	customer_make(customer_id, key);
	known_add(&known_customers, customer_id, 0);
}

/* The customers of the present batch that are to be made. */
static KnownNames missing_customers;

static Stmt insert_customers = {
	.name = "insert_customers",
	.sql = "INSERT INTO billing.customers"
		   " (customer_id, net_days, time_zone, collection, created_at, updated_at)"
		   " SELECT n.customer_id, 14, $2, 'AUTOMATIC', $3, $3"
		   " FROM (SELECT DISTINCT u.customer_id COLLATE \"C\" AS customer_id"
		   " FROM unnest($1) u(customer_id)) n ORDER BY n.customer_id ON CONFLICT DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 3,
	.argtypes = {TEXTARRAYOID, TEXTOID, TIMESTAMPTZOID},
};

void
customers_begin(void)
{
	known_forget(&missing_customers);
}

bool
customers_add(List **missing, const char *customer_id)
{
	if (known_find(&missing_customers, customer_id, NULL) || customer_exists(customer_id))
		return true;
	if (!auto_register_customers)
		return false;
	known_add(&missing_customers, customer_id, 0);
	*missing = lappend(*missing, pstrdup(customer_id));
	return true;
}

void
customers_make(List *missing)
{
	char **ids = palloc(sizeof(char *) * Max(list_length(missing), 1));
	StmtArgs args = {0};
	ListCell *cell;
	int n = 0;

	if (missing == NIL)
		return;
	foreach (cell, missing)
		ids[n++] = lfirst(cell);
	arg_text_array(&args, ids, n);
	arg_text(&args, house_time_zone());
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&insert_customers, &args);
	for (int i = 0; i < n; i++)
		known_add(&known_customers, ids[i], 0);
}
