"""What the oracle keeps: the state of one history's house. The rules are beside the operations.

It shares nothing with the extension and is made from the documented rules alone. All numbers are
fractions. Where the rules leave a choice, a comment that begins with "Choice:" says which was taken.
"""

import collections
import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

from rule import Refused, Rule

UTC = datetime.timezone.utc
EXPONENTS = {"KRW": 0, "USD": 2, "KWD": 3}
METERS = {"API_CALL": "SUM", "STORAGE_GB_HOUR": "SUM", "DATA_TRANSFER_GB": "SUM",
          "H_MAX": "MAX", "H_LAST": "LAST", "H_COUNT": "COUNT"}
# code -> (percentage, from when or None), the oldest first
TAX_CODES = {
    None: (),
    "T10": (("10", None),),
    "T8875": (("8.875", None),),
    # steps at midnights of UTC, which are inside a month elsewhere; the last ends with a month there
    "STEP": (("7.5", None), ("9.25", "2025-07-01T00:00:00Z"), ("5", "2026-03-31T15:00:00Z")),
}
STATES = {"INVALID_ARGUMENT": "ZB001", "CURRENCY_MISMATCH": "ZB005", "CUSTOMER_NOT_FOUND": "ZB101",
          "METER_NOT_FOUND": "ZB102", "PLAN_NOT_FOUND": "ZB103", "INVOICE_NOT_FOUND": "ZB104",
          "EVENT_NOT_FOUND": "ZB105", "WALLET_NOT_FOUND": "ZB107", "HOLD_NOT_FOUND": "ZB108",
          "ORDER_NOT_FOUND": "ZB109", "PAYMENT_NOT_FOUND": "ZB110", "REFUND_NOT_FOUND": "ZB111",
          "CREDIT_NOT_FOUND": "ZB112", "PAYMENT_METHOD_NOT_FOUND": "ZB113",
          "PERIOD_NOT_CLOSED": "ZB201", "ILLEGAL_STATE": "ZB202", "INCOMPATIBLE_PARAMS": "ZB203",
          "PAYMENT_IN_PROGRESS": "ZB205", "RESOURCE_NOT_PRICED": "ZB207",
          "INSUFFICIENT_BALANCE": "ZB210", "CONCURRENT_MODIFICATION": "ZB211",
          "REFUND_ALREADY_REQUESTED": "ZB212", "REFUND_EXCEEDS_PAYMENT": "ZB213",
          "CREDIT_NOTE_EXCEEDS_INVOICE": "ZB214"}


def next_month(period):
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def bounds(period, zone):
    """Start and end of a month in UTC, the end exclusive."""
    def start(text):
        local = datetime.datetime(int(text[:4]), int(text[5:]), 1, tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    return start(period), start(next_month(period))


@Rule
def month_of(moment, zone):
    """The month of a moment is that of the customer's zone."""
    return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m")


@month_of.mistake
def of_utc(moment, zone):
    return moment.strftime("%Y-%m")


@Rule
def rounded(amount, currency):
    """HALF_UP to the minor unit: ties away from zero."""
    scale = 10 ** EXPONENTS[currency]
    whole = int(abs(amount) * scale + Fraction(1, 2))
    return Fraction(whole if amount >= 0 else -whole, scale)


@rounded.mistake
def half_even(amount, currency):
    scale = 10 ** EXPONENTS[currency]
    return Fraction(round(amount * scale), scale)


@rounded.mistake
def cut(amount, currency):
    scale = 10 ** EXPONENTS[currency]
    return Fraction(int(amount * scale), scale)


@rounded.mistake
def always_two_decimals(amount, currency):
    return Fraction(int(abs(amount) * 100 + Fraction(1, 2)), 100) * (1 if amount >= 0 else -1)


class House:
    """All customers of one history, as the rules see them."""

    def __init__(self):
        self.now = None
        self.customers = {}
        self.defaults = []  # plans that are no customer's own
        self.plans = 0
        self.positions = 0
        self.committed = self.folded = 0  # up to which position
        self.unfolded = 0  # committed changes of usage since the last fold
        self.uncommitted = None  # those of the open transaction; None outside of one

    def customer(self, key):
        if key not in self.customers:
            raise Refused("CUSTOMER_NOT_FOUND")
        return self.customers[key]

    def begin(self):
        if self.uncommitted is None:
            self.uncommitted = 0

    def commit(self):
        self.unfolded += self.uncommitted or 0
        self.uncommitted = None
        self.committed = self.positions

    def usage_changed(self, customer, month):
        self.positions += 1
        customer.changes.add((self.positions, month))
        if self.uncommitted is None:
            self.unfolded += 1
            self.committed = self.positions
        else:
            self.uncommitted += 1


class Money:
    """What is known of one customer's money."""

    def __init__(self):
        self.wallets = {}  # currency -> {"balance", "held"}
        self.holds = {}
        self.orders = {}
        self.methods = {}  # token -> {"type", "default", "expires"}
        self.payments = []
        self.refunds = []
        self.credits = []
        self.notes = []
        self.labels = {}  # of a step -> the row that it made
        self.keys = {}  # (operation, key) -> (the other arguments, the row)
        self.transfers = []  # (debit, credit, currency, amount)
        self.events = collections.Counter()

    def post(self, debit, credit, currency, amount):
        if amount != 0:
            self.transfers.append((debit, credit, currency, amount))

    def tell(self, *types):
        self.events.update(types)

    def default_method(self):
        return next((token for token, method in self.methods.items() if method["default"]), None)


class Customer:
    """What is known of one customer. Not registered, he has what a first event gives him."""

    def __init__(self, zone="UTC", currency=None, tax=None, automatic=True, declined=False):
        self.zone = zone
        self.currency = currency
        self.tax = tax
        self.automatic = automatic
        self.declined = declined
        self.plans = []
        self.events = {}
        self.dirty = set()  # months with usage since they were billed
        self.changes = set()  # (position, month) of usage that is not folded
        self.marked = set()  # months that were not settled since a fold of theirs
        self.invoices = []
        self.applies = True  # credits, before it is charged
        self.money = Money()

    def live(self, period):
        for invoice in self.invoices:
            if invoice["period"] == period and invoice["status"] != "CANCELLED":
                return invoice
        return None

    def counted_lines(self):
        """Lines of the invoices that were not cancelled to be billed again."""
        for invoice in self.invoices:
            if not invoice["rebilled"]:
                for line in invoice["lines"]:
                    yield invoice, line

    def usage_lines(self, period):
        """Those that bill a month."""
        return [(invoice, line) for invoice, line in self.counted_lines()
                if line["period"] == period and line["kind"] != "ADJUSTMENT"]

    def billed(self, period):
        """Code -> (quantity, net) billed so far for a month."""
        sums = {}
        for _, line in self.usage_lines(period):
            quantity, net = sums.get(line["code"], (Fraction(0), Fraction(0)))
            sums[line["code"]] = (quantity + line["quantity"], net + line["net"])
        return sums
