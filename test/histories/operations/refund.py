"""Refunds: to where the money came from, to the wallet, or as a credit; whole or in parts."""

from money import ZERO, amount_of, by_key, deposit, grant, labelled, portion, take_from_wallet
from operations.account import MoneyOperation, left_of
from operations.capture import ACCOUNTS, is_invoice, require_no_pending
from operations.order import PAYING, draw_paid_order
from operations.wallet import draw_amount
from rule import Refused, Rule
from sqltext import quote

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def require_left(money, payment, amount):
    """What goes back is at most what is left; nothing can only be refused."""
    left = left_of(money, payment)
    if left == 0:
        raise Refused("REFUND_ALREADY_REQUESTED")
    if amount is not None and amount > left:
        raise Refused("REFUND_EXCEEDS_PAYMENT")
    return left if amount is None else amount


@require_left.mistake
def failed_ones_count(money, payment, amount):
    left = payment["amount"] - payment["excess"] - sum(
        (refund["amount"] for refund in money.refunds if refund["payment"] is payment), ZERO)
    if left == 0:
        raise Refused("REFUND_ALREADY_REQUESTED")
    if amount is not None and amount > left:
        raise Refused("REFUND_EXCEEDS_PAYMENT")
    return left if amount is None else amount


@require_left.mistake
def requested_ones_do_not_count(money, payment, amount):
    left = payment["amount"] - payment["excess"] - sum(
        (refund["amount"] for refund in money.refunds if refund["payment"] is payment
         and refund["status"] == "COMPLETED"), ZERO)
    if left == 0:
        raise Refused("REFUND_ALREADY_REQUESTED")
    if amount is not None and amount > left:
        raise Refused("REFUND_EXCEEDS_PAYMENT")
    return left if amount is None else amount


@require_left.mistake
def the_excess_goes_back_too(money, payment, amount):
    return require_left.right(money, dict(payment, excess=ZERO), amount) \
        if not any(refund["payment"] is payment for refund in money.refunds) \
        else require_left.right(money, payment, amount)


@Rule
def require_approved(payment):
    if payment["status"] != "APPROVED":
        raise Refused("ILLEGAL_STATE")


@require_approved.mistake
def even_pending(payment):
    if payment["status"] == "FAILED":
        raise Refused("ILLEGAL_STATE")


@Rule
def require_source(payment, destination):
    """What filled a wallet can only go back to where it came from."""
    if payment["target"] is None and destination != "SOURCE":
        raise Refused("ILLEGAL_STATE")


@require_source.mistake
def anywhere(payment, destination):
    pass


@Rule
def provider_says_of_refund(payment, destination, key):
    """The provider is asked for what it has captured, where it goes back there."""
    if destination == "SOURCE" and payment["provider"] == "mock" and key is not None:
        if key.startswith("FAIL_"):
            return "FAILED"
        if key.startswith("UNKNOWN_"):
            return "REQUESTED"
    return "COMPLETED"


@provider_says_of_refund.mistake
def asked_whatever_the_destination(payment, destination, key):
    return provider_says_of_refund.right(dict(payment, provider="mock"), "SOURCE", key)


@provider_says_of_refund.mistake
def never_asked(payment, destination, key):
    return "COMPLETED"


@Rule
def goes_to(payment, destination):
    """The account that a refund goes to."""
    if destination == "SOURCE":
        return ACCOUNTS[payment["provider"]]
    return "wallet" if destination == "WALLET" else "refund_clearing"


@goes_to.mistake
def all_by_the_gateway(payment, destination):
    return "gateway_clearing" if destination == "SOURCE" else goes_to.right(payment, destination)


@Rule
def tax_back(order, amount):
    """The tax of all that went back by now, less that of what went back before."""
    tax = order["total"] - order["net"]
    return portion(tax, order["refunded"] + amount, order["total"],
                   order["currency"]) - order["refunded tax"]


@tax_back.mistake
def tax_of_this_part_alone(order, amount):
    tax = order["total"] - order["net"]
    return portion(tax, amount, order["total"], order["currency"])


def note_of_amount(invoice, amount):
    """(net, tax) of a part of an invoice, the tax split over all that was credited to date."""
    left = invoice["tax"] - invoice["tax noted"]
    net_left = invoice["net"] - invoice["net noted"]
    to_date = invoice["net noted"] + invoice["tax noted"] + amount
    tax = portion(invoice["tax"], to_date, invoice["total"], invoice["currency"]) - invoice["tax noted"]
    tax = max(min(tax, left, amount), amount - net_left, ZERO)
    return amount - tax, tax


def write_note(money, invoice, net, tax):
    money.notes.append({"currency": invoice["currency"], "net": net, "tax": tax})
    invoice["net noted"] += net
    invoice["tax noted"] += tax
    money.post("revenue", "receivable", invoice["currency"], net)
    money.post("tax_payable", "receivable", invoice["currency"], tax)
    money.tell("CreditNoteIssued")


def out_of_wallet(money, currency, amount):
    money.wallets[currency]["balance"] -= amount
    money.tell("WalletWithdrawn")


def reserve(money, refund):
    """What a top-up brought is out of the wallet while its refund is on its way."""
    refund["reserved"] = refund["payment"]["target"] is None
    if refund["reserved"]:
        out_of_wallet(money, refund["currency"], refund["amount"])
        money.post("wallet", "refund_clearing", refund["currency"], refund["amount"])


def fail(money, refund):
    refund["status"] = "FAILED"
    if refund["reserved"]:
        deposit(money, refund["currency"], refund["amount"])
        money.post("refund_clearing", "wallet", refund["currency"], refund["amount"])
    money.tell("RefundFailed")


