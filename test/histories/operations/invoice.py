"""Invoices: what a run bills, at which prices, and with which tax. Cancelled, they are billed anew."""

import datetime
from fractions import Fraction

from house import EXPONENTS, STATES, TAX_CODES, bounds, rounded
from operation import Operation
from operations.plan import plan_for
from operations.price import code_of, rate
from operations.usage import usage
from rule import Refused, number, Rule
from sqltext import attempt, quote

# ---- the months of a run -------------------------------------------------------------------------


@Rule
def snapshot(customer, period):
    """
    The prices that a month was billed with: of the first line for it that counts.
    Choice: an invoice of the month that has no line for the month itself fixes no price.
    """
    for invoice, _ in customer.usage_lines(period):
        return invoice["plans"][period]
    return None


@snapshot.mistake
def prices_of_today(customer, period):
    return None


@snapshot.mistake
def any_invoice_fixes_them(customer, period):
    for invoice in customer.invoices:
        if not invoice["rebilled"] and period in invoice["plans"]:
            return invoice["plans"][period]
    return None


@Rule
def is_billed(customer, month, plan, late):
    """A default plan alone bills nobody."""
    own_fee = not late and plan is not None and plan["own"]
    return bool(usage(customer, month) or customer.billed(month)) or own_fee


@is_billed.mistake
def only_with_usage(customer, month, plan, late):
    return bool(usage(customer, month) or customer.billed(month))


@is_billed.mistake
def default_fees_for_all(customer, month, plan, late):
    return is_billed.right(customer, month, plan, late) or (not late and plan is not None)


@Rule
def months_with_news(customer, period):
    """Earlier months with usage since they were billed."""
    return sorted(month for month in customer.dirty if month < period)


@months_with_news.mistake
def never_late(customer, period):
    return []


@months_with_news.mistake
def the_month_before_alone(customer, period):
    return months_with_news.right(customer, period)[-1:]


def priced_months(house, customer, period):
    """The months of a run with their plans: its own first."""
    months = []
    for month in [period] + months_with_news(customer, period):
        plan = snapshot(customer, month) or plan_for(customer, month, house.defaults)
        if is_billed(customer, month, plan, month != period):
            if plan is None:
                raise Refused("PLAN_NOT_FOUND")
            months.append((month, plan))
    return months


# ---- the lines -----------------------------------------------------------------------------------


@Rule
def new_part(total, before):
    """Of a quantity or an amount, what was not billed so far."""
    return total - before


@new_part.mistake
def all_again(total, before):
    return total


@new_part.mistake
def never_below_zero(total, before):
    return max(total - before, Fraction(0))


@Rule
def is_line(quantity, net):
    return quantity != 0 or net != 0


@is_line.mistake
def only_with_quantity(quantity, net):
    return quantity != 0


@is_line.mistake
def only_with_an_amount(quantity, net):
    return net != 0


@Rule
def require_priced(customer, month, plan):
    """Usage that has no price must not be billed as zero."""
    if set(usage(customer, month)) - {charge.get("resourceType") for charge in plan["charges"]}:
        raise Refused("RESOURCE_NOT_PRICED")


@require_priced.mistake
def free_without_a_price(customer, month, plan):
    pass


def month_lines(customer, month, plan, late, billed):
    """What the whole usage of the month costs, less what was billed for it."""
    used = usage(customer, month)
    lines = []
    for charge in plan["charges"]:
        flat = charge["model"] == "flat"
        quantity = used.get(charge.get("resourceType"), (Fraction(0), 0))[0]
        net = rounded(rate(charge, quantity), plan["currency"])
        before = billed.get(code_of(charge), (Fraction(0), Fraction(0)))
        quantity = new_part(Fraction(1) if flat else quantity, before[0])
        net = new_part(net, before[1])
        if is_line(quantity, net):
            lines.append({"kind": "LATE_USAGE" if late else "RECURRING" if flat else "USAGE",
                          "code": code_of(charge), "resource": charge.get("resourceType"),
                          "model": charge["model"], "period": month, "quantity": quantity,
                          "net": net, "plan": plan["name"]})
    return lines


