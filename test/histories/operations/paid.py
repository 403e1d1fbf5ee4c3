"""Means to pay by, and money that comes in: for a wallet, and for an invoice, wholly or in part."""

from draft import DAY
from money import ZERO, amount_of, by_key, grant, open_wallet
from operations.account import MoneyOperation, due
from operations.capture import (add_payment, approve, pay, payment_answer, require_fitting,
                                require_no_pending)
from operations.invoice import draw_settled_month
from operations.order import (PAYMENT, draw_means, draw_paid_order, draw_payment_key, keep_payment,
                              method_sql)
from operations.wallet import draw_amount, draw_currency, draw_key
from rule import Refused, Rule
from sqltext import quote


@Rule
def store_method(money, token, kind, is_default, expires):
    """The same token again changes its row. The last default one is it."""
    if is_default:
        for method in money.methods.values():
            method["default"] = False
    money.methods[token] = {"type": kind, "default": is_default, "expires": expires}


@store_method.mistake
def the_first_default_stays(money, token, kind, is_default, expires):
    is_default = is_default and money.default_method() in (None, token)
    store_method.right(money, token, kind, is_default, expires)


@store_method.mistake
def the_first_content_counts(money, token, kind, is_default, expires):
    if token not in money.methods:
        store_method.right(money, token, kind, is_default, expires)


@Rule
def taken_of(amount, rest):
    """Of money that came in, what pays the invoice."""
    return min(amount, rest)


@taken_of.mistake
def more_than_is_due(amount, rest):
    return amount if rest else ZERO


@Rule
def require_open(invoice):
    if invoice["status"] != "ISSUED":
        raise Refused("ILLEGAL_STATE")


@require_open.mistake
def whatever_its_state(invoice):
    pass


class PaymentMethod(MoneyOperation):
    """Of a few tokens, so that one often comes again; one that is UNKNOWN_ is never the default."""

    word = "payment_method"
    weight = 5

    def draw(self, draft, key):
        token = f"{draft.choice('a', 'b', 'c', 'FAIL_', 'UNKNOWN_')}{key}"
        expires = None
        if not token.startswith(("FAIL_", "UNKNOWN_")) and draft.chance(0.5):
            expires = (draft.now + draft.choice(-1, 0, 0, 30, 300) * DAY).date()
        self.add(draft, key, token, draft.choice("CARD", "CARD", "BANK_TRANSFER"),
                 not token.startswith("UNKNOWN_") and draft.chance(0.6), expires)
        if expires is not None and draft.chance(0.4):
            draw_paid_order(draft, key, None, token)

    def statement(self, names, key, token, kind, is_default, expires):
        return ("SELECT jsonb_build_array(m.type, m.is_default, m.expires_on) FROM"
                f" billing.register_payment_method({quote(names.customer(key))}, '{kind}', 'mock',"
                f" {quote(token)}, {is_default}, expires_on => {quote(expires)}) m"
                f" WHERE histories.keep({quote(names.thing(token))}, m.payment_method_id) IS NOT NULL")

    def act(self, house, customer, token, kind, is_default, expires):
        store_method(customer.money, token, kind, is_default, expires)
        method = customer.money.methods[token]
        return [method["type"], method["default"], expires and str(method["expires"])]


def live_sql(names, key, period):
    return f"COALESCE(histories.live({quote(names.customer(key))}, '{period}'), gen_random_uuid())"


def live_invoice(customer, period):
    """(the live invoice of a month, what tells it from others)"""
    invoice = customer.live(period)
    if invoice is None:
        raise Refused("INVOICE_NOT_FOUND")
    return invoice, customer.invoices.index(invoice)


