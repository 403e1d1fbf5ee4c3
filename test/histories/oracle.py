"""A second billing house, made from the rules alone: what the extension has to answer.

It knows events, plans, invoices and nothing of how the extension stores them. All numbers are
fractions. Where the rules leave a choice, a comment that begins with "Choice:" says which was taken.

`broken` is the name of a rule that is applied wrongly on purpose, to see that the comparison
notices (see RULES and `run --self-test`).
"""

import datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

UTC = datetime.timezone.utc
EXPONENTS = {"KRW": 0, "USD": 2, "KWD": 3}
METERS = {"API_CALL": "SUM", "STORAGE_GB_HOUR": "SUM", "DATA_TRANSFER_GB": "SUM",
          "H_MAX": "MAX", "H_LAST": "LAST", "H_COUNT": "COUNT"}
MAX_AGE = datetime.timedelta(days=400)
FUTURE = datetime.timedelta(seconds=300)

STATES = {"CUSTOMER_NOT_FOUND": "ZB101", "PLAN_NOT_FOUND": "ZB103", "EVENT_NOT_FOUND": "ZB105",
          "CURRENCY_MISMATCH": "ZB005", "PERIOD_NOT_CLOSED": "ZB201", "ILLEGAL_STATE": "ZB202",
          "RESOURCE_NOT_PRICED": "ZB207"}

RULES = ("rounding", "bound", "fee", "free", "minimum", "package", "zone", "tax", "carry", "late",
         "snapshot", "duplicate", "mismatch", "correction", "rebill", "midmonth", "grace", "age",
         "last", "decline")


class Refused(Exception):
    """A call that fails; the symbol of its error."""


def next_month(period):
    year, month = int(period[:4]), int(period[5:])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}"


def bounds(period, zone):
    """Start and end of a month, the end exclusive."""
    def start(text):
        local = datetime.datetime(int(text[:4]), int(text[5:]), 1, tzinfo=ZoneInfo(zone))
        return local.astimezone(UTC)
    return start(period), start(next_month(period))


def rounded(amount, currency, half_even=False):
    """HALF_UP to the minor unit: ties away from zero."""
    scale = 10 ** EXPONENTS[currency]
    scaled = amount * scale
    if half_even:
        return Fraction(round(scaled), scale)
    whole = int(abs(scaled) + Fraction(1, 2))
    return Fraction(whole if scaled >= 0 else -whole, scale)


def number(value):
    return Fraction(str(value))


