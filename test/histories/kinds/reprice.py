"""
A month is settled, with or without usage, and gets new prices for the whole of it. Then usage comes
for it again and again, for up to 24 months: one set of prices holds for all of it.
"""

from draft import DAY
from house import bounds, next_month
from operation import Kind
from operations.plan import draw_plan
from operations.usage import add_event


class Reprice(Kind):
    name = "reprice"
    weight = 4

    def write(self, draft):
        draft.customer(0)
        resource = draft.customers[0]["resources"][0]
        month = draft.past_month(1)
        simple_plan(draft, resource, draft.start - 430 * DAY)
        usage_in(draft, resource, draft.past_month(2))
        if draft.chance(0.3):
            usage_in(draft, resource, month)
        draft.add("settle", 0, month)
        simple_plan(draft, resource, bounds(month, draft.zone(0))[0])
        for _ in range(draft.choice(4, 4, 12, 22)):
            self.round(draft, resource, month)
        draft.finish([0])

    @staticmethod
    def round(draft, resource, month):
        usage_in(draft, resource, month)
        if draft.chance(0.3):
            draft.add("fold")
        if draft.chance(0.3):
            draft.add("cancel", 0, draft.past_month(draft.choice(1, 2)))
        if draft.chance(0.3):
            draft.add("correct", 0, draft.choice(*draft.events[0])["id"])
        end = bounds(next_month(draft.month(0, draft.now)), draft.zone(0))[0]
        draft.set_clock(end + 10 * DAY)
        draft.add("settle", 0, draft.past_month(1))


def simple_plan(draft, resource, since):
    plan = draw_plan(draft, draft.customers[0]["currency"], [resource], since)
    plan["charges"] = [{"model": "per_unit", "resourceType": resource, "unitPrice": draft.price()}]
    draft.add("plan", 0, plan)


def usage_in(draft, resource, month):
    at = bounds(month, draft.zone(0))[0] + draft.seconds(27 * 86400)
    draft.add("ingest", add_event(draft, 0, resource, at))
