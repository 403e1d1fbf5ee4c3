"""A history while it is drawn: the same seed is the same history."""

import datetime
import random

from house import EXPONENTS, METERS, TAX_CODES, UTC, bounds, month_of, next_month
from operation import KINDS, OPERATIONS
from sqltext import Num

ZONES = ("UTC", "Asia/Seoul", "America/New_York")
DAY = datetime.timedelta(days=1)
TICK = datetime.timedelta(microseconds=1)
MONTHS_24 = 730  # days


class Draft:
    """The customers and the steps so far, and what to draw the next from."""

    def __init__(self, seed):
        self.random = random.Random(f"billing {seed}")
        names = sorted(KINDS)
        self.kind = KINDS[self.random.choices(names, [KINDS[name].weight for name in names])[0]]
        self.customers = {}
        self.events = {}
        self.plans = 0
        self.ids = 0
        self.steps = []
        self.now = datetime.datetime(2025, 1, 1, tzinfo=UTC) + self.seconds(20 * 86400)
        self.start = self.now
        self.span = MONTHS_24  # the most days that the clock goes on by
        self.pace = self.random.choice((5, 20, 80, 250))  # mean days of a step of the clock
        self.refused = set()  # words that this history does without
        self.money = False  # whether it moves money
        # no usage before it, none in the future, no two events of a customer at one time, and no
        # invoice of a month that is not over: then the order of the usage cannot matter
        self.earliest = None
        self.default_plans = False

    def write(self):
        self.add("clock", self.now)
        self.add("fold_rest")
        self.kind.write(self)
        self.add("verify")
        return self

    def add(self, *step):
        self.steps.append(step)

    # ---- values ------------------------------------------------------------------------------

    def chance(self, share):
        return self.random.random() < share

    def choice(self, *values):
        return self.random.choice(values)

    def seconds(self, most):
        return datetime.timedelta(microseconds=self.random.randrange(most * 10 ** 6))

    def decimal(self, most, places):
        digits = self.random.randrange(most * 10 ** places + 1)
        text = f"{digits:0{places + 1}d}"
        return text if places == 0 else text[:-places] + "." + text[-places:]

    def price(self):
        if self.chance(0.1):
            return Num(self.choice("0.5", "0.05", "0.005", "0.0005", "2.5", "0.125"))
        text = self.decimal(self.choice(1, 3, 20, 500), self.choice(0, 0, 1, 2, 3, 6, 9))
        return Num(text) if self.chance(0.5) else text

    def quantity(self):
        places = self.choice(0, 0, 0, 1, 2, 6, 12)
        most = self.choice(3, 30, 1000, 1000, 20000)
        while True:
            text = self.decimal(most, places)
            if any(digit in text for digit in "123456789"):
                return text

    def new_id(self):
        self.ids += 1
        return self.ids

    # ---- customers and time ------------------------------------------------------------------

    def customer(self, key, like=None):
        fields = like or {
            "zone": self.choice(*ZONES), "currency": self.choice(*EXPONENTS),
            "tax": self.choice(*TAX_CODES), "automatic": self.chance(0.4),
            "declined": self.chance(0.4),
            "resources": self.random.sample(sorted(METERS), self.random.randrange(1, 5))}
        self.meet(key, fields)
        self.add("customer", key, fields)

    def meet(self, key, fields):
        self.customers[key] = fields
        self.events[key] = []

    def zone(self, key):
        return self.customers[key]["zone"]

    def month(self, key, moment):
        return month_of(moment, self.zone(key))

    def past_month(self, back):
        return (self.now.replace(day=15) - 30.4 * back * DAY).strftime("%Y-%m")

    def is_over(self, key, month):
        return bounds(month, self.zone(key))[1] <= self.now

    def months_since(self, key, month):
        """The months from one on that are over."""
        months = []
        while self.is_over(key, month):
            months.append(month)
            month = next_month(month)
        return months

    def set_clock(self, now):
        """Never back, and never beyond the span."""
        self.now = max(self.now, min(now, self.start + self.span * DAY))
        self.add("clock", self.now)

    # ---- random steps ------------------------------------------------------------------------

    @staticmethod
    def is_money(word):
        return OPERATIONS[word].money

    def words(self):
        """Those to draw from."""
        return [word for word in sorted(OPERATIONS)
                if OPERATIONS[word].weight and word not in self.refused
                and (self.money or not self.is_money(word))]

    def random_step(self, keys):
        words = self.words()
        word = self.random.choices(words, [OPERATIONS[word].weight for word in words])[0]
        OPERATIONS[word].draw(self, self.choice(*keys))
        return word

    def random_steps(self, keys):
        """Some of them together in a transaction."""
        count = self.random.randrange(8, 36)
        while count > 0:
            together = self.choice(1, 1, 1, 1, 2, 3, 5)
            if together == 1:
                self.random_step(keys)
            else:
                self.transaction(keys, together)
            count -= together

    def transaction(self, keys, count):
        top_level = {word for word, operation in OPERATIONS.items() if operation.top_level}
        before, self.refused = self.refused, self.refused | top_level
        self.add("begin")
        for _ in range(count):
            self.random_step(keys)
        self.add("commit")
        self.refused = before

    def finish(self, keys):
        """Settles and reads what the last months left."""
        self.span += 32
        self.set_clock(self.now + 32 * DAY)
        for key in keys:
            self.add("settle", key, self.past_month(2))
            self.add("settle", key, self.past_month(1))
            self.add("usage", key, self.past_month(1))
            self.add("usage", key, self.past_month(2))
