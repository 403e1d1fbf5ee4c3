/*
 * charge_field.h
 *	  Typed access to the fields of a charge document, refusing with the place.
 *
 * Only charge_parse.c includes this.
 */
#ifndef BILLING_CHARGE_FIELD_H
#define BILLING_CHARGE_FIELD_H

#include "core/errors.h"
#include "domain/pricing/charge.h"
#include "utils/jsonb.h"

#define CHARGE_MAX_KEYS 12

/* A step of the path into the document. The text is made only when something is refused. */
typedef struct ChargePlace
{
	const struct ChargePlace *parent; /* NULL for the root */
	const char *key;                  /* NULL: the element `index` of an array */
	int index;
} ChargePlace;

/* A JSON object and where it stands. */
typedef struct ChargeNode
{
	JsonbContainer *object;
	const ChargePlace *place;
} ChargeNode;

/* The keys that an object may have; the unused rest is NULL. */
typedef struct ChargeKeys
{
	const char *owner; /* "a tier" */
	const char *keys[CHARGE_MAX_KEYS];
} ChargeKeys;

/* Raises INVALID_CHARGE: charge_refuse(&place, "Hint.", "format of the message", ...). */
#define charge_refuse(place, hint, ...)                                                            \
	billing_error(INVALID_CHARGE, errmsg(__VA_ARGS__),                                             \
				  errdetail("The problem is at %s.", charge_place_text(place)),                    \
				  errhint("%s", hint))

/* The same for the field `field` of `node`. */
#define charge_refuse_field(node, field, hint, ...)                                                \
	charge_refuse((&(ChargePlace){.parent = (node)->place, .key = (field)}), hint, __VA_ARGS__)

extern char *charge_place_text(const ChargePlace *place);
extern JsonbContainer *charge_value_object(const JsonbValue *value, const ChargePlace *place);
extern void charge_check_keys(const ChargeNode *node, const ChargeKeys *allowed);
extern void charge_field_require(const ChargeNode *node, const char *key, JsonbValue *value);
extern char *charge_field_text(const ChargeNode *node, const char *key, int max_characters);
extern bool charge_field_decimal(const ChargeNode *node, const char *key, Decimal *result);
extern Decimal charge_field_require_decimal(const ChargeNode *node, const char *key);
extern JsonbContainer *charge_field_require_array(const ChargeNode *node, const char *key);

#endif