class Oracle:
    """All customers of one history."""

    def __init__(self, broken=None):
        self.broken = broken
        self.now = None
        self.customers = {}
        self.defaults = []
        self.plans = 0
        self.positions = 0
        self.unfolded = 0
        self.uncommitted = None  # events of the open transaction, None outside of one

    # ---- prices ------------------------------------------------------------------------------

    def model(self, charge, quantity):
        name = charge["model"]
        if name == "flat":
            return number(charge["amount"])
        if name == "per_unit":
            return quantity * number(charge["unitPrice"])
        if name == "package":
            packages = quantity / number(charge["packageSize"])
            started = -(-packages.numerator // packages.denominator)
            if self.broken == "package":
                started = packages.numerator // packages.denominator
            return started * number(charge["unitPrice"])
        if name == "volume":
            return self.volume(charge["tiers"], quantity)
        return self.graduated(charge["tiers"], quantity)

    def volume(self, tiers, quantity):
        for tier in tiers:
            if tier["upTo"] is None or quantity < number(tier["upTo"]) or (
                    quantity == number(tier["upTo"]) and self.broken != "bound"):
                return quantity * number(tier["unitPrice"]) + number(tier.get("flatFee", 0))
        raise AssertionError("the last tier is open")

    def graduated(self, tiers, quantity):
        amount = Fraction(0)
        below = Fraction(0)
        for index, tier in enumerate(tiers):
            if index > 0 and quantity <= below:
                break
            top = quantity if tier["upTo"] is None else min(quantity, number(tier["upTo"]))
            amount += (top - below) * number(tier["unitPrice"])
            if self.broken != "fee" or index == 0:
                amount += number(tier.get("flatFee", 0))
            if tier["upTo"] is None:
                break
            below = number(tier["upTo"])
        return amount

    def rate(self, charge, quantity):
        """Free units, then the model, then the minimum, then the maximum."""
        if self.broken != "free":
            quantity = max(quantity - number(charge.get("freeUnits", 0)), Fraction(0))
        amount = self.model(charge, quantity)
        if "minimum" in charge and (self.broken != "minimum" or quantity > 0):
            amount = max(amount, number(charge["minimum"]))
        if "maximum" in charge:
            amount = min(amount, number(charge["maximum"]))
        return amount

    # ---- customers and plans -----------------------------------------------------------------

    def register(self, key, **fields):
        self.customers[key] = Customer(key, **fields)

    def add_plan(self, key, plan):
        self.plans += 1
        stored = dict(plan, position=self.plans, own=key is not None)
        (self.customers[key].plans if key is not None else self.defaults).append(stored)

    def plan_for(self, customer, period):
        """In force at the start, own before default; else the first that starts inside."""
        start, end = bounds(period, customer.zone)
        if self.broken == "midmonth":
            start = end - datetime.timedelta(microseconds=1)
        defaults = [plan for plan in self.defaults
                    if customer.currency is None or plan["currency"] == customer.currency]
        # Choice: a default in force at the start goes before an own plan that starts inside
        for plans in (customer.plans, defaults):
            found = [plan for plan in plans if plan["from"] <= start
                     and (plan["until"] is None or plan["until"] > start)]
            if found:
                return max(found, key=lambda plan: (plan["from"], plan["position"]))
        for plans in (customer.plans, defaults):
            found = [plan for plan in plans if start < plan["from"] < end]
            if found:
                return min(found, key=lambda plan: (plan["from"], -plan["position"]))
        return None

    # ---- usage -------------------------------------------------------------------------------

    def month_of(self, customer, moment):
        zone = "UTC" if self.broken == "zone" else customer.zone
        return moment.astimezone(ZoneInfo(zone)).strftime("%Y-%m")

    def take(self, event):
        """One event: accepted, duplicate or rejected."""
        at = event["at"] or self.now
        too_old = at < self.now - MAX_AGE and self.broken != "age"
        if event["resource"] not in METERS or too_old or at > self.now + FUTURE:
            return "rejected"
        if number(event["quantity"]) < 0:
            return "rejected"
        customer = self.customers.get(event["customer"])
        if customer is None:
            customer = self.customers[event["customer"]] = Customer(event["customer"])
        known = customer.events.get(event["id"])
        if known is not None and self.broken == "mismatch":
            known["quantity"] = number(event["quantity"])
        key = event["id"]
        if known is not None:
            if self.broken != "duplicate":
                return "duplicate"
            key = (event["id"], self.positions)
        self.positions += 1
        self.written()
        month = self.month_of(customer, at)
        customer.events[key] = {"resource": event["resource"], "at": at, "month": month,
                                "quantity": number(event["quantity"]), "reversed": False,
                                "position": self.positions}
        customer.dirty.add(month)
        return "accepted"

    def correct(self, key, event_id):
        event = self.customers[key].events.get(event_id)
        if event is None:
            raise Refused("EVENT_NOT_FOUND")
        if event["at"] < self.now - MAX_AGE:
            raise Refused("ILLEGAL_STATE")
        if not event["reversed"]:
            event["reversed"] = self.broken != "correction"
            self.customers[key].dirty.add(event["month"])
            self.written()

    def begin(self):
        if self.uncommitted is None:
            self.uncommitted = 0

    def commit(self):
        self.unfolded += self.uncommitted or 0
        self.uncommitted = None

    def written(self):
        if self.uncommitted is None:
            self.unfolded += 1
        else:
            self.uncommitted += 1

    def fold(self):
        """Choice: events of the transaction that folds are left to the next fold."""
        folded, self.unfolded = self.unfolded, 0
        return folded

    def usage(self, customer, period):
        """resource type -> (quantity, events), of events that were not reversed."""
        found = {}
        for event in customer.events.values():
            if event["month"] == period and not event["reversed"]:
                found.setdefault(event["resource"], []).append(event)
        return {resource: (self.aggregated(METERS[resource], events), len(events))
                for resource, events in found.items()}

    def aggregated(self, aggregation, events):
        if aggregation == "SUM":
            return sum(event["quantity"] for event in events)
        if aggregation == "COUNT":
            return Fraction(len(events))
        if aggregation == "MAX":
            return max(event["quantity"] for event in events)
        # LAST: by the time of the event; Choice: of two at one time the one stored later
        order = (lambda event: event["position"]) if self.broken == "last" else (
            lambda event: (event["at"], event["position"]))
        return max(events, key=order)["quantity"]

    # ---- invoices ----------------------------------------------------------------------------

    def compose_month(self, customer, period, own, plan, currency):
        """The lines of one month: what its whole usage costs, less what was billed for it."""
        usage = self.usage(customer, period)
        billed = customer.billed(period)
        lines = []
        for charge in plan["charges"]:
            flat = charge["model"] == "flat"
            code = charge.get("code", charge.get("resourceType"))
            used = usage.get(charge.get("resourceType"), (Fraction(0), 0))[0]
            net = rounded(self.rate(charge, used), currency, self.broken == "rounding")
            quantity = Fraction(1) if flat else used
            if not own and self.broken == "late":
                billed = {}
            before = billed.get(code, (Fraction(0), Fraction(0)))
            line = {"kind": "LATE_USAGE" if not own else "RECURRING" if flat else "USAGE",
                    "code": code, "period": period, "quantity": quantity - before[0],
                    "net": net - before[1], "plan": plan["name"]}
            if line["quantity"] != 0 or line["net"] != 0:
                lines.append(line)
        return lines

    def priced_months(self, customer, period):
        """The months of a run with their plans: its own first, then earlier ones with news."""
        months = []
        for month in [period] + sorted(m for m in customer.dirty if m < period):
            snapshot = customer.snapshot(month)
            if self.broken == "snapshot":
                snapshot = None
            plan = snapshot or self.plan_for(customer, month)
            has_usage = bool(self.usage(customer, month))
            own_fee = month == period and plan is not None and plan["own"]
            if not (has_usage or customer.billed(month) or own_fee):
                continue
            if plan is None:
                raise Refused("PLAN_NOT_FOUND")
            months.append((month, plan))
        return months

    def compose(self, customer, period):
        """The invoice that a run would make, or None. Raises Refused."""
        months = self.priced_months(customer, period)
        lines = []
        for month, plan in months:
            priced = {charge.get("resourceType") for charge in plan["charges"]}
            if set(self.usage(customer, month)) - priced:
                raise Refused("RESOURCE_NOT_PRICED")
            if plan["currency"] != months[0][1]["currency"]:
                raise Refused("CURRENCY_MISMATCH")
            lines += self.compose_month(customer, month, month == period, plan, plan["currency"])
        if not lines:
            return None
        invoice = {"period": period, "currency": months[0][1]["currency"], "lines": lines,
                   "plans": dict(months), "status": "ISSUED", "rebilled": False}
        self.carry(customer, invoice)
        self.tax(customer, invoice)
        return invoice

    def carry(self, customer, invoice):
        """Below 0 the rest waits for later invoices, which take it off as far as they can bear."""
        net = sum(line["net"] for line in invoice["lines"])
        waiting = customer.carried() if self.broken != "carry" else 0
        amount = -net if net < 0 else -min(net, waiting)
        if amount != 0:
            invoice["lines"].append({"kind": "ADJUSTMENT", "code": "CARRY", "plan": None,
                                     "period": invoice["period"], "quantity": Fraction(1),
                                     "net": amount})

    def tax(self, customer, invoice):
        percentage = customer.tax_at(bounds(invoice["period"], customer.zone)[1])
        currency = invoice["currency"]
        invoice["net"] = sum(line["net"] for line in invoice["lines"])
        invoice["tax"] = rounded(invoice["net"] * percentage / 100, currency)
        if self.broken == "tax":
            invoice["tax"] = sum(rounded(line["net"] * percentage / 100, currency)
                                 for line in invoice["lines"])
        invoice["total"] = invoice["net"] + invoice["tax"]

    def require_closed(self, customer, period):
        end = bounds(period, "UTC" if self.broken == "grace" else customer.zone)[1]
        if self.now < end:
            raise Refused("PERIOD_NOT_CLOSED")

    def preview(self, key, period):
        """The invoice, {} without lines, the symbol of an error; None: nothing is predicted."""
        customer = self.customers.get(key)
        if customer is None:
            return "CUSTOMER_NOT_FOUND"
        if customer.live(period) is not None:
            return None
        try:
            invoice = self.compose(customer, period)
        except Refused as refused:
            return str(refused)
        if invoice is None and self.plan_for(customer, period) is None:
            return "PLAN_NOT_FOUND"
        return invoice or {}

    def settle(self, key, period):
        """(message, failure code, payment status, invoice). Raises Refused."""
        customer = self.customers.get(key)
        if customer is None:
            raise Refused("CUSTOMER_NOT_FOUND")
        self.require_closed(customer, period)
        live = customer.live(period)
        if live is not None:
            return "invoice already issued", None, "NONE", live
        try:
            invoice = self.compose(customer, period)
        except Refused as refused:
            return "failed", str(refused), "NONE", None
        customer.dirty = {month for month in customer.dirty if month > period}
        if invoice is None:
            return "no usage", None, "NONE", None
        customer.invoices.append(invoice)
        customer.currency = invoice["currency"]
        return self.collect(customer, invoice)

    def collect(self, customer, invoice):
        if invoice["total"] == 0:
            invoice["status"] = "PAID"
            return "paid", None, "NONE", invoice
        if not customer.automatic:
            return "invoice issued", None, "NONE", invoice
        if customer.declined and self.broken != "decline":
            return "invoice issued, payment failed", "CARD_DECLINED", "FAILED", invoice
        invoice["status"] = "PAID"
        return "paid", None, "APPROVED", invoice

    def cancel(self, key, period):
        """The status after it, or None without a live invoice. Raises Refused."""
        customer = self.customers[key]
        live = customer.live(period)
        if live is None:
            return None
        if live["status"] == "PAID":
            raise Refused("ILLEGAL_STATE")
        live["status"] = "CANCELLED"
        live["rebilled"] = self.broken != "rebill"
        customer.dirty |= {line["period"] for line in live["lines"]}
        return "CANCELLED"

    def pay(self, key, period, declined):
        """Status of the payment and of the invoice, or None without a live invoice."""
        customer = self.customers[key]
        live = customer.live(period)
        if live is None:
            return None
        if live["status"] == "PAID":
            raise Refused("ILLEGAL_STATE")
        if declined or customer.declined:
            return "FAILED", "ISSUED"
        live["status"] = "PAID"
        return "APPROVED", "PAID"

    def whole_price(self, key, period):
        """Code -> (quantity, net) of a month from its events alone, however it was billed."""
        customer = self.customers[key]
        plan = self.plan_for(customer, period)
        usage = self.usage(customer, period)
        result = {}
        for charge in plan["charges"]:
            used = usage.get(charge.get("resourceType"), (Fraction(0), 0))[0]
            net = rounded(self.rate(charge, used), plan["currency"])
            code = charge.get("code", charge.get("resourceType"))
            result[code] = (Fraction(1) if charge["model"] == "flat" else used, net)
        return {code: value for code, value in result.items() if any(value)}


class Customer:
    """What the oracle keeps of one customer."""

    def __init__(self, key, zone="UTC", currency=None, tax=(), automatic=True, declined=False):
        self.key = key
        self.zone = zone
        self.currency = currency
        self.tax_rates = tax  # (valid from or None, percentage), the oldest first
        self.automatic = automatic
        self.declined = declined
        self.plans = []
        self.events = {}
        self.dirty = set()  # months with usage since they were billed
        self.invoices = []

    def tax_at(self, tax_point):
        """The rate at the end of the period. The end is exclusive: a rate from then on is later."""
        rates = [Fraction(str(percentage)) for valid_from, percentage in self.tax_rates
                 if valid_from is None or valid_from < tax_point]
        return rates[-1] if rates else Fraction(0)

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

    def billed(self, period):
        """Code -> (quantity, net) billed so far for a month."""
        sums = {}
        for _, line in self.counted_lines():
            if line["period"] == period and line["kind"] != "ADJUSTMENT":
                quantity, net = sums.get(line["code"], (0, 0))
                sums[line["code"]] = (quantity + line["quantity"], net + line["net"])
        return sums

    def snapshot(self, period):
        """
        The prices that a month was billed with: of the first line for it that counts.
        Choice: an invoice of the month that has no line for the month itself fixes no price.
        """
        for invoice, line in self.counted_lines():
            if line["period"] == period and line["kind"] != "ADJUSTMENT":
                return invoice["plans"][period]
        return None

    def carried(self):
        return sum(line["net"] for _, line in self.counted_lines()
                   if line["kind"] == "ADJUSTMENT")
