"""Wallets: filled, charged, and held in part for a while."""

from draft import DAY, TICK
from house import EXPONENTS
from money import (ZERO, amount_of, by_key, deposit, end_hold, is_due, known_call, labelled,
                   open_wallet, require_same, take_from_wallet, withdraw)
from operation import OPERATIONS, Operation
from operations.account import MoneyOperation
from rule import Refused, Rule
from sqltext import attempt, moment, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def require_version(wallet, stale):
    """expected_version has to be that of the wallet, if both are there."""
    if wallet is not None and stale:
        raise Refused("CONCURRENT_MODIFICATION")


@require_version.mistake
def any_version(wallet, stale):
    pass


@Rule
def capturable(hold, now):
    if hold["status"] != "OPEN" or is_due(hold, now):
        raise Refused("ILLEGAL_STATE")


@capturable.mistake
def even_when_due(hold, now):
    if hold["status"] != "OPEN":
        raise Refused("ILLEGAL_STATE")


@Rule
def captured(money, hold, amount):
    """The amount is charged, and the rest is available again."""
    wallet = money.wallets[hold["currency"]]
    hold["captured"] = amount
    hold["status"] = "CAPTURED"
    wallet["held"] -= hold["amount"]
    wallet["balance"] -= amount
    money.tell("WalletWithdrawn")
    if amount != hold["amount"]:
        money.tell("WalletUnblocked")
    money.post("wallet", "revenue", hold["currency"], amount)


@captured.mistake
def the_rest_stays_held(money, hold, amount):
    captured.right(money, hold, amount)
    money.wallets[hold["currency"]]["held"] += hold["amount"] - amount


@captured.mistake
def always_all_of_it(money, hold, amount):
    captured.right(money, hold, hold["amount"])


@Rule
def releasable(hold):
    """Whether there is something to release; of a captured one nothing can be."""
    if hold["status"] == "CAPTURED":
        raise Refused("ILLEGAL_STATE")
    return hold["status"] == "OPEN"


@releasable.mistake
def twice_is_an_error(hold):
    if hold["status"] != "OPEN":
        raise Refused("ILLEGAL_STATE")
    return True


def movement(money, currency, amount, replayed):
    wallet = money.wallets[currency]
    return [amount, wallet["balance"], wallet["held"], wallet["balance"] - wallet["held"], replayed]


MOVEMENT = "jsonb_build_array(m.amount, m.balance, m.held, m.available, m.replayed)"

# ---- how they are drawn --------------------------------------------------------------------------


def draw_currency(draft, key):
    own = draft.customers[key]["currency"]
    return own if own is not None and draft.chance(0.85) else draft.choice(*EXPONENTS)


def draw_amount(draft, currency, most=300):
    """Rarely one that no call takes."""
    if draft.chance(0.03):
        return draft.choice("0", "-5", "1." + "0" * EXPONENTS[currency] + "5")
    return draft.decimal(most, EXPONENTS[currency])


def draw_key(draft):
    """None, a new one, or rarely one that another call had of late."""
    if draft.chance(0.08):
        return f"k{max(draft.ids - draft.random.randrange(4), 1)}"
    return f"k{draft.new_id()}" if draft.chance(0.5) else None


def of_labels(draft, key, word, at):
    """Of the rows that steps of a word made, as far as the draft knows; mostly of late."""
    return [step[at] for step in draft.steps if step[0] == word and step[2] == key][-6:]


# ---- operations ----------------------------------------------------------------------------------


class OpenWallet(MoneyOperation):
    word = "open_wallet"
    weight = 2

    def draw(self, draft, key):
        self.add(draft, key, draw_currency(draft, key))

    def statement(self, names, key, currency):
        return (f"SELECT jsonb_build_array(w.balance, w.held) FROM"
                f" billing.open_wallet({quote(names.customer(key))}, '{currency}') w")

    def act(self, house, customer, currency):
        wallet = open_wallet(customer.money, currency)
        return [wallet["balance"], wallet["held"]]


