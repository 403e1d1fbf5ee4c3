"""
Several sessions at once that move the money of the same customers, often with the same keys. Which of
them is first is open, so nothing is predicted: what holds is what must hold whatever the order.
"""

from operation import Operation, of
from operations.account import PROPERTIES_OF_ACCOUNTS, account, read_account
from operations.together import again
from rule import Property, parse
from sqltext import moment, quote

# what may be refused, whoever is first
REFUSED = {"ZB001", "ZB107", "ZB108", "ZB109", "ZB110", "ZB111", "ZB112", "ZB202", "ZB203", "ZB205",
           "ZB210", "ZB211", "ZB212", "ZB213"}


def by_call(answer):
    """The answers of the calls that have a key: [(customer, word, key)] -> {arguments: answers}."""
    calls = {}
    for word, customer, key, arguments, said in answer["calls"]:
        if key is not None:
            calls.setdefault((customer, word, key), {}).setdefault(arguments, []).append(said)
    return calls


def is_refused(said):
    return isinstance(said, str)


@Property
def only_business_is_refused(answer, memory):
    """Callers who meet wait for each other, or begin anew; nothing else fails."""
    for word, *_, said in answer["calls"]:
        if is_refused(said) and said.split()[1] not in REFUSED:
            return f"{word} answers {said}"
    return None


@only_business_is_refused.spoil
def a_caller_fails(answer):
    answer["calls"][0][-1] = "error 40001"


@Property
def a_key_has_one_effect(answer, memory):
    """None where all its calls were refused; and one set of arguments is the one that it keeps."""
    for (customer, word, key), said in by_call(answer).items():
        done = [arguments for arguments, answers in said.items()
                if not all(is_refused(one) for one in answers)]
        found = answer["effects"].get(f"{customer} {word} {key}", 0)
        if len(done) > 1 or found != len(done):
            return f"{word} with key {key} of {customer} was done {found} times"
    return None


@a_key_has_one_effect.spoil
def done_twice(answer):
    if not answer["effects"]:
        return False
    answer["effects"][next(iter(answer["effects"]))] += 1


@a_key_has_one_effect.spoil
def its_effect_is_lost(answer):
    if not answer["effects"]:
        return False
    answer["effects"].popitem()


@Property
def a_key_has_one_answer(answer, memory):
    """The same row, for all callers that got one."""
    for (customer, word, key), said in by_call(answer).items():
        rows = {repr(one) for answers in said.values() for one in answers if not is_refused(one)}
        if len(rows) > 1:
            return f"{word} with key {key} of {customer} answers {rows}"
    return None


@a_key_has_one_answer.spoil
def another_row_answers(answer):
    for call in answer["calls"]:
        if call[2] is not None and not is_refused(call[-1]):
            answer["calls"].append(call[:-1] + [["another"]])
            return None
    return False


EFFECTS = """
CREATE VIEW histories.effects AS
    SELECT t.customer_id, CASE t.kind WHEN 'WALLET_TOP_UP' THEN 'top_up' WHEN 'WALLET_CHARGE' THEN 'charge'
        WHEN 'WALLET_CAPTURE' THEN 'capture' END AS word, t.idempotency_key
    FROM billing.ledger_transfers t WHERE t.idempotency_key IS NOT NULL
    UNION ALL SELECT h.customer_id, 'hold', h.idempotency_key FROM billing.wallet_holds h
    UNION ALL SELECT o.customer_id, 'place_order', o.idempotency_key FROM billing.orders o
    UNION ALL SELECT p.customer_id, p.operation, p.idempotency_key FROM billing.payments p
    UNION ALL SELECT r.customer_id, 'refund_payment', r.idempotency_key FROM billing.refunds r
    UNION ALL SELECT c.customer_id, 'grant_credit', c.idempotency_key FROM billing.credits c;

CREATE FUNCTION histories.effects_of(customer text) RETURNS jsonb LANGUAGE sql AS $$
    SELECT COALESCE(jsonb_object_agg(f.word || ' ' || f.idempotency_key, f.count), '{}') FROM (
        SELECT e.word, e.idempotency_key, count(*) FROM histories.effects e
        WHERE e.customer_id = customer AND e.idempotency_key IS NOT NULL GROUP BY 1, 2) f
$$;

CREATE FUNCTION histories.tried(at text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('billing.now', at, false);
    RETURN histories.attempt(statement);
END $$;
"""


class Rush(Operation):
    """Steps of MoneyOperation, in sessions."""

    word = "rush"
    top_level = True
    predicted = False
    sessions = True
    properties = (only_business_is_refused, a_key_has_one_effect, a_key_has_one_answer,
                  *PROPERTIES_OF_ACCOUNTS)
    setup = EFFECTS

    def session_sql(self, names, steps):
        return [again("SELECT histories.tried({}, {})".format(
            quote(moment(at)), quote(of((word,)).statement(names, key, *arguments))))
            for word, at, key, *arguments in steps]

    def sql(self, names, keys, sessions):
        parts = ", ".join(f"'{key}', jsonb_build_array(histories.account({quote(names.customer(key))}),"
                          f" histories.effects_of({quote(names.customer(key))}))" for key in keys)
        return f"SELECT jsonb_build_object({parts})"

    def expect(self, house, keys, sessions):
        """One of the ways in which it can go: one session after another."""
        calls = []
        for step in (step for steps in sessions for step in steps):
            said = of(step).expect(house, *step[1:])["answer"]
            calls.append(self.call(step, said))
        effects = {f"{customer} {word} {key}": 1
                   for (customer, word, key), said in by_call({"calls": calls}).items()
                   if not all(is_refused(one) for answers in said.values() for one in answers)}
        return {"calls": calls, "effects": effects,
                "accounts": [account(house.customers[key]) for key in keys]}

    @staticmethod
    def call(step, said):
        """What changes from call to call, a balance, is not in what is compared."""
        if not is_refused(said) and said is not None and step[0] in ROW:
            said = [said[n] for n in ROW[step[0]]]
        place = KEYS[step[0]]
        key = step[3 + place] if place is not None else None
        arguments = repr([argument for n, argument in enumerate(step[3:])
                          if n != place and (n > 0 or step[0] not in LABELLED)])
        return [step[0], str(step[2]), key, arguments, said]

    def read(self, answer):
        """Of the steps with the sessions' answers, and of the accounts."""
        *parts, last = answer
        calls = [self.call(step, said[:11] if said.startswith("error") else parse(said))
                 for step, said in parts]
        documents, effects = parse(last), {}
        for key, (_, found) in documents.items():
            effects.update({f"{key} {name}": count for name, count in found.items()})
        return {"calls": calls, "effects": effects,
                "accounts": [read_account(document) for document, _ in documents.values()]}


# where the key stands among the arguments, and which parts of the answer never change; a release that
# has nothing to do leaves no key
KEYS = {"top_up": 3, "charge": 3, "hold": 3, "capture": 2, "release": None, "place_order": 3,
        "cancel_order": None, "pay_order": 4, "request_top_up": 5, "refund_payment": 4,
        "grant_credit": 6, "revoke_credit": None, "resolve_payment": None}
ROW = {"top_up": (0,), "charge": (0,), "hold": (0,), "capture": (0,), "place_order": (0, 1),
       "pay_order": (2, 3), "request_top_up": (2, 3), "refund_payment": (0, 1),
       "grant_credit": (0, 1)}
LABELLED = ("hold", "place_order", "pay_order", "request_top_up", "refund_payment", "grant_credit")
WORDS = tuple(KEYS)
