"""Random histories: the same seed is the same history."""

import datetime
import random

from oracle import EXPONENTS, METERS, UTC, bounds, next_month
from session import Num

ZONES = ("UTC", "Asia/Seoul", "America/New_York")
TAXES = (None, "T10", "T8875", "STEP")
DAY = datetime.timedelta(days=1)
TICK = datetime.timedelta(microseconds=1)


class Generator:
    """One history: its kind, its customers' fields and its steps."""

    def __init__(self, seed):
        self.random = random.Random(f"billing {seed}")
        self.kind = self.random.choices(("own", "replay", "default", "reprice"), (75, 16, 6, 3))[0]
        if seed == 3:
            self.kind = "default"
        self.customers = {}
        self.plans = 0
        self.events = {}
        self.ids = 0
        self.steps = []
        self.now = datetime.datetime(2025, 1, 1, tzinfo=UTC) + self.seconds(20 * 86400)
        self.start = self.now
        self.span = 240 if self.kind == "replay" else 720

    # ---- values ------------------------------------------------------------------------------

    def chance(self, share):
        return self.random.random() < share

    def seconds(self, most):
        return datetime.timedelta(microseconds=self.random.randrange(most * 10 ** 6))

    def decimal(self, most, places):
        digits = self.random.randrange(most * 10 ** places + 1)
        text = f"{digits:0{places + 1}d}"
        return text if places == 0 else text[:-places] + "." + text[-places:]

    def price(self):
        places = self.random.choice((0, 0, 1, 2, 3, 6, 9))
        if self.chance(0.1):
            return Num(self.random.choice(("0.5", "0.05", "0.005", "0.0005", "2.5", "0.125")))
        text = self.decimal(self.random.choice((1, 3, 20, 500)), places)
        return Num(text) if self.chance(0.5) else text

    def quantity(self):
        places = self.random.choice((0, 0, 0, 1, 2, 6, 12))
        most = self.random.choice((3, 30, 1000, 1000, 20000))
        while True:
            text = self.decimal(most, places)
            if any(digit in text for digit in "123456789"):
                return text

    def bound(self, below):
        return below + self.random.choice((1, 5, 50, 1000, 10000))

    def tiers(self):
        result = []
        below = 0
        for _ in range(self.random.randrange(0, 4)):
            below = self.bound(below)
            result.append({"upTo": Num(below), "unitPrice": self.price()})
        result.append({"upTo": None, "unitPrice": self.price()})
        for tier in result:
            if self.chance(0.3):
                tier["flatFee"] = self.price()
        return result

    def charge(self, resource, number):
        model = self.random.choice(("per_unit", "graduated", "volume", "package"))
        result = {"model": model}
        if resource is None:
            result = {"model": "flat", "code": f"BASE{number}", "amount": self.price()}
        else:
            result["resourceType"] = resource
            if model in ("per_unit", "package"):
                result["unitPrice"] = self.price()
            else:
                result["tiers"] = self.tiers()
            if model == "package":
                size = self.decimal(100, self.random.choice((0, 0, 1)))
                result["packageSize"] = Num(size) if size.strip("0.") else Num("7")
            if self.chance(0.25):
                result["code"] = f"C-{resource}"
            if self.chance(0.3):
                result["freeUnits"] = Num(self.decimal(1000, self.random.choice((0, 0, 2))))
        self.limits(result)
        return result

    def limits(self, charge):
        low, high = sorted((self.random.randrange(0, 3000), self.random.randrange(1, 200000)))
        if self.chance(0.2):
            charge["minimum"] = Num(low)
        if self.chance(0.15):
            charge["maximum"] = Num(high)

    def plan(self, currency, resources, since, until=None):
        self.plans += 1
        charges = [self.charge(resource, 0) for resource in resources]
        charges += [self.charge(None, n) for n in range(self.random.choice((0, 0, 1, 2)))]
        self.random.shuffle(charges)
        return {"name": f"plan {self.plans}", "currency": currency, "charges": charges,
                "from": since, "until": until}

    # ---- steps -------------------------------------------------------------------------------

    def add(self, *step):
        self.steps.append(step)

    def customer(self, key, like=None):
        fields = like or {
            "zone": self.random.choice(ZONES), "currency": self.random.choice(list(EXPONENTS)),
            "tax": self.random.choice(TAXES), "automatic": self.chance(0.4),
            "declined": self.chance(0.4),
            "resources": self.random.sample(sorted(METERS), self.random.randrange(1, 5))}
        self.customers[key] = fields
        self.events[key] = []
        self.add("customer", key, fields)

    def month(self, key, moment):
        return self.local_month(self.customers[key]["zone"], moment)

    @staticmethod
    def local_month(zone, moment):
        period = moment.strftime("%Y-%m")
        start, end = bounds(period, zone)
        if moment >= end:
            return next_month(period)
        if moment < start:
            return (moment.replace(day=1) - 2 * DAY).strftime("%Y-%m")
        return period

    def past_month(self, key, back):
        period = self.now.replace(day=15) - 30.4 * back * DAY
        return period.strftime("%Y-%m")

    def moment(self, key):
        """Mostly of late, sometimes long ago, sometimes at the very edge of a month."""
        choice = self.random.random()
        if choice < 0.12:
            month = self.past_month(key, self.random.choice((0, 0, 1, 2)))
            at = bounds(month, self.customers[key]["zone"])[0]
            at += self.random.choice((-TICK, 0 * TICK, TICK))
        elif choice < 0.75:
            at = self.now - self.seconds(40 * 86400)
        elif choice < 0.95 or self.kind == "replay":
            at = self.now - self.seconds(100 * 86400)
        elif choice < 0.985:
            at = self.now - self.seconds(390 * 86400)
        elif choice < 0.993:
            at = self.now - 401 * DAY
        else:
            at = self.now + self.random.choice((100, 4000)) * datetime.timedelta(seconds=1)
        if self.kind == "replay":
            at = min(max(at, self.start - 30 * DAY), self.now)
        return min(at, self.now + DAY)

    def event(self, key):
        """New, or one that came before, with the same content or not."""
        known = self.events[key]
        if known and self.chance(0.15):
            event = dict(self.random.choice(known))
            if self.chance(0.3):
                event["quantity"] = self.quantity()
            return event
        resource = self.random.choice(self.customers[key]["resources"])
        if self.kind != "replay" and self.chance(0.004):
            resource = self.random.choice(("NO_SUCH_METER", *sorted(METERS)))
        self.ids += 1
        at = self.moment(key)
        if self.chance(0.03):
            at = None
        if self.kind == "replay":
            at = self.distinct(key, at or self.now)
        event = {"id": f"e{self.ids}", "customer": key, "resource": resource, "at": at,
                 "quantity": self.quantity()}
        known.append(event)
        return event

    def distinct(self, key, at):
        """No two at one time, so that the last of a month does not depend on the order."""
        times = {event["at"] for event in self.events[key]}
        while at in times:
            at -= TICK
        return at

    def some_events(self, keys):
        count = self.random.choice((1, 2, 4, 8, 16, 30))
        return [self.event(self.random.choice(keys)) for _ in range(count)]

    def advance(self):
        before = self.now
        days = self.random.choice((1, 3, 10, 20, 31, 45))
        self.now += days * DAY * self.random.random() + TICK
        if self.chance(0.15):
            key = self.random.choice(list(self.customers))
            edge = bounds(next_month(self.month(key, self.now)), self.customers[key]["zone"])[0]
            self.now = edge - self.random.choice((0, 1)) * TICK
        self.now = max(before, min(self.now, self.start + self.span * DAY))
        self.add("clock", self.now)

    def change_plan(self, key):
        """From the next days on, from a month's start on, or in the past; sometimes for a time."""
        since = self.now + self.random.choice((-40, -10, 0, 5, 20)) * DAY
        if self.chance(0.4):
            zone = self.customers[key]["zone"]
            since = bounds(self.past_month(key, self.random.choice((-1, 0, 1))), zone)[0]
        until = since + self.random.choice((10, 40, 90)) * DAY if self.chance(0.25) else None
        resources = list(self.customers[key]["resources"])
        if self.chance(0.08) and len(resources) > 1:
            resources.pop()
        currency = self.customers[key]["currency"]
        owner = key
        if self.kind == "default" and (currency is None or self.chance(0.4)):
            owner, resources = None, sorted(METERS)
            currency = currency or self.random.choice(list(EXPONENTS))
        self.add("plan", owner, self.plan(currency, resources, since, until))

    def step(self, keys):
        """One random step."""
        key = self.random.choice(keys)
        name = self.random.choices(
            ("batch", "ingest", "arrays", "correct", "fold", "settle", "cancel", "pay", "usage",
             "advance", "plan", "overdue", "rate", "purge"),
            (22, 10, 5, 9, 10, 22, 6, 4, 6, 18, 4, 2, 2, 1))[0]
        if name == "ingest":
            self.add("ingest", self.event(key))
        elif name in ("batch", "arrays"):
            self.add(name, self.some_events(keys))
        elif name == "correct":
            known = self.events[key]
            if known:
                self.add("correct", key, self.random.choice(known[-20:])["id"])
            elif self.kind != "default":
                self.add("correct", key, "nothing")
        elif name in ("settle", "cancel", "pay"):
            self.invoice_step(name, key)
        elif name == "usage":
            self.add("usage", key, self.past_month(key, self.random.choice((0, 0, 1, 2, 5))))
        elif name == "advance":
            self.advance()
        elif name == "plan" and self.kind != "replay":
            self.change_plan(key)
        elif name == "rate":
            charge = self.charge(self.random.choice(sorted(METERS)), 0)
            self.add("rate", charge, ["0"] + [self.quantity() for _ in range(6)])
        elif name == "purge" and self.kind != "replay":
            self.add("purge", self.now - 401 * DAY)
        elif name in ("fold", "overdue"):
            self.add(name)

    def invoice_step(self, name, key):
        month = self.past_month(key, self.random.choice((0, 1, 1, 1, 1, 2, 2, 3, 6)))
        if self.kind == "replay":
            closed = bounds(month, self.customers[key]["zone"])[1] <= self.now
            if not closed or month < self.first_month():
                return
        if name == "settle":
            self.add("settle", key, month)
        elif name == "cancel":
            self.add("cancel", key, month)
            if self.chance(0.6):
                self.add("settle", key, month)
        else:
            self.ids += 1
            declined = self.random.choice((None, None, f"p{self.ids}", f"FAIL_{self.ids}"))
            self.add("pay", key, month, declined)

    def steps_in_transactions(self, keys):
        count = self.random.randrange(8, 36)
        while count > 0:
            together = self.random.choice((1, 1, 1, 1, 2, 3, 5))
            if together > 1:
                self.add("begin")
            for _ in range(together):
                self.step(keys)
            if together > 1:
                self.add("commit")
            count -= together

    # ---- kinds -------------------------------------------------------------------------------

    def history(self):
        self.add("clock", self.now)
        self.add("prepare")
        getattr(self, "history_" + self.kind)()
        return self.kind, self.customers, self.steps

    def first_plan(self, key):
        fields = self.customers[key]
        since = self.start - self.random.choice((430, 430, 20, -20)) * DAY
        self.add("plan", key, self.plan(fields["currency"], fields["resources"], since))

    def history_own(self):
        keys = list(range(self.random.choice((1, 1, 1, 2, 3))))
        for key in keys:
            self.customer(key)
            self.first_plan(key)
        self.steps_in_transactions(keys)
        self.finish(keys)

    def history_reprice(self):
        """
        A month is settled, with or without usage, and gets new prices for the whole of it. Then
        usage comes for it again and again: one set of prices holds for all of it.
        """
        self.customer(0)
        fields = self.customers[0]
        resource = fields["resources"][0]
        month = self.past_month(0, 1)
        self.simple_plan(resource, self.start - 430 * DAY)
        self.usage_in(resource, self.past_month(0, 2))
        if self.chance(0.3):
            self.usage_in(resource, month)
        self.add("settle", 0, month)
        self.simple_plan(resource, bounds(month, fields["zone"])[0])
        for _ in range(4):
            self.usage_in(resource, month)
            if self.chance(0.3):
                self.add("fold")
            if self.chance(0.3):
                self.add("cancel", 0, self.past_month(0, self.random.choice((1, 2))))
            if self.chance(0.3):
                self.add("correct", 0, self.random.choice(self.events[0])["id"])
            self.now = bounds(next_month(self.month(0, self.now)), fields["zone"])[0] + 10 * DAY
            self.add("clock", self.now)
            self.add("settle", 0, self.past_month(0, 1))
        self.finish([0])

    def simple_plan(self, resource, since):
        plan = self.plan(self.customers[0]["currency"], [resource], since)
        plan["charges"] = [{"model": "per_unit", "resourceType": resource,
                            "unitPrice": self.price()}]
        self.add("plan", 0, plan)

    def usage_in(self, resource, month):
        self.ids += 1
        at = bounds(month, self.customers[0]["zone"])[0] + self.seconds(27 * 86400)
        event = {"id": f"e{self.ids}", "customer": 0, "resource": resource, "at": at,
                 "quantity": self.quantity()}
        self.events[0].append(event)
        self.add("ingest", event)

    def history_default(self):
        """A database of its own: default plans, customers without a currency or not registered."""
        keys = list(range(self.random.choice((1, 2, 3))))
        for key in keys:
            if self.chance(0.3):
                self.customers[key] = {"zone": "UTC", "currency": None, "tax": None,
                                       "automatic": True, "declined": False,
                                       "resources": sorted(METERS)}
                self.events[key] = []
            else:
                self.customer(key)
        for currency in self.random.sample(list(EXPONENTS), 2):
            since = self.start - self.random.randrange(0, 500) * DAY
            self.add("plan", None, self.plan(currency, sorted(METERS), since))
        for key in keys:
            self.add("ingest", self.event(key))
        self.steps_in_transactions(keys)
        self.finish(keys)

    def finish(self, keys):
        self.now += 32 * DAY
        self.add("clock", self.now)
        for key in keys:
            self.add("settle", key, self.past_month(key, 2))
            self.add("settle", key, self.past_month(key, 1))
            self.add("usage", key, self.past_month(key, 1))
            self.add("usage", key, self.past_month(key, 2))
        self.add("verify")

    def history_replay(self):
        """
        The same usage for three customers: as a history, shuffled and repeated in two halves, and
        in one batch. Whatever the order, the sums billed for each month and charge are the same.
        """
        self.customer(0)
        fields = self.customers[0]
        plans = [self.plan(fields["currency"], fields["resources"], self.start - 430 * DAY)]
        for _ in range(self.random.choice((0, 1, 2))):
            plans.append(self.plan(fields["currency"], fields["resources"],
                                   self.start + self.random.randrange(-20, 200) * DAY))
        for key in (1, 2):
            self.customer(key, like=fields)
        for key in (0, 1, 2):
            for plan in plans:
                self.add("plan", key, plan)
        self.steps_in_transactions([0])
        self.now += 40 * DAY
        self.add("clock", self.now)
        self.copy_events()
        months = [self.first_month()]
        while bounds(next_month(months[-1]), fields["zone"])[1] <= self.now:
            months.append(next_month(months[-1]))
        for key in (0, 1, 2):
            for month in months:
                self.add("settle", key, month)
        for key in (0, 1, 2):
            self.add("billed", key, months)
        self.add("verify")

    def first_month(self):
        return self.month(0, self.start - 31 * DAY)

    def copy_events(self):
        """What was stored first counts, so a later content of an id is left out."""
        stored = {event["id"]: event for event in self.events[0]}
        wrong = {step[2] for step in self.steps if step[0] == "correct"} & set(stored)
        for key in (1, 2):
            copies = [dict(event, customer=key) for event in stored.values()]
            if key == 2:
                self.add("batch", copies)
            else:
                copies += self.random.sample(copies, len(copies) // 3)
                self.random.shuffle(copies)
                half = len(copies) // 2
                self.add("batch", copies[:half])
                if self.chance(0.5):
                    self.add("fold")
                self.add("arrays", copies[half:])
            for event_id in sorted(wrong):
                self.add("correct", key, event_id)
