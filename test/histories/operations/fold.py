"""The fold of usage by day, and the purge of what is folded and old."""

from zoneinfo import ZoneInfo

from draft import DAY
from house import STATES
from operation import Operation
from operations.usage import MAX_AGE
from rule import Rule
from sqltext import attempt, moment, quote


@Rule
def fold(house):
    """How many changes. Choice: those of the transaction that folds are left to the next fold."""
    folded, house.unfolded = house.unfolded, 0
    house.folded = house.committed
    for customer in house.customers.values():
        customer.marked |= {month for position, month in customer.changes if position <= house.folded}
        customer.changes = {change for change in customer.changes if change[0] > house.folded}
    return folded


@fold.mistake
def folds_twice(house):
    return house.unfolded


@fold.mistake
def folds_its_own(house):
    folded = house.unfolded + (house.uncommitted or 0)
    house.unfolded = 0
    house.uncommitted = house.uncommitted and 0
    return folded


class Fold(Operation):
    """It changes nothing that a customer can see."""

    word = "fold"
    weight = 10

    def draw(self, draft, key):
        draft.add("fold")

    def sql(self, names):
        return "SELECT billing.aggregate_usage()"

    def expect(self, house):
        return fold(house)

    def read(self, answer):
        return int(answer)


class FoldRest(Fold):
    """Of what earlier histories of the database left: any number."""

    word = "fold_rest"
    writes = False
    weight = 0

    def expect(self, house):
        return True

    def read(self, answer):
        return int(answer) >= 0


@Rule
def purged(customer, before, folded):
    """
    Folded events of whole days go whose months were settled since the fold, and their ids with them: one that comes again is
    a new event, and none is left to correct. What they summed to stays.
    """
    day = before.astimezone(ZoneInfo(customer.zone)).date()
    for name, event in list(customer.events.items()):
        if (event["at"].astimezone(ZoneInfo(customer.zone)).date() < day
                and event["position"] <= folded
                and event["month"] not in customer.dirty | customer.marked):
            customer.events["purged", event["position"]] = customer.events.pop(name)


@purged.mistake
def ids_stay_known(customer, before, folded):
    pass


class Purge(Operation):
    """Deletes old raw events: no sum that a customer can see changes."""

    word = "purge"
    weight = 1
    alone = True

    def draw(self, draft, key):
        if draft.now - draft.start > 60 * DAY:
            draft.add("fold")
            draft.add("purge", draft.now - MAX_AGE - DAY)
            if draft.events[key] and draft.earliest is None:  # often one that is gone
                draft.add("correct", key, min(draft.events[key], key=lambda e: e["at"] or draft.now)["id"])

    def sql(self, names, before):
        return attempt(f"SELECT billing.purge_usage({quote(moment(before))}) >= 0")

    def expect(self, house, before):
        if before >= house.now - MAX_AGE:
            return "error " + STATES["INVALID_ARGUMENT"]
        for customer in house.customers.values():
            purged(customer, before, house.folded)
        return "true"

    def read(self, answer):
        return answer[:len("error ZB000")]
