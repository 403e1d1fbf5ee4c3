"""All that is known of a customer's money, read after each step that moves it."""

import collections

from draft import TICK
from house import STATES
from money import ZERO
from operation import OPERATIONS, Operation
from rule import Property, Refused, parse
from sqltext import moment, quote

# ---- what the oracle says ------------------------------------------------------------------------


def in_any_order(rows):
    return sorted((list(row) for row in rows), key=repr)


def due(invoice):
    if invoice["status"] == "CANCELLED":
        return ZERO
    return invoice["total"] - invoice["applied"] - invoice["paid"] - invoice["credited"]


def fold(money, account):
    """Currency -> what stands on the account, and the least that ever did."""
    sums = {}
    for debit, credit, currency, amount in money.transfers:
        if account in (debit, credit):
            now, least = sums.get(currency, (ZERO, None))
            now += amount if credit == account else -amount
            sums[currency] = (now, now if least is None else min(least, now))
    return {currency: list(pair) for currency, pair in sums.items()}


def given_back(money, payment):
    return sum((refund["amount"] for refund in money.refunds
                if refund["payment"] is payment and refund["status"] != "FAILED"), ZERO)


def left_of(money, payment):
    return payment["amount"] - payment["excess"] - given_back(money, payment)


def ledger(money):
    sums = collections.Counter()
    for debit, credit, currency, amount in money.transfers:
        sums[f"{debit} {credit} {currency}"] += amount
    return dict(sums)


def account(customer):
    """In the form of histories.account()."""
    money = customer.money
    return {
        "wallets": {currency: [wallet["balance"], wallet["held"],
                               wallet["balance"] - wallet["held"]]
                    for currency, wallet in money.wallets.items()},
        "wallet fold": fold(money, "wallet"),
        "credit fold": fold(money, "credit"),
        "unbalanced": [],
        "holds": in_any_order([hold["currency"], hold["amount"], hold["captured"], hold["status"]]
                              for hold in money.holds.values()),
        "orders": in_any_order([order["currency"], order["total"], order["net"], order["status"],
                                order["refunded"], order["refunded tax"]]
                               for order in money.orders.values()),
        "payments": in_any_order([payment["operation"], payment["currency"], payment["amount"],
                                  payment["excess"], payment["method"], payment["provider"],
                                  payment["status"], payment["failure"],
                                  given_back(money, payment)] for payment in money.payments),
        "refunds": in_any_order([refund["currency"], refund["amount"], refund["destination"],
                                 refund["status"]] for refund in money.refunds),
        "credits": in_any_order([credit["type"], credit["currency"], credit["granted"],
                                 credit["balance"], credit["status"]] for credit in money.credits),
        "notes": in_any_order([note["currency"], note["net"], note["tax"]] for note in money.notes),
        "invoices": in_any_order([invoice["period"], invoice["status"], invoice["total"],
                                  invoice["applied"], invoice["paid"], invoice["credited"],
                                  due(invoice)] for invoice in customer.invoices),
        "ledger": ledger(money),
        "events": dict(money.events),
    }


# ---- properties ----------------------------------------------------------------------------------


def of_account(check):
    """A property of each account in an answer."""
    def of_answer(answer, memory):
        for document in accounts_in(answer):
            if (what := check(document)) is not None:
                return what
        return None
    of_answer.__name__ = check.__name__
    of_answer.__doc__ = check.__doc__
    return Property(of_answer)


def accounts_in(answer):
    return answer["accounts"] if "accounts" in answer else [answer["account"]]


def with_any(name):
    """A spoil that damages the first account that has rows of a kind."""
    def decorate(damage):
        def of_answer(answer):
            for document in accounts_in(answer):
                if document[name] and damage(document[name], document) is not False:
                    return None
            return False
        of_answer.__name__ = damage.__name__
        return of_answer
    return decorate


@of_account
def no_wallet_is_negative(document):
    """Nor holds more than it has."""
    for currency, (balance, held, available) in document["wallets"].items():
        if min(balance, held, available) < 0 or available != balance - held:
            return f"the wallet in {currency} has {balance}, {held} of it held"
    return None


@no_wallet_is_negative.spoil
@with_any("wallets")
def more_is_held_than_there_is(wallets, document):
    wallet = next(iter(wallets.values()))
    wallet[1], wallet[2] = wallet[0] + 1, ZERO - 1


@no_wallet_is_negative.spoil
@with_any("wallets")
def held_money_is_available(wallets, document):
    for wallet in wallets.values():
        if wallet[1] > 0:
            wallet[2] = wallet[0]
            return None
    return False


@of_account
def held_is_what_open_holds_hold(document):
    for currency, (_, held, _) in document["wallets"].items():
        if held != sum(amount for code, amount, _, status in document["holds"]
                       if code == currency and status == "OPEN"):
            return f"held in {currency} is not the sum of the open holds"
    return None


@held_is_what_open_holds_hold.spoil
@with_any("holds")
def an_ended_hold_is_open(holds, document):
    for hold in holds:
        if hold[3] != "OPEN":
            hold[3] = "OPEN"
            return None
    return False


