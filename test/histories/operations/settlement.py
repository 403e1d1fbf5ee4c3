"""Settlement: preview, usage page and invoice of a month are one and the same."""

from fractions import Fraction

from house import STATES, bounds, rounded
from operation import Operation
from operations.account import due
from operations.invoice import compose, draw_month
from operations.payment import collect
from operations.plan import plan_for
from operations.price import code_of, rate
from operations.usage import page, usage
from rule import Property, Refused, parse, Rule
from sqltext import quote

LINE = ("kind", "period", "code", "quantity", "net", "tax")

# ---- rules ---------------------------------------------------------------------------------------


@Rule
def is_closed(period, zone, now):
    """From the end of the month in the customer's zone on."""
    return now >= bounds(period, zone)[1]


@is_closed.mistake
def closed_in_utc(period, zone, now):
    return now >= bounds(period, "UTC")[1]


@is_closed.mistake
def closed_a_moment_later(period, zone, now):
    return now > bounds(period, zone)[1]


@Rule
def settled(customer, period):
    """Nothing up to the month is news any more."""
    customer.dirty = {month for month in customer.dirty if month > period}
    customer.marked = {month for month in customer.marked if month > period}


@settled.mistake
def later_months_too(customer, period):
    customer.dirty = set()


@Rule
def already(customer, period):
    """A month has one live invoice."""
    return customer.live(period)


@already.mistake
def never_settled(customer, period):
    return None


@Rule
def fix_currency(customer, invoice):
    """The first invoice decides."""
    customer.currency = invoice["currency"]


@fix_currency.mistake
def not_fixed(customer, invoice):
    pass


def preview(house, customer, period):
    """A month that is invoiced is shown whole."""
    if customer is None:
        return {"error": STATES["CUSTOMER_NOT_FOUND"]}
    try:
        invoice = compose(house, customer, period, customer.live(period) is not None)
    except Refused as refused:
        return {"error": STATES[str(refused)]}
    if invoice is None and plan_for(customer, period, house.defaults) is None:
        return {"error": STATES["PLAN_NOT_FOUND"]}
    zero = Fraction(0)
    return shape(invoice or {"lines": [], "net": zero, "tax": zero, "total": zero})


def shape(invoice):
    """What a preview and an invoice have in common."""
    return {"lines": [tuple(line[name] for name in LINE) for line in invoice["lines"]],
            "net": invoice["net"], "tax": invoice["tax"], "total": invoice["total"]}


def settle(house, customer, period):
    """(message, failure code, payment status, invoice)"""
    live = already(customer, period)
    if live is not None:
        return "invoice already issued", None, "NONE", live
    try:
        invoice = compose(house, customer, period)
    except Refused as refused:
        return "failed", str(refused), "NONE", None
    settled(customer, period)
    if invoice is None:
        return "no usage", None, "NONE", None
    customer.invoices.append(invoice)
    fix_currency(customer, invoice)
    return (*collect(house, customer, invoice), invoice)


def invoice_answer(invoice):
    if invoice is None:
        return None
    return dict(shape(invoice), status=invoice["status"], currency=invoice["currency"],
                due=due(invoice),
                plans=[line["plan"] for line in invoice["lines"]])


def billed_answer(customer, months):
    """What was billed so far for each charge of some months."""
    result = {}
    for month in sorted(months):
        for _, line in customer.usage_lines(month):
            key = (month, line["plan"], line["code"])
            entry = result.setdefault(key, [line["model"], line["resource"], 0, 0])
            entry[2] += line["quantity"]
            entry[3] += line["net"]
    return result


# ---- properties ----------------------------------------------------------------------------------


def is_new(answer):
    return answer.get("invoice") is not None and not answer["already"]


@Property
def preview_is_invoice(answer, memory):
    if is_new(answer):
        for name in ("lines", "net", "tax", "total"):
            if answer["preview"].get(name) != answer["invoice"][name]:
                return f"{name} of the preview and of the invoice differ"
    return None


