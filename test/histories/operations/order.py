"""Orders: placed, paid by any means, cancelled or given up; and payments whose outcome comes late."""

from draft import TICK
from house import rounded
from money import ZERO, by_key, labelled
from operation import OPERATIONS
from operations.account import MoneyOperation
from operations.capture import (approve, pay, payment_answer, reject, require_fitting,
                                require_no_pending)
from operations.invoice import tax_rate
from operations.wallet import draw_currency, draw_key, of_labels
from rule import Refused, Rule, number
from sqltext import Num, json_text, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def net_of(total, percentage, currency):
    """Prices contain the tax, which is what a rounded net leaves of the total."""
    return rounded(total / (1 + percentage / 100), currency)


@net_of.mistake
def tax_comes_on_top(total, percentage, currency):
    return total - rounded(total * percentage / 100, currency)


@net_of.mistake
def free_of_tax(total, percentage, currency):
    return total


@Rule
def tax_now(customer, now):
    """That of the customer's code at the moment."""
    return tax_rate(customer.tax, now + TICK)


@tax_now.mistake
def the_newest_rate(customer, now):
    return tax_rate(customer.tax, now.replace(year=2099))


@Rule
def endable(order, status):
    """Whether there is something to end: once; only an order that is not decided."""
    if order["status"] not in ("CREATED", status):
        raise Refused("ILLEGAL_STATE")
    return order["status"] == "CREATED"


@endable.mistake
def once_alone(order, status):
    if order["status"] != "CREATED":
        raise Refused("ILLEGAL_STATE")
    return True


@endable.mistake
def ended_is_ended(order, status):
    if order["status"] in ("PAID", "REFUNDED"):
        raise Refused("ILLEGAL_STATE")
    return order["status"] == "CREATED"


@Rule
def require_payable(order):
    if order["status"] != "CREATED":
        raise Refused("ILLEGAL_STATE")


@require_payable.mistake
def paid_again(order):
    if order["status"] in ("CANCELLED", "FAILED"):
        raise Refused("ILLEGAL_STATE")


@Rule
def resolvable(payment, outcome):
    """Whether there is something to resolve. Both outcomes are final."""
    if payment["status"] not in ("PENDING", outcome):
        raise Refused("ILLEGAL_STATE")
    return payment["status"] == "PENDING"


@resolvable.mistake
def the_last_word_counts(payment, outcome):
    return payment["status"] == "PENDING"


# ---- operations ----------------------------------------------------------------------------------

ORDER = "jsonb_build_array(o.total, o.net, o.tax, o.status)"


def order_answer(order):
    return [order["total"], order["net"], order["total"] - order["net"], order["status"]]


class PlaceOrder(MoneyOperation):
    """Some items, with the tax of the moment."""

    word = "place_order"
    weight = 10

    def draw(self, draft, key):
        currency = draw_currency(draft, key)
        items = [(f"sku{n}", draft.choice(1, 1, 2, 7), draft.decimal(60, self.places(currency)))
                 for n in range(draft.choice(1, 1, 2, 4))]
        items = [(sku, quantity, price if number(price) else "3") for sku, quantity, price in items]
        self.add(draft, key, f"order{draft.new_id()}", currency, items, draw_key(draft))

    @staticmethod
    def places(currency):
        return {"KRW": 0, "USD": 2, "KWD": 3}[currency]

    def repeatable(self, draft, label, currency, items, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, currency, items, idempotency_key):
        return label, currency, items + [("more", 1, "1")], idempotency_key

    def statement(self, names, key, label, currency, items, idempotency_key):
        document = json_text([{"sku": sku, "quantity": Num(quantity), "unitPrice": price}
                              for sku, quantity, price in items])
        return (f"SELECT {ORDER} FROM billing.place_order({quote(names.customer(key))}, '{currency}',"
                f" {quote(document)}, {quote(idempotency_key)}) o"
                f" WHERE histories.keep({quote(names.thing(label))}, o.order_id) IS NOT NULL")

    def act(self, house, customer, label, currency, items, idempotency_key):
        money = customer.money

        def do():
            total = sum((quantity * number(price) for _, quantity, price in items), ZERO)
            order = {"currency": currency, "total": total, "status": "CREATED", "payment": None,
                     "net": net_of(total, tax_now(customer, house.now), currency),
                     "refunded": ZERO, "refunded tax": ZERO}
            money.orders[label] = order
            money.tell("OrderPlaced")
            return order
        row, _ = by_key(money, self.word, idempotency_key, (currency, items), do, label)
        return order_answer(row)


