-- Circuit breakers and bulkheads as an operator sees and moves them. Their rules: test/unit/test_breaker.c.
BEGIN;
SELECT plan(27);
CREATE ROLE tap_service NOLOGIN IN ROLE billing_service;
CREATE ROLE tap_admin NOLOGIN IN ROLE billing_admin;
SELECT billing.reset_circuit_breaker('gateway');
CREATE TEMP VIEW breaker AS SELECT * FROM billing.circuit_breakers WHERE name = 'gateway';

-- ---- circuit breakers ----
SELECT results_eq('SELECT name FROM billing.circuit_breakers', $$VALUES ('gateway')$$, 'the gateway has a circuit breaker, and nothing else');
SELECT results_eq('SELECT state, calls, failures, slow_calls, failure_rate, opened_at, probes_left, retry_at FROM breaker',
	$$VALUES ('CLOSED', 0, 0, 0, NULL::numeric, NULL::timestamptz, NULL::int, NULL::timestamptz)$$, 'one that has seen no call is closed');
SET LOCAL ROLE tap_admin;
SELECT lives_ok($$SELECT billing.open_circuit_breaker('gateway')$$, 'an admin forces it open');
RESET ROLE;
SELECT is((SELECT state FROM breaker), 'FORCED_OPEN', 'which it says');
SELECT ok((SELECT opened_at BETWEEN clock_timestamp() - interval '1 min' AND clock_timestamp() AND retry_at IS NULL FROM breaker),
	'since when by the real clock, and without an end');
CREATE TEMP TABLE first_opened AS SELECT opened_at FROM breaker;
SELECT lives_ok($$SELECT billing.open_circuit_breaker('gateway')$$, 'it can be forced open twice');
SELECT is((SELECT opened_at FROM breaker), (SELECT opened_at FROM first_opened), 'and stays open since the first time');
SET LOCAL ROLE tap_service;
SELECT throws_ok($$SELECT billing.reset_circuit_breaker('gateway')$$, 'ZB401', NULL, 'the service may not reset it');
SELECT throws_ok($$SELECT billing.open_circuit_breaker('gateway')$$, 'ZB401', NULL, 'nor force it open');
SELECT is((SELECT state FROM billing.circuit_breakers), 'FORCED_OPEN', 'but see it');
RESET ROLE;
SELECT results_eq($$SELECT action, target_type, target_id, customer_id, before, after, actor_id FROM billing.audit_log
		WHERE action LIKE 'CIRCUIT_BREAKER%' AND actor_id = 'tap_admin'$$,
	$$VALUES ('CIRCUIT_BREAKER_OPENED', 'CircuitBreaker', 'gateway', NULL, NULL::jsonb, '{"state": "FORCED_OPEN"}'::jsonb, 'tap_admin')$$,
	'the audit log has who opened it');
SELECT lives_ok($$SELECT billing.reset_circuit_breaker('gateway')$$, 'it is reset');
SELECT results_eq('SELECT state, opened_at FROM breaker', $$VALUES ('CLOSED', NULL::timestamptz)$$, 'and closed');
SELECT is((SELECT after FROM billing.audit_log WHERE action = 'CIRCUIT_BREAKER_RESET' ORDER BY position DESC LIMIT 1), '{"state": "CLOSED"}'::jsonb,
	'which the audit log has too');

SAVEPOINT lost;
SELECT billing.open_circuit_breaker('gateway');
ROLLBACK TO lost;
SELECT is((SELECT state FROM breaker), 'FORCED_OPEN', 'opening counts at once, also when its transaction fails');
SAVEPOINT lost;
SELECT billing.reset_circuit_breaker('gateway');
ROLLBACK TO lost;
SELECT is((SELECT state FROM breaker), 'CLOSED', 'and so does resetting');

SELECT throws_ok($$SELECT billing.open_circuit_breaker('nowhere')$$, 'ZB001', 'there is no circuit breaker "nowhere"', 'another name is refused');
SELECT throws_ok($$SELECT billing.reset_circuit_breaker(NULL)$$, 'ZB001', NULL, 'and none');

-- ---- settings ----
SELECT is((SELECT string_agg(name || ' ' || current_setting(name), ', ' ORDER BY name) FROM pg_settings WHERE name LIKE 'billing.breaker%'),
	'billing.breaker_failure_rate 50, billing.breaker_minimum_calls 10, billing.breaker_open 30s, billing.breaker_probes 3,'
	' billing.breaker_slow_call 4s, billing.breaker_slow_call_rate 100, billing.breaker_window 20', 'the settings have the defaults of the reference');
SELECT throws_ok($$SET billing.breaker_window = 1001$$, '22023', NULL, 'a window has its most');
SELECT throws_ok($$SET billing.breaker_probes = 0$$, '22023', NULL, 'a breaker needs a probe to close');

-- ---- bulkheads ----
SELECT results_eq('SELECT name, in_flight, queued FROM billing.bulkheads', $$VALUES ('gateway', 0, 0::bigint)$$,
	'the bulkhead of the gateway is empty where nothing is called');
SET LOCAL billing.gateway_max_in_flight = 7;
SET LOCAL billing.gateway_max_queued = 9;
SELECT results_eq('SELECT max_in_flight, max_queued FROM billing.bulkheads', 'VALUES (7, 9)', 'its most is what the settings say');
INSERT INTO billing.gateway_calls (customer_id, subject, subject_id, priority, action, due_at, attempts, sends, first_sent_at, created_at)
SELECT 'acme', 'PAYMENT', gen_random_uuid(), v.priority, 'SEND', now(), v.sends, v.sends, CASE WHEN v.sends > 0 THEN now() END, now()
FROM (VALUES (0, 0), (0, 0), (0, 1), (1, 0), (1, 2)) v(priority, sends);
SELECT is((SELECT queued FROM billing.bulkheads), 2::bigint, 'calls that somebody waits for and that were never sent are queued');
SET LOCAL ROLE tap_service;
SELECT is((SELECT queued FROM billing.bulkheads), 2::bigint, 'which the service sees');
RESET ROLE;
SELECT ok((SELECT bool_and(refused_in_flight >= 0 AND refused_queue >= 0) FROM billing.bulkheads), 'refusals are counted');
SELECT ok((SELECT bool_and(refused >= 0) FROM billing.circuit_breakers), 'of circuit breakers too');
SELECT * FROM finish();
ROLLBACK;