@preview_is_invoice.spoil
def preview_is_cheaper(answer):
    if not is_new(answer):
        return False
    answer["preview"]["total"] -= 1


@preview_is_invoice.spoil
def preview_has_a_line_less(answer):
    if not is_new(answer):
        return False
    answer["preview"]["lines"].pop()


@Property
def invoice_is_usage_page(answer, memory):
    """All usage of the month is billed then, no more and no less."""
    if answer.get("error") or answer["message"] in ("failed", "invoice already issued"):
        return None
    billed = {}
    for (period, _, _), (_, resource, quantity, _) in answer["billed"].items():
        if period == answer["period"] and resource is not None:
            billed[resource] = billed.get(resource, 0) + quantity
    used = {resource: quantity for resource, (quantity, _) in answer["usage"].items()}
    for resource in set(billed) | set(used):
        if billed.get(resource, 0) != used.get(resource, 0):
            return f"billed quantity of {resource} is not that of the usage page"
    return None


@invoice_is_usage_page.spoil
def page_shows_more(answer):
    if not is_new(answer) or not answer["usage"]:
        return False
    next(iter(answer["usage"].values()))[0] += 1


@Property
def lines_sum_to_the_invoice(answer, memory):
    invoice = answer.get("invoice")
    if invoice is None:
        return None
    for name in ("net", "tax"):
        if invoice[name] != sum(line[LINE.index(name)] for line in invoice["lines"]):
            return f"the lines do not sum to the {name}"
    return None if invoice["total"] == invoice["net"] + invoice["tax"] else "total is not net + tax"


@lines_sum_to_the_invoice.spoil
def a_line_more(answer):
    if answer.get("invoice") is None:
        return False
    answer["invoice"]["lines"].append(("USAGE", "", "", Fraction(1), Fraction(1), Fraction(0)))


@lines_sum_to_the_invoice.spoil
def a_tax_is_lost(answer):
    invoice = answer.get("invoice")
    if invoice is None or invoice["tax"] == 0:
        return False
    invoice["lines"] = [line[:-1] + (Fraction(0),) for line in invoice["lines"]]


@lines_sum_to_the_invoice.spoil
def total_is_the_net(answer):
    if answer.get("invoice") is None or answer["invoice"]["tax"] == 0:
        return False
    answer["invoice"]["total"] = answer["invoice"]["net"]


@Property
def nothing_is_negative(answer, memory):
    invoice = answer.get("invoice")
    if invoice is not None and min(invoice[name] for name in ("net", "tax", "total", "due")) < 0:
        return "an amount of the invoice is negative"
    return None


@nothing_is_negative.spoil
def due_below_zero(answer):
    if answer.get("invoice") is None:
        return False
    answer["invoice"]["due"] = Fraction(-1)


@Property
def more_usage_never_costs_less(answer, memory):
    """Of a month at one plan's price: by volume alone can it."""
    for key, (model, _, quantity, net) in answer.get("billed", {}).items():
        known = memory.setdefault((answer["customer"], *key), [])
        known.append((quantity, net))
        nets = [amount for _, amount in sorted(known)]
        if model != "volume" and nets != sorted(nets):
            return f"a graduated total of {key} falls"
    return None


@more_usage_never_costs_less.spoil
def cheaper_than_nothing(answer):
    for key, (model, _, quantity, net) in answer.get("billed", {}).items():
        if model not in ("volume", "flat"):
            answer["billed"][key][3] = net - 10 ** 9
            answer["billed"][key][2] = quantity + 1
            return None
    return False


# ---- the operation -------------------------------------------------------------------------------


