"""Corrections: an event is taken back."""

from house import STATES
from operation import Operation
from operations.usage import too_old
from rule import Refused, Rule
from sqltext import attempt, quote


@Rule
def reverse(customer, event):
    """Once; its month has news for the next invoice."""
    event["reversed"] = True
    customer.dirty.add(event["month"])


@reverse.mistake
def nothing_happens(customer, event):
    pass


@reverse.mistake
def the_month_is_not_billed_again(customer, event):
    event["reversed"] = True


@Rule
def reversible(event, now):
    if too_old(event["at"], now):
        raise Refused("ILLEGAL_STATE")


@reversible.mistake
def at_any_age(event, now):
    pass


class Correct(Operation):
    """Of an event, also one that is reversed already or unknown."""

    word = "correct"
    weight = 9

    def draw(self, draft, key):
        known = draft.events[key]
        if known:
            recent = known if draft.chance(0.1) else known[-20:]
            draft.add("correct", key, draft.choice(*recent)["id"])
        elif draft.customers[key]["currency"] is not None:
            draft.add("correct", key, "nothing")

    def sql(self, names, key, event_id):
        return attempt(f"SELECT (billing.correct_usage({quote(names.customer(key))},"
                       f" {quote(event_id)}, 'wrong')).reverses")

    def expect(self, house, key, event_id):
        try:
            customer = house.customers.get(key)
            event = customer and customer.events.get(event_id)
            if event is None:
                raise Refused("EVENT_NOT_FOUND")
            reversible(event, house.now)
        except Refused as refused:
            return "error " + STATES[str(refused)]
        if not event["reversed"]:
            house.usage_changed(customer, event["month"])
            reverse(house.customers[key], event)
        return event_id

    def read(self, answer):
        return answer[:len("error ZB000")]

    def without(self, ids, key, event_id):
        return None if event_id in ids else (key, event_id)
