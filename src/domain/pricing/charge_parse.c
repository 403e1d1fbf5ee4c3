/*
 * charge_parse.c
 *	  From the JSON of charges to their structs.
 *
 * What comes out can be rated for every quantity: tiers cover all of them, no price is negative,
 * no key was ignored. What comes out is allocated in the current memory context and never points
 * into the document. Every refusal is INVALID_CHARGE, and its detail names the place. Takes no
 * lock, runs no SQL.
 */
#include "postgres.h"

#include "domain/pricing/charge_field.h"
#include "domain/pricing/charge_parse.h"

#define KEYS_OF_EVERY_MODEL "model", "code", "description", "freeUnits", "minimum", "maximum"

#define BOUNDS_HINT                                                                                \
	"Bounds are cumulative and inclusive; each is greater than the one before it, and the last "   \
	"is null."

typedef struct ChargeModelRule
{
	const char *name;
	ChargeModel model;
	ChargeKeys allowed;
	void (*parse)(const ChargeNode *node, Charge *charge);
} ChargeModelRule;

static const ChargeKeys tier_keys = {"a tier", {"upTo", "unitPrice", "flatFee"}};

/* Refuses 0, which a size or a bound cannot be; negatives were refused already. */
static Decimal
require_positive(const ChargeNode *node, const char *key)
{
	Decimal value = charge_field_require_decimal(node, key);

	if (decimal_is_zero(&value))
		charge_refuse_field(node, key, "Give a number greater than 0.",
							"\"%s\" must be greater than 0", key);
	return value;
}

static void
parse_per_unit(const ChargeNode *node, Charge *charge)
{
	charge->unit_price = charge_field_require_decimal(node, "unitPrice");
}

static void
parse_package(const ChargeNode *node, Charge *charge)
{
	charge->package_size = require_positive(node, "packageSize");
	charge->unit_price = charge_field_require_decimal(node, "unitPrice");
}

/* A flat charge has no resource type that could stand in for its code. */
static void
parse_flat(const ChargeNode *node, Charge *charge)
{
	JsonbValue code;

	charge_field_require(node, "code", &code);
	charge->amount = charge_field_require_decimal(node, "amount");
}

/* The bound of tier `index`, in view of the one before it and of the end of the list. */
static void
parse_bound(const ChargeNode *node, Charge *charge, int index)
{
	ChargeTier *tier = &charge->tiers[index];
	bool last = index == charge->tier_count - 1;
	JsonbValue value;

	charge_field_require(node, "upTo", &value);
	tier->bounded = value.type != jbvNull;
	if (!tier->bounded && !last)
		charge_refuse_field(node, "upTo", BOUNDS_HINT, "only the last tier may be unbounded");
	if (!tier->bounded)
		return;
	tier->up_to = require_positive(node, "upTo");
	if (index > 0 && decimal_compare(&tier->up_to, &tier[-1].up_to) <= 0)
		charge_refuse_field(node, "upTo", BOUNDS_HINT, "bounds of tiers must rise strictly");
	if (last)
		charge_refuse_field(node, "upTo", BOUNDS_HINT,
							"the last tier must be unbounded, else what exceeds it has no price");
}

static void
parse_tier(const ChargeNode *node, Charge *charge, int index)
{
	ChargeTier *tier = &charge->tiers[index];

	charge_check_keys(node, &tier_keys);
	parse_bound(node, charge, index);
	tier->unit_price = charge_field_require_decimal(node, "unitPrice");
	charge_field_decimal(node, "flatFee", &tier->flat_fee);
}

static void
parse_tiers(const ChargeNode *node, Charge *charge)
{
	JsonbContainer *array = charge_field_require_array(node, "tiers");
	ChargePlace list = {.parent = node->place, .key = "tiers"};
	int count = (int) JsonContainerSize(array);

	if (count == 0)
		charge_refuse(&list, "Give at least one tier, with \"upTo\": null.", "charge has no tiers");
	if (count > CHARGE_MAX_TIERS)
		charge_refuse(&list, "Merge tiers.", "charge has %d tiers, more than the %d allowed", count,
					  CHARGE_MAX_TIERS);
	charge->tier_count = count;
	charge->tiers = palloc0(sizeof(ChargeTier) * count);
	for (int i = 0; i < count; i++)
	{
		ChargePlace place = {.parent = &list, .index = i};
		JsonbValue *value = getIthJsonbValueFromContainer(array, i);
		ChargeNode tier = {.object = charge_value_object(value, &place), .place = &place};

		parse_tier(&tier, charge, i);
		pfree(value);
	}
}

/* The models. A key that is not in the row of a model is refused for it. */
static const ChargeModelRule model_rules[] = {
	{.name = "per_unit",
	 .model = CHARGE_PER_UNIT,
	 .parse = parse_per_unit,
	 .allowed = {.owner = "a charge of model \"per_unit\"",
				 .keys = {KEYS_OF_EVERY_MODEL, "resourceType", "unitPrice"}}},
	{.name = "graduated",
	 .model = CHARGE_GRADUATED,
	 .parse = parse_tiers,
	 .allowed = {.owner = "a charge of model \"graduated\"",
				 .keys = {KEYS_OF_EVERY_MODEL, "resourceType", "tiers"}}},
	{.name = "volume",
	 .model = CHARGE_VOLUME,
	 .parse = parse_tiers,
	 .allowed = {.owner = "a charge of model \"volume\"",
				 .keys = {KEYS_OF_EVERY_MODEL, "resourceType", "tiers"}}},
	{.name = "package",
	 .model = CHARGE_PACKAGE,
	 .parse = parse_package,
	 .allowed = {.owner = "a charge of model \"package\"",
				 .keys = {KEYS_OF_EVERY_MODEL, "resourceType", "packageSize", "unitPrice"}}},
	{.name = "flat",
	 .model = CHARGE_FLAT,
	 .parse = parse_flat,
	 .allowed = {.owner = "a charge of model \"flat\"", .keys = {KEYS_OF_EVERY_MODEL, "amount"}}},
};

