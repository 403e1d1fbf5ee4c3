"""Payments: when an invoice is issued, or later; and what is due for too long."""

from operation import Operation
from operations.account import due
from operations.capture import add_payment, approve, issue, provider_says, reject
from operations.credit import applies_by_itself, apply
from operations.invoice import draw_settled_month, of_unpaid
from rule import Rule
from sqltext import attempt, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def is_charged(customer, invoice):
    """With the invoice; nothing is charged for 0."""
    return customer.automatic and due(invoice) != 0


@is_charged.mistake
def whoever_it_is(customer, invoice):
    return due(invoice) != 0


@is_charged.mistake
def also_nothing(customer, invoice):
    return customer.automatic


@Rule
def is_paid_at_once(invoice):
    """Nothing is due: it costs nothing, or credits paid it."""
    return due(invoice) == 0


@is_paid_at_once.mistake
def nothing_is_due_and_unpaid(invoice):
    return False


def collect(house, customer, invoice):
    """(message, failure code, payment status) of an invoice that is issued."""
    issue(customer.money, invoice)
    if applies_by_itself(customer):
        apply(customer, invoice, due(invoice), house.now)
    if is_charged(customer, invoice):
        payment = charge(house, customer, "settlement", invoice, None)
        if payment["status"] == "FAILED":
            return "invoice issued, payment failed", payment["failure"], "FAILED"
        return "paid", None, "APPROVED"
    if is_paid_at_once(invoice):
        invoice["status"] = "PAID"
        return "paid", None, "NONE"
    return "invoice issued", None, "NONE"


def charge(house, customer, operation, invoice, key):
    """By the default method; without one, a card."""
    token = customer.money.default_method()
    kind = "CARD" if token is None else customer.money.methods[token]["type"]
    status, failure = provider_says(customer, True, token, key, house.now.date())
    payment = add_payment(customer.money, operation, invoice, invoice["currency"], due(invoice), kind,
                          "mock")
    if status == "APPROVED":
        approve(house, customer, payment)
    elif status == "FAILED":
        reject(customer.money, payment, failure)
    return payment


@Rule
def pay(house, customer, invoice, key):
    """Status of the payment and of the invoice. A decline leaves it open."""
    payment = charge(house, customer, "pay_invoice", invoice, key)
    return f"{payment['status']} {invoice['status']}"


@pay.mistake
def stays_open(house, customer, invoice, key):
    answer = pay.right(house, customer, invoice, key)
    invoice["status"] = "ISSUED"
    return answer


# ---- operations ----------------------------------------------------------------------------------


class Pay(Operation):
    """The live invoice of a month, with a key or without."""

    word = "pay"
    weight = 5
    setup = """
CREATE FUNCTION histories.pay(customer text, month text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id uuid := histories.live(customer, month);
    payment text;
BEGIN
    IF id IS NULL THEN
        RETURN '';
    END IF;
    SELECT p.status INTO payment FROM billing.pay_invoice(id, idempotency_key => key) p;
    RETURN payment || ' ' || (SELECT replace(i.status, 'OVERDUE', 'ISSUED') FROM billing.invoices i
        WHERE i.invoice_id = id);
END $$;
"""

    def draw(self, draft, key):
        month = draw_settled_month(draft, key)
        if month is not None:
            n = draft.new_id()
            draft.add("pay", key, month, draft.choice(None, None, f"p{n}", f"FAIL_{n}"))

    def sql(self, names, key, period, idempotency_key):
        return attempt(f"SELECT histories.pay({quote(names.customer(key))}, '{period}',"
                       f" {quote(idempotency_key)})")

    def expect(self, house, key, period, idempotency_key):
        return of_unpaid(house, key, period,
                         lambda customer, live: pay(house, customer, live, idempotency_key))

    def read(self, answer):
        return answer[:len("error ZB000")] if answer.startswith("error") else answer


class Overdue(Operation):
    """Marks what is due; for all else an overdue invoice is an open one."""

    word = "overdue"
    weight = 2

    def draw(self, draft, key):
        draft.add("overdue")

    def sql(self, names):
        return "SELECT billing.mark_overdue_invoices() >= 0"

    def expect(self, house):
        return "t"
