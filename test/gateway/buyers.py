"""The clients of the proof: they buy, pay again what was declined, and have money back, each in a session
of its own, whatever happens to the server. Every call has a key, so one whose answer was lost is made again."""

import http.client
import random
import threading
import time
from decimal import Decimal

from shop import Refused, quote
from wire import Lost

CURRENCIES = (("USD", 2), ("KRW", 0), ("KWD", 2))  # KWD: the gateway takes no third decimal
RETRIABLE = ("40001", "40P01", "55P03", "57P01", "57P03")
BULKHEAD_FULL = "ZB302"
PAUSE = 0.02  # seconds before a call is made again
BATCH = 100


class Worker(threading.Thread):
    """A thread with a session that comes back; what it raised is in .error."""

    def __init__(self, connect, name):
        super().__init__(name=name, daemon=True)
        self.connect, self.session, self.error = connect, None, None
        self.stopping = threading.Event()

    def run(self):
        try:
            self.work()
        except Exception as error:  # a thread's exception would be lost
            self.error = error
        finally:
            if self.session is not None:
                self.session.close()

    def ask(self, sql):
        """Makes a call until it is answered; refusals that may pass are waited out."""
        while True:
            try:
                if self.session is None:
                    self.session = self.connect()
                return self.session.ask(sql)
            except Lost:
                self.session = None
            except Refused as error:
                if error.sqlstate not in RETRIABLE:
                    raise
            time.sleep(PAUSE)


class Buyer(Worker):
    """Makes its share of the payments and refunds. top_ups: every so manieth is a top-up."""

    def __init__(self, connect, number, plan):
        super().__init__(connect, f"buyer {number}")
        self.number, self.left = number, plan["payments"]
        self.refunds_left, self.top_ups = plan["refunds"], plan["top_ups"]
        self.random = random.Random(f"{plan['seed']}/{number}")
        self.currencies = {}
        self.open = {}      # payment -> what it pays, until it is decided
        self.paid = []      # payments that may be refunded
        self.made = self.declined = self.refunded = self.refused = 0

    def work(self):
        while not self.stopping.is_set() and (self.left > 0 or self.open):
            if self.left > 0:
                self.left -= 1
                self.buy()
            if self.made % BATCH == 0 or self.left == 0:
                self.look()
                if self.left == 0:
                    time.sleep(PAUSE)
        while not self.stopping.is_set() and self.refunds_left > 0 and self.paid:
            self.refund()

    def amount(self, decimals):
        minor = self.random.randint(100, 99999)
        return f"{minor // 10 ** decimals}.{minor % 10 ** decimals:0{decimals}d}" if decimals else str(minor)

    def customer(self):
        """(id, currency, decimals) of one of some customers, made when first met."""
        number = self.random.randrange(200)
        customer = f"c{self.number}-{number}"
        if customer not in self.currencies:
            currency = self.random.choice(CURRENCIES)
            self.ask(f"SELECT billing.register_customer({quote(customer)}, currency => {quote(currency[0])})")
            self.currencies[customer] = currency
        return (customer, *self.currencies[customer])

    def buy(self):
        customer, currency, decimals = self.customer()
        key, amount = f"{self.number}-{self.left}", self.amount(decimals)
        if self.random.randrange(self.top_ups) == 0:
            self.pay(None, f"billing.request_top_up({quote(customer)}, {amount}, {quote(currency)},"
                           f" idempotency_key => {quote(key)})")
            return
        order = self.ask(f"SELECT order_id FROM billing.place_order({quote(customer)}, {quote(currency)},"
                         f""" '[{{"sku": "s", "quantity": 1, "unitPrice": {amount}}}]', {quote(key)})""")[0][0]
        self.pay_order(order, 1)

    def pay_order(self, order, number):
        self.pay((order, number), f"billing.pay_order({quote(order)}, 'CARD',"
                                  f" idempotency_key => {quote(f'{order} {number}')})")

    def pay(self, what, call):
        while not self.stopping.is_set():
            try:
                payment = self.ask(f"SELECT payment_id FROM {call}")[0][0]
                self.open[payment] = what
                self.made += 1
                return
            except Refused as error:
                if error.sqlstate != BULKHEAD_FULL:
                    raise
                self.refused += 1
                self.look()
                time.sleep(PAUSE)

    def look(self):
        """Takes note of what was decided; what was declined is paid again, under another key."""
        if not self.open:
            return
        ids = ", ".join(quote(payment) for payment in self.open)
        decided = self.ask("SELECT payment_id, status FROM billing.payments WHERE status <> 'PENDING'"
                           f" AND payment_id IN ({ids})")
        # all are taken first: paying again may look again
        for payment, status, what in [(*row, self.open.pop(row[0])) for row in decided]:
            if status == "APPROVED":
                self.paid.append(payment)
                if self.refunds_left > 0 and self.random.random() < 0.25:
                    self.refund()
            else:
                self.declined += 1
                if what is not None:
                    self.pay_order(what[0], what[1] + 1)

    def refund(self):
        """Half of a payment, or all of it; some payments in two parts."""
        payment = self.paid.pop(self.random.randrange(len(self.paid)))
        [(amount, currency)] = self.ask(f"SELECT amount, currency FROM billing.payments WHERE payment_id = {quote(payment)}")
        part = "NULL"
        if self.random.random() < 0.5:
            decimals = dict(CURRENCIES)[currency]
            scale = 10 ** decimals
            half = max(int(Decimal(amount) * scale) // 2, 1)
            part = f"{half // scale}.{half % scale:0{decimals}d}" if decimals else str(half)
        try:
            self.ask(f"SELECT refund_id FROM billing.refund_payment({quote(payment)}, {part},"
                     f" idempotency_key => {quote('r ' + payment)})")
            self.refunded += 1
            self.refunds_left -= 1
        except Refused as error:
            if error.sqlstate != BULKHEAD_FULL:
                raise
            self.refused += 1
            self.paid.append(payment)
            time.sleep(PAUSE)


class Settler(Worker):
    """Settles a month: its invoices are charged by the gateway."""

    def __init__(self, connect, period):
        super().__init__(connect, "settler")
        self.period = period

    def work(self):
        self.ask(f"CALL billing.settle_period({quote(self.period)})")


class Postman(Worker):
    """Hands the provider's webhooks on, in the disorder in which the provider gives them, and each of them
    until it was taken."""

    def __init__(self, connect, number, provider):
        super().__init__(connect, f"postman {number}")
        self.provider = provider
        self.delivered = 0

    def work(self):
        while True:
            try:
                taken = self.provider.control("webhooks?20")
            except (OSError, http.client.HTTPException):  # it was killed, too
                taken = []
            for delivery in taken:
                headers = "{" + ", ".join(f'"{name}": "{value}"' for name, value in delivery["headers"].items()) + "}"
                self.ask(f"SELECT billing.receive_gateway_webhook('http', {quote(headers)},"
                         f" convert_to({quote(delivery['body'])}, 'UTF8'))")
                self.delivered += 1
            if not taken:
                if self.stopping.is_set():
                    return
                time.sleep(PAUSE)
