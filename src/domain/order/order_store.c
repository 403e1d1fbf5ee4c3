/*
 * order_store.c
 *	  Orders as other modules find, lock, pay and refund them, and their events.
 *
 * Guarantees: an order is paid once, and never more of it goes back than was paid; the ledger is
 * posted by who moves the money. Locks: the order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/order/order_place.h"
#include "utils/timestamp.h"

static Stmt resolve_order = {
	.name = "resolve_order",
	.sql = "SELECT o.customer_id FROM billing.orders o WHERE o.order_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

char *
order_require_customer(Datum order_id)
{
	StmtArgs args = {0};
	Rows rows;
	char *customer_id;

	arg_datum(&args, order_id);
	rows = stmt_run(&resolve_order, &args);
	if (!row_next(&rows))
		billing_error(ORDER_NOT_FOUND, errmsg("order %s does not exist", id_text(order_id)));
	customer_id = row_text(&rows, "customer_id");
	actor_require_customer(customer_id);
	return customer_id;
}

static Stmt lock_order = {
	.name = "lock_order",
	.sql =
		"SELECT o.status, o.currency, o.total, o.net, o.tax, o.tax_code, o.refunded, o.refunded_tax"
		" FROM billing.orders o WHERE o.customer_id = $1 AND o.order_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

Order
order_lock(const char *customer_id, Datum order_id, const char *key)
{
	Order order = {.customer_id = customer_id, .order_id = order_id};
	StmtArgs args = {0};
	const Currency *currency;
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, order_id);
	rows = key_meet(&lock_order, &args, key);
	Ensure(row_next(&rows), "order vanished");
	currency = currency_require(row_text(&rows, "currency"));
	order.status = order_status_of(row_text(&rows, "status"));
	order.total = row_money(&rows, "total", currency);
	order.net = row_money(&rows, "net", currency);
	order.tax = row_money(&rows, "tax", currency);
	order.tax_code = row_text(&rows, "tax_code");
	order.refunded = row_money(&rows, "refunded", currency);
	order.refunded_tax = row_money(&rows, "refunded_tax", currency);
	return order;
}

static Datum
order_json(const Order *order, const OrderEvent *event)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "orderId");
	json_string(&json, id_text(order->order_id));
	json_key(&json, "customerId");
	json_string(&json, order->customer_id);
	if (event->key != NULL)
	{
		json_key(&json, event->key);
		json_string(&json, event->value);
	}
	json_key(&json, "totalAmount");
	json_money(&json, order->total);
	json_key(&json, "currency");
	json_string(&json, order->total.currency->code);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

void
order_announce(const Order *order, const OrderEvent *event)
{
	OutboxEvent row = {
		.aggregate_type = "Order",
		.aggregate_id = id_text(order->order_id),
		.type = event->type,
		.customer_id = order->customer_id,
		.payload = order_json(order, event),
		.idempotency_key = event->idempotency_key,
	};

	outbox_append(&row, 1);
}

static Stmt touch_order = {
	.name = "touch_order",
	.sql =
		"UPDATE billing.orders o SET updated_at = $3 WHERE o.customer_id = $1 AND o.order_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 3,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt pay_order = {
	.name = "mark_order_paid",
	.sql = "UPDATE billing.orders o SET status = 'PAID', payment_id = $4, updated_at = $3"
		   " WHERE o.customer_id = $1 AND o.order_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, UUIDOID},
	.by_index = true,
};

static Stmt refund_order = {
	.name = "add_order_refund",
	.sql = "UPDATE billing.orders o SET refunded = o.refunded + $4,"
		   " refunded_tax = o.refunded_tax + $5, status = $6, updated_at = $3"
		   " WHERE o.customer_id = $1 AND o.order_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 6,
	.argtypes = {TEXTOID, UUIDOID, TIMESTAMPTZOID, NUMERICOID, NUMERICOID, TEXTOID},
	.by_index = true,
};

/* The arguments that every statement about a changed order begins with. */
static StmtArgs
change_args(const Order *order)
{
	StmtArgs args = {0};

	arg_text(&args, order->customer_id);
	arg_datum(&args, order->order_id);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	return args;
}

void
order_touch(const Order *order)
{
	StmtArgs args = change_args(order);

	stmt_run(&touch_order, &args);
}

void
order_mark_paid(const Order *order, Datum payment_id)
{
	StmtArgs args = change_args(order);

	order_require_transition(order->status, ORDER_PAID);
	arg_datum(&args, payment_id);
	stmt_run(&pay_order, &args);
	order_announce(order, &(OrderEvent){.type = "OrderPaid",
										.key = "paymentId",
										.value = id_text(payment_id)});
}

void
order_add_refund(const Order *order, Money amount, Money tax, Datum refund_id)
{
	StmtArgs args = change_args(order);
	bool whole = money_compare(money_add(order->refunded, amount), order->total) == 0;
	OrderStatus status = whole ? ORDER_REFUNDED : ORDER_PAID;

	/* a part leaves it PAID, which only a PAID one may be */
	order_require_transition(order->status, ORDER_REFUNDED);
	arg_datum(&args, money_to_numeric(amount));
	arg_datum(&args, money_to_numeric(tax));
	arg_text(&args, order_status_name(status));
	stmt_run(&refund_order, &args);
	if (whole)
		order_announce(order, &(OrderEvent){.type = "OrderRefunded",
											.key = "refundId",
											.value = id_text(refund_id)});
}