# ---- the whole invoice ---------------------------------------------------------------------------


@Rule
def one_currency(customer, months):
    """That of the customer, once he has one, else of the first month."""
    currency = customer.currency or months[0][1]["currency"]
    if any(plan["currency"] != currency for _, plan in months):
        raise Refused("CURRENCY_MISMATCH")
    return currency


@one_currency.mistake
def any_currency(customer, months):
    return months[0][1]["currency"]


@Rule
def carry(sum_of_lines, waiting):
    """Below 0 the rest waits; later invoices take off what waits, as far as they can bear."""
    return -sum_of_lines if sum_of_lines < 0 else -min(sum_of_lines, waiting)


@carry.mistake
def forgotten(sum_of_lines, waiting):
    return max(-sum_of_lines, Fraction(0))


@carry.mistake
def taken_off_whole(sum_of_lines, waiting):
    return -sum_of_lines if sum_of_lines < 0 else -waiting


@carry.mistake
def below_zero(sum_of_lines, waiting):
    return -min(max(sum_of_lines, Fraction(0)), waiting)


@Rule
def tax_rate(code, tax_point):
    """Of the end of the period. The end is exclusive: a rate from then on is later."""
    rates = [number(percentage) for percentage, since in TAX_CODES[code]
             if since is None or datetime.datetime.fromisoformat(since) < tax_point]
    return rates[-1] if rates else Fraction(0)


@tax_rate.mistake
def from_the_end_on(code, tax_point):
    return tax_rate.right(code, tax_point + datetime.timedelta(microseconds=1))


@tax_rate.mistake
def of_the_start(code, tax_point):
    return tax_rate.right(code, tax_point - datetime.timedelta(days=27))


@tax_rate.mistake
def the_newest(code, tax_point):
    return tax_rate.right(code, tax_point.replace(year=2099))


@Rule
def tax_of(lines, percentage, currency):
    """Once, on the sum."""
    return rounded(sum(line["net"] for line in lines) * percentage / 100, currency)


@tax_of.mistake
def of_each_line(lines, percentage, currency):
    return sum(rounded(line["net"] * percentage / 100, currency) for line in lines)


