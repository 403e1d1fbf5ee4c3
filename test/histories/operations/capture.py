"""How money is captured: by which means, what the provider says, and what follows from it."""

from money import ZERO, deposit, withdraw
from operations.account import due
from rule import Refused, Rule

ACCOUNTS = {"mock": "gateway_clearing", "wallet": "wallet", "manual": "bank"}

# ---- the means -----------------------------------------------------------------------------------


def require_fitting(method, token):
    """Choice: told before it is looked what is paid."""
    if method == "WALLET" and token is not None:
        raise Refused("INVALID_ARGUMENT")


@Rule
def means(money, method, token):
    """(method, token): of the method that is named, else of the default one if it fits."""
    if token is not None:
        if token not in money.methods:
            raise Refused("PAYMENT_METHOD_NOT_FOUND")
        if method not in (None, money.methods[token]["type"]):
            raise Refused("INVALID_ARGUMENT")
        return money.methods[token]["type"], token
    default = money.default_method()
    if default is not None and method in (None, money.methods[default]["type"]):
        return money.methods[default]["type"], default
    return method or "CARD", None


@means.mistake
def a_card_unless_named(money, method, token):
    return (method or "CARD", None) if token is None else means.right(money, method, token)


@means.mistake
def the_default_for_all(money, method, token):
    default = money.default_method()
    if token is None and method != "WALLET" and default is not None:
        return money.methods[default]["type"], default
    return means.right(money, method, token)


@Rule
def provider_says(customer, is_invoice, token, key, today):
    """
    (status, failure code). Choice: a card that expired is not asked for, and a decline comes before
    an answer that is not known.
    """
    marks = [mark for mark in (key, token) if mark is not None]
    expires = token and customer.money.methods[token]["expires"]
    if expires is not None and expires < today:
        return "FAILED", "CARD_EXPIRED"
    if is_invoice and customer.declined or any(mark.startswith("FAIL_") for mark in marks):
        return "FAILED", "CARD_DECLINED"
    if any(mark.startswith("UNKNOWN_") for mark in marks):
        return "PENDING", None
    return "APPROVED", None


@provider_says.mistake
def the_key_alone_decides(customer, is_invoice, token, key, today):
    return provider_says.right(customer, is_invoice, None, key, today)


@provider_says.mistake
def the_token_alone_decides(customer, is_invoice, token, key, today):
    return provider_says.right(customer, is_invoice, token, None, today)


@provider_says.mistake
def declined_for_orders_too(customer, is_invoice, token, key, today):
    return provider_says.right(customer, True, token, key, today)


@provider_says.mistake
def not_on_its_last_day(customer, is_invoice, token, key, today):
    expires = token and customer.money.methods[token]["expires"]
    if expires is not None and expires == today:
        return "FAILED", "CARD_EXPIRED"
    return provider_says.right(customer, is_invoice, token, key, today)


@provider_says.mistake
def always_known(customer, is_invoice, token, key, today):
    status, failure = provider_says.right(customer, is_invoice, token, key, today)
    return ("APPROVED" if status == "PENDING" else status), failure


# ---- payments ------------------------------------------------------------------------------------


@Rule
def require_no_pending(money, target):
    if any(payment["status"] == "PENDING" and payment["target"] is target
           for payment in money.payments):
        raise Refused("PAYMENT_IN_PROGRESS")


@require_no_pending.mistake
def several_at_once(money, target):
    pass


def add_payment(money, operation, target, currency, amount, method, provider):
    payment = {"operation": operation, "target": target, "currency": currency, "amount": amount,
               "excess": ZERO, "method": method, "provider": provider, "status": "PENDING",
               "failure": None, "number": len(money.payments)}
    money.payments.append(payment)
    return payment


def pay(house, customer, operation, target, currency, amount, method, token, key):
    """A payment by any means; a target is an invoice, an order, or None for a top-up."""
    money = customer.money
    method, token = means(money, method, token)
    if method == "WALLET":
        withdraw(money, currency, amount, house.now)
        payment = add_payment(money, operation, target, currency, amount, method, "wallet")
        approve(house, customer, payment)
        return payment
    status, failure = provider_says(customer, is_invoice(target), token, key, house.now.date())
    payment = add_payment(money, operation, target, currency, amount, method, "mock")
    if status == "APPROVED":
        approve(house, customer, payment)
    elif status == "FAILED":
        reject(money, payment, failure)
    return payment


def is_invoice(target):
    return target is not None and "period" in target


def reject(money, payment, failure):
    payment["status"], payment["failure"] = "FAILED", failure
    money.tell("PaymentRejected")


@Rule
def approve(house, customer, payment):
    """What was captured counts, once, for what it was captured for."""
    money, target, currency = customer.money, payment["target"], payment["currency"]
    source, amount = ACCOUNTS[payment["provider"]], payment["amount"] - payment["excess"]
    payment["status"] = "APPROVED"
    money.tell("PaymentApproved")
    if target is None:
        deposit(money, currency, amount)
        money.post(source, "wallet", currency, amount)
    elif is_invoice(target):
        target["paid"] += amount
        money.post(source, "receivable", currency, amount)
        close(target)
    else:
        target["status"], target["payment"] = "PAID", payment
        money.post(source, "revenue", currency, target["net"])
        money.post(source, "tax_payable", currency, target["total"] - target["net"])
        money.tell("OrderPaid")


@approve.mistake
def without_tax(house, customer, payment):
    approve.right(house, customer, payment)
    customer.money.transfers = [transfer for transfer in customer.money.transfers
                                if transfer[1] != "tax_payable"]


@approve.mistake
def a_top_up_is_not_added(house, customer, payment):
    if payment["target"] is None:
        payment["status"] = "APPROVED"
        customer.money.tell("PaymentApproved")
    else:
        approve.right(house, customer, payment)


@Rule
def close(invoice):
    """Paid when nothing is due."""
    if invoice["status"] == "ISSUED" and due(invoice) == 0:
        invoice["status"] = "PAID"


@close.mistake
def by_any_part(invoice):
    if invoice["status"] == "ISSUED":
        invoice["status"] = "PAID"


@close.mistake
def never_closed(invoice):
    pass


def issue(money, invoice):
    """Its postings."""
    money.post("receivable", "revenue", invoice["currency"], invoice["net"])
    money.post("receivable", "tax_payable", invoice["currency"], invoice["tax"])


def payment_answer(payment):
    return [payment["status"], payment["failure"], payment["method"], payment["amount"],
            payment["excess"]]