@of_account
def wallets_are_the_ledger(document):
    """At each prefix of it, and none is negative."""
    for currency, (balance, _, _) in document["wallets"].items():
        now, least = document["wallet fold"].get(currency, [ZERO, ZERO])
        if now != balance or least < 0:
            return f"the wallet in {currency} has {balance}, its transfers sum to {now}, once {least}"
    return None


@wallets_are_the_ledger.spoil
@with_any("wallet fold")
def a_transfer_is_lost(folds, document):
    next(iter(folds.values()))[0] -= 1


@wallets_are_the_ledger.spoil
@with_any("wallet fold")
def once_below_zero(folds, document):
    next(iter(folds.values()))[1] = ZERO - 1


@of_account
def credits_are_the_ledger(document):
    for currency, (now, least) in document["credit fold"].items():
        if least < 0 or now != sum(row[3] for row in document["credits"] if row[1] == currency):
            return f"the transfers of credit in {currency} sum to {now}, once {least}"
    return None


@credits_are_the_ledger.spoil
@with_any("credits")
def a_credit_is_used_twice(credits, document):
    credits[0][3] -= 1


@of_account
def debits_are_credits(document):
    return f"not balanced: {document['unbalanced']}" if document["unbalanced"] else None


@debits_are_credits.spoil
def a_debit_alone(answer):
    accounts_in(answer)[0]["unbalanced"].append("KRW")


@of_account
def refunds_stay_within_payments(document):
    for row in document["payments"]:
        if row[8] > row[2] - row[3] or (row[8] > 0 and row[6] != "APPROVED"):
            return f"of a payment of {row[2]} {row[8]} went back"
    return None


@refunds_stay_within_payments.spoil
@with_any("payments")
def more_goes_back(payments, document):
    payments[0][8] = payments[0][2] + 1


@of_account
def nothing_due_is_negative(document):
    for period, status, total, *_, rest in document["invoices"]:
        if rest < 0 or rest > total or (status == "PAID" and rest != 0):
            return f"of the invoice of {period} {rest} is due, and it is {status}"
    return None


@nothing_due_is_negative.spoil
@with_any("invoices")
def paid_twice(invoices, document):
    invoices[0][-1] = ZERO - 1


PROPERTIES_OF_ACCOUNTS = (no_wallet_is_negative, held_is_what_open_holds_hold,
                          wallets_are_the_ledger, credits_are_the_ledger, debits_are_credits,
                          refunds_stay_within_payments, nothing_due_is_negative)

# ---- operations ----------------------------------------------------------------------------------


def read_account(document):
    for name in ("holds", "orders", "payments", "refunds", "credits", "notes", "invoices"):
        document[name] = in_any_order(document[name])
    return document


class MoneyOperation(Operation):
    """
    A step that moves money, at a moment of its own: so no two credits are equally old. It is refused,
    or it has an answer; and after both the account is as the oracle says.
    """

    money = True
    properties = PROPERTIES_OF_ACCOUNTS

    def statement(self, names, key, *arguments):
        """SELECT of one value."""
        raise NotImplementedError

    def act(self, house, customer, *arguments):
        """The value, in a form that parse() gives; or Refused, and nothing is done."""
        raise NotImplementedError

    def repeatable(self, draft, *arguments):
        """Whether the call has a key, and means the same when it comes again."""
        return False

    def other(self, draft, *arguments):
        """The call with the same key and other parameters."""
        return arguments

    def add(self, draft, key, *arguments):
        draft.now += TICK
        draft.add(self.word, draft.now, key, *arguments)

    def sql(self, names, at, key, *arguments):
        return (f"SELECT histories.did({quote(names.customer(key))}, {quote(moment(at))},"
                f" {quote(self.statement(names, key, *arguments))})")

    def expect(self, house, at, key, *arguments):
        house.now = max(house.now, at)
        customer = house.customers.get(key)
        if customer is None:
            return None
        try:
            answer = self.act(house, customer, *arguments)
        except Refused as refused:
            answer = "error " + STATES[str(refused)]
        return {"answer": answer, "account": account(customer)}

    def read(self, answer):
        document = parse(answer)
        said = document["answer"]
        if said is not None and said.startswith("error"):
            document["answer"] = said[:len("error ZB000")]
        elif said is not None:
            document["answer"] = parse(said)
        read_account(document["account"])
        return document


