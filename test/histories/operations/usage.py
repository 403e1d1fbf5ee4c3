"""Usage: events in any order, again and again, and what they sum to."""

import datetime
from fractions import Fraction

from draft import DAY, TICK
from house import METERS, STATES, Customer, bounds, month_of
from operation import Operation
from rule import number, parse, Rule
from sqltext import Num, attempt, json_text, moment, quote

MAX_AGE = datetime.timedelta(days=400)
FUTURE = datetime.timedelta(seconds=300)
OUTCOMES = ("accepted", "duplicate", "rejected")

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def too_old(at, now):
    return at < now - MAX_AGE


@too_old.mistake
def any_age(at, now):
    return False


@too_old.mistake
def at_the_very_age(at, now):
    return at <= now - MAX_AGE


@Rule
def too_early(at, now):
    """Clocks of others may be ahead by as much."""
    return at > now + FUTURE


@too_early.mistake
def any_future(at, now):
    return False


@too_early.mistake
def no_future(at, now):
    return at > now


@Rule
def repeated(customer, event):
    """What was stored first under an id stays."""
    return event["id"] in customer.events


@repeated.mistake
def other_content_counts(customer, event):
    known = customer.events.get(event["id"])
    if known is not None:
        known["quantity"] = number(event["quantity"])
    return known is not None


@repeated.mistake
def a_repeat_counts_again(customer, event):
    if event["id"] in customer.events:
        old = customer.events.pop(event["id"])
        customer.events[event["id"], len(customer.events)] = old
    return False


def take(house, event):
    """One event: what becomes of it."""
    at = event["at"] or house.now
    if event["resource"] not in METERS or too_old(at, house.now) or too_early(at, house.now):
        return "rejected"
    customer = house.customers.setdefault(event["customer"], Customer())
    if repeated(customer, event):
        return "duplicate"
    month = month_of(at, customer.zone)
    house.usage_changed(customer, month)
    customer.events[event["id"]] = {
        "resource": event["resource"], "at": at, "month": month, "reversed": False,
        "quantity": number(event["quantity"]), "position": house.positions}
    customer.dirty.add(month)
    return "accepted"


@Rule
def summed(events):
    return sum(event["quantity"] for event in events)


@summed.mistake
def same_quantities_once(events):
    return sum({event["quantity"] for event in events})


@Rule
def greatest(events):
    return max(event["quantity"] for event in events)


@greatest.mistake
def the_first_stored(events):
    return min(events, key=lambda event: event["position"])["quantity"]


@Rule
def last(events):
    """By the time of the event. Choice: of two at one time the one stored later."""
    return max(events, key=lambda event: (event["at"], event["position"]))["quantity"]


@last.mistake
def last_stored(events):
    return max(events, key=lambda event: event["position"])["quantity"]


@last.mistake
def first_stored_of_a_time(events):
    return max(events, key=lambda event: (event["at"], -event["position"]))["quantity"]


@Rule
def counted(events):
    return Fraction(len(events))


@counted.mistake
def count_of_quantities(events):
    return sum(event["quantity"] for event in events)


AGGREGATIONS = {"SUM": summed, "MAX": greatest, "LAST": last, "COUNT": counted}


def usage(customer, period):
    """resource type -> (quantity, events), of events that were not reversed."""
    found = {}
    for event in customer.events.values():
        if event["month"] == period and not event["reversed"]:
            found.setdefault(event["resource"], []).append(event)
    return {resource: (AGGREGATIONS[METERS[resource]](events), Fraction(len(events)))
            for resource, events in sorted(found.items())}


def page(house, key, period):
    """usage_of(), in the form of histories.usage()."""
    customer = house.customers.get(key)
    found = usage(customer, period) if customer else {}
    return {resource: list(value) for resource, value in found.items()}


# ---- how events are drawn ------------------------------------------------------------------------


def draw_time(draft, key):
    """Mostly of late, sometimes long ago, sometimes at the very edge of a month or of an age."""
    share = draft.random.random()
    if share < 0.12:
        month = draft.past_month(draft.choice(0, 0, 1, 2))
        at = bounds(month, draft.zone(key))[0] + draft.choice(-TICK, 0 * TICK, TICK)
    elif share < 0.75:
        at = draft.now - draft.seconds(40 * 86400)
    elif share < 0.94 or draft.earliest is not None:
        at = draft.now - draft.seconds(100 * 86400)
    elif share < 0.975:
        at = draft.now - draft.seconds(390 * 86400)
    elif share < 0.99:
        at = draft.now - MAX_AGE - draft.choice(-1, 0, 0, 1) * TICK
    else:
        at = draft.now + draft.choice(100 * 10 ** 6 * TICK, FUTURE, FUTURE + TICK)
    if draft.earliest is not None:
        at = min(max(at, draft.earliest), draft.now)
    return min(at, draft.now + DAY)


