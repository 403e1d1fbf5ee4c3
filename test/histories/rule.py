"""What the oracle is made of, and how it is seen to notice.

A rule is a function that says what is right. Beside each stand mistakes: wrong versions of it, which
`run --self-test` puts in its place one at a time. A property is what holds for the answers of the
extension alone, whatever the oracle says; beside each stand spoils, which damage a good answer.
"""

import contextlib
import functools
import json
from fractions import Fraction

RULES = []
PROPERTIES = []


class Rule:
    """A function of the oracle that can be put in the wrong."""

    def __init__(self, right):
        self.right = self.applied = right
        self.name = right.__name__
        self.__doc__ = right.__doc__
        self.mistakes = {}
        RULES.append(self)

    def __call__(self, *arguments):
        return self.applied(*arguments)

    def mistake(self, wrong):
        """Decorates a wrong version."""
        self.mistakes[f"{self.name}.{wrong.__name__}"] = wrong
        return wrong


def mistakes():
    """Name -> (rule, wrong version)."""
    return {name: (rule, wrong) for rule in RULES for name, wrong in rule.mistakes.items()}


@contextlib.contextmanager
def mistaken(name):
    """The oracle with one rule put in the wrong; with None, as it is."""
    if name is None:
        yield
        return
    rule, wrong = mistakes()[name]
    rule.applied = wrong
    try:
        yield
    finally:
        rule.applied = rule.right


class Property:
    """A function (answer, memory of the history) -> what is wrong with the answer, or None."""

    def __init__(self, check):
        self.check = check
        self.name = check.__name__
        self.spoils = {}
        PROPERTIES.append(self)

    def spoil(self, damage):
        """Decorates a function that damages an answer in place; False where it cannot."""
        self.spoils[f"{self.name}.{damage.__name__}"] = damage
        return damage


class Refused(Exception):
    """A call that fails; the symbol of its error."""


class Different(Exception):
    """An answer that is not the predicted one."""


@functools.lru_cache(100000)
def decimal(text):
    return Fraction(text)


def number(value):
    return decimal(str(value))


def parse(text):
    return json.loads(text, parse_float=Fraction, parse_int=Fraction)


def shown(value):
    """For a message: fractions as decimals where that is exact enough to read."""
    if isinstance(value, Fraction):
        return str(value) if value.denominator == 1 else str(float(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {shown(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def demand(expected, answered, what=""):
    """Raises Different, which names the innermost part that differs."""
    if isinstance(expected, dict) and isinstance(answered, dict) and set(expected) == set(answered):
        for key in expected:
            demand(expected[key], answered[key], f"{what} {key}".strip())
    elif expected != answered:
        raise Different(f"{what or 'answer'}: expected {shown(expected)},"
                        f" answered {shown(answered)}")
