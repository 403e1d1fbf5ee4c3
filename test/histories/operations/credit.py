"""Credits: granted for a time or for ever, used by invoices, taken back, expired."""

from draft import DAY, TICK
from house import EXPONENTS
from money import SOURCES, ZERO, amount_of, by_key, grant, labelled
from operation import Operation
from operations.account import MoneyOperation, due
from operations.capture import close, require_no_pending
from operations.invoice import draw_settled_month
from operations.paid import live_invoice, live_sql, require_open
from operations.wallet import draw_amount, draw_currency, draw_key, of_labels, until_none
from rule import Refused, Rule, number
from sqltext import attempt, moment, quote

TYPES = ("PROMO", "PREPAID", "COMPENSATION", "REFUND_TO_CREDIT")

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def usable(credit, now):
    """From valid_from until before valid_until."""
    return (credit["status"] == "ACTIVE" and credit["since"] <= now
            and (credit["until"] is None or now < credit["until"]))


@usable.mistake
def even_expired(credit, now):
    return credit["status"] == "ACTIVE" and credit["since"] <= now


@usable.mistake
def even_too_early(credit, now):
    return credit["status"] == "ACTIVE" and (credit["until"] is None or now < credit["until"])


@Rule
def order_of_use(credit):
    """The soonest expiry first, those without last; then the oldest."""
    return credit["until"] is None, credit["until"] or credit["created"], credit["created"]


@order_of_use.mistake
def the_oldest_first(credit):
    return credit["created"]


@order_of_use.mistake
def without_expiry_first(credit):
    return (credit["until"] is not None, *order_of_use.right(credit)[1:])


@Rule
def uses(credits, wanted, now, currency):
    """[(credit, what it gives)]"""
    found = []
    for credit in sorted((credit for credit in credits if credit["currency"] == currency
                          and usable(credit, now)), key=order_of_use):
        part = min(credit["balance"], wanted)
        if part > 0:
            found.append((credit, part))
            wanted -= part
    return found


@uses.mistake
def one_credit_alone(credits, wanted, now, currency):
    return uses.right(credits, wanted, now, currency)[:1]


@uses.mistake
def whole_credits(credits, wanted, now, currency):
    return [(credit, part) for credit, part in uses.right(credits, wanted, now, currency)
            if part == credit["balance"]]


def apply(customer, invoice, wanted, now):
    """What was applied."""
    money, applied = customer.money, ZERO
    for credit, part in uses(money.credits, wanted, now, invoice["currency"]):
        credit["balance"] -= part
        money.post("credit", "receivable", invoice["currency"], part)
        money.tell("CreditConsumed")
        if credit["balance"] == 0:
            credit["status"] = "EXHAUSTED"
            money.tell("CreditExhausted")
        applied += part
    invoice["applied"] += applied
    close(invoice)
    return applied


@Rule
def applies_by_itself(customer):
    """In a settlement, before the charge."""
    return customer.applies


@applies_by_itself.mistake
def for_nobody(customer):
    return False


@applies_by_itself.mistake
def for_everybody(customer):
    return True


@Rule
def revocable(credit):
    """Whether there is something to revoke."""
    if credit["status"] not in ("ACTIVE", "REVOKED"):
        raise Refused("ILLEGAL_STATE")
    return credit["status"] == "ACTIVE"


@revocable.mistake
def an_ended_one_is_ended(credit):
    return credit["status"] == "ACTIVE"


@Rule
def back_to(credit):
    """The account that an expired one falls to."""
    return "promotion" if SOURCES[credit["type"]] == "promotion" else "breakage_revenue"


@back_to.mistake
def all_is_breakage(credit):
    return "breakage_revenue"


@Rule
def has_expired(credit, now):
    return credit["status"] == "ACTIVE" and credit["until"] is not None and credit["until"] <= now


@has_expired.mistake
def after_its_end(credit, now):
    return credit["status"] == "ACTIVE" and credit["until"] is not None and credit["until"] < now


def end(money, credit, status, account, event):
    money.post("credit", account, credit["currency"], credit["balance"])
    credit["balance"], credit["status"] = ZERO, status
    money.tell(event)


# ---- operations ----------------------------------------------------------------------------------

CREDIT = "jsonb_build_array(c.type, c.granted, c.balance, c.status)"


def credit_answer(credit):
    return [credit["type"], credit["granted"], credit["balance"], credit["status"]]


