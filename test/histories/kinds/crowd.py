"""
Several sessions at once: the same usage from all of them, folds at any time, and settlements of
different customers while usage of the next month comes. Then late usage, and once more.
"""

from draft import DAY
from house import bounds, next_month
from operation import Kind
from operations.plan import draw_plan_of
from operations.usage import add_event, distinct

SESSIONS = 3


class Crowd(Kind):
    name = "crowd"
    weight = 8
    kept = ("customer", "plan", "clock")

    def write(self, draft):
        draft.earliest = draft.start - 60 * DAY
        keys = list(range(draft.choice(2, 3, 4)))
        for key in keys:
            draft.customer(key)
            draft.add("plan", key, draw_plan_of(draft, key, draft.start - 430 * DAY))
        months = [draft.past_month(1)]
        self.sessions(draft, usage_of_month(draft, keys, months[0]), [])
        for _ in range(draft.choice(1, 2, 8)):
            months.append(next_month(months[-1]))
            draft.set_clock(bounds(months[-1], "America/New_York")[0] + 12 * DAY)
            late = usage_of_month(draft, keys, draft.choice(*months[-3:]))
            self.sessions(draft, late, [])
            # of a month that is not settled now
            self.sessions(draft, usage_of_month(draft, keys, months[-1]),
                          [("settle", key, months[-2]) for key in keys])
            for key in keys:
                draft.add("usage", key, months[-1])
                draft.add("settle", key, months[-2])
        draft.finish(keys)

    @staticmethod
    def sessions(draft, events, settlements):
        """Every event comes to one session or more, every settlement to one."""
        sessions = []
        for n in range(SESSIONS):
            mine = [event for m, event in enumerate(events)
                    if m % SESSIONS == n or draft.chance(0.4)]
            draft.random.shuffle(mine)
            steps = settlements[n::SESSIONS] + [("fold",)] * draft.choice(0, 1, 3)
            while mine:
                size = min(len(mine), draft.choice(1, 3, 10, 40))
                piece, mine = mine[:size], mine[size:]
                word = draft.choice("batch", "arrays")
                steps += [("ingest", piece[0])] if size == 1 else [(word, piece)]
            draft.random.shuffle(steps)
            sessions.append(steps)
        draft.add("together", sessions)


def usage_of_month(draft, keys, month):
    """Not after now, and never two events of a customer at one time."""
    events = []
    for _ in range(draft.choice(5, 20, 60)):
        key = draft.choice(*keys)
        start, end = bounds(month, draft.zone(key))
        end = min(end, draft.now)
        at = start + (end - start) * draft.random.random()
        resource = draft.choice(*draft.customers[key]["resources"])
        events.append(add_event(draft, key, resource, distinct(draft, key, at)))
    return events
