"""What the provider has charged and refunded, by key.

Each decision is a line in a file before anybody hears of it; a provider that is killed begins with what it
had written. The same key is decided once, whatever comes after it; the same key with another request is a
conflict, which is counted: who sends one would charge twice elsewhere.
"""

import hashlib
import json
import os
from collections import Counter
from decimal import Decimal, InvalidOperation

DECLINES = (("FAIL_", "CARD_DECLINED"), ("FATAL_", "STOLEN_CARD"))


class Malformed(Exception):
    """The request is not that of the contract."""


class Conflict(Exception):
    """The key belongs to another request."""


def short(text, prefix):
    return prefix + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def text_of(document, name, most=512, optional=False):
    value = document.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, str) or not value or len(value) > most:
        raise Malformed(f"{name} is not a text")
    return value


def money_of(document):
    """(amount, currency); the amount as its decimal text without zeros at the end."""
    money = document.get("amount")
    if not isinstance(money, dict):
        raise Malformed("amount is not an object")
    try:
        amount = Decimal(text_of(money, "amount", 64))  # numbers are read as texts
    except InvalidOperation as error:
        raise Malformed("amount.amount is not a number") from error
    if not amount.is_finite() or amount <= 0:
        raise Malformed("amount.amount is not above 0")
    return f"{amount.normalize():f}", text_of(money, "currency", 3)


class Book:
    """Records of the file, by key: kind charge or refund, approved, reference, amount, what it is for."""

    def __init__(self, path=None):
        self.records, self.by_reference = {}, {}
        self.refunded = Counter()   # by the charge's reference
        self.captured = Counter()   # approved charges by (customer, order)
        self.file = None
        if path is not None:
            self.open(path)

    def open(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        with open(path, "rb") as file:
            written = file.read()
        whole = written[:written.rfind(b"\n") + 1]
        os.ftruncate(self.file, len(whole))  # a line that was cut off was never answered
        for line in whole.splitlines():
            self.keep(json.loads(line))

    def keep(self, record):
        self.records[record["key"]] = record
        if not record["approved"]:
            return
        if record["kind"] == "charge":
            self.by_reference[record["reference"]] = record
            if record["target"] != "TOP_UP":  # a wallet may be topped up often
                self.captured[record["customer"], record["order"]] += 1
        else:
            self.refunded[record["charge"]] += Decimal(record["amount"])

    def decide(self, kind, document, decline=None):
        """The record of the key, made now unless it is there. decline: the code of a refusal by chance."""
        wanted = self.charge(document) if kind == "charge" else self.refund(document)
        known = self.records.get(wanted["key"])
        if known is not None:
            if any(known[name] != value for name, value in wanted.items()):
                raise Conflict(wanted["key"])
            return known
        code = self.refusal(wanted, document) or decline
        record = wanted | {"approved": code is None, "code": code,
                           "reference": short(wanted["key"], "tx-" if kind == "charge" else "re-")}
        if self.file is not None:
            os.write(self.file, json.dumps(record).encode() + b"\n")
        self.keep(record)
        return record

    @staticmethod
    def charge(document):
        amount, currency = money_of(document)
        return {"kind": "charge", "key": text_of(document, "idempotencyKey"), "amount": amount,
                "currency": currency, "method": text_of(document, "method"),
                "order": text_of(document, "orderId"), "target": text_of(document, "targetType"),
                "customer": text_of(document, "customerId"),
                "token": text_of(document, "paymentMethodToken", optional=True)}

    @staticmethod
    def refund(document):
        amount, currency = money_of(document)
        return {"kind": "refund", "key": text_of(document, "idempotencyKey"), "amount": amount,
                "currency": currency, "charge": text_of(document, "pgTransactionId")}

    def refusal(self, wanted, document):
        """Why the provider declines, as one that keeps its own books would; or None."""
        if wanted["kind"] == "refund":
            charge = self.by_reference.get(wanted["charge"])
            if charge is None or charge["currency"] != wanted["currency"]:
                return "UNKNOWN_TRANSACTION"
            if self.refunded[wanted["charge"]] + Decimal(wanted["amount"]) > Decimal(charge["amount"]):
                return "REFUND_EXCEEDS_CHARGE"
            return None
        for prefix, code in DECLINES:
            if any((text or "").startswith(prefix) for text in (wanted["token"], wanted["key"], wanted["customer"])):
                return code
        return None

    def totals(self):
        """What went through, by kind and currency."""
        sums = {}
        for record in self.records.values():
            if record["approved"]:
                name = f"{record['kind']} {record['currency']}"
                sums[name] = sums.get(name, Decimal(0)) + Decimal(record["amount"])
        return {name: str(total) for name, total in sorted(sums.items())}
