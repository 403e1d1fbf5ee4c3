"""The work of a round: who calls what, in which phase of business time. Made from a seed alone.

Whatever the clients do at once in a phase, the end is the same: what depends on order (the events,
corrections and invoices of a customer) is in one client's sequence, or on both sides of the end
of a phase. So a round that was disturbed must end as one that was not.
"""

import dataclasses
import json
import random

from money import (Apply, Capture, Charge, Grant, Hold, PayOrder, PlaceOrder, Refund, Release,
                   TopUp)
from operations import (Cancel, Correct, CreatePlan, Fold, Ingest, IngestArrays, IngestBatch,
                        MarkOverdue, Pay, Register, Settle, SettlePeriod, quote)

CLIENTS = 6
OWN = 8        # customers of a client
CROWD = 240    # customers that come by arrays, so that a month has several chunks
MAY, JUNE, JULY = "2026-05", "2026-06", "2026-07"

METERS = {"T_MAX": "MAX", "T_LAST": "LAST", "T_COUNT": "COUNT"}
RESOURCES = ("API_CALL", *METERS)
CHARGES = [
    {"resourceType": "API_CALL", "model": "graduated",
     "tiers": [{"upTo": 100, "unitPrice": "3"}, {"upTo": None, "unitPrice": "1.5"}]},
    {"resourceType": "T_MAX", "model": "per_unit", "unitPrice": "10", "freeUnits": "5"},
    {"resourceType": "T_LAST", "model": "per_unit", "unitPrice": "0.7"},
    {"resourceType": "T_COUNT", "model": "package", "packageSize": "3", "unitPrice": "11"},
    {"model": "flat", "code": "BASE", "amount": "100"},
]
OWN_CHARGES = [{"resourceType": name, "model": "per_unit", "unitPrice": "2"} for name in RESOURCES]

SETUP = ["CREATE EXTENSION billing",
         "SELECT billing.register_tax_rate('T10', 10)",
         *(f"SELECT billing.register_meter('{name}', 'piece', '{kind}', '{kind}')"
           for name, kind in METERS.items()),
         f"SELECT billing.create_pricing_plan('standard', 'KRW', {quote(json.dumps(CHARGES))},"
         " '2026-01-01T00:00Z')"]


@dataclasses.dataclass(frozen=True)
class Customer:
    id: str
    name: str
    zone: str
    collection: str
    net_days: int
    kind: str  # automatic, paying, cancelled, declined


@dataclasses.dataclass(frozen=True)
class Event:
    id: str
    customer: str
    resource: str
    quantity: int
    at: str


@dataclasses.dataclass
class Phase:
    name: str
    now: str
    kills: int   # at most
    calls: list  # of each client

    @property
    def settles(self):
        """Whether there are settle workers in it."""
        return any(isinstance(call, SettlePeriod) for calls in self.calls for call in calls)


