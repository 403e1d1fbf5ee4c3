"""Deliveries of what the provider decided: signed, more than once, in any order. They are not sent: whoever
tests takes them and hands them on."""

import hashlib
import hmac
import json
import random
import time

from book import short

OUTCOME = {True: "approved", False: "rejected"}
KIND = {"charge": "payment", "refund": "refund"}


def body_of(record):
    """The body of a record's event: the same bytes each time, as its id is the same."""
    event = f"{KIND[record['kind']]}.{OUTCOME[record['approved']]}"
    return json.dumps({
        "id": short(record["key"] + event, "evt-"), "type": event, "idempotencyKey": record["key"],
        "pgReferenceId": record["reference"], "errorCode": record["code"],
        "errorMessage": None if record["approved"] else "declined by the provider"})


def sign(body, secret, timestamp):
    text = f"{timestamp}.{body}".encode()
    return {"X-Webhook-Timestamp": str(timestamp),
            "X-Webhook-Signature": "sha256=" + hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()}


class Deliveries:
    """What waits to be delivered; duplicates: how often at most, at random, beside once."""

    def __init__(self, seed, secret, duplicates):
        self.random = random.Random(f"webhooks of {seed}")
        self.secret, self.duplicates = secret, duplicates
        self.waiting, self.made = [], set()

    def add(self, record):
        """To be called as often as the record is seen; its event is made once."""
        if self.secret is not None and record["key"] not in self.made:
            self.made.add(record["key"])
            self.waiting += [body_of(record)] * (1 + self.random.randint(0, self.duplicates))

    def take(self, most):
        """Some of them, signed now, in random order, gone from here."""
        taken = []
        while self.waiting and len(taken) < most:
            place = self.random.randrange(len(self.waiting))
            self.waiting[place], self.waiting[-1] = self.waiting[-1], self.waiting[place]
            body = self.waiting.pop()
            taken.append({"headers": sign(body, self.secret, int(time.time())), "body": body})
        return taken
