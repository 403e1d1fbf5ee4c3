/*
 * charge_field.c
 *	  Typed access to the fields of a charge document, refusing with the place.
 *
 * Every value that is returned was allocated in the current memory context: nothing points into
 * the document. Decimals never pass through a float. Every refusal is INVALID_CHARGE, and its
 * detail names the place. Takes no lock, runs no SQL.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/numeric.h"
#include "domain/pricing/charge_field.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/numeric.h"

#define SHOWN_BYTES 64 /* of a key or text of the caller that a message repeats */

/* Both write out the limits of charge.h; within_digits() asserts that they agree with it. */
#define DECIMAL_HINT "Give a number of at most 15 integer and 18 fraction digits."
#define INTEGER_LIMIT INT64CONST(1000000000000000) /* the first with 16 digits */

static void
append_place(StringInfo text, const ChargePlace *place)
{
	if (place->parent != NULL)
		append_place(text, place->parent);
	if (place->key == NULL)
		appendStringInfo(text, "[%d]", place->index);
	else
		appendStringInfo(text, "%s%s", text->len > 0 ? "." : "", place->key);
}

/* "charges[2].tiers[1].upTo"; "the document" when the caller gave the root no name. */
char *
charge_place_text(const ChargePlace *place)
{
	StringInfoData text;

	initStringInfo(&text);
	append_place(&text, place);
	if (text.len == 0)
		appendStringInfoString(&text, "the document");
	return text.data;
}

/* What a message may repeat of a string of the document: it can be megabytes long. */
static char *
shown(const JsonbValue *string)
{
	const char *text = string->val.string.val;
	int length = string->val.string.len;

	return pnstrdup(text, pg_mbcliplen(text, length, SHOWN_BYTES));
}

/* What the document has where something else was expected, for messages. */
static const char *
kind_of(const JsonbValue *value)
{
	switch (value->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "a string";
		case jbvNumeric:
			return "a number";
		case jbvBool:
			return "a boolean";
		case jbvBinary:
			return JsonContainerIsArray(value->val.binary.data) ? "an array" : "an object";
		default:
			return "of an unexpected type";
	}
}

/* The object that `value` is; refuses anything else. */
JsonbContainer *
charge_value_object(const JsonbValue *value, const ChargePlace *place)
{
	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		charge_refuse(place, "Give a JSON object here.", "a JSON object is expected, not %s",
					  kind_of(value));
	return value->val.binary.data;
}

static bool
is_allowed(const JsonbValue *key, const ChargeKeys *allowed)
{
	for (int i = 0; i < CHARGE_MAX_KEYS && allowed->keys[i] != NULL; i++)
		if (strlen(allowed->keys[i]) == (size_t) key->val.string.len &&
			memcmp(allowed->keys[i], key->val.string.val, key->val.string.len) == 0)
			return true;
	return false;
}

static char *
allowed_hint(const ChargeKeys *allowed)
{
	StringInfoData text;

	initStringInfo(&text);
	appendStringInfo(&text, "The keys of %s are ", allowed->owner);
	for (int i = 0; i < CHARGE_MAX_KEYS && allowed->keys[i] != NULL; i++)
		appendStringInfo(&text, "%s\"%s\"", i > 0 ? ", " : "", allowed->keys[i]);
	appendStringInfoChar(&text, '.');
	return text.data;
}

/*
 * Refuses a key that is not among `allowed`: a price rule with a misspelt name must not be
 * ignored in silence.
 */
void
charge_check_keys(const ChargeNode *node, const ChargeKeys *allowed)
{
	JsonbIterator *iterator = JsonbIteratorInit(node->object);
	JsonbIteratorToken token;
	JsonbValue value;

	while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE)
	{
		if (token == WJB_KEY && !is_allowed(&value, allowed))
			charge_refuse_field(node, shown(&value), allowed_hint(allowed),
								"key \"%s\" does not belong to %s", shown(&value), allowed->owner);
	}
}

static bool
charge_field_find(const ChargeNode *node, const char *key, JsonbValue *value)
{
	return getKeyJsonValueFromContainer(node->object, key, (int) strlen(key), value) != NULL;
}

static void
refuse_missing(const ChargeNode *node, const char *key)
{
	charge_refuse_field(node, key, "Add the key: it has no default.",
						"required key \"%s\" is missing", key);
}

