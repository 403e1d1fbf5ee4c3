"""
Customers who use little and move money: through wallets, orders and credits, and to pay, correct
and refund the invoices of the months that go by.
"""

from draft import DAY
from house import bounds, next_month
from operation import Kind
from operations.plan import draw_plan

ALSO = ("clock", "settle", "overdue")


class MoneyMoves(Kind):
    name = "money"
    weight = 90
    kept = ("customer",)

    def write(self, draft):
        draft.money = True
        draft.pace = draft.choice(2, 10, 40)
        draft.refused = {word for word in draft.words() if not draft.is_money(word)} - set(ALSO)
        keys = list(range(draft.choice(1, 1, 2)))
        for key in keys:
            draft.customer(key)
            plan = draw_plan(draft, draft.customers[key]["currency"], [], draft.start - 430 * DAY)
            plan["charges"] = [{"model": "flat", "code": f"FEE{n}", "amount": draft.decimal(90, 0)}
                               for n in range(draft.choice(1, 2, 3))]
            draft.add("plan", key, plan)
        for _ in range(draft.choice(1, 2, 3, 4)):
            draft.random_steps(keys)
            self.month(draft, keys)
        draft.random_steps(keys)

    @staticmethod
    def month(draft, keys):
        end = bounds(next_month(draft.month(keys[0], draft.now)), "America/New_York")[0]
        draft.set_clock(end + draft.choice(1, 9) * DAY)
        for key in keys:
            draft.add("settle", key, draft.past_month(1))
