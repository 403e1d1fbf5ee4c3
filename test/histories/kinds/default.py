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
    weight = 8
    alone = True

    def write(self, draft):
        draft.default_plans = True
        keys = list(range(draft.choice(1, 2, 3)))
        for key in keys:
            if draft.chance(0.3):
                draft.meet(key, UNREGISTERED)
            else:
                draft.customer(key)
                if draft.chance(0.4):
                    add_first_plan(draft, key)
        for currency in draft.random.sample(list(EXPONENTS), 2):
            since = draft.start - draft.random.randrange(0, 500) * DAY
            draft.add("plan", None, draw_plan(draft, currency, sorted(METERS), since))
        for key in keys:
            draft.add("ingest", draw_event(draft, key))
        draft.random_steps(keys)
        draft.finish(keys)
