"""What the clients call: the one place where an operation says how it is called, what it does and
how that is seen in the database.

An operation is a class with

  kind, stored   the kind of its effects, and the statement that lists all of them that exist:
                 (id, content). None: it has no effect of its own that could be lost
  statement()    the call
  intent()       id -> content of what it will do, None where only the answer tells the content
  effects(rows)  the same, after the answer
  known(rows)    whether the answer says that it had been done before; None: the answer does not tell

Effects of one call exist all or not at all: a call is one transaction. What is asked of every
effect is in journal.py.
"""

import json


def quote(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def array(values, kind):
    return f"ARRAY[{', '.join(quote(value) for value in values)}]::{kind}[]"


class Operation:
    """A call that is sent until it is acknowledged."""

    kind = stored = None
    foreign = False  # whether others make effects of this kind, too

    def __init__(self):
        self.id = None      # set by the plan
        self.attempts = 0
        self.was_there = None  # whether a call in doubt was found done; None: never in doubt

    @property
    def trace(self):
        """Names this attempt in the outbox, the audit log and job_runs."""
        return f"{self.id}/{self.attempts}"

    def prepare(self, ask):
        """Looks up what the call needs, before it is sent."""

    def intent(self):
        return {}

    def effects(self, rows):
        return self.intent()

    def known(self, rows):
        return None


class Register(Operation):
    kind = "customer"
    stored = ("SELECT c.customer_id, concat_ws(' ', c.name, c.currency, c.tax_code, c.time_zone,"
              " c.collection, c.net_days) FROM billing.customers c WHERE c.name IS NOT NULL")

    def __init__(self, customer):
        super().__init__()
        self.customer = customer

    def statement(self):
        c = self.customer
        return (f"SELECT r.customer_id FROM billing.register_customer({quote(c.id)}, {quote(c.name)},"
                f" 'KRW', net_days => {c.net_days}, tax_code => 'T10', time_zone => {quote(c.zone)},"
                f" collection => {quote(c.collection)}) r")

    def intent(self):
        c = self.customer
        return {c.id: f"{c.name} KRW T10 {c.zone} {c.collection} {c.net_days}"}


class CreatePlan(Operation):
    kind = "plan"
    stored = ("SELECT p.idempotency_key, p.plan_id::text FROM billing.pricing_plans p"
              " WHERE p.idempotency_key IS NOT NULL")

    def __init__(self, customer, charges):
        super().__init__()
        self.customer, self.charges = customer, charges

    def statement(self):
        return (f"SELECT billing.create_pricing_plan({quote('own ' + self.customer)}, 'KRW',"
                f" {quote(json.dumps(self.charges))}, '2026-01-01T00:00Z',"
                f" customer_id => {quote(self.customer)}, idempotency_key => {quote(self.id)})")

    def intent(self):
        return {self.id: None}

    def effects(self, rows):
        return {self.id: rows[0][0]}


class Events(Operation):
    """The base of all that store usage events."""

    kind = "event"
    stored = ("SELECT e.customer_id || '/' || e.event_id, concat_ws(' ', e.resource_type, e.quantity,"
              " to_char(e.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'))"
              " FROM billing.usage_events e WHERE e.reverses IS NULL")

    def __init__(self, events):
        super().__init__()
        self.events = events

    def intent(self):
        return {f"{e.customer}/{e.id}": f"{e.resource} {e.quantity} {e.at}" for e in self.events}

    def known(self, rows):
        counts = tuple(int(count) for count in rows[0])
        if counts == (len(self.events), 0, 0):
            return False
        if counts == (0, len(self.events), 0):
            return True
        raise AssertionError(f"{self.id}: accepted, duplicate, rejected: {counts}")


class Ingest(Events):
    def __init__(self, event, shared=False):
        super().__init__([event])
        self.shared = shared  # other clients send the same event

    def statement(self):
        e = self.events[0]
        return (f"SELECT billing.ingest_usage({quote(e.id)}, {quote(e.customer)},"
                f" {quote(e.resource)}, {e.quantity}, {quote(e.at)})")

    def known(self, rows):
        return None if self.shared else rows[0][0] == "f"


class IngestBatch(Events):
    def statement(self):
        documents = [{"eventId": e.id, "customerId": e.customer, "resourceType": e.resource,
                      "quantity": e.quantity, "occurredAt": e.at} for e in self.events]
        return f"SELECT * FROM billing.ingest_usage_batch({quote(json.dumps(documents))})"


class IngestArrays(Events):
    def statement(self):
        columns = (("id", "text"), ("customer", "text"), ("resource", "text"),
                   ("quantity", "numeric"), ("at", "timestamptz"))
        arrays = ", ".join(array([getattr(e, name) for e in self.events], kind)
                           for name, kind in columns)
        return f"SELECT * FROM billing.ingest_usage_arrays({arrays})"


class Correct(Operation):
    kind = "correction"
    stored = ("SELECT e.customer_id || '/' || e.reverses, e.event_id FROM billing.usage_events e"
              " WHERE e.reverses IS NOT NULL")

    def __init__(self, event):
        super().__init__()
        self.event = event

    def statement(self):
        return (f"SELECT e.event_id FROM billing.correct_usage({quote(self.event.customer)},"
                f" {quote(self.event.id)}, 'counted twice') e")

    def intent(self):
        return {f"{self.event.customer}/{self.event.id}": None}

    def effects(self, rows):
        return {f"{self.event.customer}/{self.event.id}": rows[0][0]}


class Fold(Operation):
    """What it folds is checked by verify(): the fold has no identity of its own."""

    def statement(self):
        return "SELECT billing.aggregate_usage()"


class Settle(Operation):
    """run_settlement(): issues the invoice, unless another session was before it."""

    kind = "invoice by call"
    stored = ("SELECT o.trace_id, o.aggregateid FROM billing.outbox o"
              " WHERE o.type = 'InvoiceIssued' AND o.trace_id LIKE 'Settle %'")

    def __init__(self, customer, period):
        super().__init__()
        self.customer, self.period = customer, period

    def statement(self):
        return ("SELECT s.invoice_id, s.already_processed FROM billing.run_settlement("
                f"{quote(self.customer)}, '{self.period}') s WHERE s.invoice_id IS NOT NULL")

    def intent(self):
        return {self.trace: None}

    def effects(self, rows):
        return {} if self.known(rows) is None else {self.trace: rows[0][0]}

    def known(self, rows):
        return None if rows[0][1] == "t" else False


class SettlePeriod(Operation):
    kind = "job"
    stored = ("SELECT j.settings ->> 'billing.trace_id', j.status FROM billing.job_runs j"
              " WHERE j.status = 'COMPLETED'")

    def __init__(self, period, workers):
        super().__init__()
        self.period, self.workers = period, workers

    def statement(self):
        return f"CALL billing.settle_period('{self.period}', workers => {self.workers})"

    def intent(self):
        return {self.trace: "COMPLETED"}


class OfInvoice(Operation):
    """The base of all that change the live invoice of a customer's month."""

    def __init__(self, customer, period):
        super().__init__()
        self.customer, self.period, self.invoice = customer, period, None

    def prepare(self, ask):
        if self.invoice is None:
            self.invoice = ask("SELECT i.invoice_id FROM billing.invoices i WHERE i.customer_id ="
                               f" {quote(self.customer)} AND i.period = '{self.period}'"
                               " AND i.status <> 'CANCELLED'")[0][0]


class Cancel(OfInvoice):
    kind = "cancellation"
    stored = ("SELECT o.aggregateid, o.payload ->> 'reason' FROM billing.outbox o"
              " WHERE o.type = 'InvoiceCancelled'")

    def statement(self):
        return (f"SELECT i.status FROM billing.cancel_invoice({quote(self.invoice)},"
                f" {quote(self.id)}) i WHERE i.status = 'CANCELLED'")

    def intent(self):
        return {self.invoice: self.id}


class Pay(OfInvoice):
    kind = "payment by key"
    stored = ("SELECT p.idempotency_key, concat_ws(' ', p.payment_id, p.target_id, p.status, p.amount)"
              " FROM billing.payments p WHERE p.idempotency_key IS NOT NULL")

    def statement(self):
        return ("SELECT concat_ws(' ', p.payment_id, p.target_id, p.status, p.amount)"
                f" FROM billing.pay_invoice({quote(self.invoice)}, idempotency_key => {quote(self.id)}) p")

    def intent(self):
        return {self.id: None}

    def effects(self, rows):
        return {self.id: rows[0][0]}


class MarkOverdue(Operation):
    kind = "overdue"
    stored = ("SELECT o.trace_id, count(*)::text FROM billing.outbox o"
              " WHERE o.type = 'InvoiceOverdue' GROUP BY 1")

    def statement(self):
        return "SELECT billing.mark_overdue_invoices()"

    def intent(self):
        return {self.trace: None}

    def effects(self, rows):
        return {} if rows[0][0] == "0" else {self.trace: rows[0][0]}


class Invoices(Operation):
    """Is not called: any settlement makes them. What was read once may never vanish or change."""

    kind = "invoice"
    foreign = True
    stored = ("SELECT h.number, concat_ws(' ', h.invoice_id, h.customer_id, h.period, h.total,"
              " h.issued_on) FROM billing.invoice_headers h")


class InvoiceEvents(Operation):
    """Is not called, either: what happened to an invoice stands once in the outbox and once in the
    audit log."""

    kind = "event of an invoice"
    foreign = True
    stored = ("SELECT o.type || ' ' || o.aggregateid, a.audit_id::text FROM billing.outbox o"
              " LEFT JOIN billing.audit_log a ON a.target_id = o.aggregateid"
              " AND replace(initcap(a.action), '_', '') = o.type WHERE o.type LIKE 'Invoice%'")


def stored_kinds():
    """kind -> (statement, whether others make it), of all operations."""
    found, classes = {}, [Operation]
    while classes:
        operation = classes.pop()
        classes += operation.__subclasses__()
        if operation.stored is not None:
            found[operation.kind] = (operation.stored, operation.foreign)
    return found
