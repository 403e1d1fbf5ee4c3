#!/usr/bin/env python3
"""Prints test vectors for decimals and money, computed with Python's exact integers and fractions.

    python3 oracle_decimal.py > build/vectors.txt

One vector a line: operation, arguments, "=", the expected answer. It shares no code and no method
with the C sources. The seed is fixed, so that every run prints the same.
"""
import random
from fractions import Fraction

MAX_DIGITS = 76
MAX_SCALE = 60
INT64 = 2**63
EXPONENTS = {"KRW": 0, "JPY": 0, "USD": 2, "EUR": 2, "KWD": 3, "CLF": 4}
EDGES = [2**n + d for n in (31, 32, 63, 64, 127, 128, 192) for d in (-1, 0, 1)]
EDGES += [10**n + d for n in (1, 18, 19, 20, 38, 39, 57, 75) for d in (-1, 0, 1)]
EDGES += [0, 1, 2, 5, 10**76 - 1, 10**76 - 2, 5 * 10**75]

rng = random.Random(20260504)


def text(coefficient, scale):
    """The plain form of coefficient / 10^scale with exactly `scale` fraction digits."""
    digits = str(abs(coefficient)).rjust(scale + 1, "0")
    if scale:
        digits = digits[:-scale] + "." + digits[-scale:]
    return ("-" if coefficient < 0 else "") + digits


def fits(coefficient, scale):
    return scale <= MAX_SCALE and abs(coefficient) < 10**MAX_DIGITS


def exact(value, scale):
    """`value` at `scale`, or at the largest smaller scale that holds it, else OVERFLOW."""
    coefficient = value * 10**scale
    assert coefficient.denominator == 1
    coefficient = int(coefficient)
    while not fits(coefficient, scale) and scale > 0 and coefficient % 10 == 0:
        coefficient, scale = coefficient // 10, scale - 1
    return text(coefficient, scale) if fits(coefficient, scale) else "OVERFLOW"


def half_up(value):
    """The nearest integer, ties away from zero."""
    whole = (abs(value) * 2 + 1) // 2
    return int(-whole if value < 0 else whole)


def rounded(value, scale):
    coefficient = half_up(value * 10**scale)
    return text(coefficient, scale) if fits(coefficient, scale) else "OVERFLOW"


def coefficient():
    kind = rng.randrange(10)
    if kind == 0:
        return rng.choice(EDGES)
    if kind == 1:
        return rng.randrange(1, 1000) * 10 ** rng.randrange(0, 70)
    if kind == 2:
        return rng.getrandbits(rng.choice([64, 128, 192, 252]))
    return rng.randrange(10 ** rng.choice([1, 2, 4, 6, 9, 12, 18, 20, 25, 38, 40, 57, 76]))


def decimal(max_scale=MAX_SCALE):
    """A coefficient with its sign, and a scale."""
    sign = rng.choice([1, 1, -1])
    scale = rng.choice([0, 2, 6, rng.randrange(19), rng.randrange(max_scale + 1)])
    return sign * coefficient() % (sign * 10**MAX_DIGITS), min(scale, max_scale)


def tie():
    """A number whose digits after a random place are exactly one half, or next to it."""
    place = rng.randrange(0, 30)
    drop = rng.randrange(1, 25)
    number = rng.randrange(10 ** rng.choice([1, 5, 20, 40])) * 10**drop
    number += 5 * 10 ** (drop - 1) + rng.choice([-1, 0, 0, 1])
    return rng.choice([1, -1]) * (number % 10**MAX_DIGITS), place + drop, place


def value_of(pair):
    return Fraction(pair[0], 10 ** pair[1])


def vector(operation, *fields):
    *arguments, expected = [str(field) for field in fields]
    print(operation, *arguments, "=", expected)


def two_operands(count):
    for _ in range(count):
        a, b = decimal(), decimal()
        if rng.randrange(20) == 0:
            b = (-a[0], a[1])
        x, y, p, q = value_of(a), value_of(b), text(*a), text(*b)
        scale = max(a[1], b[1])
        vector("add", p, q, exact(x + y, scale))
        vector("subtract", p, q, exact(x - y, scale))
        vector("multiply", p, q, exact(x * y, a[1] + b[1]))
        vector("compare", p, q, (x > y) - (x < y))


