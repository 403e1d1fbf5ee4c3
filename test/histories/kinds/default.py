"""A database of its own: default plans, customers without a currency or not registered."""

from draft import DAY
from house import EXPONENTS, METERS
from operation import Kind
from operations.plan import add_first_plan, draw_plan
from operations.usage import draw_event

UNREGISTERED = {"zone": "UTC", "currency": None, "tax": None, "automatic": True, "declined": False,
                "resources": sorted(METERS)}


class Default(Kind):
    name = "default"
    weight = 10
    alone = True

    def write(self, draft):
        draft.default_plans = True
        keys = list(range(draft.choice(1, 2, 3)))
        for key in keys:
            if draft.chance(0.4):
                draft.meet(key, UNREGISTERED)
            else:
                draft.customer(key)
                if draft.chance(0.4):
                    add_first_plan(draft, key)
        # the newer one takes over, in another currency, while usage comes
        old, new = draft.random.sample(list(EXPONENTS), 2)
        for currency, days in ((old, draft.random.randrange(100, 500)),
                               (new, draft.random.randrange(-60, 60))):
            draft.add("plan", None, draw_plan(draft, currency, sorted(METERS),
                                              draft.start - days * DAY))
        for key in keys:
            draft.add("ingest", draw_event(draft, key))
        draft.random_steps(keys)
        draft.finish(keys)
