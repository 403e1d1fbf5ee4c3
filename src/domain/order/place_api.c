/*
 * place_api.c
 *	  place_order(): an order with its items, of prices that include tax.
 *
 * Guarantees: the total is the exact sum of the items, and net and tax sum to it. Idempotency: the
 * key and its fingerprint are columns of the order; callers of one key meet where it is inserted.
 * Locks: the key of the order; then that of a new customer.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/batch.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/errors.h"
#include "core/idempotency.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/numeric.h"
#include "domain/customer/customer.h"
#include "domain/order/order_place.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

typedef struct Placement
{
	Order order;
	OrderItems items;
	TaxRate rate;
	char *idempotency_key;
	Datum fingerprint; /* bytea, 0 without a key */
	char *metadata;
} Placement;

static Stmt find_order = {
	.name = "find_order_by_key",
	.sql = "SELECT o AS placed, COALESCE(o.fingerprint = $3, false) AS same FROM billing.orders o"
		   " WHERE o.customer_id = $1 AND o.idempotency_key = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 3,
	.argtypes = {TEXTOID, TEXTOID, BYTEAOID},
	.by_index = true,
};

static Stmt select_tax_code = {
	.name = "select_customer_tax_code",
	.sql = "SELECT c.tax_code FROM billing.customers c WHERE c.customer_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Stmt insert_order = {
	.name = "insert_order",
	.sql =
		"INSERT INTO billing.orders AS o (customer_id, order_id, currency, total, net, tax,"
		" tax_code, tax_percentage, status, idempotency_key, fingerprint, metadata, created_at,"
		" updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::jsonb, $13, $13)"
		" ON CONFLICT (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
		" RETURNING o AS placed",
	.expect = SPI_OK_INSERT_RETURNING,
	.nargs = 13,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, NUMERICOID, NUMERICOID, NUMERICOID, TEXTOID, NUMERICOID,
				 TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TIMESTAMPTZOID},
};

static Stmt insert_items = {
	.name = "insert_order_items",
	.sql = "INSERT INTO billing.order_items"
		   " (customer_id, order_id, item_no, sku, quantity, unit_price, amount)"
		   " SELECT $5, $6, i.item_no, i.sku, i.quantity, i.unit_price, i.amount"
		   " FROM ROWS FROM (unnest($1), unnest($2), unnest($3), unnest($4))"
		   " WITH ORDINALITY i(sku, quantity, unit_price, amount, item_no)",
	.expect = SPI_OK_INSERT,
	.nargs = 6,
	.argtypes = {TEXTARRAYOID, INT4ARRAYOID, NUMERICARRAYOID, NUMERICARRAYOID, TEXTOID, UUIDOID},
};

/* Of the items as they were understood: 1 and 1.0 are one price. */
static Datum
placement_fingerprint(const Placement *placement)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '[');
	json_string(&json, "place_order");
	json_string(&json, placement->order.total.currency->code);
	for (int i = 0; i < placement->items.count; i++)
	{
		const OrderItem *item = &placement->items.items[i];

		json_string(&json, item->sku);
		json_int(&json, item->quantity);
		json_money(&json, item->unit_price);
	}
	json_raw(&json, placement->metadata);
	json_close(&json, ']');
	return digest_text(json.text.data);
}

static void
placement_from_args(FunctionCallInfo fcinfo, Placement *placement)
{
	const Currency *currency;

	placement->order.customer_id = arg_text_required(fcinfo, 0, "customer_id", MAX_CUSTOMER_ID);
	actor_require_customer(placement->order.customer_id);
	currency = arg_currency(fcinfo, 1);
	placement->items =
		order_items_parse(DatumGetJsonbP(arg_required(fcinfo, 2, "items")), currency);
	placement->order.total = placement->items.total;
	placement->idempotency_key =
		arg_text_optional(fcinfo, 3, "idempotency_key", MAX_IDEMPOTENCY_KEY);
	placement->metadata = arg_json_optional(fcinfo, 4, "metadata", MAX_METADATA_BYTES);
	if (placement->idempotency_key != NULL)
		placement->fingerprint = placement_fingerprint(placement);
}

