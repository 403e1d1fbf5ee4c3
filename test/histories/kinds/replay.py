"""
The same usage for several customers: as a history, shuffled and repeated in two halves, in one
batch, and in other orders, cut anyhow. Whatever the order, the sums billed for each month and
charge are the same. Its clock goes on by less than a year: the oldest usage has to be young
enough, at the end, to come once more.
"""

from draft import DAY
from operation import Kind
from operations.plan import draw_plan_of

DAYS = 310


class Replay(Kind):
    name = "replay"
    weight = 12
    kept = ("clock", "plan", "batch", "arrays", "ingest", "correct", "customer")

    def keeps(self, steps, index):
        """The customers need the same usage and prices, and the settlements at the end."""
        last_clock = max(n for n, step in enumerate(steps) if step[0] == "clock")
        return super().keeps(steps, index) or (steps[index][0] == "settle" and index > last_clock)

    def write(self, draft):
        draft.earliest = draft.start - 30 * DAY
        draft.span = DAYS
        draft.pace = min(draft.pace, 60)
        draft.refused = {"plan", "purge", "settle_period", "change"}
        draft.customer(0)
        first_month = draft.month(0, draft.earliest)
        plans = [draw_plan_of(draft, 0, draft.start - 430 * DAY)]
        for _ in range(draft.choice(0, 1, 2)):
            since = draft.start + draft.random.randrange(-20, DAYS) * DAY
            plans.append(draw_plan_of(draft, 0, since))
        names = {"history": 0, "two halves": 1, "one batch": 2}
        names.update({f"order {n}": 3 + n for n in range(draft.choice(0, 1, 1, 3))})
        for key in list(names.values())[1:]:
            draft.customer(key, like=draft.customers[0])
        for key in names.values():
            for plan in plans:
                draft.add("plan", key, plan)
        draft.random_steps([0])
        draft.span += 40
        draft.set_clock(draft.now + 40 * DAY)
        for name, key in list(names.items())[1:]:
            copy_usage(draft, name, key)
        months = draft.months_since(0, first_month)
        for key in names.values():
            for month in months:
                draft.add("settle", key, month)
        draft.add("billed", names, months)


def copy_usage(draft, name, key):
    """What was stored first counts, so a later content of an id is left out."""
    stored = {event["id"]: event for event in draft.events[0]}
    copies = [dict(event, customer=key) for event in stored.values()]
    if name == "one batch":
        pieces = [copies]
    else:
        copies += draft.random.sample(copies, len(copies) // 3)
        draft.random.shuffle(copies)
        half = len(copies) // 2
        pieces = [copies[:half], copies[half:]] if name == "two halves" else cut(draft, copies)
    for piece in pieces:
        if piece:
            draft.add(draft.choice("batch", "arrays"), piece)
            if draft.chance(0.3):
                draft.add("fold")
    wrong = {step[2] for step in draft.steps if step[0] == "correct" and step[1] == 0}
    for event_id in sorted(wrong & set(stored)):
        draft.add("correct", key, event_id)


def cut(draft, events):
    """Into pieces of any size, so that corrections and folds fall between others."""
    pieces = []
    while events:
        size = draft.random.randrange(1, len(events) + 1)
        pieces.append(events[:size])
        events = events[size:]
    return pieces