class Settle(Operation):
    """Of one customer's month, with the preview and the usage page just before it."""

    word = "settle"
    weight = 22
    properties = (preview_is_invoice, invoice_is_usage_page, lines_sum_to_the_invoice,
                  nothing_is_negative, more_usage_never_costs_less)
    setup = """
CREATE FUNCTION histories.model(plan billing.pricing_plans, code text) RETURNS text LANGUAGE sql AS $$
    SELECT c ->> 'model' FROM jsonb_array_elements(plan.charges) c
    WHERE COALESCE(c ->> 'code', c ->> 'resourceType') = code
$$;

CREATE FUNCTION histories.invoice(id uuid) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('status', replace(i.status, 'OVERDUE', 'ISSUED'), 'currency', i.currency,
        'net', i.net, 'tax', i.tax, 'total', i.total, 'due', i.amount_due, 'lines', (
            SELECT jsonb_agg(jsonb_build_object('kind', l.kind, 'code', l.code,
                'period', l.service_period, 'quantity', l.quantity, 'net', l.net, 'tax', l.tax,
                'plan', p.name) ORDER BY l.line_no)
            FROM billing.invoice_lines l LEFT JOIN billing.pricing_plans p ON p.plan_id = l.plan_id
            WHERE l.customer_id = i.customer_id AND l.invoice_id = i.invoice_id))
    FROM billing.invoices i WHERE i.invoice_id = id
$$;

CREATE FUNCTION histories.billed(customer text, months text[]) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_agg(jsonb_build_array(b.service_period, b.name, b.code, b.model,
        b.resource_type, b.quantity, b.net)), '[]') FROM (
        SELECT l.service_period, p.name, l.code, histories.model(p, l.code) AS model,
            l.resource_type, sum(l.quantity) AS quantity, sum(l.net) AS net
        FROM billing.invoice_headers h
        JOIN billing.invoice_lines l USING (customer_id, invoice_id)
        JOIN billing.pricing_plans p ON p.plan_id = l.plan_id
        WHERE h.customer_id = customer AND NOT h.rebilled AND l.kind <> 'ADJUSTMENT'
        AND l.service_period = ANY (months) GROUP BY 1, 2, 3, 4, 5) b
$$;

CREATE FUNCTION histories.settle(customer text, month text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := jsonb_build_object('customer', customer, 'period', month,
        'usage', histories.attempt(format('SELECT histories.usage(%L, %L)', customer, month)),
        'preview', histories.attempt(format('SELECT billing.preview_invoice(%L, %L)'
            ' - ''{customer,pricingSnapshot}''::text[]', customer, month)));
    result jsonb;
    invoice jsonb;
BEGIN
    SELECT to_jsonb(r) INTO result FROM billing.run_settlement(customer, month) r;
    invoice := histories.invoice((result ->> 'invoice_id')::uuid);
    RETURN before || jsonb_build_object('result', result, 'invoice', invoice, 'billed',
        histories.billed(customer, month || ARRAY(
            SELECT l ->> 'period' FROM jsonb_array_elements(invoice -> 'lines') l)));
EXCEPTION
    WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN before || jsonb_build_object('error', SQLSTATE);
END $$;
"""

    def draw(self, draft, key):
        month = draw_month(draft, key)
        if month is not None:
            draft.add("settle", key, month)

    def sql(self, names, key, period):
        return f"SELECT histories.settle({quote(names.customer(key))}, '{period}')"

    def expect(self, house, key, period):
        customer = house.customers.get(key)
        before = {"customer": key, "period": period, "usage": page(house, key, period),
                  "preview": preview(house, customer, period)}
        if customer is None or not is_closed(period, customer.zone, house.now):
            symbol = "CUSTOMER_NOT_FOUND" if customer is None else "PERIOD_NOT_CLOSED"
            return dict(before, error=STATES[symbol])
        message, failure, payment, invoice = settle(house, customer, period)
        months = {period} | {line["period"] for line in (invoice or {"lines": ()})["lines"]}
        return dict(before, error=None, message=message, failure=failure, payment=payment,
                    already=message == "invoice already issued", succeeded=message == "paid",
                    invoice=invoice_answer(invoice), billed=billed_answer(customer, months))

    def read(self, answer):
        document = parse(answer)
        read = {"customer": int(document["customer"].rsplit("-", 1)[1]),
                "period": document["period"], "usage": dict(sorted(parse(document["usage"]).items())),
                "preview": self.read_preview(document["preview"]), "error": document.get("error")}
        if read["error"]:
            return read
        result = document["result"]
        failed = result["failure_code"] is not None and result["invoice_id"] is None
        return dict(read, message="failed" if failed else result["message"].split(":")[0],
                    failure=result["failure_code"], payment=result["payment_status"],
                    already=result["already_processed"], succeeded=result["payment_succeeded"],
                    invoice=self.read_invoice(document["invoice"]),
                    billed={(month, plan, code): [model, resource, quantity, net]
                            for month, plan, code, model, resource, quantity, net
                            in document["billed"]})

    @staticmethod
    def read_preview(text):
        if text.startswith("error"):
            return {"error": text.split()[1]}
        document = parse(text)
        for line in document["lines"]:
            line["period"] = line["servicePeriod"]
            for name in ("quantity", "net", "tax"):
                line[name] = Fraction(line[name])
        return shape({name: document[name] if name == "lines" else Fraction(document[name])
                      for name in ("lines", "net", "tax", "total")})

    @staticmethod
    def read_invoice(document):
        if document is None:
            return None
        return dict(shape(document), status=document["status"], currency=document["currency"],
                    due=document["due"], plans=[line["plan"] for line in document["lines"]])


