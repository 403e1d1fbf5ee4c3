"""Holds what the provider did against what we know of it, to the minor unit.

Books is all that is compared, read once from both sides: it can be damaged on purpose, to see that each
damage is noticed.
"""

import copy
from collections import Counter
from decimal import Decimal

PAYMENTS = ("SELECT provider_key, customer_id, target_type, target_id, amount, currency, status, provider_reference,"
            " late_reference, failure_code FROM billing.payments WHERE provider = 'http'")
REFUNDS = ("SELECT r.provider_key, p.provider_reference, r.amount, r.currency, r.status, r.provider_reference,"
           " r.failure_code, p.late_reference FROM billing.refunds r JOIN billing.payments p USING (customer_id, payment_id)"
           " WHERE p.provider = 'http' AND r.destination = 'SOURCE'")
CLEARING = ("SELECT currency, sum(debit - credit) FROM billing.ledger_entries WHERE account = 'gateway_clearing'"
            " GROUP BY currency")
PAYMENT = ("customer", "target_type", "target", "amount", "currency", "status", "reference", "late", "code")
REFUND = ("charge", "amount", "currency", "status", "reference", "code", "late")


class Books:
    def __init__(self, ask, provider):
        def rows(sql, names):
            return {row[0]: dict(zip(names, row[1:])) for row in ask(sql)}

        self.journal = {record["key"]: record for record in provider.control("journal")}
        self.stats = provider.control("stats")
        self.payments, self.refunds = rows(PAYMENTS, PAYMENT), rows(REFUNDS, REFUND)
        for row in [*self.payments.values(), *self.refunds.values()]:
            row["amount"] = Decimal(row["amount"])
        for record in self.journal.values():
            record["amount"] = Decimal(record["amount"])
        self.clearing = {currency: Decimal(total) for currency, total in ask(CLEARING)}
        self.calls = int(ask("SELECT count(*) FROM billing.gateway_calls")[0][0])
        self.hooks = ask("SELECT event_id, result, subject_id FROM billing.gateway_webhooks")

    # ---- one rule each: a list of what breaks it ------------------------------------------------------

    def charged_twice(self):
        """An order or an invoice was charged more than once at the provider."""
        counts = Counter((record["customer"], record["order"]) for record in self.journal.values()
                         if record["kind"] == "charge" and record["approved"] and record["target"] != "TOP_UP")
        return [(which, count) for which, count in counts.items() if count > 1]

    def unknown_here(self):
        """The provider decided what we know otherwise, or not at all."""
        wrong = []
        for key, record in self.journal.items():
            row = (self.payments if record["kind"] == "charge" else self.refunds).get(key)
            if row is None:
                wrong.append((key, record, "not known"))
            elif record["kind"] == "charge" and row["late"] is not None:
                if (row["status"], row["late"]) != ("FAILED", record["reference"]):
                    wrong.append((key, record, row))
            elif (record["amount"], record["currency"], record["approved"]) != \
                    (row["amount"], row["currency"], row["status"] in ("APPROVED", "COMPLETED")) or \
                    record["approved"] and record["reference"] != row["reference"]:
                wrong.append((key, record, row))
        return wrong

    def unknown_there(self):
        """We believe approved what the provider has not approved."""
        return [key for rows in (self.payments, self.refunds) for key, row in rows.items()
                if row["status"] in ("APPROVED", "COMPLETED")
                and not (key in self.journal and self.journal[key]["approved"])]

    def undecided(self):
        """Something waits still."""
        waiting = [key for rows in (self.payments, self.refunds) for key, row in rows.items()
                   if row["status"] not in ("APPROVED", "COMPLETED", "FAILED")]
        return waiting + ([f"{self.calls} calls"] if self.calls else [])

    def failed_without_reason(self):
        """FAILED, and the provider did not decline."""
        return [(key, row["code"]) for rows in (self.payments, self.refunds) for key, row in rows.items()
                if row["status"] == "FAILED" and row["late"] is None
                and (key not in self.journal or self.journal[key]["approved"])]

    def totals_differ(self):
        """Sums by currency: the provider's, those of the rows, and the balance of the ledger."""
        theirs, ours = Counter(), Counter()
        for record in self.journal.values():
            if record["approved"]:
                theirs[record["kind"], record["currency"]] += record["amount"]
        for kind, rows, done in (("charge", self.payments, "APPROVED"), ("refund", self.refunds, "COMPLETED")):
            for row in rows.values():
                if row["status"] == done or kind == "charge" and row["late"] is not None:
                    ours[kind, row["currency"]] += row["amount"]
        wrong = [(which, theirs[which], ours[which]) for which in theirs | ours if theirs[which] != ours[which]]
        for currency in {currency for _, currency in theirs} | set(self.clearing):
            net = theirs["charge", currency] - theirs["refund", currency]
            if net != self.clearing.get(currency, Decimal(0)):
                wrong.append(("gateway_clearing", currency, net, self.clearing.get(currency)))
        return wrong

    def refunded_too_much(self):
        """More went back than was charged."""
        left = {record["reference"]: record["amount"] for record in self.journal.values()
                if record["kind"] == "charge" and record["approved"]}
        for record in self.journal.values():
            if record["kind"] == "refund" and record["approved"]:
                left[record["charge"]] = left.get(record["charge"], Decimal(0)) - record["amount"]
        return [(reference, amount) for reference, amount in left.items() if amount < 0]

    def keys_mixed_up(self):
        """The provider saw one key for two requests, or another key in the header."""
        return [(name, self.stats[name]) for name in ("conflicts", "wrong headers", "malformed", "unauthorized")
                if self.stats.get(name)]

    def events_twice(self):
        """Two webhooks, or one that came twice, had an effect on one payment."""
        applied = Counter(subject for _, result, subject in self.hooks if result == "APPLIED")
        return [(subject, count) for subject, count in applied.items() if count > 1]


