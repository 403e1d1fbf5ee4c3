"""
Measures operations of billing against their limit: the same rows, with the same indexes, written by
one hand-tuned prepared statement into identical tables on the same server, in the same run.

Usage: bench.py DATA_DIRECTORY [NAME...]; see run.
"""

import datetime
import json
import os
import sys
import time

from gateway import bench_gateway
from ledger import bench_ledger, bench_wallet
from server import PAIRS, QUICK, Failed, Load, Server, Session, buffers, measure, median, percentile

HERE = os.path.dirname(os.path.abspath(__file__))
METERS = ["API_CALL", "STORAGE_GB_HOUR", "ACTIVE_USER_SEAT", "DATA_TRANSFER_GB"]
CUSTOMERS = 1000
AT_ONCE = 10_000  # customers whose usage is loaded by one call

CHARGES = json.dumps([
    {"resourceType": "API_CALL", "model": "graduated",
     "tiers": [{"upTo": 1000, "unitPrice": "0"}, {"upTo": 100000, "unitPrice": "0.001"},
               {"upTo": None, "unitPrice": "0.0005"}]},
    {"resourceType": "STORAGE_GB_HOUR", "model": "per_unit", "unitPrice": "0.00012"},
    {"resourceType": "ACTIVE_USER_SEAT", "model": "volume",
     "tiers": [{"upTo": 10, "unitPrice": "9"}, {"upTo": None, "unitPrice": "7"}]},
    {"resourceType": "DATA_TRANSFER_GB", "model": "package", "packageSize": 100, "unitPrice": "5"},
])


def last_month():
    """The period that is closed now, and a moment in the middle of it."""
    first = datetime.datetime.now(datetime.timezone.utc).replace(day=1)
    middle = first - datetime.timedelta(days=15)
    return middle.strftime("%Y-%m"), middle.strftime("%Y-%m-%dT12:00:00Z")


PERIOD, MOMENT = last_month()


# ---- the table ------------------------------------------------------------------------------