def distinct(draft, key, at):
    """No two at one time, so that the last of a month does not depend on the order."""
    times = {event["at"] for event in draft.events[key]}
    while at in times:
        at -= TICK
    return at


def draw_event(draft, key):
    """New, or one that came before, with the same content or not."""
    known = draft.events[key]
    if known and draft.chance(0.15):
        event = dict(draft.choice(*known))
        if draft.chance(0.3):
            event["quantity"] = draft.quantity()
        return event
    resource = draft.choice(*draft.customers[key]["resources"])
    at = None if draft.chance(0.03) else draw_time(draft, key)
    if draft.earliest is not None:
        at = distinct(draft, key, at or draft.now)
    elif draft.chance(0.004):
        resource = draft.choice("NO_SUCH_METER", *sorted(METERS))
    elif known and draft.chance(0.05):
        at = draft.choice(*known)["at"]
    return add_event(draft, key, resource, at)


def add_event(draft, key, resource, at):
    event = {"id": f"e{draft.new_id()}", "customer": key, "resource": resource, "at": at,
             "quantity": draft.quantity()}
    draft.events[key].append(event)
    return event


# ---- operations ----------------------------------------------------------------------------------


class Ingest(Operation):
    """One event."""

    word = "ingest"
    weight = 10

    def draw(self, draft, key):
        draft.add("ingest", draw_event(draft, key))

    def sql(self, names, event):
        return attempt(f"SELECT billing.ingest_usage({quote(event['id'])},"
                       f" {quote(names.customer(event['customer']))}, {quote(event['resource'])},"
                       f" {event['quantity']}, {quote(moment(event['at']))})")

    def expect(self, house, event):
        outcome = take(house, event)
        known = event["resource"] in METERS
        return {"outcome": outcome, "error": None if outcome != "rejected" else
                STATES["INVALID_ARGUMENT" if known else "METER_NOT_FOUND"]}

    def read(self, answer):
        if answer.startswith("error"):
            return {"outcome": "rejected", "error": answer.split()[1]}
        return {"outcome": {"true": "accepted", "false": "duplicate"}[answer], "error": None}

    def events(self, event):
        return [event]

    def without(self, ids, event):
        return None if event["id"] in ids else (event,)


class Batch(Operation):
    """Events as a JSON document."""

    word = "batch"
    weight = 22

    def draw(self, draft, key):
        count = draft.choice(1, 2, 4, 8, 16, 30)
        keys = list(draft.customers) if draft.earliest is None else [key]
        draft.add(self.word, [draw_event(draft, draft.choice(*keys)) for _ in range(count)])

    def sql(self, names, events):
        return ("SELECT accepted || ' ' || duplicate || ' ' || rejected FROM"
                f" billing.ingest_usage_batch({self.arguments(names, events)})")

    @staticmethod
    def arguments(names, events):
        documents = [{"eventId": event["id"], "customerId": names.customer(event["customer"]),
                      "resourceType": event["resource"], "quantity": Num(event["quantity"]),
                      **({"occurredAt": moment(event["at"])} if event["at"] else {})}
                     for event in events]
        return quote(json_text(documents))

    def expect(self, house, events):
        outcomes = [take(house, event) for event in events]
        return {outcome: outcomes.count(outcome) for outcome in OUTCOMES}

    def read(self, answer):
        return dict(zip(OUTCOMES, (int(count) for count in answer.split())))

    def events(self, events):
        return events

    def without(self, ids, events):
        kept = [event for event in events if event["id"] not in ids]
        return (kept,) if kept else None


class Arrays(Batch):
    """Events as arrays."""

    word = "arrays"
    weight = 5

    def sql(self, names, events):
        return super().sql(names, events).replace("ingest_usage_batch", "ingest_usage_arrays")

    @staticmethod
    def arguments(names, events):
        def array(values, kind):
            return f"ARRAY[{', '.join(values)}]::{kind}[]"
        return ", ".join((
            array([quote(event["id"]) for event in events], "text"),
            array([quote(names.customer(event["customer"])) for event in events], "text"),
            array([quote(event["resource"]) for event in events], "text"),
            array([event["quantity"] for event in events], "numeric"),
            array([quote(moment(event["at"])) for event in events], "timestamptz")))


class Page(Operation):
    """The usage page of a month."""

    word = "usage"
    writes = False
    weight = 6
    setup = """
CREATE FUNCTION histories.usage(customer text, month text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(u.resource_type, jsonb_build_array(u.quantity, u.event_count))
        FILTER (WHERE u.quantity <> 0 OR u.event_count <> 0), '{}')
    FROM billing.usage_of(customer, month) u
$$;
"""

    def draw(self, draft, key):
        draft.add("usage", key, draft.past_month(draft.choice(0, 0, 1, 2, 5)))

    def sql(self, names, key, period):
        return f"SELECT histories.usage({quote(names.customer(key))}, '{period}')"

    def expect(self, house, key, period):
        return page(house, key, period)

    def read(self, answer):
        return parse(answer)
