"""What the clients call to move money, beside operations.py.

Each call has a key, and is sent with the same key until it is acknowledged: whatever was killed, it is
done once, and its answer names the row that it made then.
"""

import json

from operations import Operation, OfInvoice, quote


class Keyed(Operation):
    """A call whose effect bears its key, which is its id."""

    selects = None  # the content of the effect, of an answer r
    stored_in = None

    def __init__(self, customer, *arguments):
        super().__init__()
        self.customer, self.arguments = customer, arguments

    def call(self):
        raise NotImplementedError

    def statement(self):
        return f"SELECT {self.selects} FROM {self.call()} r"

    def intent(self):
        return {self.id: None}

    def effects(self, rows):
        return {self.id: rows[0][0]}


class Movement(Keyed):
    """Of a wallet. The answer says whether it was known: so a call in doubt is told twice."""

    kind = "movement of a wallet"
    stored = ("SELECT t.idempotency_key, concat_ws(' ', t.transfer_id, t.amount) FROM"
              " billing.ledger_transfers t WHERE t.idempotency_key IS NOT NULL")
    function = None

    def statement(self):
        return f"SELECT concat_ws(' ', r.transfer_id, r.amount), r.replayed FROM {self.call()} r"

    def call(self):
        return (f"billing.{self.function}({quote(self.customer)}, {self.arguments[0]}, 'KRW',"
                f" idempotency_key => {quote(self.id)})")

    def known(self, rows):
        return rows[0][1] == "t"


class TopUp(Movement):
    function = "top_up_wallet"


class Charge(Movement):
    function = "charge_wallet"


class Hold(Keyed):
    kind = "hold"
    stored = ("SELECT h.idempotency_key, concat_ws(' ', h.hold_id, h.amount) FROM billing.wallet_holds h"
              " WHERE h.idempotency_key IS NOT NULL")
    selects = "concat_ws(' ', r.hold_id, r.amount)"
    made = None

    def call(self):
        return (f"billing.hold_wallet({quote(self.customer)}, {self.arguments[0]}, 'KRW',"
                f" idempotency_key => {quote(self.id)})")

    def effects(self, rows):
        self.made = rows[0][0].split()[0]
        return super().effects(rows)


class Capture(Movement):
    """Of a Hold of the same client, which was acknowledged before, wholly or in part."""

    def call(self):
        hold, amount = self.arguments
        return f"billing.capture_hold({quote(hold.made)}, {amount or 'NULL'}, {quote(self.id)})"


class Release(Operation):
    """Of a Hold; once more it changes nothing."""

    kind = "release"
    stored = ("SELECT h.hold_id::text, h.release_key FROM billing.wallet_holds h"
              " WHERE h.release_key IS NOT NULL")

    def __init__(self, hold):
        super().__init__()
        self.hold = hold

    def statement(self):
        return f"SELECT r.replayed FROM billing.release_hold({quote(self.hold.made)}, {quote(self.id)}) r"

    def intent(self):
        return {self.hold.made: self.id}

    def known(self, rows):
        return rows[0][0] == "t"


class PlaceOrder(Keyed):
    kind = "order"
    stored = ("SELECT o.idempotency_key, concat_ws(' ', o.order_id, o.total, o.tax) FROM billing.orders o"
              " WHERE o.idempotency_key IS NOT NULL")
    selects = "concat_ws(' ', r.order_id, r.total, r.tax)"
    made = None

    def call(self):
        items = [{"sku": "thing", "quantity": quantity, "unitPrice": str(price)}
                 for quantity, price in self.arguments[0]]
        return (f"billing.place_order({quote(self.customer)}, 'KRW', {quote(json.dumps(items))},"
                f" {quote(self.id)})")

    def effects(self, rows):
        self.made = rows[0][0].split()[0]
        return super().effects(rows)


class PayOrder(Keyed):
    """Of a PlaceOrder of the same client, by card or from the wallet. What pays is one of the effects of Pay."""

    kind = "payment by key"
    selects = "concat_ws(' ', r.payment_id, r.target_id, r.status, r.amount)"
    made = None

    def call(self):
        order, method = self.arguments
        return (f"billing.pay_order({quote(order.made)}, {quote(method)},"
                f" idempotency_key => {quote(self.id)})")

    def effects(self, rows):
        self.made = rows[0][0].split()[0]
        return super().effects(rows)


class Refund(Keyed):
    """Of a PayOrder, in parts."""

    kind = "refund"
    stored = ("SELECT r.idempotency_key, concat_ws(' ', r.refund_id, r.payment_id, r.status, r.amount,"
              " r.tax) FROM billing.refunds r WHERE r.idempotency_key IS NOT NULL")
    selects = "concat_ws(' ', r.refund_id, r.payment_id, r.status, r.amount, r.tax)"

    def call(self):
        payment, amount, destination = self.arguments
        return (f"billing.refund_payment({quote(payment.made)}, {amount or 'NULL'}, 'sent back',"
                f" {quote(destination)}, {quote(self.id)})")


class Grant(Keyed):
    kind = "credit"
    stored = ("SELECT c.idempotency_key, concat_ws(' ', c.credit_id, c.type, c.granted)"
              " FROM billing.credits c WHERE c.idempotency_key IS NOT NULL")
    selects = "concat_ws(' ', r.credit_id, r.type, r.granted)"

    def call(self):
        kind, amount = self.arguments
        return (f"billing.grant_credit({quote(self.customer)}, '{kind}', {amount}, 'KRW', NULL,"
                f" idempotency_key => {quote(self.id)})")


class Apply(OfInvoice):
    """Credits to the live invoice of a month."""

    kind = "application of credits"
    stored = ("SELECT a.idempotency_key, a.amount::text FROM billing.credit_applications a"
              " WHERE a.idempotency_key IS NOT NULL")

    def __init__(self, customer, period, most):
        super().__init__(customer, period)
        self.most = most

    def statement(self):
        return (f"SELECT billing.apply_credit({quote(self.customer)}, {quote(self.invoice)}, {self.most},"
                f" {quote(self.id)})")

    def intent(self):
        return {self.id: None}

    def effects(self, rows):
        return {self.id: rows[0][0]}