def divisions(count):
    for _ in range(count):
        a, b = decimal(), decimal()
        if rng.randrange(4) == 0:  # an exact tie: (2n + 1) * b / 2
            b = (rng.randrange(1, 10**30) * 2, rng.randrange(20))
            a = ((2 * rng.randrange(10**20) + 1) * b[0] // 2, b[1])
        if b[0] == 0:
            continue
        scale = rng.choice([0, 0, 2, 6, 18, rng.randrange(MAX_SCALE + 1)])
        x, y = value_of(a), value_of(b)
        vector("divide", text(*a), text(*b), scale, rounded(x / y, scale))
        x, y = abs(x), abs(y)
        ceiling = -(-x // y)
        expected = text(ceiling, 0) if fits(ceiling, 0) else "OVERFLOW"
        vector("ceiling", text(abs(a[0]), a[1]), text(abs(b[0]), b[1]), expected)


def one_operand(count):
    for _ in range(count):
        a = decimal()
        scale = rng.choice([0, 2, 6, rng.randrange(MAX_SCALE + 1)])
        vector("round", text(*a), scale, rounded(value_of(a), scale))
        number, own, scale = tie()
        if own <= MAX_SCALE:
            vector("round", text(number, own), scale, rounded(Fraction(number, 10**own), scale))
        least = a[1]
        while least > 0 and a[0] % 10 ** (a[1] - least + 1) == 0:
            least -= 1
        vector("significant", text(*a), least)
        x = value_of(a)
        small = x.denominator == 1 and -INT64 <= x < INT64
        vector("integer", text(*a), int(x) if small else "NONE")


def texts(count):
    for _ in range(count):
        number, scale = abs(coefficient()), rng.randrange(MAX_SCALE + 15)
        number *= 10 ** rng.choice([0, 0, 1, 5, 30])
        plain = text(number, scale)
        shift = rng.choice([0, 0, rng.randrange(-70, 70)])
        written = "0" * rng.randrange(3) + plain
        if shift or rng.randrange(4) == 0:
            written += rng.choice("eE") + rng.choice(["", "+"] if shift >= 0 else [""]) + str(shift)
        negative = rng.randrange(2)
        written = ("-" if negative else rng.choice(["", "+"])) + written
        scale -= shift
        if scale < 0:
            number, scale = number * 10**-scale, 0
        while not fits(number, scale) and scale > 0 and number % 10 == 0:
            number, scale = number // 10, scale - 1
        expected = text(-number if negative else number, scale)
        vector("parse", written, expected if fits(number, scale) else "REFUSED")


def amounts(count):
    for _ in range(count):
        code = rng.choice(list(EXPONENTS))
        unit = 10 ** EXPONENTS[code]
        a = decimal(20)
        if rng.randrange(2):
            a = (rng.choice([1, -1]) * rng.randrange(10**19), rng.randrange(6))
        minor = value_of(a) * unit
        if half_up(minor) * 10 ** max(a[1] - EXPONENTS[code], 0) < 10**70:
            whole = half_up(minor)
            in_range = -INT64 <= whole < INT64
            vector("money_round", text(*a), code, whole if in_range else "OVERFLOW")
            expected = whole if in_range else "OVERFLOW"
            vector("from_decimal", text(*a), code, expected if minor.denominator == 1 else "FRACTION")
        net = rng.choice([rng.randrange(-(10**6), 10**6), rng.randrange(-INT64, INT64)])
        scale = rng.choice([0, 1, 3, 4, 18])
        percentage = (rng.randrange(100 * 10**scale + 1), scale)
        if rng.randrange(20) == 0:
            percentage = (percentage[0] * 1000, scale)
        tax = half_up(net * value_of(percentage) / 100)
        expected = tax if -INT64 <= tax < INT64 else "OVERFLOW"
        vector("percentage", net, code, text(*percentage), expected)


def allocations(count):
    for _ in range(count):
        total = rng.choice([rng.randrange(-1000, 1000), rng.randrange(-INT64, INT64), -INT64])
        top = rng.choice([2, 5, 1000, INT64])
        weights = [rng.randrange(top) for _ in range(rng.choice([1, 2, 3, 7, 50]))]
        whole = sum(weights)
        if whole == 0:
            parts = [total] + [0] * (len(weights) - 1)
        else:
            sign = -1 if total < 0 else 1
            shares = [Fraction(abs(total) * weight, whole) for weight in weights]
            parts = [int(share) for share in shares]
            order = sorted(range(len(parts)), key=lambda i: (parts[i] - shares[i], i))
            for i in order[: abs(total) - sum(parts)]:
                parts[i] += 1
            parts = [sign * part for part in parts]
        assert sum(parts) == total
        vector("allocate", total, ",".join(map(str, weights)), ",".join(map(str, parts)))


two_operands(2500)
divisions(2500)
one_operand(1500)
texts(2500)
amounts(1500)
allocations(1000)
