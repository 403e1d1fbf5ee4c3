-- Calls to the payment gateway as far as they need no worker: the queue, its limit, what is stuck, what operators do, and
-- the amounts that a gateway takes. What answers do is proved by test/unit/test_gateway_*.c and with a worker by test/t.
BEGIN;
\ir include/money.sql
SELECT plan(51);
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';

CREATE FUNCTION pg_temp.ordered(currency text, amount numeric) RETURNS uuid LANGUAGE sql AS $$
	SELECT order_id FROM billing.place_order('gw', currency, format('[{"sku": "a", "quantity": 1, "unitPrice": %s}]', amount)::jsonb)
$$;
CREATE FUNCTION pg_temp.paid(currency text, amount numeric) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM billing.pay_order(pg_temp.ordered(currency, amount), 'CARD')
$$;

-- ---- the queue --------------------------------------------------------------------------------------------------
CREATE TEMP TABLE first AS SELECT pg_temp.paid('USD', 10.50) AS payment_id;
SELECT results_eq('SELECT g.subject, g.subject_id, g.priority, g.action, g.attempts, g.sends, g.first_sent_at IS NULL, g.lease_token IS NULL
	FROM billing.gateway_calls g', $$SELECT 'PAYMENT', payment_id, 0::smallint, 'SEND', 0, 0, true, true FROM first$$,
	'a payment through the gateway waits for its first call');
SELECT is_empty('SELECT FROM billing.payment_attempts', 'no attempt was begun by asking for it');

-- ---- who waits for too long -------------------------------------------------------------------------------------
SELECT is_empty('SELECT FROM billing.stuck_payments', 'what waits for a moment is not stuck');
SELECT is(billing.report_stuck_payments(), 0::bigint, 'and is not told');
SET LOCAL billing.gateway_stuck_after = 0;
SELECT results_eq('SELECT subject, payment_id, refund_id, amount, currency, attempts, told_at IS NULL, what_to_do ~ ''^Nothing was sent'' FROM billing.stuck_payments',
	$$SELECT 'PAYMENT', payment_id, NULL::uuid, 10.50, 'USD' COLLATE "C", 0, true, true FROM first$$, 'what waits beyond billing.gateway_stuck_after is stuck, told or not');
SELECT is(billing.report_stuck_payments(), 1::bigint, 'it is told');
SELECT is(billing.report_stuck_payments(), 0::bigint, 'once');
SELECT results_eq($$SELECT o.aggregatetype, o.aggregateid, o.payload ->> 'amount' FROM billing.outbox o WHERE o.type = 'PaymentStuck'$$,
	$$SELECT 'Payment', payment_id::text, '10.50' FROM first$$, 'by an event');
SELECT results_eq($$SELECT target_id FROM billing.audit_entries WHERE action = 'PAYMENT_STUCK'$$, 'SELECT payment_id::text FROM first', 'and in the audit log');
SELECT is((SELECT count(told_at) FROM billing.stuck_payments), 1::bigint, 'it stays in the view');
SELECT lives_ok($$SELECT billing.resolve_payment(payment_id, 'APPROVED', 'tx1', 'asked the provider') FROM first$$, 'an operator ends it');
SELECT is_empty('SELECT FROM billing.stuck_payments', 'what is decided is not stuck');
SELECT is_empty('SELECT FROM billing.gateway_calls', 'nor called any more');

CREATE TEMP TABLE back AS SELECT r.refund_id FROM first f, billing.refund_payment(f.payment_id, 3) r;
SELECT results_eq($$SELECT s.subject, s.payment_id, s.refund_id, s.amount, s.what_to_do ~ 'sent yet' FROM billing.stuck_payments s$$,
	$$SELECT 'REFUND', f.payment_id, b.refund_id, 3::numeric, true FROM first f, back b$$, 'a refund stands there with its payment');
SELECT is(billing.report_stuck_payments(1), 1::bigint, 'and is told');
SELECT results_eq($$SELECT o.payload ->> 'refundId', o.payload ->> 'paymentId' FROM billing.outbox o WHERE o.type = 'RefundStuck'$$,
	$$SELECT b.refund_id::text, f.payment_id::text FROM first f, back b$$, 'with an event of its own');

-- ---- an operator who does not want to wait ----------------------------------------------------------------------
UPDATE billing.gateway_calls SET due_at = due_at + interval '1 hour';
SELECT ok(billing.retry_gateway_call(refund_id), 'an undecided refund is called at once') FROM back;
SELECT ok((SELECT due_at <= clock_timestamp() FROM billing.gateway_calls), 'it is due');
UPDATE billing.gateway_calls SET lease_token = gen_random_uuid(), due_at = clock_timestamp() + interval '15 s', attempts = 1, sends = 1,
	first_sent_at = clock_timestamp(), action = 'LOOKUP';
