"""The server of the histories, one psql a worker, and the steps of a history as SQL."""

import os
import queue
import subprocess
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEMPLATE = "histories_template"
TIMEOUT = 120  # seconds for one history

TAX_CODES = {
    None: (),
    "T10": ((None, "10"),),
    "T8875": ((None, "8.875"),),
    # a step at a midnight of UTC, which is inside a month elsewhere
    "STEP": ((None, "7.5"), ("2025-07-01T00:00:00Z", "9.25")),
}

HELPERS = """
CREATE EXTENSION billing;
CREATE SCHEMA histories;
SELECT billing.register_meter('H_MAX', 'piece', 'peak', 'MAX');
SELECT billing.register_meter('H_LAST', 'piece', 'level', 'LAST');
SELECT billing.register_meter('H_COUNT', 'piece', 'events', 'COUNT');

CREATE FUNCTION histories.attempt(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    EXECUTE statement INTO answer;
    RETURN answer;
EXCEPTION WHEN OTHERS THEN
    RETURN 'error ' || SQLSTATE || ' ' || SQLERRM;
END $$;

CREATE FUNCTION histories.live(customer text, month text) RETURNS uuid LANGUAGE sql AS $$
    SELECT i.invoice_id FROM billing.invoices i
    WHERE i.customer_id = customer AND i.period = month AND i.status <> 'CANCELLED'
$$;

CREATE FUNCTION histories.invoice(id uuid) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object('status', i.status, 'currency', i.currency, 'net', i.net, 'tax', i.tax,
        'total', i.total, 'due', i.amount_due, 'lines', (
            SELECT jsonb_agg(jsonb_build_object('kind', l.kind, 'code', l.code,
                'period', l.service_period, 'quantity', l.quantity, 'net', l.net, 'tax', l.tax,
                'plan', p.name) ORDER BY l.line_no)
            FROM billing.invoice_lines l LEFT JOIN billing.pricing_plans p ON p.plan_id = l.plan_id
            WHERE l.customer_id = i.customer_id AND l.invoice_id = i.invoice_id))
    FROM billing.invoices i WHERE i.invoice_id = id
$$;

CREATE FUNCTION histories.settle(customer text, month text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    preview text := histories.attempt(format('SELECT billing.preview_invoice(%L, %L)'
        ' - ''{customer,pricingSnapshot}''::text[]', customer, month));
    result jsonb;
BEGIN
    SELECT to_jsonb(r) INTO result FROM billing.run_settlement(customer, month) r;
    RETURN jsonb_build_object('preview', preview, 'result', result,
        'invoice', histories.invoice((result ->> 'invoice_id')::uuid));
EXCEPTION WHEN OTHERS THEN
    RETURN jsonb_build_object('preview', preview, 'error', SQLSTATE, 'message', SQLERRM);
END $$;

CREATE FUNCTION histories.pay(customer text, month text, key text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    id uuid := histories.live(customer, month);
    payment text;
BEGIN
    IF id IS NULL THEN
        RETURN '';
    END IF;
    SELECT p.status INTO payment FROM billing.pay_invoice(id, idempotency_key => key) p;
    RETURN payment || ' ' || (SELECT replace(i.status, 'OVERDUE', 'ISSUED') FROM billing.invoices i
        WHERE i.invoice_id = id);
END $$;

CREATE FUNCTION histories.usage(customer text, month text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(u.resource_type, jsonb_build_array(u.quantity, u.event_count))
        FILTER (WHERE u.quantity <> 0 OR u.event_count <> 0), '{}')
    FROM billing.usage_of(customer, month) u
$$;

CREATE FUNCTION histories.billed(customer text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(b.key, jsonb_build_array(b.quantity, b.net))
        FILTER (WHERE b.quantity <> 0 OR b.net <> 0), '{}') FROM (
        SELECT l.service_period || ' ' || l.code AS key, sum(l.quantity) AS quantity, sum(l.net) AS net
        FROM billing.invoices i JOIN billing.invoice_lines l USING (customer_id, invoice_id)
        WHERE i.customer_id = customer AND i.status <> 'CANCELLED' AND l.kind <> 'ADJUSTMENT'
        GROUP BY 1) b
$$;

-- After the clock of every history: days that a purge has thinned out are told by their age.
CREATE FUNCTION histories.verify() RETURNS jsonb LANGUAGE sql SET billing.now = '2030-01-01' AS $$
    SELECT COALESCE(jsonb_agg(v), '[]') FROM billing.verify() v WHERE v.ok IS NOT TRUE
$$;
"""


