"""The payment gateway: what its provider's troubles cost others, and how fast one worker is."""

import os
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("gateway", "torture"):
    sys.path.append(os.path.join(os.path.dirname(HERE), folder))
from client import Provider  # noqa: E402
from ledger import CHARGE, database  # noqa: E402
from server import QUICK, Failed, Load, Session, median, percentile, ran_for, window  # noqa: E402
from wire import Session as Wire  # noqa: E402

DATABASE = "bench_gateway"
WALLETS = 1000
IN_FLIGHT = 64
QUEUED = 36         # beside those in flight, while the provider hangs
PAYMENTS = 2_000 if QUICK else 10_000  # of a round of throughput
CALLS = 100 if QUICK else 1_000        # whose latency is taken
ROUNDS = 2 if QUICK else 5
CLIENTS = 8
WINDOWS = 4 if QUICK else 20           # pairs of turns, disturbed and not
WINDOW = 2.0        # seconds of a turn
PATIENCE = 120
HANG = 30.0         # seconds
SETTINGS = {
    "billing.gateway_max_in_flight": IN_FLIGHT,
    "billing.gateway_max_queued": 1_000_000,
    "billing.gateway_timeout": "60s",
    # slow is what is measured
    "billing.breaker_slow_call": 0,
}

INGEST = """\\set id random(1, 9000000000000000000)
\\if :warm = 0
INSERT INTO bench.ready DEFAULT VALUES;
\\set warm 1
\\endif
\\set customer random(1, :wallets)
SELECT billing.ingest_usage(:id, :customer, 'API_CALL', 1);
"""


