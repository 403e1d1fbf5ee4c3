-- Wallets: top-ups, charges and holds; keys, versions, references, expiry; what each writes.
BEGIN;
SELECT plan(119);
SET LOCAL billing.now = '2026-05-04T10:00:00Z';

CREATE FUNCTION pg_temp.state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s held %s available %s v%s', trim_scale(balance), trim_scale(held), trim_scale(available), version)
	FROM billing.wallets WHERE customer_id = customer AND currency = 'KRW'
$$;
CREATE FUNCTION pg_temp.top_up(customer text, amount numeric) RETURNS text LANGUAGE sql AS $$
	SELECT billing.top_up_wallet(customer, amount, 'KRW'); SELECT pg_temp.state(customer)
$$;
CREATE FUNCTION pg_temp.charge(customer text, amount numeric) RETURNS text LANGUAGE sql AS $$
	SELECT billing.charge_wallet(customer, amount, 'KRW'); SELECT pg_temp.state(customer)
$$;
CREATE FUNCTION pg_temp.hold(customer text, amount numeric, expires timestamptz DEFAULT NULL) RETURNS uuid LANGUAGE sql AS $$
	SELECT hold_id FROM billing.hold_wallet(customer, amount, 'KRW', expires_at => expires)
$$;
CREATE FUNCTION pg_temp.last_event(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s %s', type, payload->>'amount', COALESCE(payload->>'balanceAfter', payload->>'blockedAfter'))
	FROM billing.outbox WHERE customer_id = customer ORDER BY position DESC LIMIT 1
$$;
-- rows of a customer in every table that a movement could write
CREATE FUNCTION pg_temp.written(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('wallets %s, holds %s, ledger %s, outbox %s, audit %s',
		(SELECT count(*) FROM billing.wallets WHERE customer_id = customer),
		(SELECT count(*) FROM billing.wallet_holds WHERE customer_id = customer),
		(SELECT count(*) FROM billing.ledger_transfers WHERE customer_id = customer),
		(SELECT count(*) FROM billing.outbox WHERE customer_id = customer),
		(SELECT count(*) FROM billing.audit_entries WHERE customer_id = customer))
$$;

-- opening
SELECT results_eq($$SELECT balance, held, available, version, currency COLLATE "default", wallet_code COLLATE "default", created_at FROM billing.open_wallet('open', 'KRW')$$,
	$$SELECT 0::numeric, 0::numeric, 0::numeric, 0::bigint, 'KRW', 'default', billing.business_now()$$, 'a new wallet is empty, of version 0');
SELECT is((SELECT wallet_id FROM billing.open_wallet('open', 'KRW')), (SELECT wallet_id FROM billing.wallets WHERE customer_id = 'open'), 'opening it again answers the same');
SELECT isnt((SELECT wallet_id FROM billing.open_wallet('open', 'USD')), (SELECT wallet_id FROM billing.open_wallet('open', 'KRW')), 'another currency is another wallet');
SELECT is(pg_temp.written('open'), 'wallets 2, holds 0, ledger 0, outbox 0, audit 0', 'opening a wallet is no movement');
SELECT is((SELECT count(*) FROM billing.customers WHERE customer_id = 'open'), 1::bigint, 'the customer is made at the first write');
SELECT throws_ok($$SELECT billing.open_wallet('open', 'XXX')$$, 'ZB004', NULL, 'a wallet needs a currency that can be paid');
SELECT throws_ok($$SELECT billing.open_wallet(' ', 'KRW')$$, 'ZB001', NULL, 'and a customer');

-- top-ups and charges
SELECT is(pg_temp.top_up('A', 1000), '1000 held 0 available 1000 v1', 'a top-up of 1000 opens the wallet');
SELECT is(pg_temp.last_event('A'), 'WalletDeposited 1000 1000', 'its event tells the balance after it');
SELECT is(pg_temp.charge('A', 300), '700 held 0 available 700 v2', '1000 - 300 is 700');
SELECT is(pg_temp.last_event('A'), 'WalletWithdrawn 300 700', 'its event too');
SELECT is((SELECT aggregatetype || ' ' || aggregateid FROM billing.outbox WHERE customer_id = 'A' ORDER BY position DESC LIMIT 1),
	(SELECT 'Wallet ' || wallet_id FROM billing.wallets WHERE customer_id = 'A'), 'the event is of the wallet');
SELECT is(pg_temp.written('A'), 'wallets 1, holds 0, ledger 2, outbox 2, audit 0', 'each writes one transfer and one event, and no audit entry');
SELECT throws_ok($$SELECT billing.charge_wallet('A', 701, 'KRW')$$, 'ZB210', 'wallet of customer "A" has insufficient balance', 'a charge beyond the balance is refused');
SELECT is(pg_temp.charge('A', 700), '0 held 0 available 0 v3', 'a charge of all leaves 0');
SELECT is(pg_temp.written('A'), 'wallets 1, holds 0, ledger 3, outbox 3, audit 0', 'what was refused wrote nothing');
SELECT results_eq($$SELECT debit_account COLLATE "default", credit_account COLLATE "default", amount, kind, reference_type, reference_id = wallet_id::text, effective_on, journal_id = transfer_id
		FROM billing.ledger_transfers t JOIN billing.wallets w USING (customer_id) WHERE customer_id = 'A' ORDER BY position LIMIT 2$$,
	$$VALUES ('funding_clearing', 'wallet', 1000::numeric, 'WALLET_TOP_UP', 'WALLET', true, '2026-05-04'::date, true),
		('wallet', 'revenue', 300::numeric, 'WALLET_CHARGE', 'WALLET', true, '2026-05-04'::date, true)$$, 'the transfers, for the wallet when no reference is given');
SELECT results_eq($$SELECT action, target_id = w.wallet_id::text, after->>'amount' FROM billing.audit_log a JOIN billing.wallets w USING (customer_id) WHERE customer_id = 'A' ORDER BY position$$,
	$$VALUES ('WALLET_DEPOSIT', true, '1000'), ('WALLET_WITHDRAWAL', true, '300'), ('WALLET_WITHDRAWAL', true, '700')$$, 'the audit log reads movements from the ledger');
DO $$ BEGIN PERFORM billing.register_customer('answer', currency => 'USD'); END $$;
CREATE TEMP TABLE answer AS SELECT * FROM billing.top_up_wallet('answer', 5, 'USD');
SELECT results_eq($$SELECT m.amount, m.balance, m.held, m.available, m.version, m.replayed, m.wallet_id = w.wallet_id, m.transfer_id = t.transfer_id
		FROM answer m, billing.wallets w, billing.ledger_transfers t WHERE w.customer_id = 'answer' AND t.customer_id = 'answer'$$,
	$$SELECT 5.00, 5.00, 0::numeric, 5.00, 1::bigint, false, true, true$$, 'a movement answers the wallet after it, and its transfer');
SELECT results_eq($$SELECT m.amount::text, m.balance::text, m.version, m.replayed FROM billing.charge_wallet('answer', 1.5, 'USD') m$$,
	$$VALUES ('1.50', '3.50', 2::bigint, false)$$, 'amounts have the decimals of the currency');
SELECT throws_ok(format('SELECT billing.%s(''A'', %s, %L)', f, v.amount, v.currency), v.code, v.message, format('%s: %s', f, v.rule))
FROM unnest(ARRAY['top_up_wallet', 'charge_wallet', 'hold_wallet']) f, (VALUES
	('-100', 'KRW', 'ZB001', 'amount must be above 0', 'an amount is not negative'),
	('0', 'KRW', 'ZB001', 'amount must be above 0', 'an amount is not 0'),
	('1.5', 'KRW', 'ZB001', 'amount has more decimals than KRW', 'an amount has no more decimals than the currency'),
	('NULL', 'KRW', 'ZB001', 'amount must not be null', 'an amount is given'),
	('1', NULL, 'ZB004', NULL, 'a currency is given')
) v(amount, currency, code, message, rule);
SELECT throws_ok($$SELECT billing.charge_wallet('A', 1, 'USD')$$, 'ZB107', 'customer "A" has no wallet in USD', 'a charge opens no wallet');
SELECT throws_ok($$SELECT billing.hold_wallet('nobody', 1, 'KRW')$$, 'ZB107', NULL, 'nor does a hold');
SELECT is((SELECT count(*) FROM billing.customers WHERE customer_id = 'nobody'), 0::bigint, 'nor make a customer');
SELECT throws_ok($$SELECT billing.top_up_wallet('rich', 9223372036854775808, 'KRW')$$, 'ZB006', NULL, 'an amount has 64 bits');
SELECT is(pg_temp.top_up('rich', 9223372036854775807), '9223372036854775807 held 0 available 9223372036854775807 v1', 'all of them');
SELECT throws_ok($$SELECT billing.top_up_wallet('rich', 1, 'KRW')$$, 'ZB006', NULL, 'and so has a balance');

-- references, metadata, trace
SELECT throws_ok($$SELECT billing.charge_wallet('rich', 1, 'KRW', 'ORDER')$$, 'ZB001', 'reference_type and reference_id must be given together', 'a reference has both parts');
SELECT throws_ok($$SELECT billing.charge_wallet('rich', 1, 'KRW', repeat('x', 33), '1')$$, 'ZB001', NULL, 'its type is short');
SELECT throws_ok($$SELECT billing.charge_wallet('rich', 1, 'KRW', 'X', repeat('x', 129))$$, 'ZB001', NULL, 'its id too');
SELECT throws_ok($$SELECT billing.charge_wallet('rich', 1, 'KRW', metadata => '[]')$$, 'ZB002', NULL, 'metadata is an object');
SELECT throws_ok($$SELECT billing.charge_wallet('rich', 1, 'KRW', metadata => jsonb_build_object('a', repeat('x', 16384)))$$, 'ZB301', NULL, 'of a limited size');
SET LOCAL billing.trace_id = 'trace-7';
SELECT is((SELECT version FROM billing.charge_wallet('rich', 1, 'KRW', 'ORDER', '7', metadata => '{"a": 1}')), 2::bigint, 'a charge for an order');
RESET billing.trace_id;
SELECT results_eq($$SELECT t.reference_type, t.reference_id COLLATE "default", t.trace_id, o.payload->>'referenceType', o.payload->>'referenceId', o.payload->'metadata', o.trace_id
		FROM billing.ledger_transfers t JOIN billing.outbox o USING (customer_id) WHERE customer_id = 'rich' AND kind = 'WALLET_CHARGE' AND type = 'WalletWithdrawn'$$,
	$$VALUES ('ORDER', '7', 'trace-7', 'ORDER', '7', '{"a": 1}'::jsonb, 'trace-7')$$, 'names it in ledger and event, with the trace');

-- versions
SELECT is(pg_temp.top_up('V', 100), '100 held 0 available 100 v1', 'a wallet of version 1');
SELECT is((SELECT version FROM billing.charge_wallet('V', 1, 'KRW', expected_version => 1)), 2::bigint, 'the expected version lets a charge pass');
SELECT throws_ok($$SELECT billing.charge_wallet('V', 1, 'KRW', expected_version => 1)$$, 'ZB211', NULL, 'another version refuses it');
SELECT throws_ok($$SELECT billing.top_up_wallet('V', 1, 'KRW', expected_version => 3)$$, 'ZB211', NULL, 'and a top-up');
SELECT throws_ok($$SELECT billing.hold_wallet('V', 1, 'KRW', expected_version => 3)$$, 'ZB211', NULL, 'and a hold');
SELECT throws_ok($$SELECT billing.charge_wallet('V', 1000, 'KRW', expected_version => 1)$$, 'ZB211', NULL, 'the version is looked at before the balance');
SELECT is((SELECT version FROM billing.top_up_wallet('V0', 1, 'KRW', expected_version => 0)), 1::bigint, 'a wallet that is not open yet has version 0');
SELECT throws_ok($$SELECT billing.top_up_wallet('V1', 1, 'KRW', expected_version => 1)$$, 'ZB211', NULL, 'and no other');
SELECT is((SELECT count(*) FROM billing.wallets WHERE customer_id = 'V1'), 0::bigint, 'what was refused opened none');

-- keys
CREATE TEMP TABLE first AS SELECT * FROM billing.top_up_wallet('K', 1000, 'KRW', idempotency_key => 'k');
CREATE TEMP TABLE second AS SELECT * FROM billing.charge_wallet('K', 300, 'KRW', 'ORDER', '7', 'k', '{"a": 1}');
SELECT results_eq($$SELECT * FROM billing.charge_wallet('K', 300.0, 'KRW', 'ORDER', '7', 'k', '{"a":1}', expected_version => 77)$$,
	$$SELECT wallet_id, amount, balance, held, available, version, transfer_id, true FROM second$$, 'a repeated charge answers the first, whatever version it expects');
SELECT results_eq($$SELECT * FROM billing.top_up_wallet('K', 1000, 'KRW', idempotency_key => 'k')$$,
	$$SELECT f.wallet_id, f.amount, s.balance, s.held, s.available, s.version, f.transfer_id, true FROM first f, second s$$, 'a key is of one operation; a repeat tells the wallet as it is now');
SELECT is(pg_temp.written('K'), 'wallets 1, holds 0, ledger 2, outbox 2, audit 0', 'repeats wrote nothing');
SELECT is((SELECT string_agg(idempotency_key, ' ') FROM billing.outbox WHERE customer_id = 'K'), 'k k', 'events carry the key');
SELECT throws_ok('SELECT billing.charge_wallet(' || v.arguments || ')', 'ZB203', NULL, 'a key with ' || v.rule)
FROM (VALUES
	($$'K', 301, 'KRW', 'ORDER', '7', 'k', '{"a": 1}'$$, 'another amount'),
	($$'K', 300, 'USD', 'ORDER', '7', 'k', '{"a": 1}'$$, 'another currency'),
	($$'K', 300, 'KRW', 'ORDER', '8', 'k', '{"a": 1}'$$, 'another reference'),
	($$'K', 300, 'KRW', NULL, NULL, 'k', '{"a": 1}'$$, 'no reference'),
	($$'K', 300, 'KRW', 'ORDER', '7', 'k', '{}'$$, 'other metadata'),
	($$'K', 300, 'KRW', 'ORDER', '7', 'k'$$, 'no metadata')
) v(arguments, rule);
SELECT lives_ok($$SELECT billing.top_up_wallet('K2', 1000, 'KRW', idempotency_key => 'k')$$, 'a key is of one customer');
SET LOCAL billing.now = '2027-05-05T10:00:00Z';
SELECT is((SELECT replayed FROM billing.charge_wallet('K', 300, 'KRW', 'ORDER', '7', 'k', '{"a": 1}')), true, 'a key is known a year later');
SET LOCAL billing.now = '2026-05-04T10:00:00Z';
SELECT throws_ok($$SELECT billing.charge_wallet('K', 5000, 'KRW', idempotency_key => 'later')$$, 'ZB210', NULL, 'what is refused');
SELECT is((SELECT replayed FROM billing.charge_wallet('K', 100, 'KRW', idempotency_key => 'later')), false, 'does not use the key');

-- savepoints
CREATE FUNCTION pg_temp.undone(customer text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.top_up_wallet(customer, 1000, 'KRW', idempotency_key => 'undone');
	PERFORM billing.charge_wallet(customer, 10, 'KRW', idempotency_key => 'undone');
	PERFORM billing.hold_wallet(customer, 10, 'KRW', idempotency_key => 'undone');
	RAISE 'undone';
EXCEPTION WHEN raise_exception THEN NULL;
END $$;
DO $$ BEGIN PERFORM pg_temp.undone('S'); END $$;
SELECT is(pg_temp.written('S'), 'wallets 0, holds 0, ledger 0, outbox 0, audit 0', 'what an exception block undid is gone');
SELECT is((SELECT replayed FROM billing.top_up_wallet('S', 5, 'KRW', idempotency_key => 'undone')), false, 'and its key is free');

-- holds: the states
SELECT is(pg_temp.top_up('H', 1000), '1000 held 0 available 1000 v1', 'a wallet of 1000');
CREATE TEMP TABLE placed AS SELECT * FROM billing.hold_wallet('H', 300, 'KRW', 'ORDER', '7', 'k', '{"a": 1}');
SELECT is(pg_temp.state('H'), '1000 held 300 available 700 v2', '1000 holds 300: 700 are available');
SELECT is(pg_temp.last_event('H'), 'WalletBlocked 300 300', 'its event tells what is held after it');
SELECT results_eq($$SELECT action, before, after FROM billing.audit_entries WHERE customer_id = 'H'$$,
	$$SELECT 'WALLET_BLOCKED', '{"balance": 1000, "held": 0, "currency": "KRW"}'::jsonb, jsonb_build_object('balance', 1000, 'held', 300, 'currency', 'KRW', 'holdId', hold_id) FROM placed$$,
	'its audit entry what was held before and after');
SELECT is(pg_temp.written('H'), 'wallets 1, holds 1, ledger 1, outbox 2, audit 1', 'a hold is no transfer');
SELECT results_eq($$SELECT h.* FROM billing.hold_wallet('H', 300, 'KRW', 'ORDER', '7', 'k', '{"a": 1}') h$$, $$SELECT * FROM placed$$, 'a repeated hold answers the first');
SELECT throws_ok($$SELECT billing.hold_wallet('H', 300, 'KRW', 'ORDER', '7', 'k', '{"a": 1}', expires_at => '2026-06-01')$$, 'ZB203', NULL, 'unless it is another');
SELECT throws_ok($$SELECT billing.charge_wallet('H', 701, 'KRW')$$, 'ZB210', NULL, 'a charge cannot take what is held');
SELECT throws_ok($$SELECT billing.hold_wallet('H', 701, 'KRW')$$, 'ZB210', NULL, 'nor can another hold');
SELECT throws_ok($$SELECT billing.hold_wallet('H', 1, 'KRW', expires_at => '2026-05-04T10:00:00Z')$$, 'ZB001', 'expires_at must be in the future', 'a hold expires later than now');
SELECT throws_ok($$SELECT billing.hold_wallet('H', 1, 'KRW', expires_at => '2000-01-01T00:00:00Z')$$, 'ZB001', 'expires_at must be in the future', 'the time 0 is a time');
SELECT throws_ok($$SELECT billing.capture_hold((SELECT hold_id FROM placed), 301)$$, 'ZB001', 'amount is more than the hold', 'a capture is not more than the hold');
CREATE TEMP TABLE captured AS SELECT * FROM billing.capture_hold((SELECT hold_id FROM placed), 100, 'c');
SELECT is(pg_temp.state('H'), '900 held 0 available 900 v3', 'a capture of 100 of 300 frees the rest');
SELECT results_eq($$SELECT type, payload->>'amount', payload->>'referenceType', payload->>'reason' FROM billing.outbox WHERE customer_id = 'H' ORDER BY position OFFSET 2$$,
	$$VALUES ('WalletWithdrawn', '100', 'HOLD', NULL), ('WalletUnblocked', '200', 'ORDER', 'CAPTURED')$$, 'and tells both');
SELECT results_eq($$SELECT t.kind, t.amount, t.reference_type, t.reference_id = p.hold_id::text, t.transfer_id = c.transfer_id FROM billing.ledger_transfers t, placed p, captured c WHERE t.customer_id = 'H' AND t.debit_account = 'wallet'$$,
	$$VALUES ('WALLET_CAPTURE', 100::numeric, 'HOLD', true, true)$$, 'its transfer names the hold');
SELECT results_eq($$SELECT * FROM billing.capture_hold((SELECT hold_id FROM placed), 100, 'c')$$,
	$$SELECT wallet_id, amount, balance, held, available, version, transfer_id, true FROM captured$$, 'a repeated capture answers the first');
SELECT throws_ok($$SELECT billing.capture_hold((SELECT hold_id FROM placed), 101, 'c')$$, 'ZB203', NULL, 'unless it is another');
SELECT throws_ok($$SELECT billing.capture_hold((SELECT hold_id FROM placed))$$, 'ZB202', NULL, 'a captured hold is not captured again');
SELECT throws_ok($$SELECT billing.release_hold((SELECT hold_id FROM placed))$$, 'ZB202', NULL, 'nor released');

CREATE TEMP TABLE other AS SELECT pg_temp.hold('H', 400) AS hold_id;
SELECT results_eq($$SELECT amount, balance, held, available, version, transfer_id, replayed FROM billing.release_hold((SELECT hold_id FROM other), 'r')$$,
	$$VALUES (400::numeric, 900::numeric, 0::numeric, 900::numeric, 5::bigint, NULL::uuid, false)$$, 'a release makes all available again');
SELECT is(pg_temp.last_event('H'), 'WalletUnblocked 400 0', 'and tells it');
SELECT results_eq($$SELECT r.replayed, r.version FROM unnest(ARRAY['r', NULL, 'r2']) k, billing.release_hold((SELECT hold_id FROM other), k) r$$, $$SELECT true, 5::bigint FROM generate_series(1, 3)$$, 'it is done once');
SELECT throws_ok($$SELECT billing.release_hold(pg_temp.hold('H', 1), 'r')$$, 'ZB203', NULL, 'its key is of one hold');
SELECT throws_ok($$SELECT billing.capture_hold((SELECT hold_id FROM other))$$, 'ZB202', NULL, 'a released hold is not captured');
SELECT throws_ok($$SELECT billing.capture_hold('00000000-0000-0000-0000-000000000001')$$, 'ZB108', NULL, 'a hold that does not exist is not captured');
SELECT throws_ok($$SELECT billing.release_hold('00000000-0000-0000-0000-000000000001')$$, 'ZB108', NULL, 'nor released');

-- expiry
SELECT is(pg_temp.top_up('X', 1000), '1000 held 0 available 1000 v1', 'a wallet of 1000');
DO $$ BEGIN PERFORM pg_temp.hold('X', 600, '2026-05-04T11:00:00Z'), pg_temp.hold('X', 100, '2026-05-04T12:00:00Z'), pg_temp.hold('X', 50); END $$;
SELECT is(billing.expire_holds(), 0::bigint, 'nothing is due');
SET LOCAL billing.now = '2026-05-04T10:59:59.999999Z';
SELECT throws_ok($$SELECT billing.charge_wallet('X', 251, 'KRW')$$, 'ZB210', NULL, 'a hold holds until it expires');
SET LOCAL billing.now = '2026-05-04T11:00:00Z';
SELECT throws_ok($$SELECT billing.capture_hold(hold_id) FROM billing.wallet_holds WHERE customer_id = 'X' AND amount = 600$$, 'ZB202', NULL, 'an expired hold is not captured');
SELECT is(pg_temp.charge('X', 700), '300 held 150 available 150 v6', 'a charge that needs it ends what has expired');
SELECT results_eq($$SELECT amount, status, ended_at FROM billing.wallet_holds WHERE customer_id = 'X' ORDER BY 1$$,
	$$VALUES (50::numeric, 'OPEN', NULL::timestamptz), (100, 'OPEN', NULL), (600, 'EXPIRED', '2026-05-04T11:00:00Z')$$, 'and no other hold');
SET LOCAL billing.now = '2026-05-05T00:00:00Z';
SELECT is((SELECT array_agg(n) FROM (SELECT billing.expire_holds(1) n FROM generate_series(1, 2)) s), ARRAY[1, 0]::bigint[], 'expire_holds ends the rest, as many as it is told');
SELECT is(pg_temp.state('X'), '300 held 50 available 250 v7', 'a hold without an end stays');
SELECT results_eq($$SELECT payload->>'amount', payload->>'blockedAfter', payload->>'reason' FROM billing.outbox WHERE customer_id = 'X' AND type = 'WalletUnblocked' ORDER BY position$$,
	$$VALUES ('600', '150', 'EXPIRED'), ('100', '50', 'EXPIRED')$$, 'expired holds are told');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE customer_id = 'X' AND action = 'WALLET_UNBLOCKED' AND reason = 'EXPIRED'), 2::bigint, 'and audited');
SELECT throws_ok(format('SELECT billing.expire_holds(%s)', n), 'ZB001', NULL, 'a batch of ' || n) FROM unnest(ARRAY['0', '10001', 'NULL']) n;
SELECT is((SELECT replayed FROM billing.release_hold((SELECT hold_id FROM billing.wallet_holds WHERE customer_id = 'X' AND amount = 600))), true, 'an expired hold is released already');

-- several due at once tell what was held after each
DO $$ BEGIN PERFORM pg_temp.top_up('X2', 1000), pg_temp.hold('X2', 3, '2026-05-06'), pg_temp.hold('X2', 2, '2026-05-07'), pg_temp.hold('X2', 1, '2026-05-08'); END $$;
SET LOCAL billing.now = '2026-06-01T00:00:00Z';
SELECT is(billing.expire_holds(), 3::bigint, 'three are due');
SELECT is((SELECT string_agg(payload->>'blockedAfter', ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = 'X2' AND type = 'WalletUnblocked'), '3 1 0', 'they end in the order in which they expire');

-- the table lists the states of hold_state.c
SELECT is((SELECT array_agg(m[1] ORDER BY m[1]) FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), '''([A-Z]+)''', 'g') m WHERE conname = 'wallet_holds_status'),
	ARRAY['CAPTURED', 'EXPIRED', 'OPEN', 'RELEASED'], 'a hold is OPEN, CAPTURED, RELEASED or EXPIRED');

-- what is held is the sum of the open holds, what is there the fold of the ledger
SELECT is_empty($$SELECT customer_id FROM billing.wallets w WHERE held <> COALESCE((SELECT sum(amount) FROM billing.wallet_holds h WHERE h.wallet_id = w.wallet_id AND status = 'OPEN'), 0)$$, 'wallets hold their open holds');
SELECT is_empty($$SELECT customer_id FROM billing.wallets w WHERE balance <> COALESCE((SELECT sum(credit - debit) FROM billing.ledger_entries e WHERE e.customer_id = w.customer_id AND e.currency = w.currency AND account = 'wallet'), 0)$$, 'balances are the fold of the ledger');
SELECT is_empty($$SELECT check_name FROM billing.verify() WHERE NOT ok$$, 'the books agree');

SELECT * FROM finish();
ROLLBACK;
