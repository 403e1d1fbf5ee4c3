"""What a charge of a wallet costs, beside its limit, and over a long ledger."""

import os

from server import PAIRS, QUICK, Failed, Load, buffers, measure, median

HERE = os.path.dirname(os.path.abspath(__file__))
SECONDS = int(os.environ.get("BENCH_SECONDS", 1 if QUICK else 5))
LEDGER = int(os.environ.get("BENCH_LEDGER", 100_000 if QUICK else 10_000_000))
WALLETS = 1_000 if QUICK else 10_000
HOT = 10

# Each client warms itself up first and says so in bench.ready.
WARM = """\\if :warm = 0
SELECT count(billing.charge_wallet(n::text, 1, 'KRW')) FROM generate_series(1, 50) n;
INSERT INTO bench.ready DEFAULT VALUES;
\\set warm 1
\\endif
\\set key random(1, 9000000000000000000)
\\set customer random(1, :wallets)
\\set bucket :customer % 64
"""

CHARGE = WARM + "SELECT billing.charge_wallet(:customer, 1, 'KRW');\n"
CHARGE_KEYED = WARM + "SELECT billing.charge_wallet(:customer, 1, 'KRW', idempotency_key => :key);\n"

# pgbench takes one line a statement, or one that ends with a semicolon
MOVE = """WITH w AS (UPDATE bench.wallets SET balance = balance - 1, version = version + 1, updated_at = now()
 WHERE customer_id = :customer AND currency = 'KRW' AND wallet_code = 'default' AND available >= 1
 RETURNING wallet_id, balance, held, available, version),
 t AS (INSERT INTO bench.ledger_transfers (transfer_id, journal_id, customer_id, debit_account,
 credit_account, amount, currency, kind, reference_type, reference_id, effective_on, posted_at, actor_type,
 actor_id{columns}) SELECT gen_random_uuid(), gen_random_uuid(), :customer, 'wallet', 'revenue', 1, 'KRW',
 'WALLET_CHARGE', 'WALLET', w.wallet_id, current_date, now(), 'OPERATOR', 'bench'{values} FROM w
 ON CONFLICT (customer_id, kind, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
 RETURNING transfer_id)"""

EVENT = """, o AS (INSERT INTO bench.outbox (slot, id, aggregatetype, aggregateid, type, customer_id,
 payload, idempotency_key, bucket, era, schema_version, created_at)
 SELECT 0, gen_random_uuid(), 'Wallet', w.wallet_id, 'WalletWithdrawn', :customer,
 jsonb_build_object('walletId', w.wallet_id, 'customerId', :customer::text, 'amount', 1, 'currency', 'KRW',
 'balanceAfter', w.balance, 'referenceType', 'WALLET', 'referenceId', w.wallet_id, 'metadata', NULL,
 'occurredAt', now()), {key}, :bucket, 1, 1, now() FROM w, t)"""

ANSWER = " SELECT w.*, t.transfer_id FROM w, t;\n"
KEYED = {"columns": ", idempotency_key, fingerprint",
         "values": ", :key, '\\\\x00112233445566778899aabbccddeeff'::bytea"}
BARE = {"columns": "", "values": ""}

LIMIT = WARM + MOVE.format(**BARE) + EVENT.format(key="NULL") + ANSWER
LIMIT_KEYED = WARM + MOVE.format(**KEYED) + EVENT.format(key=":key::text") + ANSWER
LIMIT_LEDGER = WARM + MOVE.format(**BARE) + ANSWER


def database(bench, wallets, name=None):
    session = bench.database(wallets, name)
    session.run(f"\\i {HERE}/wallet.sql")
    session.run(f"CALL bench.fill_wallets({wallets})")
    session.run("VACUUM ANALYZE")
    return session


def charge(bench, session, load, schema):
    """The cost of a charge by so many clients of so many wallets."""
    script, clients, wallets = load
    session.run("TRUNCATE bench.ready")
    return Load(session.name, script, clients, [("warm", 0), ("wallets", wallets)]).steady(
        bench.server, session, f"SELECT last_value FROM {schema}.ledger_transfers_position_seq",
        "SELECT count(*) FROM bench.ready", SECONDS)