class Num(str):
    """A number of a JSON document, written as it is."""


def quote(value):
    if value is None:
        return "NULL"
    return "'" + str(value).replace("'", "''") + "'"


def json_text(value):
    """JSON that keeps decimals as they were written."""
    if value is None:
        return "null"
    if isinstance(value, Num):
        return str(value)
    if isinstance(value, str):
        return '"' + value + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{k}": {json_text(v)}' for k, v in value.items()) + "}"
    return "[" + ", ".join(json_text(item) for item in value) + "]"


def moment(value):
    return None if value is None else value.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Script:
    """One history as SQL: customers are numbers in the steps and get their ids here."""

    def __init__(self, prefix, declined):
        self.prefix = prefix
        self.declined = declined
        self.inside = False

    def customer(self, key):
        return ("FAIL_" if key in self.declined else "") + f"{self.prefix}-{key}"

    def event(self, event):
        document = {"eventId": event["id"], "customerId": self.customer(event["customer"]),
                    "resourceType": event["resource"], "quantity": Num(event["quantity"])}
        if event["at"] is not None:
            document["occurredAt"] = moment(event["at"])
        return document

    def sql(self, step):
        return getattr(self, "step_" + step[0])(*step[1:])

    def step_begin(self):
        if self.inside:
            return None
        self.inside = True
        return "BEGIN"

    def step_commit(self):
        if not self.inside:
            return None
        self.inside = False
        return "COMMIT"

    def step_clock(self, now):
        return f"SET billing.now = {quote(moment(now))}"

    def step_customer(self, key, fields):
        return (f"SELECT (billing.register_customer({quote(self.customer(key))},"
                f" currency => {quote(fields['currency'])}, tax_code => {quote(fields['tax'])},"
                f" time_zone => {quote(fields['zone'])},"
                f" collection => '{'AUTOMATIC' if fields['automatic'] else 'SEND_INVOICE'}'"
                f")).currency")

    def step_plan(self, key, plan):
        owner = quote(None if key is None else self.customer(key))
        return (f"SELECT billing.create_pricing_plan({quote(plan['name'])},"
                f" {quote(plan['currency'])}, {quote(json_text(plan['charges']))},"
                f" {quote(moment(plan['from']))}, customer_id => {owner},"
                f" effective_until => {quote(moment(plan['until']))}) IS NOT NULL")

    def step_ingest(self, event):
        return self.attempt(f"SELECT billing.ingest_usage({quote(event['id'])},"
                            f" {quote(self.customer(event['customer']))},"
                            f" {quote(event['resource'])}, {event['quantity']},"
                            f" {quote(moment(event['at']))})")

    def step_batch(self, events):
        return ("SELECT accepted || ' ' || duplicate || ' ' || rejected FROM"
                f" billing.ingest_usage_batch({quote(json_text([self.event(e) for e in events]))})")

    def step_arrays(self, events):
        def array(values, kind):
            return f"ARRAY[{', '.join(values)}]::{kind}[]"
        return ("SELECT accepted || ' ' || duplicate || ' ' || rejected FROM"
                " billing.ingest_usage_arrays("
                + array([quote(e["id"]) for e in events], "text") + ", "
                + array([quote(self.customer(e["customer"])) for e in events], "text") + ", "
                + array([quote(e["resource"]) for e in events], "text") + ", "
                + array([str(e["quantity"]) for e in events], "numeric") + ", "
                + array([quote(moment(e["at"])) for e in events], "timestamptz") + ")")

    def step_correct(self, key, event_id):
        return self.attempt(f"SELECT (billing.correct_usage({quote(self.customer(key))},"
                            f" {quote(event_id)}, 'wrong')).reverses")

    def step_fold(self):
        return "SELECT billing.aggregate_usage()"

    step_prepare = step_fold

    def step_purge(self, before):
        return f"SELECT billing.purge_usage({quote(moment(before))}) >= 0"

    def step_overdue(self):
        return "SELECT billing.mark_overdue_invoices() >= 0"

    def step_settle(self, key, period):
        return f"SELECT histories.settle({quote(self.customer(key))}, '{period}')"

    def step_cancel(self, key, period):
        return self.attempt("SELECT (billing.cancel_invoice(i, 'wrong')).status FROM"
                            f" histories.live({quote(self.customer(key))}, '{period}') i"
                            " WHERE i IS NOT NULL")

    def step_pay(self, key, period, idempotency_key):
        return self.attempt(f"SELECT histories.pay({quote(self.customer(key))}, '{period}',"
                            f" {quote(idempotency_key)})")

    def step_usage(self, key, period):
        return f"SELECT histories.usage({quote(self.customer(key))}, '{period}')"

    def step_billed(self, key, months):
        return f"SELECT histories.billed({quote(self.customer(key))})"

    def step_rate(self, charge, quantities):
        return ("SELECT string_agg(billing.rate(" + quote(json_text(charge)) + ", q)::text, ' '"
                f" ORDER BY n) FROM unnest(ARRAY[{', '.join(quantities)}]::numeric[])"
                " WITH ORDINALITY u(q, n)")

    def step_verify(self):
        return "SELECT histories.verify()"

    @staticmethod
    def attempt(statement):
        return f"SELECT histories.attempt({quote(statement)})"

    def lines(self, steps):
        """(step number or None, statement): a number where an answer is expected."""
        result = []
        for index, step in enumerate(steps):
            statement = self.sql(step)
            if statement is not None:
                answers = step[0] not in ("begin", "commit", "clock")
                result.append((index if answers else None, statement))
        if self.inside:
            result.append((None, "COMMIT"))
        return result