# ---- the whole of what was billed ----------------------------------------------------------------


@Property
def any_order_bills_the_same(answer, memory):
    """The same usage, in another order and with repetitions."""
    first, *others = answer.values()
    return None if all(other == first for other in others) else "another order, another total"


@any_order_bills_the_same.spoil
def the_last_pays_more(answer):
    totals = list(answer.values())[-1]
    for key, (quantity, net) in totals.items():
        totals[key] = (quantity, net + 1)
        return None
    return False


@Property
def two_halves_are_one_batch(answer, memory):
    same = answer.get("two halves") == answer.get("one batch")
    return None if same else "two half batches are not one batch"


@two_halves_are_one_batch.spoil
def a_half_is_lost(answer):
    if not answer.get("two halves"):
        return False
    answer["two halves"].popitem()


class Billed(Operation):
    """All that was billed to customers with the same usage, by month and charge."""

    word = "billed"
    writes = False
    properties = (any_order_bills_the_same, two_halves_are_one_batch)

    def sql(self, names, customers, months):
        array = "ARRAY[" + ", ".join(quote(month) for month in months) + "]"
        parts = ", ".join(f"{quote(name)}, histories.billed({quote(names.customer(key))}, {array})"
                          for name, key in customers.items())
        return f"SELECT jsonb_build_object({parts})"

    def expect(self, house, customers, months):
        """From the events alone, however it was billed."""
        return {name: {(month, code): value for month in months for code, value
                       in self.whole_price(house, house.customers[key], month).items()}
                for name, key in sorted(customers.items())}

    @staticmethod
    def whole_price(house, customer, period):
        plan = plan_for(customer, period, house.defaults)
        used = usage(customer, period)
        result = {}
        for charge in plan["charges"]:
            quantity = used.get(charge.get("resourceType"), (Fraction(0), 0))[0]
            net = rounded(rate(charge, quantity), plan["currency"])
            result[code_of(charge)] = (Fraction(1) if charge["model"] == "flat" else quantity, net)
        return {code: value for code, value in result.items() if any(value)}

    def read(self, answer):
        totals = {}
        for name, rows in sorted(parse(answer).items()):
            totals[name] = {}
            for month, _, code, _, _, quantity, net in rows:
                if quantity != 0 or net != 0:
                    totals[name][month, code] = (quantity, net)
        return totals