def charge_pairs(bench, session, ours, limit):
    session.run("VACUUM")
    session.run("CHECKPOINT")
    return [(charge(bench, session, ours, "billing"), charge(bench, session, limit, "bench"))
            for _ in range(PAIRS + 1)][1:]


def bench_wallet(bench):
    session = database(bench, WALLETS)
    for name, scripts, goal in (("", (CHARGE, LIMIT), 0.9), (", keyed", (CHARGE_KEYED, LIMIT_KEYED), 0.9),
                                (" beside a limit without an event", (CHARGE, LIMIT_LEDGER), None)):
        for clients, wallets in ((1, WALLETS), (8, WALLETS), (32, WALLETS), (32, HOT)):
            pairs = charge_pairs(bench, session, *[(script, clients, wallets) for script in scripts])
            bench.table.ratio(f"charge_wallet{name}, {clients} clients, {wallets:,} wallets", "charge",
                              pairs, goal)
    bench.table.add("  buffers a charge", *charge_buffers(session), "", None)
    replay(bench, session)
    pay(bench, session)
    wrong = session.run("SELECT check_name, detail FROM billing.verify() WHERE NOT ok")
    if wrong:
        raise Failed(f"verify() tells {wrong}")
    bench.drop(session)


def charge_buffers(session):
    limit = (LIMIT[len(WARM):].rstrip(";\n").replace(":customer::text", "'{n}'")
             .replace(":customer", "'{n}'").replace(":bucket", "1"))
    ours = [buffers(session, f"SELECT billing.charge_wallet('{n}', 1, 'KRW')") for n in range(1, 40)]
    other = [buffers(session, limit.format(n=n)) for n in range(1, 40)]
    return f"{median(ours):.0f}", f"{median(other):.0f}", f"{median(other) / median(ours):.2f}"


def replay(bench, session):
    """A call with a key that is known against the first one with it, each in a loop in one transaction."""
    calls = 1_000 if QUICK else 10_000

    def run(number):
        session.run(f"DO $$ BEGIN FOR i IN 1 .. {calls} LOOP PERFORM billing.charge_wallet("
                    f"(1 + i % {WALLETS})::text, 1, 'KRW', idempotency_key => 'r{number}-' || i);"
                    " END LOOP; END $$")

    pairs = []
    for number in range(PAIRS + 1):
        first = measure(bench.server, session, calls, lambda: run(number))
        pairs.append((measure(bench.server, session, calls, lambda: run(number)), first))
    bench.table.ratio("charge_wallet, a known key beside a first call", "call", pairs[1:], 2)


def pay(bench, session):
    """Orders paid from wallets: payment, wallet, two postings, order, three events, audit."""
    calls = 500 if QUICK else 5_000
    session.run("SELECT count(billing.place_order((1 + i % 1000)::text, 'KRW', '[{\"sku\": \"seat\","
                f" \"quantity\": 1, \"unitPrice\": 110}}]')) FROM generate_series(1, {calls}) i")
    cost = measure(bench.server, session, calls, lambda: session.run(
        "SELECT count(billing.pay_order(order_id, 'WALLET')) FROM billing.orders"))
    bench.table.add("pay_order by wallet, in one transaction", f"{cost.rate:,.0f} orders/s", "", "", "", None)


def bench_ledger(bench):
    """The same rate over a ledger of ten thousand transfers and of LEDGER, ten million."""
    sizes = (10_000, LEDGER)
    sessions = [database(bench, WALLETS) for _ in sizes]
    for session, transfers in zip(sessions, sizes):
        session.run(f"CALL bench.fill_ledger({transfers}, {WALLETS})")
        session.run("VACUUM ANALYZE")
    sessions[0].run("CHECKPOINT")
    load = (CHARGE_KEYED, 8, WALLETS)
    rounds = [[charge(bench, session, load, "billing") for session in sessions]
              for _ in range(PAIRS + 1)][1:]
    bench.table.ratio(f"charge_wallet, keyed, over {sizes[1]:,} transfers beside {sizes[0]:,}", "charge",
                      [(long, short) for short, long in rounds], 0.9)
    for session in sessions:
        bench.drop(session)
