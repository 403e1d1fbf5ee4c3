"""The fold of usage by day, and the purge of what is folded and old."""

from draft import DAY
from operation import Operation
from operations.usage import MAX_AGE
from rule import Rule
from sqltext import moment, quote


@Rule
def fold(house):
    """How many changes. Choice: those of the transaction that folds are left to the next fold."""
    folded, house.unfolded = house.unfolded, 0
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


class Purge(Operation):
    """Deletes old raw events: nothing that a customer can see changes."""

    word = "purge"
    weight = 1
    alone = True

    def draw(self, draft, key):
        if draft.now - draft.start > 60 * DAY:
            draft.add("purge", draft.now - MAX_AGE - DAY)

    def sql(self, names, before):
        return f"SELECT billing.purge_usage({quote(moment(before))}) >= 0"

    def expect(self, house, before):
        return "t"
