/*
 * end_api.c
 *	  cancel_order() and fail_order(): a CREATED order ends without being paid.
 *
 * Guarantees: an order that is being paid does not end. Locks: the order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/spi.h"
#include "domain/order/order_place.h"
#include "domain/pending/pending.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* A way in which an order ends. */
typedef struct OrderEnd
{
	OrderStatus status;
	const char *event;
	const char *action; /* of the audit log */
} OrderEnd;

static const OrderEnd cancellation = {ORDER_CANCELLED, "OrderCancelled", "ORDER_CANCELLED"};
static const OrderEnd failure = {ORDER_FAILED, "OrderFailed", "ORDER_FAILED"};

static Stmt end_order = {
	.name = "end_order",
	.sql = "UPDATE billing.orders o SET status = $3, updated_at = $4"
		   " WHERE o.customer_id = $1 AND o.order_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 4,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID},
	.by_index = true,
};

static Stmt select_order = {
	.name = "select_order",
	.sql = "SELECT o AS ended FROM billing.orders o WHERE o.customer_id = $1 AND o.order_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static void
end_write(const Order *order, const OrderEnd *end, const char *reason)
{
	StmtArgs args = {0};
	AuditEntry entry = {
		.customer_id = order->customer_id,
		.action = end->action,
		.target_type = "Order",
		.target_id = id_text(order->order_id),
		.before = json_status(order_status_name(order->status)),
		.after = json_status(order_status_name(end->status)),
		.reason = reason,
	};

	arg_text(&args, order->customer_id);
	arg_datum(&args, order->order_id);
	arg_text(&args, order_status_name(end->status));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	stmt_run(&end_order, &args);
	order_announce(order, &(OrderEvent){.type = end->event, .key = "reason", .value = reason});
	audit_append(&entry, 1);
}

/* Ends an order; one that has ended so already is answered as it is. */
static Datum
order_end(FunctionCallInfo fcinfo, const OrderEnd *end)
{
	Datum order_id = arg_required(fcinfo, 0, "order_id");
	char *reason = arg_text_required(fcinfo, 1, "reason", MAX_REASON);
	StmtArgs key = {0};
	Order order;
	Rows rows;
	Datum result;

	spi_begin();
	order = order_lock(order_require_customer(order_id), order_id, NULL);
	arg_text(&key, order.customer_id);
	arg_datum(&key, order_id);
	if (order.status != end->status)
	{
		order_require_transition(order.status, end->status);
		pending_require_none(order.customer_id, order.order_id, "order",
							 "Wait for the payment, or end it with resolve_payment().");
		end_write(&order, end, reason);
	}
	rows = stmt_run(&select_order, &key);
	Ensure(row_next(&rows), "order vanished");
	result = row_composite(&rows, "ended");
	spi_end();
	return actor_visible_row(result);
}

/* cancel_order(order_id uuid, reason text) -> billing.orders */
PG_FUNCTION_INFO_V1(billing_cancel_order);
Datum
billing_cancel_order(PG_FUNCTION_ARGS)
{
	return order_end(fcinfo, &cancellation);
}

/* fail_order(order_id uuid, reason text) -> billing.orders */
PG_FUNCTION_INFO_V1(billing_fail_order);
Datum
billing_fail_order(PG_FUNCTION_ARGS)
{
	actor_require_service();
	return order_end(fcinfo, &failure);
}