def wait_until(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {PATIENCE} seconds")
        time.sleep(0.01)


class Gateway:
    """The database, the provider, and the one worker between them."""

    def __init__(self, bench, provider):
        self.bench, self.provider = bench, provider
        admin = Session("postgres")
        admin.run(f"DROP DATABASE {DATABASE} WITH (FORCE)")
        for name, value in SETTINGS.items():
            admin.run(f"ALTER SYSTEM SET {name} = '{value}'")
        admin.run(f"ALTER SYSTEM SET billing.gateway_url = 'http://127.0.0.1:{provider.port}'")
        admin.run("SELECT pg_reload_conf()")
        admin.close()
        self.session = database(bench, WALLETS, DATABASE)
        self.session.run("SELECT billing.enable_workers()")
        self.make_orders(1)
        self.pay(1)
        wait_until(self.drained, "the first payment")
        self.worker = int(self.session.value("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE"
                                             " 'billing gateway%'"))

    def make_orders(self, count):
        self.session.run("DO $$ BEGIN FOR i IN 1 .. %d LOOP PERFORM billing.place_order((1 + i %% %d)::text, 'KRW',"
                         " '[{\"sku\": \"seat\", \"quantity\": 1, \"unitPrice\": 110}]'); IF i %% 100 = 0 THEN COMMIT;"
                         " END IF; END LOOP; END $$" % (count, WALLETS))

    def pay(self, count):
        """Queues payments of orders that are not paid."""
        self.session.run("SELECT count(billing.pay_order(o.order_id, 'CARD')) FROM (SELECT order_id FROM billing.orders"
                         f" WHERE status = 'CREATED' ORDER BY order_id LIMIT {count}) o")

    def drained(self):
        return self.session.value("SELECT count(*) FROM billing.gateway_calls") == "0"

    def in_flight(self):
        return int(self.session.value("SELECT in_flight FROM billing.bulkheads WHERE name = 'gateway'"))


# ---- isolation ----------------------------------------------------------------------------------

class Watch(threading.Thread):
    """The oldest transaction of the worker, and of anybody who waits for it, seen meanwhile: seconds."""

    def __init__(self):
        super().__init__(daemon=True)
        self.session, self.oldest, self.stopping = Session(DATABASE), 0.0, threading.Event()

    def run(self):
        while not self.stopping.wait(0.1):
            seen = self.session.value("SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)"
                                      " FROM pg_stat_activity WHERE backend_type LIKE 'billing gateway%'")
            self.oldest = max(self.oldest, float(seen))

    def finish(self):
        self.stopping.set()
        self.join()
        self.session.close()
        return self.oldest


def hang(gateway):
    """Fills the provider with calls that it does not answer."""
    gateway.provider.control("faults", {"hold_after": 1, "hold": HANG})
    gateway.pay(IN_FLIGHT + QUEUED)
    wait_until(lambda: gateway.provider.control("stats")["held"] == IN_FLIGHT, "calls in flight")


def let_go(gateway):
    gateway.provider.control("faults", {"hold_after": 0})
    gateway.provider.control("release", {})
    wait_until(gateway.drained, "end of what hung")


def turn(gateway, counter, seen, hangs):
    """The cost of others' calls for a while. Both sides are watched alike; `seen` is of those that hang."""
    if hangs:
        hang(gateway)
    watch, cpu, start = Watch(), ran_for(gateway.worker), time.perf_counter()
    watch.start()
    cost = window(gateway.bench.server, gateway.session, counter, WINDOW)
    share, oldest = (ran_for(gateway.worker) - cpu) / (time.perf_counter() - start), watch.finish()
    if hangs:
        seen["shares"].append(share)
        seen["oldest"].append(oldest)
        if gateway.in_flight() != IN_FLIGHT:
            raise Failed(f"{gateway.in_flight()} calls in flight, not {IN_FLIGHT}: the provider did not hang")
        let_go(gateway)
    return cost


def isolation(gateway):
    """One load that never pauses; by turns the provider hangs, and is not called."""
    bench, session = gateway.bench, gateway.session
    gateway.make_orders(2 * WINDOWS * (IN_FLIGHT + QUEUED))
    for name, script, counter in (("charge_wallet", CHARGE, "billing.ledger_transfers_position_seq"),
                                  ("ingest_usage", INGEST, "billing.usage_events_position_seq")):
        session.run("VACUUM")
        session.run("CHECKPOINT")
        session.run("TRUNCATE bench.ready")
        counter = f"SELECT last_value FROM {counter}"
        load = Load(session.name, script, CLIENTS, [("warm", 0), ("wallets", WALLETS)])
        pairs, seen = [], {"shares": [], "oldest": []}
        with load.running(session, "SELECT count(*) FROM bench.ready"):
            for number in range(WINDOWS):
                # what drifts shall not always fall on the same side
                order = (True, False) if number % 2 else (False, True)
                costs = {hangs: turn(gateway, counter, seen, hangs) for hangs in order}
                pairs.append((costs[True], costs[False]))
        shares, oldest = seen["shares"], max(seen["oldest"])
        bench.table.ratio(f"{name}, {IN_FLIGHT} calls of the gateway hang, beside none", "call", pairs, 0.95)
        bench.table.add("  processor of the worker", f"{100 * median(shares):.2f} %", "",
                        f"({100 * min(shares):.2f}-{100 * max(shares):.2f})", "< 5 %", max(shares) < 0.05)
        bench.table.add("  its oldest transaction", f"{oldest * 1000:.0f} ms", "", "", "<= 1 s", oldest <= 1)


# ---- throughput and latency ---------------------------------------------------------------------

def throughput(gateway):
    """A queue that stood before a breaker that was opened by hand, until every payment of it is recorded."""
    session = gateway.session
    gateway.provider.control("faults", {"latency": 0.005})
    rates, shares = [], []
    for _ in range(ROUNDS + 1):
        gateway.make_orders(PAYMENTS)
        session.run("SELECT billing.open_circuit_breaker('gateway')")
        gateway.pay(PAYMENTS)
        session.run("VACUUM ANALYZE")
        session.run("CHECKPOINT")
        session.run("SELECT billing.reset_circuit_breaker('gateway')")
        # the worker asks an open breaker once a second: that wait is no part of the rate
        wait_until(lambda: gateway.in_flight() > 0, "the first call")
        cpu, start = ran_for(gateway.worker), time.perf_counter()
        wait_until(gateway.drained, "end of a round")
        seconds = time.perf_counter() - start
        rates.append(PAYMENTS / seconds)
        shares.append((ran_for(gateway.worker) - cpu) / PAYMENTS * 1e6)
    gateway.provider.control("faults", {"latency": 0})
    rates, shares = rates[1:], shares[1:]
    gateway.bench.table.add("payments through one worker, provider in 5 ms", f"{median(rates):,.0f} payments/s", "",
                            f"({min(rates):,.0f}-{max(rates):,.0f})", ">= 2,000/s", median(rates) >= 2000)
    gateway.bench.table.add("  CPU us of the worker a payment", f"{median(shares):.0f}", "",
                            f"({min(shares):.0f}-{max(shares):.0f})", "", None)


def latency(gateway):
    """From a commit, before it is sent and when it is answered, to the request's arrival at the provider."""
    gateway.make_orders(CALLS)
    orders = gateway.session.run(f"SELECT order_id FROM billing.orders WHERE status = 'CREATED' ORDER BY 1 LIMIT {CALLS}")
    gateway.provider.control("forget", {})
    session, times = Wire(f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}", DATABASE, {}), {}
    for order in orders:
        session.ask("BEGIN")
        [(payment,)] = session.ask(f"SELECT payment_id FROM billing.pay_order('{order}', 'CARD')")
        before = time.time_ns()
        session.ask("COMMIT")
        times[payment] = before, time.time_ns()
        time.sleep(0.005)
    session.close()
    wait_until(gateway.drained, "end of payments")
    arrivals = gateway.provider.control("arrivals")
    for number, what in ((1, "the answer of the commit"), (0, "sending the commit")):
        taken = [max(arrivals[payment] - moments[number], 0) / 1e6 for payment, moments in times.items()]
        p99 = percentile(taken, 0.99)
        gateway.bench.table.add(f"from {what} to the provider", f"median {median(taken):.2f} ms, p99 {p99:.2f} ms", "",
                                "", "<= 5 ms p99" if number == 1 else "", p99 <= 5 if number == 1 else None)


def bench_gateway(bench):
    with tempfile.TemporaryDirectory(prefix="billing-bench-") as directory:
        provider = Provider(directory).start()
        try:
            gateway = Gateway(bench, provider)
            throughput(gateway)
            latency(gateway)
            isolation(gateway)
            wrong = gateway.session.run("SELECT check_name, detail FROM billing.verify() WHERE NOT ok")
            if wrong:
                raise Failed(f"verify() tells {wrong}")
            gateway.session.close()
        finally:
            provider.stop()
