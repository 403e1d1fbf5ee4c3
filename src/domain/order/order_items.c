/*
 * order_items.c
 *	  From the JSON of items to their structs, and the sums of an order.
 *
 * Nothing passes through a float, no key is ignored, and what comes out does not point into the
 * document. A document of another shape is MALFORMED_DOCUMENT, a value out of range
 * INVALID_ARGUMENT; the detail names the place. Takes no lock, runs no SQL.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/order/order_place.h"
#include "utils/numeric.h"

/* A field of an item: what errors call it, and its value. */
typedef struct ItemField
{
	char *place; /* items[3].quantity */
	JsonbValue value;
} ItemField;

static const char *const item_keys[] = {"sku", "quantity", "unitPrice"};

#define refuse_shape(place, ...)                                                                   \
	billing_error(MALFORMED_DOCUMENT, errmsg(__VA_ARGS__),                                         \
				  errdetail("The problem is at %s.", place),                                       \
				  errhint("An item is {\"sku\": text, \"quantity\": number, \"unitPrice\": "       \
						  "number or text}."))

#define refuse_value(place, ...)                                                                   \
	billing_error(INVALID_ARGUMENT, errmsg(__VA_ARGS__), errdetail("The problem is at %s.", place))

static bool
is_item_key(const JsonbValue *key)
{
	for (size_t i = 0; i < lengthof(item_keys); i++)
	{
		if (strlen(item_keys[i]) == (size_t) key->val.string.len &&
			memcmp(item_keys[i], key->val.string.val, key->val.string.len) == 0)
			return true;
	}
	return false;
}

/* Refuses a key that no item has: a misspelt one must not be ignored in silence. */
static void
check_keys(JsonbContainer *item, const char *place)
{
	JsonbIterator *iterator = JsonbIteratorInit(item);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && !is_item_key(&value))
			refuse_shape(place, "key \"%s\" does not belong to an item",
						 text_shown(pnstrdup(value.val.string.val, value.val.string.len)));
	}
}

static ItemField
field_require(JsonbContainer *item, const char *place, const char *key)
{
	ItemField field = {.place = psprintf("%s.%s", place, key)};

	if (getKeyJsonValueFromContainer(item, key, (int) strlen(key), &field.value) == NULL)
		refuse_shape(field.place, "required key \"%s\" is missing", key);
	return field;
}

static char *
sku_of(const ItemField *field)
{
	char *sku;

	if (field->value.type != jbvString)
		refuse_shape(field->place, "a sku must be a string");
	sku = pnstrdup(field->value.val.string.val, field->value.val.string.len);
	text_check(sku, field->place, ORDER_MAX_SKU);
	return sku;
}

static int32
quantity_of(const ItemField *field)
{
	Decimal quantity;
	int64 value;

	if (field->value.type != jbvNumeric)
		refuse_shape(field->place, "a quantity must be a number");
	if (!numeric_to_decimal(NumericGetDatum(field->value.val.numeric), &quantity) ||
		decimal_significant_scale(&quantity) > 0)
		refuse_value(field->place, "a quantity must be a whole number");
	quantity = decimal_round(&quantity, 0);
	if (!decimal_to_int64(&quantity, &value) || value < 1 || value > PG_INT32_MAX)
		refuse_value(field->place, "a quantity must be 1 to %d", PG_INT32_MAX);
	return (int32) value;
}

static Money
unit_price_of(const ItemField *field, const Currency *currency)
{
	const JsonbValue *value = &field->value;
	Decimal price;
	Money money;
	bool ok;

	if (value->type != jbvNumeric && value->type != jbvString)
		refuse_shape(field->place, "a unit price must be a number, or the number as a string");
	if (value->type == jbvNumeric)
		ok = numeric_to_decimal(NumericGetDatum(value->val.numeric), &price);
	else
		ok = decimal_parse(pnstrdup(value->val.string.val, value->val.string.len), &price);
	if (!ok)
		refuse_value(field->place, "a unit price must be a finite decimal");
	if (price.negative || decimal_is_zero(&price))
		refuse_value(field->place, "a unit price must be above 0");
	if (!money_from_decimal(&price, currency, &money))
		refuse_value(field->place, "a unit price has more decimals than %s", currency->code);
	return money;
}

/* A product beyond the range of amounts is AMOUNT_OVERFLOW; it is exact, so nothing is rounded. */
static OrderItem
item_parse(const JsonbValue *value, const char *place, const Currency *currency)
{
	OrderItem item;
	ItemField field;
	Decimal price;
	Decimal quantity;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse_shape(place, "an item must be a JSON object");
	check_keys(value->val.binary.data, place);
	field = field_require(value->val.binary.data, place, "sku");
	item.sku = sku_of(&field);
	field = field_require(value->val.binary.data, place, "quantity");
	item.quantity = quantity_of(&field);
	field = field_require(value->val.binary.data, place, "unitPrice");
	item.unit_price = unit_price_of(&field, currency);
	price = money_to_decimal(item.unit_price);
	quantity = decimal_from_int64(item.quantity, 0);
	price = decimal_multiply(&price, &quantity);
	item.amount = money_round(&price, currency);
	return item;
}

OrderItems
order_items_parse(Jsonb *document, const Currency *currency)
{
	OrderItems items = {.total = money_zero(currency)};

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document))
		refuse_shape("items", "items must be a JSON array");
	items.count = (int) JB_ROOT_COUNT(document);
	if (items.count == 0)
		refuse_value("items", "order has no items");
	if (items.count > ORDER_MAX_ITEMS)
		billing_error(LIMIT_EXCEEDED, errmsg("order has too many items"),
					  errdetail("It has %d items, at most %d are allowed.", items.count,
								ORDER_MAX_ITEMS),
					  errhint("Place several orders."));
	items.items = palloc(sizeof(OrderItem) * items.count);
	for (int i = 0; i < items.count; i++)
	{
		JsonbValue *value = getIthJsonbValueFromContainer(&document->root, i);

		items.items[i] = item_parse(value, psprintf("items[%d]", i), currency);
		items.total = money_add(items.total, items.items[i].amount);
		pfree(value);
	}
	return items;
}

Money
order_contained_tax(Money total, const TaxRate *rate)
{
	Decimal hundred = decimal_from_int64(100, 0);
	Decimal gross = money_to_decimal(total);
	Decimal divisor = decimal_add(&hundred, &rate->percentage);
	Decimal net;

	gross = decimal_multiply(&gross, &hundred);
	net = decimal_divide(&gross, &divisor, total.currency->exponent);
	return money_subtract(total, money_round(&net, total.currency));
}