static const ChargeModelRule *
parse_model(const ChargeNode *node)
{
	JsonbValue value;
	char *name;

	charge_field_require(node, "model", &value);
	name = charge_field_text(node, "model", CHARGE_MAX_CODE);
	for (int i = 0; i < (int) lengthof(model_rules); i++)
	{
		if (strcmp(model_rules[i].name, name) == 0)
		{
			pfree(name);
			return &model_rules[i];
		}
	}
	charge_refuse_field(node, "model",
						"The models are \"per_unit\", \"graduated\", \"volume\", \"package\" and "
						"\"flat\".",
						"charge model \"%s\" is unknown", name);
	pg_unreachable();
}

/* The keys that name the line: the code is the resource type unless it is given. */
static void
parse_identity(const ChargeNode *node, Charge *charge)
{
	JsonbValue value;

	if (charge->model != CHARGE_FLAT)
	{
		charge_field_require(node, "resourceType", &value);
		charge->resource_type = charge_field_text(node, "resourceType", CHARGE_MAX_RESOURCE);
	}
	charge->description = charge_field_text(node, "description", CHARGE_MAX_DESCRIPTION);
	charge->code = charge_field_text(node, "code", CHARGE_MAX_CODE);
	if (charge->code == NULL)
		charge->code = charge->resource_type;
	Ensure(charge->code != NULL, "charge has neither code nor resource type");
}

static void
parse_limits(const ChargeNode *node, Charge *charge)
{
	charge_field_decimal(node, "freeUnits", &charge->free_units);
	charge->has_minimum = charge_field_decimal(node, "minimum", &charge->minimum);
	charge->has_maximum = charge_field_decimal(node, "maximum", &charge->maximum);
	if (charge->has_minimum && charge->has_maximum &&
		decimal_compare(&charge->minimum, &charge->maximum) > 0)
		charge_refuse_field(node, "minimum", "Lower the minimum or raise the maximum.",
							"\"minimum\" must not exceed \"maximum\"");
}

static void
parse_charge(const ChargeNode *node, Charge *charge)
{
	const ChargeModelRule *rule = parse_model(node);

	charge_check_keys(node, &rule->allowed);
	memset(charge, 0, sizeof(Charge));
	charge->model = rule->model;
	rule->parse(node, charge);
	parse_limits(node, charge);
	parse_identity(node, charge);
}

/*
 * One charge. `place` is its path in the caller's document, or "" for the document itself.
 * Raises INVALID_CHARGE.
 */
void
charge_parse(Jsonb *document, const char *place, Charge *charge)
{
	ChargePlace root = {.key = place};
	ChargeNode node = {.object = &document->root, .place = &root};

	if (!JB_ROOT_IS_OBJECT(document))
		charge_refuse(&root, "Give a JSON object with \"model\".", "charge must be a JSON object");
	parse_charge(&node, charge);
}

/*
 * Refuses charge `last` when a charge before it has its resource type, which would bill the same
 * usage twice, or its code, by which lines of two periods are matched.
 */
static void
check_unique(const Charge *charges, int last, const ChargeNode *node)
{
	const Charge *charge = &charges[last];
	bool own_code = charge->code != charge->resource_type;

	for (int i = 0; i < last; i++)
	{
		if (charge->resource_type != NULL && charges[i].resource_type != NULL &&
			strcmp(charge->resource_type, charges[i].resource_type) == 0)
			charge_refuse_field(node, "resourceType",
								"Use one charge with tiers for each resource type.",
								"resource type \"%s\" is priced by two charges",
								charge->resource_type);
		if (strcmp(charge->code, charges[i].code) == 0)
			charge_refuse_field(
				node, own_code ? "code" : "resourceType",
				"Give each charge its own \"code\"; it is the resource type if absent.",
				"code \"%s\" is used by two charges", charge->code);
	}
}

static int
require_charge_count(Jsonb *document, const ChargePlace *root)
{
	int count = (int) JB_ROOT_COUNT(document);

	if (!JB_ROOT_IS_ARRAY(document) || JB_ROOT_IS_SCALAR(document))
		charge_refuse(root, "Give a JSON array of charges.", "charges must be a JSON array");
	if (count == 0)
		charge_refuse(root, "Give at least one charge.", "plan has no charges");
	if (count > CHARGE_MAX_CHARGES)
		charge_refuse(root, "Split the plan or merge charges.",
					  "plan has %d charges, more than the %d allowed", count, CHARGE_MAX_CHARGES);
	return count;
}

/*
 * A plan's charges in *charges, in the order of the document; returns how many, at least 1.
 * `place` is the path of the array in the caller's document. Raises INVALID_CHARGE.
 */
int
charges_parse(Jsonb *document, const char *place, Charge **charges)
{
	ChargePlace root = {.key = place};
	int count = require_charge_count(document, &root);
	Charge *parsed = palloc(sizeof(Charge) * count);

	for (int i = 0; i < count; i++)
	{
		ChargePlace element = {.parent = &root, .index = i};
		JsonbValue *value = getIthJsonbValueFromContainer(&document->root, i);
		ChargeNode node = {.object = charge_value_object(value, &element), .place = &element};

		parse_charge(&node, &parsed[i]);
		check_unique(parsed, i, &node);
		pfree(value);
	}
	*charges = parsed;
	return count;
}