/* The order that the key made, or false when it made none. */
static bool
placement_replay(const Placement *placement, Datum *result)
{
	StmtArgs args = {0};
	Rows rows;

	if (placement->idempotency_key == NULL)
		return false;
	arg_text(&args, placement->order.customer_id);
	arg_text(&args, placement->idempotency_key);
	arg_datum(&args, placement->fingerprint);
	rows = stmt_run(&find_order, &args);
	if (!row_next(&rows))
		return false;
	key_require_same(placement->idempotency_key, row_bool(&rows, "same"));
	*result = row_composite(&rows, "placed");
	return true;
}

/* The tax point is now: a rate is in force from its valid_from on. A customer not made yet has no code. */
static void
placement_tax(Placement *placement)
{
	Order *order = &placement->order;
	StmtArgs args = {0};
	char *code;
	Rows rows;

	arg_text(&args, order->customer_id);
	rows = stmt_run(&select_tax_code, &args);
	code = row_next(&rows) ? row_text_or_null(&rows, "tax_code") : NULL;
	placement->rate = tax_rate_at(code, clock_now() + 1);
	order->tax_code = placement->rate.code;
	order->tax = order_contained_tax(order->total, &placement->rate);
	order->net = money_subtract(order->total, order->tax);
}

/* False, and nothing written, when the key was used meanwhile. */
static bool
order_insert(const Placement *placement, Datum *result)
{
	const Order *order = &placement->order;
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, order->customer_id);
	arg_datum(&args, order->order_id);
	arg_text(&args, order->total.currency->code);
	arg_datum(&args, money_to_numeric(order->total));
	arg_datum(&args, money_to_numeric(order->net));
	arg_datum(&args, money_to_numeric(order->tax));
	arg_text(&args, order->tax_code);
	arg_datum(&args, decimal_to_numeric(&placement->rate.percentage));
	arg_text(&args, order_status_name(order->status));
	arg_text(&args, placement->idempotency_key);
	if (placement->fingerprint == 0)
		arg_null(&args);
	else
		arg_datum(&args, placement->fingerprint);
	arg_text(&args, placement->metadata);
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	rows = key_meet(&insert_order, &args, placement->idempotency_key);
	if (!row_next(&rows))
		return false;
	*result = row_composite(&rows, "placed");
	return true;
}

static void
items_insert(const Placement *placement)
{
	static const Oid types[] = {TEXTOID, INT4OID, NUMERICOID, NUMERICOID};
	Batch *batch = batch_new(types, lengthof(types));
	StmtArgs args = {0};

	for (int i = 0; i < placement->items.count; i++)
	{
		const OrderItem *item = &placement->items.items[i];

		batch_row(batch);
		batch_text(batch, item->sku);
		batch_datum(batch, Int32GetDatum(item->quantity));
		batch_money(batch, item->unit_price);
		batch_money(batch, item->amount);
	}
	batch_args(batch, &args);
	arg_text(&args, placement->order.customer_id);
	arg_datum(&args, placement->order.order_id);
	stmt_run(&insert_items, &args);
}

/* The order comes before its customer: callers of one key meet there, and nowhere before. */
static Datum
placement_write(Placement *placement)
{
	Datum result;

	placement->order.order_id = id_new();
	placement->order.status = ORDER_CREATED;
	placement_tax(placement);
	if (!order_insert(placement, &result))
	{
		if (!placement_replay(placement, &result))
			billing_retry(
				errmsg("an idempotency key is used by a transaction that is not visible"));
		return result;
	}
	customer_ensure(placement->order.customer_id, placement->idempotency_key);
	items_insert(placement);
	order_announce(&placement->order, &(OrderEvent){.type = "OrderPlaced",
													.idempotency_key = placement->idempotency_key});
	return result;
}

/* place_order(customer_id text, currency text, items jsonb, key text, metadata jsonb) -> billing.orders */
PG_FUNCTION_INFO_V1(billing_place_order);
Datum
billing_place_order(PG_FUNCTION_ARGS)
{
	Placement placement = {0};
	Datum result;

	placement_from_args(fcinfo, &placement);
	spi_begin();
	if (!placement_replay(&placement, &result))
		result = placement_write(&placement);
	spi_end();
	return actor_visible_row(result);
}
