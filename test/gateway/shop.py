"""A server whose payments go to an outside provider, and what its customers do."""

import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "torture"))
from server import Server  # noqa: E402
from wire import Refused  # noqa: E402

DATABASE = "shop"
PATIENCE = 60  # seconds for what takes milliseconds
SECRETS = {"gateway_api_key": "sk_test_1", "gateway_webhook": "whsec_test_1"}
SETTINGS = {
    "shared_preload_libraries": "billing",
    "billing.database": DATABASE,
    "max_worker_processes": "12",
    "fsync": "off",
    "log_min_messages": "warning",
}
# seconds become fractions of them
QUICK = {
    "billing.gateway_connect_timeout": "300ms",
    "billing.gateway_timeout": "300ms",
    "billing.gateway_lookup_delays": "100ms, 200ms",
    "billing.gateway_retry_delay": "20ms",
    "billing.breaker_open": "300ms",
}


def quote(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


class Tap:
    """Prints what is proved."""

    def __init__(self):
        self.count = self.failed = 0

    def ok(self, passed, name, told=()):
        self.count += 1
        self.failed += not passed
        print(f"{'ok' if passed else 'not ok'} {self.count} - {name}", flush=True)
        if not passed:
            for line in told:
                self.say(line)

    def same(self, got, wanted, name):
        self.ok(got == wanted, name, (f"got    {got!r}", f"wanted {wanted!r}"))

    @staticmethod
    def say(text):
        for line in str(text).splitlines():
            print("# " + line, flush=True)

    def finish(self):
        print(f"1..{self.count}")
        return 1 if self.failed else 0


class Shop(Server):
    """The server; setup() starts it, with a database that may speak to the outside."""

    def __init__(self, directory, **settings):
        super().__init__(directory)
        self.settings = SETTINGS | settings

    def start(self):
        words = [word for name, value in self.settings.items() for word in ("-c", f"{name}={value}")]
        subprocess.run([self.tool, "start", self.directory, "--environment", "test", *words], check=True)
        env = subprocess.run([self.tool, "env", self.directory], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        self.data = os.path.realpath(os.path.join(self.directory, "data"))
        values = dict(line.removeprefix("export ").split("=", 1) for line in env.splitlines())
        self.socket = f"{values['PGHOST']}/.s.PGSQL.{values['PGPORT']}"
        return self

    def setup(self):
        # a worker that finds no database comes back after some seconds
        wanted, self.settings = self.settings, {}
        self.start()
        self.once(f"CREATE DATABASE {DATABASE}")
        self.settings = wanted
        self.start()
        shop = self.shop()
        shop.ask("CREATE EXTENSION billing")
        # the server makes it for itself: nobody else may read it
        shop.ask("COPY (SELECT 'k1 ' || repeat('5eed', 16)) TO PROGRAM 'umask 077; cat > billing.keys'")
        self.set({"billing.secret_key_file": f"{self.data}/billing.keys"})
        shop.close()
        shop = self.shop()
        for name, value in SECRETS.items():
            shop.ask(f"SELECT billing.set_secret({quote(name)}, {quote(value)})")
        shop.ask("SELECT billing.enable_workers()")
        return shop

    def shop(self, settings=None):
        return self.session(DATABASE, settings)

    def set(self, values):
        """Settings for the whole server; sessions that begin now have them."""
        admin = self.session("postgres")
        for name, value in values.items():
            admin.ask(f"ALTER SYSTEM SET {name} = {quote(value)}")
        admin.ask("SELECT pg_reload_conf()")
        admin.close()
        for name, value in values.items():
            until(lambda: self.effective(name, value), f"{name} = {value}")

    def once(self, sql, database="postgres"):
        session = self.session(database)
        try:
            return session.ask(sql)
        finally:
            session.close()

    def effective(self, name, value):
        """Whether a new session has it. Where one may try, the value is compared as the server says it."""
        present = f"SELECT current_setting({quote(name)}) = "
        try:
            return self.once(f"{present} set_config({quote(name)}, {quote(value)}, false)") == [("t",)]
        except Refused:
            return self.once(present + quote(value)) == [("t",)]


def until(condition, what, seconds=PATIENCE):
    """What the condition answers once it is true."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {seconds} seconds")
        time.sleep(0.01)


class Buyer:
    """One session of the shop: orders, payments, and what became of them."""

    def __init__(self, session):
        self.ask = session.ask
        self.session = session

    def value(self, sql):
        return self.ask(sql)[0][0]

    def order(self, customer, amount="12.50", currency="USD"):
        if self.value(f"SELECT count(*) FROM billing.customers WHERE customer_id = {quote(customer)}") == "0":
            self.ask(f"SELECT billing.register_customer({quote(customer)}, currency => {quote(currency)})")
        return self.value(
            f"SELECT order_id FROM billing.place_order({quote(customer)}, {quote(currency)},"
            f""" '[{{"sku": "seat", "quantity": 1, "unitPrice": {amount}}}]')""")

    def pay(self, order):
        """The payment's id: it is PENDING."""
        [(payment, status)] = self.ask(f"SELECT payment_id, status FROM billing.pay_order({quote(order)}, 'CARD')")
        if status != "PENDING":
            raise RuntimeError(f"a payment by an outside provider is {status} at once")
        return payment

    def buy(self, customer, amount="12.50"):
        return self.pay(self.order(customer, amount))

    def wait(self, payment, seconds=20):
        """(status, failure_code) once it is decided."""
        ended = self.ask(f"SELECT status, failure_code FROM billing.wait_for_payment({quote(payment)},"
                         f" '{seconds} s')")[0]
        if ended[0] == "PENDING":
            raise RuntimeError(f"payment {payment} waits still: {self.ask('SELECT * FROM billing.gateway_calls')}")
        return ended

    def attempts(self, payment):
        """(call, status) of each call to the provider."""
        return self.ask("SELECT call, status FROM billing.payment_attempts"
                        f" WHERE payment_id = {quote(payment)} ORDER BY attempt_no")

    def refund(self, payment, amount=None, reason=None):
        return self.value(f"SELECT refund_id FROM billing.refund_payment({quote(payment)},"
                          f" {'NULL' if amount is None else amount}, {quote(reason)})")

    def refund_status(self, refund):
        return self.ask(f"SELECT status, failure_code FROM billing.refunds WHERE refund_id = {quote(refund)}")[0]

    def wait_refund(self, refund):
        return until(lambda: self.refund_status(refund)[0] in ("COMPLETED", "FAILED") and self.refund_status(refund),
                     "end of a refund")

    def hook(self, delivery, provider="http"):
        """(result, duplicate) of a webhook that came in."""
        return self.ask(
            f"SELECT result, duplicate FROM billing.receive_gateway_webhook({quote(provider)},"
            f" {quote(delivery['headers'])}::jsonb, convert_to({quote(delivery['body'])}, 'UTF8'))")[0]

    def violations(self):
        return self.ask("SELECT check_name, detail FROM billing.verify() WHERE ok IS NOT TRUE")