class EndOrder(MoneyOperation):
    """The base of what ends an order that is not paid."""

    status = None
    event = None

    def draw(self, draft, key):
        labels = of_labels(draft, key, "place_order", 3)
        if labels:
            self.add(draft, key, draft.choice(*labels))

    def statement(self, names, key, label):
        return (f"SELECT {ORDER} FROM billing.{self.word}("
                f"histories.thing({quote(names.thing(label))}), 'wrong') o")

    def act(self, house, customer, label):
        money = customer.money
        order = labelled(money, label, "ORDER_NOT_FOUND")
        if endable(order, self.status):
            require_no_pending(money, order)
            order["status"] = self.status
            money.tell(self.event)
        return order_answer(order)


class CancelOrder(EndOrder):
    word = "cancel_order"
    weight = 3
    status, event = "CANCELLED", "OrderCancelled"


class FailOrder(EndOrder):
    word = "fail_order"
    weight = 2
    status, event = "FAILED", "OrderFailed"


def draw_means(draft, key):
    """(method, token); mostly none is named."""
    tokens = of_labels(draft, key, "payment_method", 3)
    token = draft.choice(*tokens) if tokens and draft.chance(0.4) else None
    method = draft.choice(None, None, "CARD", "WALLET", "WALLET", "BANK_TRANSFER", "IAP")
    return (None if token and draft.chance(0.9) else method), token


def draw_payment_key(draft):
    n = draft.new_id()
    return draft.choice(None, None, f"k{n}", f"k{n}", f"FAIL_{n}", f"UNKNOWN_{n}")


PAYMENT = "jsonb_build_array(p.status, p.failure_code, p.method, p.amount, p.excess)"


def draw_paid_order(draft, key, method, token):
    """The label of the payment of a new order."""
    order, payment = f"order{draft.new_id()}", f"payment{draft.new_id()}"
    items = [("sku", 1, "57"), ("other", 3, "31")]
    OPERATIONS["place_order"].add(draft, key, order, draft.customers[key]["currency"], items, None)
    OPERATIONS["pay_order"].add(draft, key, payment, order, method, token, None)
    return payment


def keep_payment(names, label):
    return f" WHERE histories.keep({quote(names.thing(label))}, p.payment_id) IS NOT NULL"


def method_sql(names, token):
    """One of another customer, too, is not there."""
    return "NULL" if token is None else f"histories.thing({quote(names.thing(token))})"


class PayOrder(MoneyOperation):
    """By the default method, by one that is named, or from the wallet."""

    word = "pay_order"
    weight = 12

    def draw(self, draft, key):
        labels = of_labels(draft, key, "place_order", 3)
        if labels:
            self.add(draft, key, f"payment{draft.new_id()}", draft.choice(*labels),
                     *draw_means(draft, key), draw_payment_key(draft))

    def repeatable(self, draft, label, order, method, token, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, order, method, token, idempotency_key):
        return label, order, draft.choice("CARD", "WALLET", None), None, idempotency_key

    def statement(self, names, key, label, order, method, token, idempotency_key):
        return (f"SELECT {PAYMENT} FROM billing.pay_order("
                f"histories.thing({quote(names.thing(order))}), {quote(method)},"
                f" {method_sql(names, token)}, {quote(idempotency_key)}) p"
                + keep_payment(names, label))

    def act(self, house, customer, label, order, method, token, idempotency_key):
        money = customer.money
        require_fitting(method, token)
        found = labelled(money, order, "ORDER_NOT_FOUND")

        def do():
            require_payable(found)
            require_no_pending(money, found)
            return pay(house, customer, self.word, found, found["currency"], found["total"], method,
                       token, idempotency_key)
        arguments = (order, method, token)
        return payment_answer(by_key(money, self.word, idempotency_key, arguments, do, label)[0])


class ResolvePayment(MoneyOperation):
    """Of one whose outcome is not known, and of any other."""

    word = "resolve_payment"
    weight = 8

    def draw(self, draft, key):
        steps = [step for step in draft.steps if step[0] in PAYING and step[2] == key][-6:]
        unknown = [step for step in steps if str(step[-1]).startswith("UNKNOWN_")] or steps
        if steps:
            step = draft.choice(*(unknown if draft.chance(0.7) else steps))
            self.add(draft, key, step[3], draft.choice("APPROVED", "APPROVED", "FAILED"))

    def statement(self, names, key, label, outcome):
        return (f"SELECT {PAYMENT} FROM billing.resolve_payment("
                f"histories.thing({quote(names.thing(label))}), '{outcome}', 'ref', 'asked') p")

    def act(self, house, customer, label, outcome):
        payment = labelled(customer.money, label, "PAYMENT_NOT_FOUND")
        if resolvable(payment, outcome):
            if outcome == "APPROVED":
                approve(house, customer, payment)
            else:
                reject(customer.money, payment, "RESOLVED_FAILED")
        return payment_answer(payment)


PAYING = ("pay_order", "pay_invoice", "request_top_up", "record_payment")
