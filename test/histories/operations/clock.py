"""Time goes on, and transactions begin and end."""

from draft import DAY, TICK
from house import bounds, next_month
from operation import Operation
from sqltext import moment, quote


class Clock(Operation):
    """By days, or to the very edge of a month."""

    word = "clock"
    writes = False
    weight = 18
    answers = False

    def draw(self, draft, key):
        now = draft.now + 2 * draft.pace * DAY * draft.random.random() + TICK
        if draft.chance(0.15):
            edge = bounds(next_month(draft.month(key, now)), draft.zone(key))[0]
            now = edge - draft.choice(0, 1) * TICK
        draft.set_clock(now)

    def sql(self, names, now):
        return f"SET billing.now = {quote(moment(now))}"

    def expect(self, house, now):
        house.now = now


class Begin(Operation):
    """A transaction; within one it does nothing."""

    word = "begin"
    writes = False
    answers = False

    def sql(self, names):
        return "BEGIN"

    def expect(self, house):
        house.begin()


class Commit(Operation):
    """The end of a transaction; outside of one it does nothing."""

    word = "commit"
    answers = False

    def sql(self, names):
        return "COMMIT"

    def expect(self, house):
        house.commit()
