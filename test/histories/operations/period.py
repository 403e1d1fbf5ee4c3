"""Settlement of a month for all customers at once."""

from draft import DAY
from house import bounds
from operation import Operation
from operations.fold import fold
from operations.settlement import Settle, invoice_answer, is_closed, settle
from rule import parse, Rule
from sqltext import quote


@Rule
def queued(house, period):
    """Who has no invoice of the month and whose month is over in his zone."""
    return [customer for customer in house.customers.values()
            if customer.live(period) is None and is_closed(period, customer.zone, house.now)]


@queued.mistake
def nobody(house, period):
    return []


@queued.mistake
def only_with_news(house, period):
    return [customer for customer in queued.right(house, period) if period in customer.dirty]


class SettlePeriod(Operation):
    """By the procedure, which waits for the end of the month in the zone of the house."""

    word = "settle_period"
    weight = 2
    alone = True
    top_level = True
    setup = """
CREATE FUNCTION histories.invoices(customers jsonb, month text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_object_agg(c.key, histories.invoice(histories.live(c.value, month)))
    FROM jsonb_each_text(customers) c
$$;
"""

    def draw(self, draft, key):
        month = draft.past_month(draft.choice(1, 1, 2))
        if draft.now - draft.start > 40 * DAY and bounds(month, "UTC")[1] <= draft.now:
            draft.add("settle_period", month, list(draft.customers))

    def sql(self, names, period, keys):
        pairs = ", ".join(f"'{key}', {quote(names.customer(key))}" for key in keys)
        call = f"CALL billing.settle_period({quote(period)})"
        return (f"SELECT {quote(call)} WHERE billing.business_now() >="
                f" {quote(bounds(period, 'UTC')[1])} \\gexec\n"
                f"SELECT histories.invoices(jsonb_build_object({pairs}), '{period}')")

    def expect(self, house, period, keys):
        if house.now >= bounds(period, "UTC")[1]:
            fold(house)
            for customer in queued(house, period):
                settle(house, customer, period)
        known = {key: house.customers.get(key) for key in keys}
        return {str(key): invoice_answer(customer and customer.live(period))
                for key, customer in known.items()}

    def read(self, answer):
        return {key: Settle.read_invoice(document) for key, document in parse(answer).items()}
