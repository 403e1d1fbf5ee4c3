"""Payments: when an invoice is issued, or later; and what is due for too long."""

from operation import Operation
from operations.invoice import draw_settled_month, of_unpaid
from rule import Rule
from sqltext import attempt, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def is_declined(customer, key):
    """By the mock provider: the customer or the idempotency key begins with FAIL_."""
    return customer.declined or (key is not None and key.startswith("FAIL_"))


@is_declined.mistake
def only_by_key(customer, key):
    return key is not None and key.startswith("FAIL_")


@is_declined.mistake
def only_by_customer(customer, key):
    return customer.declined


@Rule
def is_charged(customer, invoice):
    """With the invoice; nothing is charged for 0."""
    return customer.automatic and invoice["total"] != 0


@is_charged.mistake
def whoever_it_is(customer, invoice):
    return invoice["total"] != 0


@is_charged.mistake
def also_nothing(customer, invoice):
    return customer.automatic


@Rule
def is_paid_at_once(invoice):
    return invoice["total"] == 0


@is_paid_at_once.mistake
def nothing_is_due_and_unpaid(invoice):
    return False


def collect(customer, invoice):
    """(message, failure code, payment status) of an invoice that is issued."""
    if is_charged(customer, invoice):
        if is_declined(customer, None):
            return "invoice issued, payment failed", "CARD_DECLINED", "FAILED"
        invoice["status"] = "PAID"
        return "paid", None, "APPROVED"
    if is_paid_at_once(invoice):
        invoice["status"] = "PAID"
        return "paid", None, "NONE"
    return "invoice issued", None, "NONE"


@Rule
def pay(customer, invoice, key):
    """Status of the payment and of the invoice. A decline leaves it open."""
    if is_declined(customer, key):
        return "FAILED ISSUED"
    invoice["status"] = "PAID"
    return "APPROVED PAID"


@pay.mistake
def stays_open(customer, invoice, key):
    return pay.right(customer, dict(invoice), key)


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
                         lambda customer, live: pay(customer, live, idempotency_key))

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
