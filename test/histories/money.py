"""The rules of all that moves money.

A movement is a transfer from one account to another; what stands on the wallets and the credits is
the sum of their transfers. Every call that has a key is known by it for ever.
"""

from fractions import Fraction

from house import EXPONENTS, rounded
from rule import Refused, Rule, number

ZERO = Fraction(0)
SOURCES = {"PROMO": "promotion", "COMPENSATION": "promotion", "PREPAID": "funding_clearing",
           "REFUND_TO_CREDIT": "refund_clearing"}


# ---- arguments -----------------------------------------------------------------------------------


@Rule
def amount_of(text, currency):
    """Above 0, with no more decimals than the currency has."""
    amount = number(text)
    if amount <= 0 or (amount * 10 ** EXPONENTS[currency]).denominator != 1:
        raise Refused("INVALID_ARGUMENT")
    return amount


@amount_of.mistake
def rounds_decimals(text, currency):
    amount = rounded(number(text), currency)
    if amount <= 0:
        raise Refused("INVALID_ARGUMENT")
    return amount


@amount_of.mistake
def nothing_is_an_amount(text, currency):
    return number(text) if number(text) == 0 else amount_of.right(text, currency)


# ---- keys ----------------------------------------------------------------------------------------


@Rule
def known_call(money, operation, key):
    """The call that had the key, of the same operation, however long ago."""
    return money.keys.get((operation, key)) if key is not None else None


@known_call.mistake
def every_call_counts(money, operation, key):
    return None


@known_call.mistake
def of_any_operation(money, operation, key):
    return next((call for (_, other), call in money.keys.items() if other == key and key), None)


@Rule
def require_same(known, arguments):
    if known != arguments:
        raise Refused("INCOMPATIBLE_PARAMS")


@require_same.mistake
def whatever_it_asked(known, arguments):
    pass


def by_key(money, operation, key, arguments, act, label=None):
    """
    (the row of the call, whether it was known). What is refused leaves no key. The label names the
    row in later steps.
    """
    call = known_call(money, operation, key)
    if call is None:
        row = act()
        if key is not None:
            money.keys[operation, key] = (arguments, row)
    else:
        require_same(call[0], arguments)
        row = call[1]
    if label is not None:
        money.labels[label] = row
    return row, call is not None


def labelled(money, label, missing):
    if label not in money.labels:
        raise Refused(missing)
    return money.labels[label]


# ---- movements -----------------------------------------------------------------------------------


def open_wallet(money, currency):
    return money.wallets.setdefault(currency, {"balance": ZERO, "held": ZERO})


@Rule
def require_available(wallet, amount):
    """What is held cannot be taken."""
    if wallet["balance"] - wallet["held"] < amount:
        raise Refused("INSUFFICIENT_BALANCE")


@require_available.mistake
def holds_do_not_count(wallet, amount):
    if wallet["balance"] < amount:
        raise Refused("INSUFFICIENT_BALANCE")


@require_available.mistake
def never_the_last_of_it(wallet, amount):
    if wallet["balance"] - wallet["held"] <= amount:
        raise Refused("INSUFFICIENT_BALANCE")


@Rule
def is_due(hold, now):
    """From expires_at on."""
    return hold["status"] == "OPEN" and hold["expires"] is not None and hold["expires"] <= now


@is_due.mistake
def never_due(hold, now):
    return False


@is_due.mistake
def a_moment_later(hold, now):
    return hold["status"] == "OPEN" and hold["expires"] is not None and hold["expires"] < now


def end_hold(money, hold, status):
    hold["status"] = status
    money.wallets[hold["currency"]]["held"] -= hold["amount"]
    money.tell("WalletUnblocked")


@Rule
def make_room(money, currency, amount, now):
    """Holds that are due end where the money is needed, if that is enough; else nothing changes."""
    wallet = money.wallets[currency]
    if wallet["balance"] - wallet["held"] >= amount:
        return
    due = [hold for hold in money.holds.values() if hold["currency"] == currency
           and is_due(hold, now)]
    if wallet["balance"] - wallet["held"] + sum(hold["amount"] for hold in due) >= amount:
        for hold in due:
            end_hold(money, hold, "EXPIRED")


@make_room.mistake
def holds_stay(money, currency, amount, now):
    pass


@make_room.mistake
def always_when_due(money, currency, amount, now):
    for hold in money.holds.values():
        if hold["currency"] == currency and is_due(hold, now):
            end_hold(money, hold, "EXPIRED")


def take_from_wallet(money, currency, amount, now):
    """The wallet, which has as much available."""
    if currency not in money.wallets:
        raise Refused("WALLET_NOT_FOUND")
    make_room(money, currency, amount, now)
    require_available(money.wallets[currency], amount)
    return money.wallets[currency]


def withdraw(money, currency, amount, now):
    take_from_wallet(money, currency, amount, now)["balance"] -= amount
    money.tell("WalletWithdrawn")


def deposit(money, currency, amount):
    open_wallet(money, currency)["balance"] += amount
    money.tell("WalletDeposited")


def grant(money, kind, currency, amount, now, until=None, since=None, source=None):
    """A credit; it never expires without an end."""
    credit = {"type": kind, "currency": currency, "granted": amount, "balance": amount,
              "status": "ACTIVE", "since": since or now, "until": until,
              "created": now, "number": len(money.credits)}
    money.credits.append(credit)
    money.post(source or SOURCES[kind], "credit", currency, amount)
    money.tell("CreditGranted")
    return credit


@Rule
def portion(whole, part, total, currency):
    """Of a whole that is spread over a total, what falls on its first part: HALF_UP."""
    return rounded(whole * part / total, currency)


@portion.mistake
def portion_cut(whole, part, total, currency):
    scale = 10 ** EXPONENTS[currency]
    return Fraction(int(whole * part / total * scale), scale)
