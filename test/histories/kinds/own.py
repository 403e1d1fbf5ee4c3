"""Customers with plans of their own, and whatever happens."""

from operation import Kind
from operations.plan import add_first_plan


class Own(Kind):
    name = "own"
    weight = 70

    def write(self, draft):
        keys = list(range(draft.choice(1, 1, 1, 2, 3)))
        for key in keys:
            draft.customer(key)
            add_first_plan(draft, key)
        draft.random_steps(keys)
        draft.finish(keys)
