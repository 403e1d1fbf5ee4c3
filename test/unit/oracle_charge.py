#!/usr/bin/env python3
"""Rates charges with exact fractions and prints test vectors for test_charge.c.

    python3 oracle_charge.py > charge_vectors.inc

An independent reading of the rules: it counts slices from the bounds, not tier by tier, and
shares no code with charge.c. The seed is fixed, so that a second run prints the same.
"""
import math
import random
from fractions import Fraction

VECTORS_PER_MODEL = 40
STEP = Fraction(1, 10**18)  # the smallest distance between two bounds


def text(value):
    """The exact decimal text of a fraction whose denominator divides a power of ten."""
    if value is None:
        return ""
    scale = 0
    while (value * 10**scale).denominator != 1:
        scale += 1
    digits = str(int(value * 10**scale)).rjust(scale + 1, "0")
    return digits if scale == 0 else digits[:-scale] + "." + digits[-scale:]


def overlap(units, low, high):
    """How many of `units` lie in (low, high]; high None is infinity."""
    top = units if high is None else min(units, high)
    return max(Fraction(0), top - low)


def graduated(tiers, units):
    lows = [Fraction(0)] + [up_to for up_to, _, _ in tiers[:-1]]
    slices = [(overlap(units, low, up_to), price, fee, units > low or low == 0)
              for low, (up_to, price, fee) in zip(lows, tiers)]
    return sum((part * price + (fee if entered else 0) for part, price, fee, entered in slices),
               Fraction(0))


def volume(tiers, units):
    _, price, fee = next(t for t in tiers if t[0] is None or units <= t[0])
    return units * price + fee


def model_amount(model, params, units):
    if model == "per_unit":
        return units * params[0]
    if model == "package":
        return math.ceil(units / params[0]) * params[1]
    if model == "flat":
        return params[0]
    return (graduated if model == "graduated" else volume)(params, units)


def rate(vector):
    units = max(Fraction(0), vector["quantity"] - vector["free"])
    amount = model_amount(vector["model"], vector["params"], units)
    if vector["minimum"] is not None:
        amount = max(amount, vector["minimum"])
    if vector["maximum"] is not None:
        amount = min(amount, vector["maximum"])
    return amount


def decimal(rng, most_integer, most_fraction):
    digits, scale = rng.randint(0, most_integer), rng.randint(0, most_fraction)
    return Fraction(rng.randrange(10 ** (digits + scale)), 10**scale)


def price(rng):
    return decimal(rng, 4, 18) if rng.random() < 0.7 else decimal(rng, 15, 18)


def tier_list(rng):
    bounds, bound = [], Fraction(0)
    for _ in range(rng.randint(0, 5)):
        bound += decimal(rng, 5, rng.choice([0, 0, 3, 18])) + STEP * rng.choice([1, 10**18])
        bounds.append(bound)
    fee = rng.choice([lambda: Fraction(0), lambda: decimal(rng, 4, 4)])
    return [(up_to, price(rng), fee()) for up_to in bounds + [None]]


def parameters(rng, model):
    if model == "package":
        return [decimal(rng, 4, rng.choice([0, 3])) + 1, price(rng)]
    return tier_list(rng) if model in ("graduated", "volume") else [price(rng)]


def quantity(rng, model, params, free):
    """Half of them sit on an edge, or one smallest step beside it."""
    if rng.random() < 0.5:
        return decimal(rng, 12, rng.choice([0, 6, 18]))
    edges = [Fraction(0), Fraction(1)]
    if model in ("graduated", "volume"):
        edges += [tier[0] for tier in params if tier[0] is not None]
    if model == "package":
        edges += [params[0], 3 * params[0]]
    return max(Fraction(0), free + rng.choice(edges) + STEP * rng.choice([-1, 0, 1]))


def vector(rng, model):
    params = parameters(rng, model)
    free = decimal(rng, 4, 3) if rng.random() < 0.3 else Fraction(0)
    minimum = decimal(rng, 6, 2) if rng.random() < 0.2 else None
    maximum = (minimum or 0) + decimal(rng, 6, 2) if rng.random() < 0.2 else None
    return {"model": model, "params": params, "free": free, "minimum": minimum,
            "maximum": maximum, "quantity": quantity(rng, model, params, free)}


def params_text(model, params):
    if model not in ("graduated", "volume"):
        return ":".join(text(value) for value in params)
    return " ".join(":".join(("inf" if t[0] is None else text(t[0]), text(t[1]), text(t[2])))
                    for t in params)


def main():
    rng = random.Random(20260504)
    print("/*\n * Made by oracle_charge.py; not edited by hand. Rows: model, free units, minimum,"
          "\n * maximum, parameters, quantity, exact amount.\n */")
    for model in ("per_unit", "graduated", "volume", "package", "flat"):
        for _ in range(VECTORS_PER_MODEL):
            row = vector(rng, model)
            fields = [model, text(row["free"]), text(row["minimum"]), text(row["maximum"]),
                      params_text(model, row["params"]), text(row["quantity"]), text(rate(row))]
            print("{" + ", ".join(f'"{field}"' for field in fields) + "},")


if __name__ == "__main__":
    main()