/* The value of `key`, of any type; it points into the document. Refuses a missing key. */
void
charge_field_require(const ChargeNode *node, const char *key, JsonbValue *value)
{
	if (!charge_field_find(node, key, value))
		refuse_missing(node, key);
}

/*
 * A copy of the text of `key`, NULL when the key is absent. Refuses what is not a string, an
 * empty one and one of more than `max_characters` characters.
 */
char *
charge_field_text(const ChargeNode *node, const char *key, int max_characters)
{
	JsonbValue value;
	int length;

	if (!charge_field_find(node, key, &value))
		return NULL;
	if (value.type != jbvString)
		charge_refuse_field(node, key, "Give a JSON string here.",
							"\"%s\" must be a string, not %s", key, kind_of(&value));
	if (text_is_blank(pnstrdup(value.val.string.val, value.val.string.len)))
		charge_refuse_field(node, key, "Give a text that is not blank.", "\"%s\" must not be blank",
							key);
	length = pg_mbstrlen_with_len(value.val.string.val, value.val.string.len);
	if (length > max_characters)
		charge_refuse_field(node, key, "Give a shorter text.",
							"\"%s\" has %d characters, more than the %d allowed", key, length,
							max_characters);
	return pnstrdup(value.val.string.val, value.val.string.len);
}

/* False for text that is no decimal, NaN too, and for what is beyond the range of a Decimal. */
static bool
decimal_of_value(const JsonbValue *value, Decimal *result)
{
	char *text;
	bool ok;

	if (value->type == jbvNumeric)
		return numeric_to_decimal(NumericGetDatum(value->val.numeric), result);
	text = pnstrdup(value->val.string.val, value->val.string.len);
	ok = decimal_parse(text, result);
	pfree(text);
	return ok;
}

/*
 * Prices and bounds of at most 15.18 digits keep every product with a quantity of that size
 * inside a Decimal. Zeros at the end of the fraction do not count.
 */
static bool
within_digits(Decimal *value)
{
	Decimal limit = decimal_from_int64(INTEGER_LIMIT, 0);
	int scale = decimal_significant_scale(value);

	StaticAssertStmt(CHARGE_MAX_INTEGER_DIGITS == 15 && CHARGE_MAX_FRACTION_DIGITS == 18,
					 "INTEGER_LIMIT and DECIMAL_HINT say 15 and 18 digits");
	if (scale > CHARGE_MAX_FRACTION_DIGITS || decimal_compare(value, &limit) >= 0)
		return false;
	*value = decimal_round(value, scale);
	return true;
}

/*
 * The decimal of `key` in *result, a JSON number or a string; returns false and 0 when the key
 * is absent. Refuses other types, text that is no decimal (NaN too), a negative value and too
 * many digits.
 */
bool
charge_field_decimal(const ChargeNode *node, const char *key, Decimal *result)
{
	JsonbValue value;

	*result = decimal_zero();
	if (!charge_field_find(node, key, &value))
		return false;
	if (value.type != jbvNumeric && value.type != jbvString)
		charge_refuse_field(node, key, "Give a JSON number, or the number as a JSON string.",
							"\"%s\" must be a decimal, not %s", key, kind_of(&value));
	if (!decimal_of_value(&value, result))
		charge_refuse_field(node, key, DECIMAL_HINT,
							"\"%s\" is not a decimal within the supported digits", key);
	if (result->negative)
		charge_refuse_field(node, key, "Give 0 or more.", "\"%s\" must not be negative", key);
	if (!within_digits(result))
		charge_refuse_field(node, key, DECIMAL_HINT,
							"\"%s\" has more than %d integer or %d fraction digits", key,
							CHARGE_MAX_INTEGER_DIGITS, CHARGE_MAX_FRACTION_DIGITS);
	return true;
}

/* As charge_field_decimal(), and refuses a missing key. */
Decimal
charge_field_require_decimal(const ChargeNode *node, const char *key)
{
	Decimal result;

	if (!charge_field_decimal(node, key, &result))
		refuse_missing(node, key);
	return result;
}

/* The array of `key`; it points into the document. Refuses a missing key and other types. */
JsonbContainer *
charge_field_require_array(const ChargeNode *node, const char *key)
{
	JsonbValue value;

	charge_field_require(node, key, &value);
	if (value.type != jbvBinary || !JsonContainerIsArray(value.val.binary.data))
		charge_refuse_field(node, key, "Give a JSON array here.", "\"%s\" must be an array, not %s",
							key, kind_of(&value));
	return value.val.binary.data;
}
