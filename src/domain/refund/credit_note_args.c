/*
 * credit_note_args.c
 *	  From the JSON of lines to those of a credit note.
 *
 * Nothing passes through a float, no key is ignored, and what comes out does not point into the
 * document. A document of another shape is MALFORMED_DOCUMENT, a value out of range
 * INVALID_ARGUMENT; the detail names the place. Takes no lock, runs no SQL.
 */
#include "postgres.h"

#include "core/args.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "domain/invoice/invoice.h"
#include "domain/refund/credit_note_args.h"
#include "utils/numeric.h"

#define MAX_DESCRIPTION 512

#define refuse_shape(place, ...)                                                                   \
	billing_error(MALFORMED_DOCUMENT, errmsg(__VA_ARGS__),                                         \
				  errdetail("The problem is at %s.", place),                                       \
				  errhint("A line is {\"lineNo\": number, \"net\": number or text, "               \
						  "\"description\": text}; the description may be left out."))

#define refuse_value(place, ...)                                                                   \
	billing_error(INVALID_ARGUMENT, errmsg(__VA_ARGS__), errdetail("The problem is at %s.", place))

static bool
key_is(const JsonbValue *key, const char *name)
{
	return strlen(name) == (size_t) key->val.string.len &&
		   memcmp(name, key->val.string.val, strlen(name)) == 0;
}

static int
line_no_of(const JsonbValue *value, const char *place)
{
	Decimal number;
	int64 line_no;

	if (value->type != jbvNumeric)
		refuse_shape(place, "lineNo must be a number");
	if (!numeric_to_decimal(NumericGetDatum(value->val.numeric), &number) ||
		decimal_significant_scale(&number) > 0)
		refuse_value(place, "lineNo must be a whole number");
	number = decimal_round(&number, 0);
	if (!decimal_to_int64(&number, &line_no) || line_no < 1 || line_no > INVOICE_MAX_LINES)
		refuse_value(place, "lineNo must be 1 to %d", INVOICE_MAX_LINES);
	return (int) line_no;
}

static Money
net_of(const JsonbValue *value, const char *place, const Currency *currency)
{
	Decimal net;
	Money money;
	bool ok;

	if (value->type != jbvNumeric && value->type != jbvString)
		refuse_shape(place, "net must be a number, or the number as a string");
	if (value->type == jbvNumeric)
		ok = numeric_to_decimal(NumericGetDatum(value->val.numeric), &net);
	else
		ok = decimal_parse(pnstrdup(value->val.string.val, value->val.string.len), &net);
	if (!ok)
		refuse_value(place, "net must be a finite decimal");
	if (net.negative || decimal_is_zero(&net))
		refuse_value(place, "net must be above 0");
	if (!money_from_decimal(&net, currency, &money))
		refuse_value(place, "net has more decimals than %s", currency->code);
	return money;
}

static char *
description_of(const JsonbValue *value, const char *place)
{
	char *description;

	if (value->type == jbvNull)
		return NULL;
	if (value->type != jbvString)
		refuse_shape(place, "description must be a string");
	description = pnstrdup(value->val.string.val, value->val.string.len);
	text_check(description, place, MAX_DESCRIPTION);
	return description;
}

static CreditNoteLine
line_parse(const JsonbValue *value, const char *place, const Currency *currency)
{
	CreditNoteLine line = {.net = money_zero(currency)};
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue key;
	JsonbValue field;

	if (value->type != jbvBinary || !JsonContainerIsObject(value->val.binary.data))
		refuse_shape(place, "a line must be a JSON object");
	iterator = JsonbIteratorInit(value->val.binary.data);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &field, true);
		if (key_is(&key, "lineNo"))
			line.invoice_line_no = line_no_of(&field, psprintf("%s.lineNo", place));
		else if (key_is(&key, "net"))
			line.net = net_of(&field, psprintf("%s.net", place), currency);
		else if (key_is(&key, "description"))
			line.description = description_of(&field, psprintf("%s.description", place));
		else
			refuse_shape(place, "key \"%s\" does not belong to a line",
						 text_shown(pnstrdup(key.val.string.val, key.val.string.len)));
	}
	if (line.invoice_line_no == 0 || money_is_zero(line.net))
		refuse_shape(place, "required key \"%s\" is missing",
					 line.invoice_line_no == 0 ? "lineNo" : "net");
	return line;
}

void
credit_note_parse_lines(CreditNote *note, const Jsonb *document, const Currency *currency)
{
	int count = JB_ROOT_COUNT(document);

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document))
		refuse_shape("lines", "lines must be a JSON array");
	if (count == 0)
		refuse_value("lines", "lines must not be empty");
	if (count > INVOICE_MAX_LINES)
		billing_error(LIMIT_EXCEEDED, errmsg("too many lines"),
					  errdetail("There are %d, at most %d are allowed.", count, INVOICE_MAX_LINES));
	note->line_count = count;
	note->lines = palloc0(sizeof(CreditNoteLine) * count);
	for (int i = 0; i < count; i++)
	{
		const JsonbValue *value =
			getIthJsonbValueFromContainer(unconstify(JsonbContainer *, &document->root), i);

		note->lines[i] = line_parse(value, psprintf("lines[%d]", i), currency);
	}
}