class Server:
    """A private server in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.tool = os.path.join(ROOT, "tools", "server")

    def start(self):
        subprocess.run([self.tool, "start", self.directory, "-c", "fsync=off",
                        "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
                        "-c", "max_wal_size=4GB", "-c", "autovacuum_naptime=10s"], check=True)
        env = subprocess.run([self.tool, "env", self.directory], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        for line in env.splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            os.environ[name] = value
        self.database("postgres", f"CREATE DATABASE {TEMPLATE};")
        rates = "".join(
            f"SELECT billing.register_tax_rate({quote(code)}, {percentage}"
            + (f", valid_from => {quote(since)}" if since else "") + ");\n"
            for code, steps in TAX_CODES.items() for since, percentage in steps)
        self.database(TEMPLATE, HELPERS + rates)

    @staticmethod
    def database(name, script):
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", name], input=script,
                       text=True, check=True, stdout=subprocess.DEVNULL)

    def make(self, name):
        self.database("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE};")

    def drop(self, name):
        self.database("postgres", f"DROP DATABASE {name};")

    def remove(self):
        subprocess.run([self.tool, "remove", self.directory], check=True)


class Psql:
    """One connection through psql; a reader of its own, so that no pipe fills up."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            ["psql", "-XAtq", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.answers = queue.Queue()
        self.marks = 0
        threading.Thread(target=self.read, daemon=True).start()
        self.run([(None, "SET client_min_messages = warning")])

    def read(self):
        for line in self.process.stdout:
            self.answers.put(line.rstrip("\n"))
        self.answers.put(None)

    def run(self, lines):
        """Answers of numbered statements by number, and everything else that was printed."""
        self.marks += 1
        mark = f"@{self.marks}@"
        text = []
        for index, statement in lines:
            if index is not None:
                text.append(f"\\echo #{index}\n")
            text.append(statement + ";\n")
        text.append(f"\\echo {mark}\nSELECT 1 WHERE false;\n\\echo\n")
        self.process.stdin.write("".join(text))
        self.process.stdin.flush()
        return self.collect(mark)

    def collect(self, mark):
        answers, noise, current = {}, [], None
        while True:
            line = self.answers.get(timeout=TIMEOUT)
            if line is None:
                raise RuntimeError("psql ended: " + " ".join(noise[-3:]))
            if line == mark:
                return answers, noise
            if line.startswith("#"):
                current = int(line[1:])
                answers[current] = ""
            elif current is not None and answers[current] == "":
                answers[current] = line
            elif line != "":
                noise.append(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
