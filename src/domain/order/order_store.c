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
#include "core/batch.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "core/outbox.h"
#include "domain/order/order_batch.h"
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

#define ORDER_COLUMNS                                                                              \
	"o.status, o.currency, o.total, o.net, o.tax, o.tax_code, o.refunded, o.refunded_tax"

static Stmt lock_order = {
	.name = "lock_order",
	.sql = "SELECT " ORDER_COLUMNS " FROM billing.orders o"
		   " WHERE o.customer_id = $1 AND o.order_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_orders = {
	.name = "lock_orders",
	.sql = "SELECT k.n, " ORDER_COLUMNS
		   " FROM unnest($1, $2) WITH ORDINALITY k(customer_id, order_id, n) JOIN billing.orders o"
		   " ON o.customer_id = k.customer_id AND o.order_id = k.order_id"
		   " ORDER BY o.customer_id, o.order_id FOR NO KEY UPDATE OF o",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID},
	.by_index = true,
};

static void
order_read(Order *order, Rows *rows)
{
	const Currency *currency = currency_require(row_text(rows, "currency"));

	order->status = order_status_of(row_text(rows, "status"));
	order->total = row_money(rows, "total", currency);
	order->net = row_money(rows, "net", currency);
	order->tax = row_money(rows, "tax", currency);
	order->tax_code = row_text(rows, "tax_code");
	order->refunded = row_money(rows, "refunded", currency);
	order->refunded_tax = row_money(rows, "refunded_tax", currency);
}

Order
order_lock(const char *customer_id, Datum order_id, const char *key)
{
	Order order = {.customer_id = customer_id, .order_id = order_id};
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, customer_id);
	arg_datum(&args, order_id);
	rows = key_meet(&lock_order, &args, key);
	Ensure(row_next(&rows), "order vanished");
	order_read(&order, &rows);
	return order;
}

void
orders_lock(Order *const *orders, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		batch_row(batch);
		batch_text(batch, orders[i]->customer_id);
		batch_datum(batch, orders[i]->order_id);
	}
	batch_args(batch, &args);
	rows = stmt_run(&lock_orders, &args);
	Ensure(rows.count == (uint64) count, "order vanished");
	while (row_next(&rows))
		order_read(orders[row_int64(&rows, "n") - 1], &rows);
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

static OutboxEvent
order_event(const Order *order, const OrderEvent *event)
{
	return (OutboxEvent){
		.aggregate_type = "Order",
		.aggregate_id = id_text(order->order_id),
		.type = event->type,
		.customer_id = order->customer_id,
		.payload = order_json(order, event),
		.idempotency_key = event->idempotency_key,
	};
}

void
order_announce(const Order *order, const OrderEvent *event)
{
	OutboxEvent row = order_event(order, event);

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

static Stmt pay_orders = {
	.name = "mark_orders_paid",
	.sql = "UPDATE billing.orders o SET status = 'PAID', payment_id = p.payment_id, updated_at = $4"
		   " FROM unnest($1, $2, $3) p(customer_id, order_id, payment_id)"
		   " WHERE o.customer_id = p.customer_id AND o.order_id = p.order_id",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTARRAYOID, UUIDARRAYOID, UUIDARRAYOID, TIMESTAMPTZOID},
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

static void
paid_announce(const OrderPayment *paid, int count)
{
	OutboxEvent *events = palloc(sizeof(OutboxEvent) * count);

	for (int i = 0; i < count; i++)
		events[i] = order_event(paid[i].order, &(OrderEvent){.type = "OrderPaid",
															 .key = "paymentId",
															 .value = id_text(paid[i].payment_id)});
	outbox_append(events, count);
}

void
orders_mark_paid(const OrderPayment *paid, int count)
{
	static const Oid types[] = {TEXTOID, UUIDOID, UUIDOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};
	Rows rows;

	if (count == 0)
		return;
	for (int i = 0; i < count; i++)
	{
		order_require_transition(paid[i].order->status, ORDER_PAID);
		batch_row(batch);
		batch_text(batch, paid[i].order->customer_id);
		batch_datum(batch, paid[i].order->order_id);
		batch_datum(batch, paid[i].payment_id);
	}
	batch_args(batch, &args);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = stmt_run(&pay_orders, &args);
	Ensure(rows.count == (uint64) count, "an order was to be paid twice");
	paid_announce(paid, count);
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