class Account(MoneyOperation):
    """Nothing but the account."""

    word = "account"
    weight = 4
    writes = False
    setup = """
CREATE TABLE histories.things (name text PRIMARY KEY, id uuid NOT NULL);

CREATE FUNCTION histories.keep(thing text, row_id uuid) RETURNS uuid LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO histories.things VALUES (thing, row_id) ON CONFLICT DO NOTHING;
    IF row_id IS DISTINCT FROM (SELECT t.id FROM histories.things t WHERE t.name = thing) THEN
        RAISE EXCEPTION '% is another one now', thing;
    END IF;
    RETURN row_id;
END $$;

CREATE FUNCTION histories.thing(thing text) RETURNS uuid LANGUAGE sql AS $$
    SELECT COALESCE((SELECT t.id FROM histories.things t WHERE t.name = thing), gen_random_uuid())
$$;

CREATE FUNCTION histories.fold(customer text, account text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(f.currency, jsonb_build_array(f.now, f.least)), '{}') FROM (
        SELECT r.currency, sum(r.amount) AS now, min(r.running) AS least FROM (
            SELECT s.currency, s.amount,
                sum(s.amount) OVER (PARTITION BY s.currency ORDER BY s.position) AS running FROM (
                SELECT t.position, t.currency,
                    CASE WHEN t.credit_account = account THEN t.amount ELSE -t.amount END AS amount
                FROM billing.ledger_transfers t WHERE t.customer_id = customer
                AND account IN (t.debit_account, t.credit_account)) s) r
        GROUP BY 1) f
$$;

CREATE FUNCTION histories.account(customer text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT jsonb_build_object(
        'wallets', (SELECT COALESCE(jsonb_object_agg(w.currency, jsonb_build_array(w.balance, w.held,
            w.available)), '{}') FROM billing.wallets w WHERE w.customer_id = customer),
        'wallet fold', histories.fold(customer, 'wallet'),
        'credit fold', histories.fold(customer, 'credit'),
        'unbalanced', (SELECT COALESCE(jsonb_agg(e.currency), '[]') FROM (
            SELECT currency FROM billing.ledger_entries WHERE customer_id = customer
            GROUP BY 1 HAVING sum(debit) <> sum(credit)) e),
        'holds', (SELECT COALESCE(jsonb_agg(jsonb_build_array(h.currency, h.amount, h.captured,
            h.status)), '[]') FROM billing.wallet_holds h WHERE h.customer_id = customer),
        'orders', (SELECT COALESCE(jsonb_agg(jsonb_build_array(o.currency, o.total, o.net, o.status,
            o.refunded, o.refunded_tax)), '[]') FROM billing.orders o WHERE o.customer_id = customer),
        'payments', (SELECT COALESCE(jsonb_agg(jsonb_build_array(p.operation, p.currency, p.amount,
            p.excess, p.method, p.provider, p.status, p.failure_code, (SELECT COALESCE(sum(r.amount), 0)
                FROM billing.refunds r WHERE r.customer_id = p.customer_id
                AND r.payment_id = p.payment_id AND r.status <> 'FAILED'))), '[]')
            FROM billing.payments p WHERE p.customer_id = customer),
        'refunds', (SELECT COALESCE(jsonb_agg(jsonb_build_array(r.currency, r.amount, r.destination,
            r.status)), '[]') FROM billing.refunds r WHERE r.customer_id = customer),
        'credits', (SELECT COALESCE(jsonb_agg(jsonb_build_array(c.type, c.currency, c.granted,
            c.balance, c.status)), '[]') FROM billing.credits c WHERE c.customer_id = customer),
        'notes', (SELECT COALESCE(jsonb_agg(jsonb_build_array(n.currency, n.net, n.tax)), '[]')
            FROM billing.credit_notes n WHERE n.customer_id = customer),
        'invoices', (SELECT COALESCE(jsonb_agg(jsonb_build_array(i.period,
            replace(i.status, 'OVERDUE', 'ISSUED'), i.total, i.applied_credit, i.amount_paid,
            i.amount_credited, i.amount_due)), '[]')
            FROM billing.invoices i WHERE i.customer_id = customer),
        'ledger', (SELECT COALESCE(jsonb_object_agg(l.name, l.amount), '{}') FROM (
            SELECT concat_ws(' ', t.debit_account, t.credit_account, t.currency) AS name,
                sum(t.amount) AS amount
            FROM billing.ledger_transfers t WHERE t.customer_id = customer GROUP BY 1) l),
        'events', (SELECT COALESCE(jsonb_object_agg(e.type, e.count), '{}') FROM (
            SELECT o.type, count(*) FROM billing.outbox o WHERE o.customer_id = customer
            AND o.type ~ '^(Wallet|Order|Payment|Refund|Credit)' GROUP BY 1) e))
$$;

CREATE FUNCTION histories.did(customer text, at text, statement text) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    PERFORM set_config('billing.now', at, false);
    answer := histories.attempt(statement);
    RETURN jsonb_build_object('answer', answer, 'account', histories.account(customer));
END $$;
"""

    def draw(self, draft, key):
        self.add(draft, key)

    def statement(self, names, key):
        return "SELECT 'null'"

    def act(self, house, customer):
        return None


class Again(Operation):
    """Is drawn alone: a call that came before comes once more, with the same key, or nearly."""

    word = "again"
    money = True
    weight = 8

    def draw(self, draft, key):
        calls = [step for step in draft.steps
                 if isinstance(OPERATIONS[step[0]], MoneyOperation) and step[2] == key
                 and OPERATIONS[step[0]].repeatable(draft, *step[3:])]
        if calls:
            word, _, _, *arguments = draft.choice(*calls[-12:])
            if draft.chance(0.25):
                arguments = OPERATIONS[word].other(draft, *arguments)
            OPERATIONS[word].add(draft, key, *arguments)