class TopUp(MoneyOperation):
    """With a key or without; rarely for a version that the wallet has, or had."""

    word = "top_up"
    weight = 12
    function = "top_up_wallet"

    def draw(self, draft, key):
        """Sometimes the first one of a wallet is charged wholly."""
        currency = draw_currency(draft, key)
        if not any(step[0] == "top_up" and step[2:4] == (key, currency) for step in draft.steps):
            self.add(draft, key, currency, "17", None, None, None)
            OPERATIONS["charge"].add(draft, key, currency, "17", None, None, None)
            return
        idempotency_key = draw_key(draft)
        stale = draft.choice(None, None, 0, 0, 1) if idempotency_key is None else None
        self.add(draft, key, currency, draw_amount(draft, currency), draft.choice(None, None, "r1"),
                 idempotency_key, stale)

    def repeatable(self, draft, currency, amount, reference, idempotency_key, stale):
        return idempotency_key is not None

    def other(self, draft, currency, amount, reference, idempotency_key, stale):
        if draft.chance(0.5):
            return currency, amount, "r2", idempotency_key, stale
        return currency, draw_amount(draft, currency), reference, idempotency_key, stale

    def statement(self, names, key, currency, amount, reference, idempotency_key, stale):
        customer = quote(names.customer(key))
        version = "" if stale is None else (
            f", expected_version => (SELECT w.version - {stale} FROM billing.wallets w"
            f" WHERE w.customer_id = {customer} AND w.currency = '{currency}')")
        return (f"SELECT {MOVEMENT} FROM billing.{self.function}({customer}, {amount}, '{currency}',"
                f" {quote(reference and 'EXTERNAL')}, {quote(reference)},"
                f" {quote(idempotency_key)}{version}) m")

    def act(self, house, customer, currency, amount, reference, idempotency_key, stale):
        money, exact = customer.money, amount_of(amount, currency)

        def do():
            require_version(money.wallets.get(currency), stale)
            self.move(house, money, currency, exact)
            return exact
        moved, known = by_key(money, self.word, idempotency_key, (currency, exact, reference), do)
        return movement(money, currency, moved, known)

    def move(self, house, money, currency, amount):
        deposit(money, currency, amount)
        money.post("funding_clearing", "wallet", currency, amount)


class Charge(TopUp):
    """
    Choice: of a wallet with another version than was expected, and too little in it, the version is
    told.
    """

    word = "charge"
    weight = 12
    function = "charge_wallet"

    def act(self, house, customer, currency, amount, reference, idempotency_key, stale):
        if currency not in customer.money.wallets:
            amount_of(amount, currency)
            raise Refused("WALLET_NOT_FOUND")
        return super().act(house, customer, currency, amount, reference, idempotency_key, stale)

    def move(self, house, money, currency, amount):
        withdraw(money, currency, amount, house.now)
        money.post("wallet", "revenue", currency, amount)


class Hold(MoneyOperation):
    """For some days, or for ever."""

    word = "hold"
    weight = 10

    def draw(self, draft, key):
        currency = draw_currency(draft, key)
        expires = None
        if draft.chance(0.6):
            expires = draft.now + draft.choice(2 * TICK, TICK * 10 ** 10, DAY, 40 * DAY)
        self.add(draft, key, f"hold{draft.new_id()}", currency, draw_amount(draft, currency, 150),
                 draw_key(draft), expires)

    def repeatable(self, draft, label, currency, amount, idempotency_key, expires):
        return idempotency_key is not None and (expires is None or expires > draft.now + TICK)

    def other(self, draft, label, currency, amount, idempotency_key, expires):
        return label, currency, draw_amount(draft, currency), idempotency_key, expires

    def statement(self, names, key, label, currency, amount, idempotency_key, expires):
        return (f"SELECT jsonb_build_array(h.amount, h.captured, h.status) FROM billing.hold_wallet("
                f"{quote(names.customer(key))}, {amount}, '{currency}', idempotency_key =>"
                f" {quote(idempotency_key)}, expires_at => {quote(moment(expires))}) h"
                f" WHERE histories.keep({quote(names.thing(label))}, h.hold_id) IS NOT NULL")

    def act(self, house, customer, label, currency, amount, idempotency_key, expires):
        money, exact = customer.money, amount_of(amount, currency)

        def do():
            wallet = take_from_wallet(money, currency, exact, house.now)
            wallet["held"] += exact
            money.tell("WalletBlocked")
            hold = {"currency": currency, "amount": exact, "captured": ZERO, "status": "OPEN",
                    "expires": expires}
            money.holds[label] = hold
            return hold
        hold, _ = by_key(money, self.word, idempotency_key, (currency, exact, expires), do,
                         label)
        return [hold["amount"], hold["captured"], hold["status"]]


