"""Credit notes: a part of an invoice is taken back, or all of it, with its usage or without."""

from money import ZERO, amount_of, by_key, grant, portion
from operations.account import MoneyOperation, due, left_of
from operations.capture import close, require_no_pending
from operations.invoice import cancel, draw_settled_month
from operations.paid import live_invoice, live_sql
from operations.refund import add_refund, complete, note_of_amount, write_note
from operations.wallet import draw_amount, draw_key
from rule import Refused, Rule
from sqltext import Num, json_text, quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def require_nothing_paid(invoice):
    if invoice["status"] != "ISSUED" or invoice["paid"] != 0:
        raise Refused("ILLEGAL_STATE")


@require_nothing_paid.mistake
def a_part_is_nothing(invoice):
    if invoice["status"] != "ISSUED":
        raise Refused("ILLEGAL_STATE")


@Rule
def require_within_line(invoice, line_no, net):
    """The notes of a line never exceed it."""
    if not 0 < line_no <= len(invoice["lines"]):
        raise Refused("INVALID_ARGUMENT")
    if invoice["noted"].get(line_no, ZERO) + net > invoice["lines"][line_no - 1]["net"]:
        raise Refused("CREDIT_NOTE_EXCEEDS_INVOICE")


@require_within_line.mistake
def within_the_invoice(invoice, line_no, net):
    if invoice["net noted"] + net > invoice["net"]:
        raise Refused("CREDIT_NOTE_EXCEEDS_INVOICE")


@Rule
def tax_of_note(invoice, net):
    """The tax follows the net: of all that was credited to date, less that of before."""
    left = invoice["tax"] - invoice["tax noted"]
    to_date = invoice["net noted"] + net
    if to_date == invoice["net"]:
        return left
    tax = portion(invoice["tax"], to_date, invoice["net"], invoice["currency"])
    return max(min(tax - invoice["tax noted"], left), ZERO)


@tax_of_note.mistake
def tax_of_this_note_alone(invoice, net):
    tax = portion(invoice["tax"], net, invoice["net"] or 1, invoice["currency"])
    return min(tax, invoice["tax"] - invoice["tax noted"])


@tax_of_note.mistake
def without_its_tax(invoice, net):
    return ZERO


@Rule
def lowers(invoice, total):
    """What a note takes off what is due; the rest was paid."""
    return min(due(invoice), total)


@lowers.mistake
def paid_money_first(invoice, total):
    return max(total - invoice["paid"] - invoice["applied"], ZERO)


def give_back(house, customer, invoice, rest, destination):
    """Of the payments, the newest first; then of the credits that were applied."""
    money = customer.money
    for payment in reversed([payment for payment in money.payments if payment["target"] is invoice
                             and payment["status"] == "APPROVED"]):
        part = min(left_of(money, payment), rest)
        if part > 0:
            rest -= part
            complete(house, customer, add_refund(money, payment, part, destination), note=False)
    if rest > 0:
        credit_back(house, customer, invoice, rest)
        invoice["credited"] += rest


def credit_back(house, customer, invoice, amount):
    """Credits that were applied come back as one."""
    invoice["applied"] -= amount
    grant(customer.money, "REFUND_TO_CREDIT", invoice["currency"], amount, house.now,
          source="receivable")


# ---- operations ----------------------------------------------------------------------------------


class IssueCreditNote(MoneyOperation):
    """By lines, or of all that is left. Choice: the lines are looked at before their sum."""

    word = "issue_credit_note"
    weight = 8

    def draw(self, draft, key):
        currency, month = draft.customers[key]["currency"], draw_settled_month(draft, key)
        for _ in range(draft.choice(1, 1, 3)):
            lines = None
            if draft.chance(0.75):
                lines = [(n + 1, draw_amount(draft, currency, draft.choice(10, 40)))
                         for n in range(draft.choice(1, 1, 2))]
            self.add(draft, key, f"note{draft.new_id()}", month, lines,
                     draft.choice(None, "SOURCE", "SOURCE", "WALLET", "CREDIT"), draw_key(draft))

    def repeatable(self, draft, label, period, lines, destination, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, period, lines, destination, idempotency_key):
        return label, period, [(1, "3")], destination, idempotency_key

    def statement(self, names, key, label, period, lines, destination, idempotency_key):
        document = lines and json_text([{"lineNo": Num(line_no), "net": net}
                                       for line_no, net in lines])
        return (f"SELECT jsonb_build_array(n.net, n.tax) FROM billing.issue_credit_note("
                f"{live_sql(names, key, period)}, {quote(document)}, 'wrong', {quote(destination)},"
                f" {quote(idempotency_key)}) n"
                f" WHERE histories.keep({quote(names.thing(label))}, n.credit_note_id) IS NOT NULL")

    def act(self, house, customer, label, period, lines, destination, idempotency_key):
        money = customer.money
        invoice, which = live_invoice(customer, period)
        nets = lines and [(line_no, amount_of(net, invoice["currency"])) for line_no, net in lines]

        def do():
            require_no_pending(money, invoice)
            net = self.checked_net(invoice, nets)
            tax = tax_of_note(invoice, net)
            lowered = lowers(invoice, net + tax)
            if net + tax > lowered and destination is None:
                raise Refused("ILLEGAL_STATE")
            for line_no, part in nets or ():
                invoice["noted"][line_no] = invoice["noted"].get(line_no, ZERO) + part
            write_note(money, invoice, net, tax)
            invoice["credited"] += lowered
            close(invoice)
            give_back(house, customer, invoice, net + tax - lowered, destination)
            return [net, tax]
        arguments = (which, nets, destination)
        return by_key(money, self.word, idempotency_key, arguments, do, label)[0]

    @staticmethod
    def checked_net(invoice, nets):
        left = invoice["net"] - invoice["net noted"]
        net = left if nets is None else sum((part for _, part in nets), ZERO)
        if left > 0:
            for line_no, part in nets or ():
                require_within_line(invoice, line_no, part)
        if net > left or net == 0:
            raise Refused("CREDIT_NOTE_EXCEEDS_INVOICE")
        return net


class CancelInvoice(MoneyOperation):
    """By a note of all that is left, which is billed anew or not."""

    word = "cancel_invoice"
    weight = 6

    def draw(self, draft, key):
        month = draw_settled_month(draft, key)
        self.add(draft, key, month, draft.chance(0.6))
        if draft.chance(0.6):
            draft.add("settle", key, month)

    def statement(self, names, key, period, rebill):
        return ("SELECT jsonb_build_array(i.status, i.amount_due) FROM billing.cancel_invoice("
                f"{live_sql(names, key, period)}, 'wrong', {rebill}) i")

    def act(self, house, customer, period, rebill):
        money = customer.money
        invoice, _ = live_invoice(customer, period)
        require_no_pending(money, invoice)
        require_nothing_paid(invoice)
        cancelled(house, customer, invoice)
        if rebill:
            cancel(customer, invoice)
        return ["CANCELLED", ZERO]


@Rule
def cancelled(house, customer, invoice):
    """Nothing stays due, and what credits had paid comes back."""
    rest = invoice["total"] - invoice["net noted"] - invoice["tax noted"]
    invoice["status"] = "CANCELLED"
    if rest > 0:
        write_note(customer.money, invoice, *note_of_amount(invoice, rest))
    if invoice["applied"] > 0:
        credit_back(house, customer, invoice, invoice["applied"])
    invoice["credited"] = invoice["total"]


@cancelled.mistake
def applied_credit_is_lost(house, customer, invoice):
    invoice["applied"] = ZERO
    cancelled.right(house, customer, invoice)