class PayInvoice(MoneyOperation):
    """All that is due, by any means."""

    word = "pay_invoice"
    weight = 10

    def draw(self, draft, key):
        month = draw_settled_month(draft, key)
        self.add(draft, key, f"payment{draft.new_id()}", month, *draw_means(draft, key),
                 draw_payment_key(draft))

    def repeatable(self, draft, label, period, method, token, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, period, method, token, idempotency_key):
        return label, period, draft.choice("CARD", "WALLET", None), None, idempotency_key

    def statement(self, names, key, label, period, method, token, idempotency_key):
        return (f"SELECT {PAYMENT} FROM billing.pay_invoice({live_sql(names, key, period)},"
                f" {quote(method)}, {method_sql(names, token)}, {quote(idempotency_key)}) p"
                + keep_payment(names, label))

    def act(self, house, customer, label, period, method, token, idempotency_key):
        money = customer.money
        require_fitting(method, token)
        invoice, which = live_invoice(customer, period)

        def do():
            require_open(invoice)
            require_no_pending(money, invoice)
            return pay(house, customer, self.word, invoice, invoice["currency"], due(invoice), method,
                       token, idempotency_key)
        row, _ = by_key(money, self.word, idempotency_key, (which, method, token), do, label)
        return payment_answer(row)


class RequestTopUp(MoneyOperation):
    """The wallet is opened by the request, and filled when it is approved."""

    word = "request_top_up"
    weight = 6

    def draw(self, draft, key):
        currency = draw_currency(draft, key)
        _, token = draw_means(draft, key)
        self.add(draft, key, f"payment{draft.new_id()}", currency, draw_amount(draft, currency),
                 draft.choice("CARD", "CARD", "BANK_TRANSFER", "WALLET"), token,
                 draw_payment_key(draft))

    def repeatable(self, draft, label, currency, amount, method, token, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, currency, amount, method, token, idempotency_key):
        return label, currency, "7", method, token, idempotency_key

    def statement(self, names, key, label, currency, amount, method, token, idempotency_key):
        return (f"SELECT {PAYMENT} FROM billing.request_top_up({quote(names.customer(key))}, {amount},"
                f" '{currency}', {quote(method)}, {method_sql(names, token)},"
                f" {quote(idempotency_key)}) p" + keep_payment(names, label))

    def act(self, house, customer, label, currency, amount, method, token, idempotency_key):
        money, exact = customer.money, amount_of(amount, currency)
        if method == "WALLET":
            raise Refused("INVALID_ARGUMENT")

        def do():
            payment = pay(house, customer, self.word, None, currency, exact, method, token,
                          idempotency_key)
            open_wallet(money, currency)
            return payment
        arguments = (currency, exact, method, token)
        row, _ = by_key(money, self.word, idempotency_key, arguments, do, label)
        return payment_answer(row)


class RecordPayment(MoneyOperation):
    """A part of what is due, all of it, or more."""

    word = "record_payment"
    weight = 8

    def draw(self, draft, key):
        currency = draft.customers[key]["currency"]
        self.add(draft, key, f"payment{draft.new_id()}", draw_settled_month(draft, key),
                 draw_amount(draft, currency, draft.choice(20, 300)), draw_key(draft))

    def repeatable(self, draft, label, period, amount, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, period, amount, idempotency_key):
        return label, period, "8", idempotency_key

    def statement(self, names, key, label, period, amount, idempotency_key):
        return (f"SELECT {PAYMENT} FROM billing.record_payment({live_sql(names, key, period)},"
                f" {amount}, idempotency_key => {quote(idempotency_key)}) p"
                + keep_payment(names, label))

    def act(self, house, customer, label, period, amount, idempotency_key):
        money = customer.money
        invoice, which = live_invoice(customer, period)
        exact = amount_of(amount, invoice["currency"])

        def do():
            require_no_pending(money, invoice)
            payment = add_payment(money, self.word, invoice, invoice["currency"], exact,
                                  "BANK_TRANSFER", "manual")
            payment["excess"] = exact - taken_of(exact, due(invoice))
            approve(house, customer, payment)
            if payment["excess"]:
                grant(money, "REFUND_TO_CREDIT", invoice["currency"], payment["excess"], house.now,
                      source="bank")
            return payment
        return payment_answer(by_key(money, self.word, idempotency_key, (which, exact), do, label)[0])