class GrantCredit(MoneyOperation):
    word = "grant_credit"
    weight = 10

    def draw(self, draft, key):
        currency = draw_currency(draft, key)
        since = None if draft.chance(0.7) else draft.now + draft.choice(-5, 3, 20) * DAY
        until = None
        if draft.chance(0.6):
            until = (since or draft.now) + draft.choice(-1, 0, 1, 10, 10, 60, 60) * DAY + 2 * TICK
        self.add(draft, key, f"credit{draft.new_id()}", draft.choice(*TYPES), currency,
                 draw_amount(draft, currency, draft.choice(20, 120)), since, until, draw_key(draft))

    def repeatable(self, draft, label, kind, currency, amount, since, until, idempotency_key):
        return idempotency_key is not None and since is not None

    def other(self, draft, label, kind, currency, amount, since, until, idempotency_key):
        return label, kind, currency, "9", since, until, idempotency_key

    def statement(self, names, key, label, kind, currency, amount, since, until, idempotency_key):
        return (f"SELECT {CREDIT} FROM billing.grant_credit({quote(names.customer(key))}, '{kind}',"
                f" {amount}, '{currency}', {quote(moment(since))}, {quote(moment(until))},"
                f" idempotency_key => {quote(idempotency_key)}) c"
                f" WHERE histories.keep({quote(names.thing(label))}, c.credit_id) IS NOT NULL")

    def act(self, house, customer, label, kind, currency, amount, since, until, idempotency_key):
        money, exact = customer.money, amount_of(amount, currency)
        if until is not None and until <= (since or house.now):
            raise Refused("INVALID_ARGUMENT")

        def do():
            return grant(money, kind, currency, exact, house.now, until, since)
        arguments = (kind, currency, exact, since, until)
        return credit_answer(by_key(money, self.word, idempotency_key, arguments, do, label)[0])


class ApplyCredit(MoneyOperation):
    """
    As much as there is, or at most so much. Choice: at most nothing is nothing in any state; without a
    key, of any invoice.
    """

    word = "apply_credit"
    weight = 8

    def draw(self, draft, key):
        places = EXPONENTS[draft.customers[key]["currency"]]
        most = draft.choice(None, None, "0", draft.decimal(60, places), draft.decimal(60, places))
        self.add(draft, key, draw_settled_month(draft, key), most, draw_key(draft))

    def repeatable(self, draft, period, most, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, period, most, idempotency_key):
        return period, "10", idempotency_key

    def statement(self, names, key, period, most, idempotency_key):
        return (f"SELECT to_jsonb(billing.apply_credit({quote(names.customer(key))},"
                f" {live_sql(names, key, period)}, {most or 'NULL'}, {quote(idempotency_key)}))")

    def act(self, house, customer, period, most, idempotency_key):
        money = customer.money
        nothing = most is not None and number(most) <= 0
        if nothing and idempotency_key is None:
            return ZERO
        invoice, which = live_invoice(customer, period)

        def do():
            if nothing:
                return ZERO
            require_open(invoice)
            require_no_pending(money, invoice)
            rest = due(invoice)
            wanted = rest if most is None else min(rest, number(most))
            return apply(customer, invoice, wanted, house.now)
        most_exact = None if most is None else number(most)
        return by_key(money, self.word, idempotency_key, (which, most_exact), do)[0]


class RevokeCredit(MoneyOperation):
    word = "revoke_credit"
    weight = 3

    def draw(self, draft, key):
        labels = of_labels(draft, key, "grant_credit", 3)
        if labels:
            self.add(draft, key, draft.choice(*labels))

    def statement(self, names, key, label):
        return (f"SELECT {CREDIT} FROM billing.revoke_credit("
                f"histories.thing({quote(names.thing(label))}), 'wrong') c")

    def act(self, house, customer, label):
        credit = labelled(customer.money, label, "CREDIT_NOT_FOUND")
        if revocable(credit):
            end(customer.money, credit, "REVOKED", SOURCES[credit["type"]], "CreditRevoked")
        return credit_answer(credit)


class ExpireCredits(Operation):
    """Of all customers, until there is none."""

    word = "expire_credits"
    weight = 4
    money = True

    def draw(self, draft, key):
        """Often at the very end of one."""
        ends = [step[8] for step in draft.steps if step[0] == "grant_credit" and step[8] is not None
                and step[8] > draft.now]
        if ends and draft.chance(0.4):
            draft.set_clock(min(ends))
        draft.add("expire_credits", draft.choice(1, 2, 200))

    def sql(self, names, batch):
        return attempt(until_none("expire_credits", batch))

    def expect(self, house, batch):
        for customer in house.customers.values():
            for credit in customer.money.credits:
                if has_expired(credit, house.now):
                    end(customer.money, credit, "EXPIRED", back_to(credit), "CreditExpired")
        return "none"


class AutoApply(MoneyOperation):
    """Whether settlements use the customer's credits."""

    word = "auto_apply"
    weight = 2

    def draw(self, draft, key):
        self.add(draft, key, draft.chance(0.5))

    def statement(self, names, key, applies):
        return (f"SELECT to_jsonb(c.auto_apply_credit) FROM billing.register_customer("
                f"{quote(names.customer(key))}, auto_apply_credit => {applies}) c")

    def act(self, house, customer, applies):
        customer.applies = applies
        return applies