class Plan:
    def __init__(self, seed):
        self.seed = seed
        self.random = random.Random(seed)
        self.events = 0
        self.calls = 0
        self.customers = [self.make_customers(client) for client in range(CLIENTS)]
        self.crowd = [f"crowd-{number:04}" for number in range(CROWD)]
        shared = [self.event("shared", MAY) for _ in range(15)]
        self.phases = [
            Phase("usage", "2026-05-31T12:00:00Z", 7,
                  [self.usage(client, shared) for client in range(CLIENTS)]),
            Phase("settle May", "2026-06-02T06:00:00Z", 7,
                  [self.settling(client, MAY, JUNE) for client in range(CLIENTS)]),
            self.closing("close May", "2026-06-02T06:00:00Z", MAY),
            Phase("change", "2026-06-20T06:00:00Z", 7,
                  [self.changes(client) for client in range(CLIENTS)]),
            Phase("settle June", "2026-07-02T06:00:00Z", 7,
                  [self.settling(client, JUNE, JULY) for client in range(CLIENTS)]),
            self.closing("close June", "2026-07-02T06:00:00Z", JUNE),
            Phase("end", "2026-08-20T06:00:00Z", 0, self.alone("end", [MarkOverdue(), Fold()])),
        ]

    def make_customers(self, client):
        kinds = ("automatic", "paying", "cancelled", "declined")
        found = []
        for number in range(OWN):
            kind = kinds[number % len(kinds)]
            prefix = "FAIL_" if kind == "declined" else ""
            found.append(Customer(
                f"{prefix}c{client}-{number}", f"Customer {client}-{number}",
                self.random.choice(("UTC", "Asia/Seoul", "America/New_York")),
                "AUTOMATIC" if kind in ("automatic", "declined") else "SEND_INVOICE",
                self.random.choice((0, 3, 30)), kind))
        return found

    # ---- pieces --------------------------------------------------------------------------------

    @property
    def day(self):
        """A day of each month that no phase which sends it finds in the future."""
        return {MAY: self.random.randint(2, 28), JUNE: 1, JULY: 1}

    def event(self, customer, month, resource=None):
        self.events += 1
        n = self.events
        # no two events have the same time, so LAST has no tie
        at = f"{month}-{self.day[month]:02}T{8 + n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z"
        return Event(f"e{self.events}", customer, resource or self.random.choice(RESOURCES),
                     self.random.randint(1, 200), at)

    def some(self, customer, month, count):
        return [self.event(customer, month) for _ in range(count)]

    def crowd_arrays(self, month, size):
        return IngestArrays([self.event(customer, month)
                             for customer in sorted(self.random.sample(self.crowd, size))])

    def named(self, client, phase, calls):
        for call in calls:
            self.calls += 1
            call.id = f"{type(call).__name__} {phase} c{client} {self.calls}"
        return calls

    def merged(self, client, phase, sequences):
        """One list that keeps the order of each sequence."""
        sequences = [list(sequence) for sequence in sequences if sequence]
        calls = []
        while sequences:
            sequence = self.random.choice(sequences)
            calls.append(sequence.pop(0))
            if not sequence:
                sequences.remove(sequence)
        return self.named(client, phase, calls)

    def wallet(self, customer):
        """Leaves a wallet of 1000 with enough for all phases."""
        held, released = Hold(customer, self.random.randint(20, 40)), Hold(customer, 30)
        return [Charge(customer, self.random.randint(1, 40)), TopUp(customer, 25), held,
                Capture(customer, held, self.random.choice((None, 10))), released,
                Charge(customer, 5), Release(released)]

    def orders(self, customer):
        """Two, paid by card and from the wallet, and refunded in parts: to the wallet, not as a credit,
        since two credits of one moment may be used in any order."""
        calls = []
        for method, destination in (("CARD", "WALLET"), ("WALLET", "SOURCE")):
            order = PlaceOrder(customer, [(self.random.randint(1, 3), self.random.randint(30, 60))])
            payment = PayOrder(customer, order, method)
            calls += [order, payment, Refund(customer, payment, 11, destination),
                      Refund(customer, payment, 7, "SOURCE")]
            if self.random.random() < 0.5:
                calls.append(Refund(customer, payment, None, "SOURCE"))
        return calls

    # ---- phases --------------------------------------------------------------------------------

    def usage(self, client, shared):
        """Customers, plans and the usage of May."""
        sequences = [[Ingest(event, shared=True) for event in self.random.sample(shared, 10)],
                     [self.crowd_arrays(MAY, CROWD // 2) for _ in range(2)],
                     [Ingest(self.event(f"unpriced-{client}", MAY, "STORAGE_GB_HOUR"))],
                     [Fold() for _ in range(4)]]
        for customer in self.customers[client]:
            singles = self.some(customer.id, MAY, 5)
            sequence = [Register(customer)]
            if customer.kind in ("automatic", "cancelled") and self.random.random() < 0.5:
                sequence.append(CreatePlan(customer.id, OWN_CHARGES))
            sequence += [Ingest(event) for event in singles]
            sequence.append(IngestBatch(self.some(customer.id, MAY, 20)))
            sequence.append(Correct(singles[1]))
            if self.random.random() < 0.5:
                sequence.append(Grant(customer.id, "PREPAID", self.random.randint(1, 40)))
            sequences += [sequence, [TopUp(customer.id, 1000), *self.wallet(customer.id)]]
        return self.merged(client, "usage", sequences)

    def settling(self, client, month, next_month):
        """Several settlements of one month at once, while the usage of the next comes in."""
        sequences = [[Fold(), Fold()],
                     [self.crowd_arrays(next_month, CROWD // 4)]]
        if client < 3:
            sequences.append([SettlePeriod(month, workers=1 + client)])
        for customer in self.customers[client]:
            sequence = [Ingest(event) for event in self.some(customer.id, next_month, 3)]
            sequences.append(self.wallet(customer.id))
            if customer.kind == "paying":
                sequence += [Settle(customer.id, month)]
                if month == JUNE:
                    sequence.append(Pay(customer.id, month))
            sequences.append(sequence)
        return self.merged(client, "settle " + month, sequences)

    def closing(self, name, now, month):
        """Settles what a session that died has left over, alone."""
        return Phase(name, now, 2, self.alone(name, [SettlePeriod(month, workers=4)]))

    def alone(self, name, calls):
        return [self.named(0, name, calls)] + [[] for _ in range(CLIENTS - 1)]

    def changes(self, client):
        """Late usage, corrections, payments, and invoices that are taken back."""
        late = IngestBatch([self.event(customer, MAY)
                            for customer in self.random.sample(self.crowd, 30)])
        sequences = [[late, Correct(late.events[0]), Correct(late.events[1])],
                     [MarkOverdue() for _ in range(3)],
                     [Fold() for _ in range(3)],
                     [self.crowd_arrays(JUNE, CROWD // 4)]]
        for customer in self.customers[client]:
            sequence = [Ingest(event) for event in self.some(customer.id, MAY, 2)]
            sequence += self.orders(customer.id)
            if customer.kind == "paying":
                sequence += [Grant(customer.id, "PROMO", 30), Apply(customer.id, MAY, 20)]
            if customer.kind in ("paying", "declined"):
                sequence.append(Pay(customer.id, MAY))
            elif customer.kind == "cancelled":
                sequence += [Cancel(customer.id, MAY), Settle(customer.id, MAY)]
            sequence.append(IngestBatch(self.some(customer.id, JUNE, 10)))
            sequences.append(sequence)
        return self.merged(client, "change", sequences)