@Rule
def spread(tax, nets, currency):
    """By largest remainder, in the proportion of the nets. Choice: of equal ones the first."""
    total = sum(nets)
    if total == 0:
        return [tax] + [Fraction(0)] * (len(nets) - 1)
    scale = 10 ** EXPONENTS[currency]
    exact = [tax * scale * net / total for net in nets]
    parts = [share.numerator // share.denominator for share in exact]
    by_loss = sorted(range(len(nets)), key=lambda n: (parts[n] - exact[n], n))
    for n in by_loss[:int(tax * scale) - sum(parts)]:
        parts[n] += 1
    return [Fraction(part, scale) for part in parts]


@spread.mistake
def rest_to_the_first(tax, nets, currency):
    parts = [Fraction(0)] + spread.right(tax, nets, currency)[1:]
    scale = 10 ** EXPONENTS[currency]
    parts[1:] = [Fraction((part * scale).numerator // 1, scale) for part in parts[1:]]
    exact = [tax * scale * net / (sum(nets) or 1) for net in nets]
    parts[1:] = [Fraction(share.numerator // share.denominator, scale) for share in exact[1:]]
    parts[0] = tax - sum(parts)
    return parts


@spread.mistake
def last_of_equals(tax, nets, currency):
    return spread.right(tax, nets[::-1], currency)[::-1] if sum(nets) else [tax] + [
        Fraction(0)] * (len(nets) - 1)


def compose(house, customer, period, whole=False):
    """The invoice that a run would make, or None; whole: as if the month were not billed."""
    months = priced_months(house, customer, period)
    lines = []
    for month, plan in months:
        require_priced(customer, month, plan)
        one_currency(customer, months[:1] + [(month, plan)])
        billed = {} if whole and month == period else customer.billed(month)
        lines += month_lines(customer, month, plan, month != period, billed)
    if not lines:
        return None
    currency = one_currency(customer, months)
    waiting = sum(line["net"] for _, line in customer.counted_lines()
                  if line["kind"] == "ADJUSTMENT")
    carried = carry(sum(line["net"] for line in lines), waiting)
    if carried != 0:
        lines.append({"kind": "ADJUSTMENT", "code": "CARRY", "resource": None, "model": None,
                      "period": period, "quantity": Fraction(1), "net": carried, "plan": None})
    percentage = tax_rate(customer.tax, bounds(period, customer.zone)[1])
    net, tax = sum(line["net"] for line in lines), tax_of(lines, percentage, currency)
    for line, part in zip(lines, spread(tax, [line["net"] for line in lines], currency)):
        line["tax"] = part
    return {"period": period, "currency": currency, "lines": lines, "net": net, "tax": tax,
            "total": net + tax, "plans": dict(months), "status": "ISSUED", "rebilled": False,
            "applied": Fraction(0), "paid": Fraction(0), "credited": Fraction(0), "noted": {},
            "net noted": Fraction(0), "tax noted": Fraction(0)}


# ---- cancelled -----------------------------------------------------------------------------------


@Rule
def cancel(customer, invoice):
    """What it billed is unbilled again, with the prices that are in force then."""
    invoice["status"] = "CANCELLED"
    invoice["rebilled"] = True
    customer.dirty |= {line["period"] for line in invoice["lines"]}


@cancel.mistake
def not_billed_again(customer, invoice):
    invoice["status"] = "CANCELLED"


@cancel.mistake
def late_months_stay_billed(customer, invoice):
    dirty = set(customer.dirty)
    cancel.right(customer, invoice)
    customer.dirty = dirty | {invoice["period"]}


@Rule
def require_unpaid(invoice):
    if invoice["status"] == "PAID":
        raise Refused("ILLEGAL_STATE")


@require_unpaid.mistake
def paid_or_not(invoice):
    pass


class Cancel(Operation):
    """Of the live invoice of a month, often billed anew at once."""

    word = "cancel"
    weight = 6
    setup = """
CREATE FUNCTION histories.live(customer text, month text) RETURNS uuid LANGUAGE sql AS $$
    SELECT i.invoice_id FROM billing.invoices i
    WHERE i.customer_id = customer AND i.period = month AND i.status <> 'CANCELLED'
$$;
"""

    def draw(self, draft, key):
        month = draw_settled_month(draft, key)
        if month is not None:
            draft.add("cancel", key, month)
            if draft.chance(0.6):
                draft.add("settle", key, month)

    def sql(self, names, key, period):
        return attempt("SELECT (billing.cancel_invoice(i, 'wrong')).status FROM"
                       f" histories.live({quote(names.customer(key))}, '{period}') i"
                       " WHERE i IS NOT NULL")

    def expect(self, house, key, period):
        def act(customer, live):
            live["credited"] = live["total"]
            cancel(customer, live)
            return "CANCELLED"
        return of_unpaid(house, key, period, act)

    def read(self, answer):
        return answer[:len("error ZB000")]


def of_unpaid(house, key, period, act):
    """What act(customer, invoice) answers for the month's live invoice: nothing without one, an error of one that is paid."""
    customer = house.customers.get(key)
    live = customer and customer.live(period)
    if live is None:
        return ""
    try:
        require_unpaid(live)
    except Refused as refused:
        return "error " + STATES[str(refused)]
    return act(customer, live)


def draw_month(draft, key):
    """Mostly the last one; None where the history must not touch it."""
    month = draft.past_month(draft.choice(0, 1, 1, 1, 1, 2, 2, 3, 6))
    if draft.earliest is not None and (not draft.is_over(key, month)
                                       or month < draft.month(key, draft.earliest)):
        return None
    return month


def draw_settled_month(draft, key):
    """Mostly one that was settled of late."""
    months = [step[2] for step in draft.steps if step[0] == "settle" and step[1] == key]
    return draft.choice(*months[-3:]) if months and draft.chance(0.7) else draw_month(draft, key)
