"""Prices: charges as they are drawn, and what a quantity costs."""

from fractions import Fraction

from operation import Operation
from rule import Property, number, Rule
from house import METERS
from sqltext import Num, json_text, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def chargeable(charge, quantity):
    """The free units come first."""
    return max(quantity - number(charge.get("freeUnits", 0)), Fraction(0))


@chargeable.mistake
def nothing_is_free(charge, quantity):
    return quantity


@chargeable.mistake
def below_the_free_units(charge, quantity):
    return quantity - number(charge.get("freeUnits", 0))


@Rule
def packages(size, quantity):
    """A package that is begun is paid whole."""
    count = quantity / size
    return -(-count.numerator // count.denominator)


@packages.mistake
def only_full_ones(size, quantity):
    return (quantity / size).numerator // (quantity / size).denominator


@packages.mistake
def one_more_at_the_bound(size, quantity):
    return (quantity / size).numerator // (quantity / size).denominator + 1


@Rule
def tier_of(tiers, quantity):
    """A tier reaches to its bound, the bound included."""
    return next(tier for tier in tiers
                if tier["upTo"] is None or quantity <= number(tier["upTo"]))


@tier_of.mistake
def bound_is_in_the_next(tiers, quantity):
    return next(tier for tier in tiers
                if tier["upTo"] is None or quantity < number(tier["upTo"]))


@tier_of.mistake
def always_the_first(tiers, quantity):
    return tiers[0]


def flat_fee(tier):
    return number(tier.get("flatFee", 0))


@Rule
def volume(tiers, quantity):
    """The tier in which the quantity falls prices all of it, and its fee is added."""
    tier = tier_of(tiers, quantity)
    return quantity * number(tier["unitPrice"]) + flat_fee(tier)


@volume.mistake
def volume_without_fee(tiers, quantity):
    return quantity * number(tier_of(tiers, quantity)["unitPrice"])


@Rule
def reached(tiers, quantity):
    """(tier, quantity in it): a tier is reached above its lower bound, the first one always."""
    result = []
    below = Fraction(0)
    for tier in tiers:
        if result and quantity <= below:
            break
        top = quantity if tier["upTo"] is None else min(quantity, number(tier["upTo"]))
        result.append((tier, top - below))
        below = top if tier["upTo"] is None else number(tier["upTo"])
    return result


@reached.mistake
def reached_at_the_bound(tiers, quantity):
    result = reached.right(tiers, quantity)
    rest = tiers[len(result):]
    if rest and quantity == number(result[-1][0]["upTo"]):
        result.append((rest[0], Fraction(0)))
    return result


@reached.mistake
def first_only_with_usage(tiers, quantity):
    return reached.right(tiers, quantity) if quantity else []


@Rule
def graduated(tiers, quantity):
    """Each tier prices its own part, and each that is reached adds its fee."""
    return sum((part * number(tier["unitPrice"]) + flat_fee(tier)
                for tier, part in reached(tiers, quantity)), Fraction(0))


@graduated.mistake
def fee_of_the_first_alone(tiers, quantity):
    parts = reached(tiers, quantity)
    return (sum(part * number(tier["unitPrice"]) for tier, part in parts)
            + sum(flat_fee(tier) for tier, _ in parts[:1]))


@graduated.mistake
def as_volume(tiers, quantity):
    return volume(tiers, quantity)


def modelled(charge, quantity):
    if charge["model"] == "flat":
        return number(charge["amount"])
    if charge["model"] == "per_unit":
        return quantity * number(charge["unitPrice"])
    if charge["model"] == "package":
        return packages(number(charge["packageSize"]), quantity) * number(charge["unitPrice"])
    return (volume if charge["model"] == "volume" else graduated)(charge["tiers"], quantity)


@Rule
def limited(charge, amount):
    """The minimum, also without usage, then the maximum."""
    if "minimum" in charge:
        amount = max(amount, number(charge["minimum"]))
    return min(amount, number(charge["maximum"])) if "maximum" in charge else amount


@limited.mistake
def minimum_only_with_an_amount(charge, amount):
    return limited.right(charge, amount) if amount else amount


@limited.mistake
def no_maximum(charge, amount):
    return max(amount, number(charge.get("minimum", 0)))


@limited.mistake
def maximum_first(charge, amount):
    if "maximum" in charge:
        amount = min(amount, number(charge["maximum"]))
    return max(amount, number(charge["minimum"]) * 2) if "minimum" in charge else amount


def rate(charge, quantity):
    return limited(charge, modelled(charge, chargeable(charge, quantity)))


def code_of(charge):
    return charge.get("code", charge.get("resourceType"))


# ---- how charges are drawn -----------------------------------------------------------------------


def draw_tiers(draft):
    result = []
    below = 0
    for _ in range(draft.random.randrange(0, 4)):
        below += draft.choice(1, 5, 50, 1000, 10000)
        result.append({"upTo": Num(below), "unitPrice": draft.price()})
    result.append({"upTo": None, "unitPrice": draft.price()})
    for tier in result:
        if draft.chance(0.3):
            tier["flatFee"] = draft.price()
    return result


def draw_charge(draft, resource):
    """Of a resource type."""
    result = {"model": draft.choice("per_unit", "graduated", "volume", "package"),
              "resourceType": resource}
    if result["model"] in ("per_unit", "package"):
        result["unitPrice"] = draft.price()
    else:
        result["tiers"] = draw_tiers(draft)
    if result["model"] == "package":
        size = draft.decimal(100, draft.choice(0, 0, 1))
        result["packageSize"] = Num(size) if size.strip("0.") else Num("7")
    if draft.chance(0.25):
        result["code"] = f"C-{resource}"
    if draft.chance(0.3):
        result["freeUnits"] = Num(draft.decimal(1000, draft.choice(0, 0, 2)))
    return draw_limits(draft, result)


def draw_flat(draft, code):
    return draw_limits(draft, {"model": "flat", "code": code, "amount": draft.price()})


def draw_limits(draft, charge):
    low, high = sorted((draft.random.randrange(0, 3000), draft.random.randrange(1, 200000)))
    if draft.chance(0.2):
        charge["minimum"] = Num(low)
    if draft.chance(0.15):
        charge["maximum"] = Num(high)
    return charge


def draw_quantities(draft, charge):
    """Some at random, 0, and the very bounds."""
    bounds = [tier["upTo"] for tier in charge.get("tiers", ()) if tier["upTo"] is not None]
    if charge["model"] == "package":
        bounds = [charge["packageSize"], Num(2 * number(charge["packageSize"]) / 1)]
        bounds = [bound for bound in bounds if "/" not in bound]
    free = number(charge.get("freeUnits", 0))
    if free.denominator == 1:
        bounds = [str(number(bound) + free) for bound in bounds]
        bounds = [bound for bound in bounds if "/" not in bound]
    return ["0"] + bounds + [draft.quantity() for _ in range(6)]


# ---- the operation -------------------------------------------------------------------------------


@Property
def more_never_costs_less(answer, memory):
    """All but volume prices rise with the quantity."""
    if answer["model"] != "volume":
        ordered = [amount for _, amount in sorted(answer["rated"])]
        if ordered != sorted(ordered):
            return "a graduated total falls"
    return None


@more_never_costs_less.spoil
def one_is_cheaper(answer):
    if answer["model"] == "volume":
        return False
    quantity, amount = max(answer["rated"])
    answer["rated"].append((quantity + 1, amount - 1))


class Rate(Operation):
    """What quantities cost under a charge, without a plan."""

    word = "rate"
    writes = False
    weight = 3
    properties = (more_never_costs_less,)

    def draw(self, draft, key):
        charge = draw_charge(draft, draft.choice(*sorted(METERS)))
        draft.add("rate", charge, draw_quantities(draft, charge))

    def sql(self, names, charge, quantities):
        return ("SELECT " + quote(charge["model"]) + " || ' ' || string_agg(q || ' ' || billing.rate("
                + quote(json_text(charge)) + ", q), ' ' ORDER BY n)"
                f" FROM unnest(ARRAY[{', '.join(quantities)}]::numeric[]) WITH ORDINALITY u(q, n)")

    def expect(self, house, charge, quantities):
        return {"model": charge["model"],
                "rated": [(number(quantity), rate(charge, number(quantity)))
                          for quantity in quantities]}

    def read(self, answer):
        model, *values = answer.split()
        values = [number(value) for value in values]
        return {"model": model, "rated": list(zip(values[::2], values[1::2]))}
