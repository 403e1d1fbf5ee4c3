"""Runs the steps of a history through the oracle and compares each answer."""

import datetime
import json
from fractions import Fraction

from oracle import EXPONENTS, METERS, STATES, Oracle, Refused, number
from session import TAX_CODES


BAD_ANSWER = "cannot be read"


class Different(Exception):
    """An answer that is not the predicted one."""


def tax_rates(code):
    return tuple((since and datetime.datetime.fromisoformat(since.replace("Z", "+00:00")), rate)
                 for since, rate in TAX_CODES[code])


def parse(text):
    return json.loads(text, parse_float=Fraction, parse_int=Fraction)


def shown(value):
    """For a message: fractions as decimals where that is exact enough to read."""
    if isinstance(value, Fraction):
        return str(value) if value.denominator == 1 else str(float(value))
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {shown(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def demand(what, expected, answered):
    if expected != answered:
        raise Different(f"{what}: expected {shown(expected)}, answered {shown(answered)}")


def line_keys(lines, plan):
    """Lines in one order, by what identifies them."""
    return sorted((line["kind"], line.get("period") or line.get("servicePeriod"), line["code"],
                   number(line["quantity"]), number(line["net"]),
                   (line["plan"] or "") if plan else "") for line in lines)


class Comparison:
    """The oracle of one history, one method a kind of step."""

    def __init__(self, customers, broken=None):
        self.fields = customers
        self.oracle = Oracle(broken)
        self.billed = {}

    def first_difference(self, steps, answers):
        for index, step in enumerate(steps):
            try:
                getattr(self, "step_" + step[0])(answers.get(index), *step[1:])
            except (Different, ValueError, TypeError, KeyError, AttributeError) as error:
                what = str(error) if isinstance(error, Different) else f"{BAD_ANSWER}: {error!r}"
                brief = " ".join(str(part) for part in step if not isinstance(part, (list, dict)))
                return f"step {index + 1} ({brief}): {what}; answer {str(answers.get(index))[:300]}"
        return None

    # ---- steps without an answer of interest ---------------------------------------------------

    def step_begin(self, answer):
        self.oracle.begin()

    def step_commit(self, answer):
        self.oracle.commit()

    def step_clock(self, answer, now):
        self.oracle.now = now

    def step_customer(self, answer, key, fields):
        demand("currency", fields["currency"], answer)
        self.oracle.register(key, zone=fields["zone"], currency=fields["currency"],
                             tax=tax_rates(fields["tax"]), automatic=fields["automatic"],
                             declined=fields["declined"])

    def step_plan(self, answer, key, plan):
        demand("plan", "t", answer)
        self.oracle.add_plan(key, plan)

    def step_purge(self, answer, before):
        demand("purge", "t", answer)

    def step_overdue(self, answer):
        demand("overdue", "t", answer)

    def step_verify(self, answer):
        demand("verify()", "[]", answer)

    # ---- usage ---------------------------------------------------------------------------------

    def step_ingest(self, answer, event):
        outcome = self.oracle.take(event)
        if outcome == "rejected":
            state = "ZB001" if event["resource"] in METERS else None
            demand("ingest_usage", True, answer.startswith(f"error {state or 'ZB'}"))
        else:
            demand("ingest_usage", "true" if outcome == "accepted" else "false", answer)

    def step_batch(self, answer, events):
        outcomes = [self.oracle.take(event) for event in events]
        demand("accepted, duplicate, rejected",
               [outcomes.count(name) for name in ("accepted", "duplicate", "rejected")],
               [int(count) for count in answer.split()])

    step_arrays = step_batch

    def step_correct(self, answer, key, event_id):
        try:
            self.oracle.correct(key, event_id)
            expected = event_id
        except KeyError:
            expected = "error " + STATES["EVENT_NOT_FOUND"]
        except Refused as refused:
            expected = "error " + STATES[str(refused)]
        demand("correct_usage", expected, answer[:len("error ZB000")])

    def step_fold(self, answer):
        demand("aggregate_usage", str(self.oracle.fold()), answer)

    def step_prepare(self, answer):
        """A fold of what earlier histories left."""

    def step_usage(self, answer, key, period):
        customer = self.oracle.customers.get(key)
        expected = self.oracle.usage(customer, period) if customer else {}
        demand("usage_of", {name: [quantity, Fraction(count)]
                            for name, (quantity, count) in sorted(expected.items())},
               dict(sorted(parse(answer).items())))

    def step_rate(self, answer, charge, quantities):
        rated = [self.oracle.rate(charge, number(quantity)) for quantity in quantities]
        answered = [number(text) for text in answer.split()]
        demand("rate", rated, answered)
        if charge["model"] == "graduated":
            ascending = [amount for _, amount in sorted(
                (number(quantity), amount) for quantity, amount in zip(quantities, answered))]
            demand("a graduated total never falls", sorted(ascending), ascending)

    # ---- invoices ------------------------------------------------------------------------------

    def step_settle(self, answer, key, period):
        expected_preview = self.oracle.preview(key, period)
        document = parse(answer)
        self.check_preview(expected_preview, document["preview"])
        try:
            message, failure, payment, invoice = self.oracle.settle(key, period)
        except Refused as refused:
            demand("run_settlement raises", STATES[str(refused)], document.get("error"))
            return
        demand("run_settlement raises", (None, None),
               (document.get("error"), document.get("message")))
        result = document["result"]
        answered = result["message"].split(":")[0]
        if message == "failed":
            answered = "failed"
        demand("message", (message, failure, payment),
               (answered, result["failure_code"], result["payment_status"]))
        demand("already_processed", message == "invoice already issued",
               result["already_processed"])
        demand("payment_succeeded", message == "paid", result["payment_succeeded"])
        demand("has an invoice", invoice is not None, document["invoice"] is not None)
        if invoice is not None:
            self.check_invoice(invoice, document["invoice"])

    def check_preview(self, expected, text):
        if expected is None:
            return
        if isinstance(expected, str):
            demand("preview_invoice raises", "error " + STATES[expected], text[:len("error ZB000")])
            return
        if text.startswith("error"):
            raise Different(f"preview_invoice: {text}")
        preview = parse(text)
        demand("lines of the preview", line_keys(expected.get("lines", []), False),
               line_keys(preview["lines"], False))
        demand("preview net, tax, total",
               [expected.get(name, Fraction(0)) for name in ("net", "tax", "total")],
               [number(preview[name]) for name in ("net", "tax", "total")])

    def check_invoice(self, expected, invoice):
        demand("lines", line_keys(expected["lines"], True), line_keys(invoice["lines"], True))
        for name in ("currency", "net", "tax", "total"):
            demand(name, expected[name], invoice[name])
        status = "ISSUED" if invoice["status"] == "OVERDUE" else invoice["status"]
        demand("status", expected["status"], status)
        due = expected["total"] if expected["status"] == "ISSUED" else Fraction(0)
        demand("amount due", due, invoice["due"])
        demand("the lines sum to the net", invoice["net"],
               sum(line["net"] for line in invoice["lines"]))
        demand("the taxes sum to the tax", invoice["tax"],
               sum(line["tax"] for line in invoice["lines"]))
        self.check_spread(invoice)

    @staticmethod
    def check_spread(invoice):
        """By largest remainder each line is less than one minor unit off its exact share."""
        unit = Fraction(1, 10 ** EXPONENTS[invoice["currency"]])
        for line in invoice["lines"]:
            exact = invoice["tax"] * line["net"] / invoice["net"] if invoice["net"] else 0
            if abs(line["tax"] - exact) >= unit:
                raise Different(f"tax of a line is not its share: {shown(line)}")

    def step_cancel(self, answer, key, period):
        demand("cancel_invoice", self.outcome(lambda: self.oracle.cancel(key, period)),
               answer[:len("error ZB000")])

    def step_pay(self, answer, key, period, idempotency_key):
        declined = idempotency_key is not None and idempotency_key.startswith("FAIL_")
        expected = self.outcome(lambda: self.oracle.pay(key, period, declined))
        demand("pay_invoice", expected,
               answer[:len("error ZB000")] if answer.startswith("error") else answer)

    @staticmethod
    def outcome(call):
        try:
            result = call()
        except KeyError:
            return ""
        except Refused as refused:
            return "error " + STATES[str(refused)]
        if result is None:
            return ""
        return result if isinstance(result, str) else " ".join(result)

    def step_billed(self, answer, key, months):
        """All that was billed, by month and charge: the same for every order of the same usage."""
        answered = {name: tuple(value) for name, value in parse(answer).items()}
        expected = {f"{month} {code}": value for month in months
                    for code, value in self.oracle.whole_price(key, month).items()}
        demand("billed in all", dict(sorted(expected.items())), dict(sorted(answered.items())))
        first = self.billed.setdefault("first", answered)
        demand("billed in all, as for the first customer", dict(sorted(first.items())),
               dict(sorted(answered.items())))