def complete(house, customer, refund, note=True):
    """Books a refund: what its payment had paid is taken back."""
    money, payment = customer.money, refund["payment"]
    target, currency, amount = payment["target"], refund["currency"], refund["amount"]
    account = goes_to(payment, refund["destination"])
    refund["status"] = "COMPLETED"
    if refund["reserved"]:
        money.post("refund_clearing", account, currency, amount)
    elif target is None:
        out_of_wallet(money, currency, amount)
        money.post("wallet", account, currency, amount)
    elif is_invoice(target):
        if note:
            write_note(money, target, *note_of_amount(target, amount))
        target["paid"] -= amount
        target["credited"] += amount
        money.post("receivable", account, currency, amount)
    else:
        tax = tax_back(target, amount)
        target["refunded"] += amount
        target["refunded tax"] += tax
        money.post("revenue", account, currency, amount - tax)
        money.post("tax_payable", account, currency, tax)
        if target["refunded"] == target["total"]:
            target["status"] = "REFUNDED"
            money.tell("OrderRefunded")
    if account == "wallet":
        deposit(money, currency, amount)
    if refund["destination"] == "CREDIT":
        grant(money, "REFUND_TO_CREDIT", currency, amount, house.now)
    money.tell("RefundApproved", "RefundCompleted")


def add_refund(money, payment, amount, destination):
    refund = {"payment": payment, "amount": amount, "currency": payment["currency"],
              "destination": destination, "status": "REQUESTED", "reserved": False}
    money.refunds.append(refund)
    return refund


def require_still_there(house, money, payment, amount):
    """The money of a top-up goes back from the wallet."""
    if payment["target"] is None:
        take_from_wallet(money, payment["currency"], amount, house.now)


@Rule
def refund_resolvable(refund, outcome):
    """Whether there is something to resolve. Both outcomes are final."""
    if refund["status"] not in ("REQUESTED", outcome):
        raise Refused("ILLEGAL_STATE")
    return refund["status"] == "REQUESTED"


@refund_resolvable.mistake
def a_second_word_counts(refund, outcome):
    return refund["status"] == "REQUESTED"


# ---- operations ----------------------------------------------------------------------------------

REFUND = "jsonb_build_array(r.amount, r.destination, r.status)"


def refund_answer(refund):
    return [refund["amount"], refund["destination"], refund["status"]]


class RefundPayment(MoneyOperation):
    word = "refund_payment"
    weight = 14

    def draw(self, draft, key):
        if draft.chance(0.35):
            payment = draw_paid_order(draft, key, "IAP", None)  # nothing declines it
        else:
            steps = [step for step in draft.steps if step[0] in PAYING and step[2] == key][-8:]
            if not steps:
                return
            payment = draft.choice(*steps)[3]
        for _ in range(draft.choice(1, 1, 3)):
            n = draft.new_id()
            currency = draft.customers[key]["currency"]
            amount = None if draft.chance(0.3) else draw_amount(draft, currency, draft.choice(20, 100))
            self.add(draft, key, f"refund{n}", payment, amount,
                     draft.choice("SOURCE", "SOURCE", "SOURCE", "WALLET", "CREDIT"),
                     draft.choice(None, None, f"k{n}", f"k{n}", f"FAIL_{n}", f"UNKNOWN_{n}"))

    def repeatable(self, draft, label, payment, amount, destination, idempotency_key):
        return idempotency_key is not None

    def other(self, draft, label, payment, amount, destination, idempotency_key):
        return label, payment, "4", destination, idempotency_key

    def statement(self, names, key, label, payment, amount, destination, idempotency_key):
        return (f"SELECT {REFUND} FROM billing.refund_payment("
                f"histories.thing({quote(names.thing(payment))}), {amount or 'NULL'}, 'wrong',"
                f" '{destination}', {quote(idempotency_key)}) r"
                f" WHERE histories.keep({quote(names.thing(label))}, r.refund_id) IS NOT NULL")

    def act(self, house, customer, label, payment, amount, destination, idempotency_key):
        money = customer.money
        found = labelled(money, payment, "PAYMENT_NOT_FOUND")
        exact = None if amount is None else amount_of(amount, found["currency"])

        def do():
            require_approved(found)
            require_source(found, destination)
            if found["target"] is not None:
                require_no_pending(money, found["target"])
            whole = require_left(money, found, exact)
            status = provider_says_of_refund(found, destination, idempotency_key)
            if status != "FAILED":
                require_still_there(house, money, found, whole)
            refund = add_refund(money, found, whole, destination)
            if status == "COMPLETED":
                complete(house, customer, refund)
            elif status == "FAILED":
                fail(money, refund)
            else:
                reserve(money, refund)
            return refund
        arguments = (payment, exact, destination)
        return refund_answer(by_key(money, self.word, idempotency_key, arguments, do, label)[0])


class ResolveRefund(MoneyOperation):
    word = "resolve_refund"
    weight = 6

    def draw(self, draft, key):
        steps = [step for step in draft.steps if step[0] == "refund_payment" and step[2] == key][-6:]
        unknown = [step for step in steps if str(step[-1]).startswith("UNKNOWN_")] or steps
        if steps:
            step = draft.choice(*(unknown if draft.chance(0.7) else steps))
            self.add(draft, key, step[3], draft.choice("COMPLETED", "COMPLETED", "FAILED"))

    def statement(self, names, key, label, outcome):
        return (f"SELECT {REFUND} FROM billing.resolve_refund("
                f"histories.thing({quote(names.thing(label))}), '{outcome}', 'ref', 'asked') r")

    def act(self, house, customer, label, outcome):
        money = customer.money
        refund = labelled(money, label, "REFUND_NOT_FOUND")
        if refund_resolvable(refund, outcome):
            if outcome == "COMPLETED":
                complete(house, customer, refund)
            else:
                fail(money, refund)
        return refund_answer(refund)