RULES = {
    "no order and no invoice is charged twice": Books.charged_twice,
    "everything that the provider decided is known here, with its amount and its reference": Books.unknown_here,
    "nothing is approved here that is not approved there": Books.unknown_there,
    "every payment and refund is decided, and no call is left": Books.undecided,
    "nothing has failed that the provider did not decline": Books.failed_without_reason,
    "the totals agree to the minor unit: provider, payments, refunds, ledger": Books.totals_differ,
    "no more went back than was charged": Books.refunded_too_much,
    "each key was one request": Books.keys_mixed_up,
    "each webhook had at most one effect": Books.events_twice,
}


# ---- damage on purpose, and the rule that must notice it --------------------------------------------

def approved(books, kind):
    return next(record for record in books.journal.values() if record["kind"] == kind and record["approved"]
                and record.get("target") != "TOP_UP")


def charge_again(books):
    books.journal["another"] = approved(books, "charge") | {"key": "another"}


def forget_payment(books):
    del books.payments[approved(books, "charge")["key"]]


def change_amount(books):
    books.payments[approved(books, "charge")["key"]]["amount"] += Decimal("0.01")


def forget_charge(books):
    del books.journal[approved(books, "charge")["key"]]


def reopen(books):
    books.payments[approved(books, "charge")["key"]]["status"] = "PENDING"


def fail(books):
    books.refunds[approved(books, "refund")["key"]]["status"] = "FAILED"


def lose_a_cent(books):
    currency = next(iter(books.clearing))
    books.clearing[currency] -= Decimal("0.01")


def refund_again(books):
    record = approved(books, "refund")
    charge = next(other for other in books.journal.values() if other["reference"] == record["charge"])
    books.journal["another"] = record | {"key": "another", "amount": charge["amount"]}


def mix_keys(books):
    books.stats["conflicts"] = 1


def apply_twice(books):
    books.hooks = books.hooks + [("e1", "APPLIED", "s"), ("e2", "APPLIED", "s")]


DAMAGES = (
    (charge_again, Books.charged_twice),
    (forget_payment, Books.unknown_here),
    (change_amount, Books.unknown_here),
    (forget_charge, Books.unknown_there),
    (reopen, Books.undecided),
    (fail, Books.failed_without_reason),
    (lose_a_cent, Books.totals_differ),
    (refund_again, Books.refunded_too_much),
    (mix_keys, Books.keys_mixed_up),
    (apply_twice, Books.events_twice),
)


def unnoticed(books):
    """The damages that the rule beside them does not see."""
    missed = []
    for damage, rule in DAMAGES:
        damaged = copy.copy(books)
        for name in ("journal", "payments", "refunds", "clearing", "stats"):
            setattr(damaged, name, copy.deepcopy(getattr(books, name)))
        damage(damaged)
        if not rule(damaged):
            missed.append(damage.__name__)
    return missed