class Table:
    """The results; each line is printed when it is known and again in the table at the end."""

    HEAD = ("name", "ours", "limit", "ratio (min-max)", "goal", "met")

    def __init__(self):
        self.rows = []
        self.busy = os.getloadavg()[0]

    def add(self, name, ours, limit, ratio, goal, met):
        row = (name, ours, limit, ratio, goal, {True: "yes", False: "no", None: ""}[met])
        self.rows.append(row)
        print("  " + " | ".join(row), flush=True)

    def ratio(self, name, unit, pairs, goal):
        """A line of pairs (ours, limit) of costs, and one of the stable figures beside it."""
        ratios = [ours.rate / limit.rate for ours, limit in pairs]
        text = f"{median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
        mine, other = zip(*pairs)
        self.add(name, f"{median([c.rate for c in mine]):,.0f} {unit}/s",
                 f"{median([c.rate for c in other]):,.0f} {unit}/s", text,
                 f">= {goal}" if goal else "", median(ratios) >= goal if goal else None)
        for what, read in (("CPU us", lambda c: c.cpu_us), ("WAL bytes", lambda c: c.wal_bytes)):
            each = [read(limit) / max(read(ours), 1e-9) for ours, limit in pairs]
            self.add(f"  {what} an {unit}", f"{median([read(c) for c in mine]):,.1f}",
                     f"{median([read(c) for c in other]):,.1f}",
                     f"{median(each):.2f} ({min(each):.2f}-{max(each):.2f})", "", None)

    def print(self):
        """The table, with how busy the machine was: figures of a busy one say little but in ratio."""
        rows = [self.HEAD] + self.rows
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.HEAD))]
        print()
        for number, row in enumerate(rows):
            print(" | ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
            if number == 0:
                print("-|-".join("-" * width for width in widths))
        print(f"\n{os.cpu_count()} cores; waiting for one at the start {self.busy:.1f}, at the end"
              f" {os.getloadavg()[0]:.1f} processes (mean of a minute).")


# ---- databases ------------------------------------------------------------------------------

class Bench:
    """One run: the server, the table of results, and a fresh database for each measurement."""

    def __init__(self, data):
        self.server = Server(data)
        self.table = Table()
        self.count = 0

    def database(self, customers, name=None):
        """A session in a new database with the extension, the limit's tables and a plan."""
        self.count += 1
        name = name or f"bench_{self.count}"
        admin = Session("postgres")
        admin.run(f"CREATE DATABASE {name}")
        admin.close()
        session = Session(name)
        session.name = name
        session.run("CREATE EXTENSION billing")
        session.run(f"\\i {HERE}/schema.sql")
        session.run(f"SELECT billing.create_pricing_plan('bench', 'USD', '{CHARGES}',"
                    " now() - interval '1 year')")
        session.run("SELECT billing.register_customer(n::text) FROM"
                    f" generate_series(1, {customers}) n")
        return session

    def settled_database(self, customers):
        """One in which each customer used the four meters last month, folded."""
        session = self.database(0)
        session.run("SET synchronous_commit = off")
        columns = ["'e' || c || '-' || r", "'c' || c", f"(ARRAY{METERS})[r]",
                   "(c % 500 * 30 + r * 17)::numeric", f"'{MOMENT}'::timestamptz"]
        arrays = ", ".join(f"array_agg({column} ORDER BY c, r)" for column in columns)
        for first in range(1, customers + 1, AT_ONCE):
            last = min(first + AT_ONCE - 1, customers)
            session.run(f"SELECT i.* FROM (SELECT {arrays} FROM generate_series({first}, {last}) c,"
                        " generate_series(1, 4) r) a(e, c, r, q, t),"
                        " billing.ingest_usage_arrays(a.e, a.c, a.r, a.q, a.t) i")
        session.run("SELECT billing.aggregate_usage()")
        session.run("VACUUM ANALYZE")
        session.run("RESET synchronous_commit")
        session.run("CHECKPOINT")
        return session

    def drop(self, session):
        session.close()
        admin = Session("postgres")
        admin.run(f"DROP DATABASE {session.name} WITH (FORCE)")
        admin.run("CHECKPOINT")
        admin.close()


# ---- measurements ---------------------------------------------------------------------------

# Each client warms itself up first and says so in bench.ready.
WARM = f"""\\if :warm = 0
SELECT bench.warm_up({CUSTOMERS});
INSERT INTO bench.ready DEFAULT VALUES;
\\set warm 1
\\endif
\\set id random(1, 9000000000000000000)
\\set customer random(1, {CUSTOMERS})
\\set bucket :customer % 64
"""

INGEST = WARM + """SELECT billing.ingest_usage(:id, :customer, 'API_CALL', 1);
"""

INGEST_LIMIT = WARM + """INSERT INTO bench.usage_events (customer_id, event_id, resource_type,
 quantity, occurred_at, received_at, position, xid, era, bucket) VALUES (:customer, :id,
 'API_CALL', 1, now(), now(), nextval('bench.position_seq'), pg_current_xact_id(), 1, :bucket)
 ON CONFLICT (customer_id, event_id) DO NOTHING;
"""


def run_ingest(bench, session, clients, script, counter):
    session.run("TRUNCATE bench.ready")
    load = Load(session.name, script, clients, [("warm", 0)])
    return load.steady(bench.server, session, f"SELECT last_value FROM {counter}",
                       "SELECT count(*) FROM bench.ready", 1 if QUICK else 5)


def bench_ingest(bench):
    session = bench.database(CUSTOMERS)
    session.run("CREATE TABLE bench.ready (at timestamptz NOT NULL DEFAULT now())")
    for clients in (1, 8, 32):
        session.run("CHECKPOINT")
        pairs = [(run_ingest(bench, session, clients, INGEST, "billing.usage_events_position_seq"),
                  run_ingest(bench, session, clients, INGEST_LIMIT, "bench.position_seq"))
                 for _ in range(PAIRS + 1)][1:]
        bench.table.ratio(f"ingest_usage, {clients} clients", "event", pairs, 0.9)
    bench.table.add("  buffers an event", *ingest_buffers(session), "", None)
    bench.drop(session)


def ingest_buffers(session):
    ours = [buffers(session, f"SELECT billing.ingest_usage('b{n}', '{n}', 'API_CALL', 1)")
            for n in range(1, 40)]
    limit = [buffers(session, "INSERT INTO bench.usage_events (customer_id, event_id,"
                     " resource_type, quantity, occurred_at, received_at, era, bucket)"
                     f" VALUES ('{n}', 'b{n}', 'API_CALL', 1, now(), now(), 1, {n})"
                     " ON CONFLICT (customer_id, event_id) DO NOTHING") for n in range(1, 40)]
    return f"{median(ours):.0f}", f"{median(limit):.0f}", f"{median(limit) / median(ours):.2f}"


LIMIT_COLUMNS = ("customer_id, event_id, resource_type, quantity, occurred_at, received_at,"
                 " era, bucket")


def make_events(session, events, size):
    """
    Events to load, outside of what is measured: arrays in bench.arrays, a row for each call of
    `size` events. make_documents() adds the same as JSON texts.
    """
    session.run("CREATE SEQUENCE bench.event_seq")
    session.run(
        "CREATE TABLE bench.arrays AS SELECT call, array_agg(event) AS event_ids,"
        " array_agg(customer) AS customer_ids, array_agg(meter) AS resource_types,"
        " array_agg(quantity) AS quantities, array_agg(at) AS occurred_at,"
        " array_agg(bucket) AS buckets FROM"
        f" (SELECT n / {size} AS call,"
        " 'event-' || nextval('bench.event_seq') AS event, c::text AS customer,"
        f" (ARRAY{METERS})[1 + n % 4] AS meter, (n % 1000)::numeric AS quantity,"
        f" '{MOMENT}'::timestamptz + (n % 10) * interval '1 day' AS at,"
        " (c % 64)::smallint AS bucket"
        f" FROM generate_series(0, {events - 1}) n,"
        f" LATERAL (SELECT 1 + (hashint4(n) & 2147483647) % {CUSTOMERS} AS c) c) e GROUP BY call")
    session.run("ALTER TABLE bench.arrays ADD PRIMARY KEY (call)")


def make_documents(session):
    session.run(
        "CREATE TABLE bench.documents AS SELECT call, (SELECT json_agg(json_build_object("
        "'eventId', e.event, 'customerId', e.customer, 'resourceType', e.meter, 'quantity',"
        " e.quantity, 'occurredAt', e.at)) FROM unnest(a.event_ids, a.customer_ids,"
        " a.resource_types, a.quantities, a.occurred_at) e(event, customer, meter, quantity, at)"
        ")::text AS document FROM bench.arrays a")
    session.run("ALTER TABLE bench.documents ADD PRIMARY KEY (call)")


ARRAY_LIMIT = (
    f"INSERT INTO bench.usage_events ({LIMIT_COLUMNS}) SELECT u.c, u.e, u.r, u.q, u.o, now(), 1,"
    " u.b FROM bench.arrays a, unnest(a.customer_ids, a.event_ids, a.resource_types,"
    " a.quantities, a.occurred_at, a.buckets) u(c, e, r, q, o, b) WHERE a.call = $1"
    " ON CONFLICT (customer_id, event_id) DO NOTHING")


def load_pair(bench, events, size, ours, with_documents):
    """Loads the same events, `size` a call, by ours and by the limit, in a new database."""
    session = bench.database(CUSTOMERS)
    make_events(session, events, size)
    if with_documents:
        make_documents(session)
    before = int(session.value("SELECT count(*) FROM billing.usage_events"))
    session.run(f"PREPARE ours(int) AS {ours}")
    session.run(f"PREPARE bare(int) AS {ARRAY_LIMIT}")
    session.run("CHECKPOINT")

    def all_calls(name):
        for call in range(events // size):
            session.run(f"EXECUTE {name}({call})")

    pair = (measure(bench.server, session, events, lambda: all_calls("ours")),
            measure(bench.server, session, events, lambda: all_calls("bare")))
    for table, already in (("billing", before), ("bench", 0)):
        stored = int(session.value(f"SELECT count(*) FROM {table}.usage_events")) - already
        if stored != events:
            raise Failed(f"{stored} events in {table}.usage_events, not {events}")
    bench.drop(session)
    return pair


def load_pairs(bench, events, size, ours, with_documents=False):
    return [load_pair(bench, events, size, ours, with_documents) for _ in range(PAIRS + 1)][1:]


def bench_arrays(bench):
    events = 100_000 if QUICK else 1_000_000
    pairs = load_pairs(
        bench, events, events,
        "SELECT r.* FROM bench.arrays a, billing.ingest_usage_arrays(a.event_ids, a.customer_ids,"
        " a.resource_types, a.quantities, a.occurred_at) r WHERE a.call = $1")
    bench.table.ratio(f"ingest_usage_arrays, {events:,} events", "event", pairs, 0.9)


def bench_batch(bench):
    events = 20_000 if QUICK else 200_000
    pairs = load_pairs(
        bench, events, 10_000,
        "SELECT r.* FROM bench.documents d, billing.ingest_usage_batch(d.document::jsonb) r"
        " WHERE d.call = $1", True)
    bench.table.ratio("ingest_usage_batch, JSON, 10,000 a call", "event", pairs, 0.5)


FOLD_LIMIT = (
    "INSERT INTO bench.aggregated_usage AS a (customer_id, day, resource_type, quantity, event_count)"
    " SELECT customer_id, (occurred_at AT TIME ZONE 'UTC')::date, resource_type, sum(quantity),"
    " count(*) FROM billing.usage_events GROUP BY 1, 2, 3"
    " ON CONFLICT (customer_id, day, resource_type) DO UPDATE SET"
    " quantity = a.quantity + EXCLUDED.quantity, event_count = a.event_count + EXCLUDED.event_count")


def bench_fold(bench):
    events = 100_000 if QUICK else 1_000_000
    session = bench.database(CUSTOMERS)
    session.run("SELECT billing.aggregate_usage()")
    session.run("CREATE TABLE bench.cursors AS SELECT * FROM billing.window_cursors")
    make_events(session, events, events)
    session.run("SELECT r.* FROM bench.arrays a, billing.ingest_usage_arrays(a.event_ids,"
                " a.customer_ids, a.resource_types, a.quantities, a.occurred_at) r")
    session.run("VACUUM ANALYZE")
    session.run(f"PREPARE bare AS {FOLD_LIMIT}")
    session.run("ALTER TABLE billing.aggregated_usage DISABLE TRIGGER never_deleted")
    pairs = []
    for number in range(PAIRS + 1):
        session.run("TRUNCATE billing.aggregated_usage, billing.unbilled_usage,"
                    " bench.aggregated_usage")
        session.run("UPDATE billing.window_cursors w SET era = c.era, snapshot = c.snapshot"
                    " FROM bench.cursors c WHERE c.consumer = w.consumer AND c.bucket = w.bucket")
        session.run("VACUUM billing.window_cursors")
        session.run("CHECKPOINT")

        def ours():
            folded = int(session.value("SELECT billing.aggregate_usage()"))
            if folded != events:
                raise Failed(f"{folded} events folded, not {events}")

        pair = (measure(bench.server, session, events, ours),
                measure(bench.server, session, events, lambda: session.run("EXECUTE bare")))
        differ = session.value(
            "SELECT count(*) FROM billing.aggregated_usage o FULL JOIN bench.aggregated_usage b"
            " USING (customer_id, day, resource_type) WHERE o.quantity IS DISTINCT FROM b.quantity"
            " OR o.event_count IS DISTINCT FROM b.event_count")
        if differ != "0":
            raise Failed(f"{differ} days differ between the fold and the limit")
        if number > 0:
            pairs.append(pair)
    bench.table.ratio(f"aggregate_usage, {events:,} events", "event", pairs, 0.9)
    bench.drop(session)


def settle(bench, customers):
    """
    Settles last month of so many customers in a new database. The cost of it, and that of writing
    the rows that it added once more, by one statement a table.
    """
    session = bench.settled_database(customers)
    session.run("CALL bench.make_settled_copies()")
    ours = measure(bench.server, session, customers,
                   lambda: session.run(f"CALL billing.settle_period('{PERIOD}')"))
    lines = session.value("SELECT count(*) || ' ' || count(DISTINCT invoice_id)"
                          " FROM billing.invoice_lines")
    if lines != f"{4 * customers} {customers}":
        raise Failed(f"settled lines and invoices: {lines}, not 4 lines for each of {customers}")
    limit = measure(bench.server, session, customers,
                    lambda: session.run("CALL bench.write_settled_copies()"))
    bench.drop(session)
    return ours, limit


def bench_settle(bench):
    small = 1_000 if QUICK else 10_000
    bench.server.pin(0)
    try:
        pairs = [settle(bench, small) for _ in range(PAIRS)]
        large = settle(bench, 10 * small)[0]
    finally:
        bench.server.pin(None)
    mine = [ours for ours, _ in pairs]
    rates = [cost.rate for cost in mine]
    bench.table.add(f"settle_period, {small:,} customers x 4 lines, one core",
                    f"{median(rates):,.0f} invoices/s", "", f"({min(rates):,.0f}-{max(rates):,.0f})",
                    ">= 3,000/s", median(rates) >= 3000)
    bench.table.ratio("  beside one INSERT a table", "invoice", pairs, None)
    seconds = median([cost.seconds for cost in mine])
    bench.table.add(f"settle_period, {10 * small:,} customers", f"{large.seconds:,.1f} s",
                    f"{seconds:,.1f} s", f"{large.seconds / seconds:.1f} times", "<= 11 times",
                    large.seconds <= 11 * seconds)
    bench.table.add("  CPU us an invoice", f"{large.cpu_us:,.0f}",
                    f"{median([cost.cpu_us for cost in mine]):,.0f}", "", "", None)


def bench_usage(bench):
    events = 10_000 if QUICK else 100_000
    session = bench.database(CUSTOMERS)
    session.run("SELECT billing.aggregate_usage()")
    make_events(session, events, events)
    session.run("SELECT r.* FROM bench.arrays a, billing.ingest_usage_arrays(a.event_ids,"
                " a.customer_ids, a.resource_types, a.quantities, a.occurred_at) r")
    latencies = Load(session.name, f"\\set customer random(1, {CUSTOMERS})\n"
                     "SELECT * FROM billing.usage_of(:customer, :period);\n",
                     variables=[("period", PERIOD)]).latencies(200)
    bench.table.add(f"usage_of, {events:,} events not folded",
                    f"median {median(latencies):.2f} ms, p99 {percentile(latencies, 0.99):.2f} ms",
                    "", "", "<= 5 ms", median(latencies) <= 5)
    bench.drop(session)


def bench_latency(bench):
    calls = 50 if QUICK else 500
    session = bench.settled_database(calls)
    session.run("CREATE SEQUENCE bench.next_customer")
    for name, script in (
            ("preview_invoice", "\\set n random(1, " f"{calls})\n"
             "SELECT billing.preview_invoice('c' || :n, :period);\n"),
            ("run_settlement", "SELECT billing.run_settlement('c' ||"
             " nextval('bench.next_customer'), :period);\n")):
        latencies = Load(session.name, script, variables=[("period", PERIOD)]).latencies(calls)
        bench.table.add(f"{name}, one customer", f"median {median(latencies):.2f} ms,"
                        f" p99 {percentile(latencies, 0.99):.2f} ms", "", "", "", None)
    invoices = session.value("SELECT count(*) FROM billing.invoices WHERE status = 'PAID'")
    if invoices != str(calls):
        raise Failed(f"{invoices} paid invoices, not {calls}")
    bench.drop(session)


def bench_million(bench):
    customers = 10_000 if QUICK else 1_000_000
    session = bench.settled_database(customers)
    before = int(session.value("SELECT pg_database_size(current_database())"))
    cost = measure(bench.server, session, customers,
                   lambda: session.run(f"CALL billing.settle_period('{PERIOD}')"))
    grown = int(session.value("SELECT pg_database_size(current_database())")) - before
    name = f"settle_period, {customers:,} customers x 4 lines, one session"
    bench.table.add(name, f"{cost.seconds:,.0f} s", "", f"{cost.rate:,.0f} invoices/s", "", None)
    bench.table.add("  CPU us, WAL bytes, bytes of the database an invoice",
                    f"{cost.cpu_us:,.0f}, {cost.wal_bytes:,.0f}, {grown / customers:,.0f}", "", "", "", None)
    start = time.perf_counter()
    wrong = session.run("SELECT check_name, detail FROM billing.verify() WHERE NOT ok")
    if wrong:
        raise Failed(f"verify() tells {wrong}")
    bench.table.add("  verify() of it", f"{time.perf_counter() - start:,.0f} s", "", "", "", None)
    bench.drop(session)


def memory_of(session):
    """KiB of a session: in its memory contexts, and private to its process."""
    contexts = session.value("SELECT sum(total_bytes) / 1024 FROM pg_backend_memory_contexts")
    with open(f"/proc/{session.value('SELECT pg_backend_pid()')}/status", encoding="ascii") as file:
        private = next(line.split()[1] for line in file if line.startswith("RssAnon"))
    return float(contexts), float(private)


def watch_memory(bench, session, name, calls, call):
    """
    Makes so many calls in one session, and compares the least memory that it had in the first half
    with that in the second: caches fill and are emptied, what leaks is never given back.
    """
    step = calls // 20
    readings = []
    for first in range(1, calls + 1, step):
        session.run(f"DO $$ BEGIN FOR i IN {first} .. {first + step - 1} LOOP PERFORM {call};"
                    " IF i % 100 = 0 THEN COMMIT; END IF; END LOOP; END $$")
        readings.append(memory_of(session))
    for what, series in zip(("in contexts", "of the process"), zip(*readings)):
        early, late = min(series[:10]), min(series[10:])
        grown = (late - early) * 1024 / (calls / 2)
        bench.table.add(f"{name}: memory {what}", f"{late:,.0f} KiB", f"{early:,.0f} KiB in the first half",
                        f"{grown:+.2f} bytes a call", "flat: <= 1", grown <= 1)


def bench_memory(bench):
    events, settlements = (10_000, 1_000) if QUICK else (1_000_000, 100_000)
    session = bench.settled_database(settlements)
    watch_memory(bench, session, f"{events:,} calls of ingest_usage", events,
                 f"billing.ingest_usage('m' || i, 'c' || (i % {settlements} + 1), 'API_CALL', 1, '{MOMENT}')")
    session.run("SELECT billing.aggregate_usage()")
    watch_memory(bench, session, f"{settlements:,} calls of run_settlement", settlements,
                 f"billing.run_settlement('c' || i, '{PERIOD}')")
    bench.drop(session)


MEASUREMENTS = {
    "ingest": bench_ingest,
    "arrays": bench_arrays,
    "batch": bench_batch,
    "fold": bench_fold,
    "settle": bench_settle,
    "usage": bench_usage,
    "latency": bench_latency,
    "memory": bench_memory,
    "wallet": bench_wallet,
    "gateway": bench_gateway,
}
ON_DEMAND = {"million": bench_million, "ledger": bench_ledger}


def main():
    names = sys.argv[2:] or list(MEASUREMENTS)
    known = MEASUREMENTS | ON_DEMAND
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"bench: no measurement {unknown[0]}; there are: {' '.join(known)}")
    bench = Bench(sys.argv[1])
    for name in names:
        print(f"{name}:", flush=True)
        try:
            known[name](bench)
        except Failed as error:
            bench.table.print()
            sys.exit(f"bench: {name}: {error}")
    bench.table.print()


if __name__ == "__main__":
    main()
