"""
Several sessions at once move the money of one or two customers: fill, charge and hold their wallets, place
and pay orders, refund them. Many of their calls are those of another session, with the same key.
"""

from operation import OPERATIONS, Kind
from operations.rush import KEYS, WORDS

SESSIONS = 4


class RushOfSessions(Kind):
    name = "rush"
    weight = 16
    kept = ("customer", "clock", "rush")

    def write(self, draft):
        draft.money = True
        keys = list(range(draft.choice(1, 1, 2)))
        for key in keys:
            draft.customer(key)
        for key in keys:
            OPERATIONS["top_up"].add(draft, key, draft.customers[key]["currency"], "200", None, None, None)
        start = len(draft.steps)
        for _ in range(draft.choice(20, 60, 120)):
            word = draft.random.choices(WORDS, [OPERATIONS[word].weight for word in WORDS])[0]
            OPERATIONS[word].draw(draft, draft.choice(*keys))
        calls, draft.steps = draft.steps[start:], draft.steps[:start]
        draft.add("rush", keys, [self.session(draft, calls, n) for n in range(SESSIONS)])

    @staticmethod
    def session(draft, calls, number):
        """A share of the calls; those with a key often come from others, too, some with other parameters."""
        mine = []
        for n, (word, at, key, *arguments) in enumerate(calls):
            keyed = KEYS[word] is not None and arguments[KEYS[word]] is not None
            if n % SESSIONS == number or (keyed and draft.chance(0.5)):
                if keyed and draft.chance(0.1):
                    arguments = OPERATIONS[word].other(draft, *arguments)
                mine.append((word, at, key, *arguments))
        return mine