SELECT ok(NOT billing.retry_gateway_call(refund_id), 'one that is called right now is left to its lease') FROM back;
SELECT ok((SELECT lease_token IS NOT NULL FROM billing.gateway_calls), 'which stays');
SELECT ok(NOT billing.retry_gateway_call(payment_id), 'one that is decided is not called') FROM first;
SELECT throws_ok('SELECT billing.retry_gateway_call(gen_random_uuid())', 'ZB110', NULL, 'what does not exist cannot be called');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE action = 'GATEWAY_CALL_RETRIED'), 1::bigint, 'what an operator did is audited, once');

-- ---- charges of the house ---------------------------------------------------------------------------------------
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT count(billing.create_pricing_plan('gateway', 'KRW', '[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01'));
SELECT count(billing.register_customer(c)), count(billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z'))
	FROM unnest(ARRAY['soft', 'hard', 'waits']) c;
SELECT count(billing.run_settlement(c, '2026-05')) FROM unnest(ARRAY['soft', 'hard', 'waits']) c;
SELECT results_eq($$SELECT g.customer_id, g.priority FROM billing.gateway_calls g WHERE customer_id <> 'gw' ORDER BY 1$$,
	$$VALUES ('hard' COLLATE "C", 1::smallint), ('soft', 1::smallint), ('waits', 1::smallint)$$, 'they come after payments of people');
SELECT count(billing.resolve_payment(p.payment_id, 'FAILED', NULL, 'declined')) FROM billing.payments p WHERE customer_id = 'soft';
SELECT results_eq($$SELECT status, attempts, last_failure_code FROM billing.collections WHERE customer_id = 'soft'$$, $$VALUES ('ACTIVE', 1, 'RESOLVED_FAILED')$$,
	'one that is declined is tried again later, whoever says so');
SELECT count(billing.resolve_payment(p.payment_id, 'APPROVED', 'ref', 'asked')) FROM billing.payments p WHERE customer_id = 'hard';
SELECT is_empty($$SELECT FROM billing.collections WHERE customer_id = 'hard'$$, 'one that is approved is not');
RESET billing.now;

-- ---- a queue that is full ---------------------------------------------------------------------------------------
SET LOCAL billing.gateway_max_queued = 2;
SELECT lives_ok($$SELECT pg_temp.paid('USD', 1)$$, 'what was called once leaves room');
SELECT lives_ok($$SELECT pg_temp.paid('USD', 1)$$, 'as far as there is some');
SELECT throws_ok($$SELECT pg_temp.paid('USD', 1)$$, 'ZB302', 'too many payments wait for the gateway', 'a full queue refuses at once');
SELECT lives_ok($$SELECT billing.pay_order(pg_temp.ordered('USD', 1), 'CARD', NULL, NULL, NULL) FROM set_config('billing.gateway_url', '', true)$$,
	'the mock provider has no queue');
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
RESET billing.gateway_max_queued;

-- ---- amounts that a gateway takes -------------------------------------------------------------------------------
SELECT lives_ok(format('SELECT pg_temp.paid(%L, %s)', v.currency, v.amount), format('a gateway takes %s %s', v.amount, v.currency))
FROM (VALUES ('KRW', '1'), ('USD', '0.01'), ('KWD', '1.230'), ('MGA', '7'), ('ISK', '5'), ('UGX', '5')) v(currency, amount);
SELECT throws_ok(format('SELECT pg_temp.paid(%L, %s)', v.currency, v.amount), 'ZB001', NULL, format('a gateway takes no %s %s', v.amount, v.currency))
FROM (VALUES ('KWD', '1.234'), ('MGA', '7.40')) v(currency, amount);

-- ---- settings ---------------------------------------------------------------------------------------------------
SELECT throws_ok(format('SET billing.gateway_lookup_delays = %L', v), '22023', NULL, format('lookup delays are no %L', v))
FROM unnest(ARRAY['', '5', '0s, 1min', '5s,, 1min', '5s, soon', '-1s', repeat('1s,', 16) || '1s', '1min, ' || repeat(' ', 40) || '2min']) v
WHERE v <> '5';
SELECT lives_ok(format('SET LOCAL billing.gateway_lookup_delays = %L', v), format('lookup delays may be %L', v))
FROM unnest(ARRAY['5s', '5s, 1min,5min , 1h', '100ms', '1d']) v;
SELECT throws_ok($$SET billing.gateway_amounts = 'float'$$, '22023', NULL, 'amounts are written as decimals or in minor units');

SELECT results_eq('SELECT check_name FROM billing.verify() WHERE NOT ok AND check_name <> ''row_digests''', 'SELECT NULL::text WHERE false', 'nothing of it breaks an invariant');
SELECT * FROM finish();
ROLLBACK;