class Capture(MoneyOperation):
    """Of all or of a part. Choice: the state is told before an amount that is too much."""

    word = "capture"
    weight = 8

    def draw(self, draft, key):
        labels = of_labels(draft, key, "hold", 3)
        if labels:
            amount = draft.choice(None, None, None, "1", draft.decimal(100, 0))
            self.add(draft, key, draft.choice(*labels), amount, draw_key(draft))

    def repeatable(self, draft, label, amount, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, amount, idempotency_key):
        return label, "2", idempotency_key

    def statement(self, names, key, label, amount, idempotency_key):
        return (f"SELECT {MOVEMENT} FROM billing.capture_hold("
                f"histories.thing({quote(names.thing(label))}), {amount or 'NULL'},"
                f" {quote(idempotency_key)}) m")

    def act(self, house, customer, label, amount, idempotency_key):
        money = customer.money
        hold = labelled(money, label, "HOLD_NOT_FOUND")
        currency = hold["currency"]
        exact = None if amount is None else amount_of(amount, currency)

        def do():
            capturable(hold, house.now)
            if exact is not None and exact > hold["amount"]:
                raise Refused("INVALID_ARGUMENT")
            captured(money, hold, exact or hold["amount"])
            return hold["captured"]
        moved, known = by_key(money, self.word, idempotency_key, (label, exact), do)
        return movement(money, currency, moved, known)


class Release(MoneyOperation):
    """A second time it changes nothing. Choice: what changes nothing leaves no key."""

    word = "release"
    weight = 5

    def draw(self, draft, key):
        labels = of_labels(draft, key, "hold", 3)
        if labels:
            self.add(draft, key, draft.choice(*labels), draw_key(draft))

    def repeatable(self, draft, label, idempotency_key):
        return idempotency_key is not None

    def statement(self, names, key, label, idempotency_key):
        return ("SELECT jsonb_build_array(m.balance, m.held, m.replayed) FROM billing.release_hold("
                f"histories.thing({quote(names.thing(label))}), {quote(idempotency_key)}) m")

    def act(self, house, customer, label, idempotency_key):
        money = customer.money
        hold = labelled(money, label, "HOLD_NOT_FOUND")
        wallet = money.wallets[hold["currency"]]
        call = known_call(money, self.word, idempotency_key)
        if call is not None:
            require_same(call[0], (label,))
        known = call is not None or not releasable(hold)
        if not known:
            end_hold(money, hold, "RELEASED")
            if idempotency_key is not None:
                money.keys[self.word, idempotency_key] = ((label,), hold)
        return [wallet["balance"], wallet["held"], known]


def until_none(function, batch):
    return f"SELECT histories.until_none({quote(f'SELECT billing.{function}({batch})')})"


class ExpireHolds(Operation):
    """Of all customers, until there is none."""

    word = "expire_holds"
    weight = 5
    money = True
    setup = """
CREATE FUNCTION histories.until_none(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    count bigint;
BEGIN
    FOR attempt IN 1 .. 1000 LOOP
        EXECUTE statement INTO count;
        IF count = 0 THEN
            RETURN 'none';
        END IF;
    END LOOP;
    RETURN 'does not end';
END $$;
"""

    def draw(self, draft, key):
        draft.add("expire_holds", draft.choice(1, 2, 200))

    def sql(self, names, batch):
        return attempt(until_none("expire_holds", batch))

    def expect(self, house, batch):
        for customer in house.customers.values():
            for hold in customer.money.holds.values():
                if is_due(hold, house.now):
                    end_hold(customer.money, hold, "EXPIRED")
        return "none"
