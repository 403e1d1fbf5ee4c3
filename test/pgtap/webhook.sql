-- Webhooks of the payment provider: what proves them, what each does once, whatever comes in which order how often.
BEGIN;
SELECT plan(132);
\ir include/callers.sql
\ir ../sql/include/webhook.sql
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SET LOCAL billing.secret_key_file = 'billing_tap_keys';
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
SET LOCAL billing.gateway_max_queued = 1000;
CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'));

-- a payment of a new order, PENDING at the provider; its id, which is its key there
CREATE FUNCTION pg_temp.payment(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT (billing.pay_order((billing.place_order(customer, 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 50}]')).order_id, 'CARD')).payment_id::text
$$;
CREATE FUNCTION pg_temp.state(payment text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', p.status, p.provider_reference, p.failure_code, o.status, (SELECT sum(t.amount) FROM billing.ledger_transfers t
		WHERE t.customer_id = p.customer_id AND t.debit_account = 'gateway_clearing'),
		(SELECT 'queued' FROM billing.gateway_calls g WHERE g.customer_id = p.customer_id AND g.subject_id = p.payment_id))
	FROM billing.payments p JOIN billing.orders o ON o.customer_id = p.customer_id AND o.order_id = p.target_id WHERE p.payment_id = payment::uuid
$$;
-- rows in the tables that a delivery could write
CREATE FUNCTION pg_temp.written() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM billing.gateway_webhooks), (SELECT count(*) FROM billing.ledger_transfers),
		(SELECT count(*) FROM billing.outbox), (SELECT count(*) FROM billing.audit_entries), (SELECT count(*) FROM billing.payments WHERE status <> 'PENDING'))
$$;
CREATE FUNCTION pg_temp.ping() RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(format('{"id": "%s", "type": "ping"}', gen_random_uuid()), 'UTF8') $$;
-- what a delivery with headers made of the good ones is answered
CREATE FUNCTION pg_temp.with_headers(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	body bytea := pg_temp.ping();
	h jsonb := pg_temp.headers(body);
	changed jsonb;
BEGIN
	EXECUTE 'SELECT ' || change INTO changed USING h, h ->> 'X-Webhook-Timestamp', h ->> 'X-Webhook-Signature';
	RETURN pg_temp.deliver(body, headers => changed);
END
$$;
-- the same with a body that is signed as it is
CREATE FUNCTION pg_temp.with_body(body text) RETURNS text LANGUAGE sql AS $$ SELECT pg_temp.deliver(convert_to(body, 'UTF8')) $$;

-- the HMAC of these tests: RFC 4231, cases 2 and 6
SELECT is(encode(pg_temp.hmac('Jefe', 'what do ya want for nothing?'), 'hex'), '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843', 'the tests sign as the standard does');
SELECT is(encode(pg_temp.hmac(decode(repeat('aa', 131), 'hex'), 'Test Using Larger Than Block-Size Key - Hash Key First'), 'hex'),
	'60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54', 'with a long secret, too');

-- ---- what proves a delivery -----------------------------------------------------------------------------------
SELECT is(pg_temp.deliver(pg_temp.ping()), 'ZB202', 'without a secret for webhooks each is refused');
SELECT billing.set_secret('gateway_webhook', 'whsec');
SELECT is(pg_temp.deliver(pg_temp.ping()), 'IGNORED', 'one that is signed with the secret passes');
SELECT is(pg_temp.deliver(pg_temp.ping(), 'whsed'), 'ZB402', 'one of another secret does not');
SELECT throws_ok($$SELECT billing.receive_gateway_webhook('http', '{}', 'x')$$, 'ZB402', 'webhook is not authentic', 'nor one without headers');
SELECT is((SELECT api_code || ' ' || http_status FROM billing.error_codes WHERE symbol = 'INVALID_SIGNATURE'), 'UNAUTHORIZED 401', 'the REST face answers 401');
SELECT is(pg_temp.with_headers(v.change), v.answer, v.rule) FROM (VALUES
	('jsonb_build_object(''x-webhook-timestamp'', $2, ''x-WEBHOOK-signature'', $3)', 'IGNORED', 'names of headers have no case'),
	('$1 || ''{"Content-Type": "application/json", "X-Other": ["a", 1, null, {"X-Webhook-Signature": 1}]}''', 'IGNORED', 'other headers are not looked at'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb(upper($3)))', 'ZB402', 'the scheme is written small'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb(''sha256='' || upper(substr($3, 8))))', 'IGNORED', 'digits may be capitals'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb(''sha256='' || repeat(''0'', 64) || '', '' || $3))', 'IGNORED', 'one of several signatures is enough'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb($3 || '',''))', 'ZB402', 'a list is well formed or nothing'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb(substr($3, 8)))', 'ZB402', 'a signature names its scheme'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', to_jsonb(left($3, -2)))', 'ZB402', 'the beginning of a signature is none'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', ''""'')', 'ZB402', 'nor is an empty text'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', ''null'')', 'ZB402', 'nor null'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', ''1'')', 'ZB402', 'nor a number'),
	('jsonb_set($1, ''{X-Webhook-Signature}'', jsonb_build_array($3))', 'ZB402', 'nor an array'),
	('$1 - ''X-Webhook-Signature''', 'ZB402', 'a delivery without a signature is refused'),
	('$1 - ''X-Webhook-Timestamp''', 'ZB402', 'so is one without a timestamp'),
	('$1 || jsonb_build_object(''x-webhook-signature'', $3)', 'ZB402', 'and one with two headers of a name'),
	('jsonb_set($1, ''{X-Webhook-Timestamp}'', to_jsonb(($2::bigint + 1)::text))', 'ZB402', 'the timestamp is signed'),
	('jsonb_set($1, ''{X-Webhook-Timestamp}'', to_jsonb($2::bigint))', 'ZB402', 'and a text'),
	('jsonb_set($1, ''{X-Webhook-Timestamp}'', to_jsonb('' '' || $2))', 'ZB402', 'of digits alone')) v(change, answer, rule);
SELECT is(pg_temp.deliver(pg_temp.ping() || '\x20'::bytea, headers => pg_temp.headers(pg_temp.ping())), 'ZB402', 'the body is signed, every byte of it');
SELECT is(pg_temp.deliver(pg_temp.ping(), age => v.age::interval), v.answer, format('at an age of %s: %s', v.age, v.answer))
FROM (VALUES ('4 min 50 s', 'IGNORED'), ('-4 min -50 s', 'IGNORED'), ('5 min 10 s', 'ZB402'), ('-5 min -10 s', 'ZB402'), ('1 day', 'ZB402'), ('50 years', 'ZB402')) v(age, answer);
SET LOCAL billing.gateway_webhook_tolerance = '10s';
SELECT is(pg_temp.deliver(pg_temp.ping(), age => '20 s'), 'ZB402', 'the tolerance is a setting');
RESET billing.gateway_webhook_tolerance;
SELECT billing.set_secret('gateway_webhook', 'new');
SELECT is(ARRAY[pg_temp.deliver(pg_temp.ping()), pg_temp.deliver(pg_temp.ping(), 'new')], ARRAY['IGNORED', 'IGNORED'], 'two secrets are live while one is replaced');
SELECT billing.set_secret('gateway_webhook', 'whsec', '0');
SELECT is(ARRAY[pg_temp.deliver(pg_temp.ping()), pg_temp.deliver(pg_temp.ping(), 'new')], ARRAY['IGNORED', 'ZB402'], 'a dead one is not');
SELECT billing.set_secret('gateway_webhook', repeat('long', 100), '0');
SELECT is(pg_temp.deliver(pg_temp.ping(), repeat('long', 100)), 'IGNORED', 'a secret longer than a block signs, too');
SELECT billing.set_secret('gateway_webhook', 'whsec', '0');

-- ---- what a body may be ---------------------------------------------------------------------------------------
SELECT is(pg_temp.with_body(v.body), v.answer, left(v.body, 60) || ': ' || v.answer) FROM (VALUES
	('', 'ZB002'), ('x', 'ZB002'), ('null', 'ZB002'), ('[]', 'ZB002'), ('"a"', 'ZB002'), ('{', 'ZB002'), ('{}', 'ZB002'), ('{"id": "a"}', 'ZB002'),
	('{"type": "ping"}', 'ZB002'), ('{"id": 1, "type": "ping"}', 'ZB002'), ('{"id": "", "type": "ping"}', 'ZB002'), ('{"id": null, "type": "ping"}', 'ZB002'),
	('{"id": "n", "type": "ping", "idempotencyKey": 1}', 'ZB002'), ('{"id": "a\u0000b", "type": "ping"}', 'ZB002'), ('{"id": "\ud800", "type": "ping"}', 'ZB002'),
	('{"id": "a", "type": "payment.approved", "idempotencyKey": "k"}', 'ZB002'),
	(format('{"id": "%s", "type": "ping"}', repeat('x', 129)), 'ZB002'), (format('{"id": "%s", "type": "ping"}', repeat('x', 128)), 'IGNORED'),
	(format('{"id": "a", "type": "%s"}', repeat('x', 65)), 'ZB002'), (format('{"id": "a", "type": "payment.approved", "pgReferenceId": "%s"}', repeat('x', 257)), 'ZB002'),
	('{"id": "a", "type": "payment.approved", "pgReferenceId": "a b"}', 'ZB002'), (U&'{"id": "a", "type": "refund.approved", "pgReferenceId": "\D55C"}', 'ZB002'),
	(repeat('[', 30000), 'ZB002'), ('{"id": "deep", "type": "ping", "a": ' || repeat('[', 1000) || repeat(']', 1000) || '}', 'IGNORED'),
	('{"id": "number", "type": "ping", "a": 1e100000}', 'IGNORED'), ('{"id": "number 2", "type": "ping", "a": 1e1000000}', 'ZB002'),
	(rpad('{"id": "large", "type": "ping"}', 65536), 'IGNORED'), (rpad('{"id": "too large", "type": "ping"}', 65537), 'ZB301')) v(body, answer);
SELECT is(pg_temp.deliver('{"id": "'::bytea || '\xff'::bytea || '", "type": "ping"}'::bytea), 'ZB002', 'a body is UTF-8');
SELECT is(pg_temp.deliver(pg_temp.ping() || '\x00'::bytea), 'ZB002', 'without zero bytes');
SELECT is((SELECT count(*) FROM billing.gateway_webhooks WHERE result <> 'IGNORED'), 0::bigint, 'none of these had an effect');

-- ---- payments -------------------------------------------------------------------------------------------------
SELECT pg_temp.payment('approved') AS p \gset
SELECT is(pg_temp.state(:'p'), 'PENDING CREATED queued', 'a payment at the provider waits');
SELECT is(pg_temp.deliver('p-1', 'payment.approved', :'p'), 'APPLIED', 'an approval is applied');
SELECT is(pg_temp.state(:'p'), 'APPROVED pg-1 PAID 50', 'to the payment, its order, the ledger and the queue of calls');
SELECT results_eq($$SELECT provider COLLATE "default", event_id COLLATE "default", type, subject, subject_id::text, customer_id COLLATE "default", result FROM billing.gateway_webhooks WHERE event_id = 'p-1'$$,
	format($$VALUES ('http', 'p-1', 'payment.approved', 'PAYMENT', %L, 'approved', 'APPLIED')$$, :'p'), 'the event is stored');
SELECT is((SELECT reason FROM billing.audit_entries WHERE target_id = :'p' AND action = 'PAYMENT_RECONCILED'), 'webhook', 'the audit log says by what');
SELECT pg_temp.written() AS written \gset
SELECT is(pg_temp.deliver('p-1', 'payment.approved', :'p'), 'APPLIED again', 'the same event again answers the same');
SELECT is((SELECT format('%s %s %s', subject, subject_id = :'p', event_id) FROM billing.receive_gateway_webhook('http',
	pg_temp.headers(pg_temp.event('p-1', 'payment.approved', :'p')), pg_temp.event('p-1', 'payment.approved', :'p'))), 'PAYMENT t p-1', 'about the same');
SELECT is(pg_temp.deliver('p-1', 'payment.approved', :'p', 'pg-2'), 'ZB203', 'its id with another body is refused');
SELECT is(pg_temp.written(), :'written', 'and nothing more is written by either');
SELECT is(pg_temp.deliver('p-2', 'payment.approved', :'p'), 'ALREADY', 'another event that says the same finds it done');
SELECT is(pg_temp.deliver('p-3', 'payment.rejected', :'p', NULL, 'NO'), 'ALREADY', 'an older one that comes late changes nothing');
SELECT is(pg_temp.state(:'p'), 'APPROVED pg-1 PAID 50', 'the payment is as it was');
SELECT is((billing.resolve_payment(:'p', 'APPROVED', 'other', 'by hand')).provider_reference, 'pg-1', 'for an operator, too');

SELECT pg_temp.payment('rejected') AS p \gset
SELECT is(pg_temp.deliver('r-1', 'payment.rejected', :'p', NULL, 'NO_FUNDS'), 'APPLIED', 'a rejection is applied');
SELECT is(pg_temp.state(:'p'), 'FAILED NO_FUNDS CREATED', 'and leaves the order to be paid in another way');
SELECT is(pg_temp.deliver('r-2', 'payment.rejected', :'p', NULL, 'NO_FUNDS'), 'ALREADY', 'a second one changes nothing');
SELECT is(pg_temp.deliver('r-3', 'payment.approved', :'p', 'pg-late'), 'LATE', 'an approval after it is late');
SELECT is((SELECT status || ' ' || late_reference FROM billing.payments WHERE payment_id = :'p'), 'FAILED pg-late', 'the payment stays FAILED');
SELECT is((SELECT format('%s %s %s', status, destination, amount) FROM billing.refunds WHERE payment_id = :'p'), 'REQUESTED SOURCE 50', 'its money goes back');
SELECT is(pg_temp.deliver('r-3', 'payment.approved', :'p', 'pg-late'), 'LATE again', 'once');
SELECT is(pg_temp.deliver('r-4', 'payment.approved', :'p', 'pg-late'), 'ALREADY', 'whichever event says it');
SELECT is((SELECT count(*) FROM billing.refunds WHERE payment_id = :'p'), 1::bigint, 'by one refund');

SELECT pg_temp.payment('uncoded') AS p \gset
SELECT is(pg_temp.deliver('u-1', 'payment.rejected', :'p', NULL), 'APPLIED', 'a rejection without a code');
SELECT is(pg_temp.state(:'p'), 'FAILED PG_REJECTED CREATED', 'has one of ours');
SELECT pg_temp.payment('long') AS p \gset
SELECT is(pg_temp.deliver('l-1', 'payment.rejected', :'p', NULL, repeat(U&'\D55C', 100)), 'APPLIED', 'codes and messages of any length');
SELECT is((SELECT format('%s %s', octet_length(failure_code), octet_length(failure_message)) FROM billing.payments WHERE payment_id = :'p'), '64 311', 'are cut');

SELECT pg_temp.payment('odd') AS p \gset
SELECT pg_temp.deliver(convert_to(jsonb_build_object('id', 'o-1', 'type', 'payment.rejected', 'idempotencyKey', :'p', 'errorCode', E'NO\t1', 'errorMessage', E'line 1\nline 2')::text, 'UTF8'));
SELECT is((SELECT failure_code || ' ' || failure_message FROM billing.payments WHERE payment_id = :'p'), 'NO?1 line 1 line 2', 'and keep no control characters');
SELECT (billing.request_top_up('filled', 70, 'KRW')).payment_id AS p \gset
SELECT is(pg_temp.deliver('t-1', 'payment.approved', :'p'), 'APPLIED', 'the approval of a top-up');
SELECT is((SELECT balance FROM billing.wallets WHERE customer_id = 'filled'), 70::numeric, 'fills the wallet');

-- ---- refunds --------------------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.refund(customer text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	payment text := pg_temp.payment(customer);
BEGIN
	PERFORM pg_temp.deliver(customer || ' paid', 'payment.approved', payment);
	RETURN (billing.refund_payment(payment::uuid, 20)).refund_id::text;
END
$$;
CREATE FUNCTION pg_temp.refund_state(refund text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', r.status, r.provider_reference, r.failure_code, trim_scale(o.refunded)) FROM billing.refunds r JOIN billing.payments p USING (customer_id, payment_id)
		JOIN billing.orders o ON o.customer_id = p.customer_id AND o.order_id = p.target_id WHERE r.refund_id = refund::uuid
$$;
SELECT pg_temp.refund('back') AS r \gset
SELECT is(pg_temp.deliver('b-1', 'payment.approved', :'r'), 'IGNORED', 'the key of a refund is no payment''s');
SELECT is(pg_temp.deliver('b-2', 'refund.approved', :'r', 'pg-back'), 'APPLIED', 'a refund is approved');
SELECT is(pg_temp.refund_state(:'r'), 'COMPLETED pg-back 20', 'and the money is back');
SELECT is(pg_temp.deliver('b-2', 'refund.approved', :'r', 'pg-back'), 'APPLIED again', 'once');
SELECT is(pg_temp.deliver('b-3', 'refund.rejected', :'r', NULL, 'NO'), 'ALREADY', 'a late rejection changes nothing');
SELECT is(pg_temp.refund_state(:'r'), 'COMPLETED pg-back 20', 'of it');
SELECT pg_temp.refund('kept') AS r \gset
SELECT is(pg_temp.deliver('k-1', 'refund.rejected', :'r', NULL, 'NO'), 'APPLIED', 'a refund is rejected');
SELECT is(pg_temp.refund_state(:'r'), 'FAILED NO 0', 'and the money stays');
SELECT is(pg_temp.deliver('k-2', 'refund.approved', :'r', 'pg-kept'), 'LATE', 'one that is approved after that is told');
SELECT is((SELECT format('%s %s', action, after ->> 'providerReference') FROM billing.audit_entries WHERE target_id = :'r' ORDER BY position DESC LIMIT 1),
	'REFUND_APPROVED_LATE pg-kept', 'in the audit log');

-- ---- what is not known here -----------------------------------------------------------------------------------
SELECT pg_temp.payment('known') AS p \gset
SELECT is(pg_temp.deliver(gen_random_uuid()::text, v.type, v.key), 'IGNORED', v.rule) FROM (VALUES
	('payment.refunded', :'p', 'an unknown type is stored and ignored'), ('PAYMENT.APPROVED', :'p', 'so is one in capitals'),
	('payment.approved', gen_random_uuid()::text, 'an unknown key'), ('payment.approved', upper(:'p'), 'a key that is not written as ours'),
	('payment.approved', 'x', 'what is no key of ours at all'), ('payment.approved', NULL, 'none'), ('refund.approved', :'p', 'the key of a payment is no refund''s')) v(type, key, rule);
RESET billing.gateway_url;
SELECT (billing.pay_order((billing.place_order('mocked', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 50}]')).order_id, 'CARD',
	idempotency_key => 'UNKNOWN_1')).payment_id AS m \gset
SELECT is(pg_temp.deliver('m-1', 'payment.approved', :'m'), 'IGNORED', 'and a payment of another provider');
SELECT is(pg_temp.state(:'p'), 'PENDING CREATED queued', 'none of these ended anything');
SELECT is(pg_temp.deliver('p-9', 'payment.approved', :'p'), 'APPLIED', 'events count also where no gateway is set any more');
SELECT throws_ok($$SELECT billing.receive_gateway_webhook('stripe', '{}', 'x')$$, 'ZB001', 'provider is not one of the allowed values', 'of the provider http alone');

-- ---- who, how long --------------------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.call(id text) RETURNS text LANGUAGE sql AS $$
	SELECT format('SELECT result FROM billing.receive_gateway_webhook(''http'', %L, %L)', pg_temp.headers(b), b)
	FROM convert_to(format('{"id": "%s", "type": "ping"}', id), 'UTF8') b
$$;
SELECT is(pg_temp.as_service(pg_temp.call('by service')), 'IGNORED', 'the service hands webhooks in, and needs no right on the secrets');
SELECT is(pg_temp.as_customer('known', pg_temp.call('by customer')), '42501', 'a customer does not');
SELECT is(pg_temp.as_customer('known', 'SELECT count(*) FROM billing.gateway_webhooks'), '42501', 'nor does he read them');
SELECT is(pg_temp.as_service('SELECT count(*) > 20 FROM billing.gateway_webhooks'), 'true', 'the house does');
SELECT throws_ok(v.statement, 'ZB208', NULL, 'refused to a superuser: ' || v.statement) FROM (VALUES ('UPDATE billing.gateway_webhooks SET result = ''LATE'''),
	('DELETE FROM billing.gateway_webhooks'), ('TRUNCATE billing.gateway_webhooks')) v(statement);
SELECT throws_ok($$SELECT billing.purge_gateway_webhooks(clock_timestamp() - interval '6 days 23 hours')$$, 'ZB001', 'before is too late', 'events are kept for a week at least');
SELECT is(pg_temp.as_service($$SELECT billing.purge_gateway_webhooks(clock_timestamp() - interval '8 days')$$), 'ZB401', 'the service purges nothing');
SELECT is(billing.purge_gateway_webhooks(clock_timestamp() - interval '7 days'), 0::bigint, 'what is new is not purged');
ALTER TABLE billing.gateway_webhooks DISABLE TRIGGER append_only;
UPDATE billing.gateway_webhooks SET received_at = received_at - interval '8 days' WHERE event_id IN ('p-1', 'r-1');
UPDATE billing.gateway_webhooks SET row_digest = billing.row_digest(gateway_webhooks) WHERE event_id IN ('p-1', 'r-1');
ALTER TABLE billing.gateway_webhooks ENABLE ALWAYS TRIGGER append_only;
SELECT is(billing.purge_gateway_webhooks(clock_timestamp() - interval '7 days'), 2::bigint, 'what is old is');
SELECT is((SELECT payment_id::text FROM billing.payments WHERE customer_id = 'approved'), (SELECT provider_key FROM billing.payments WHERE customer_id = 'approved'), 'an event that is signed anew after that');
SELECT is(pg_temp.deliver('p-1', 'payment.approved', (SELECT provider_key FROM billing.payments WHERE customer_id = 'approved')), 'ALREADY', 'still has no second effect');
SELECT is((SELECT count(*) FROM billing.ledger_transfers WHERE customer_id = 'approved' AND debit_account = 'gateway_clearing'), 1::bigint, 'on the money');
SELECT is_empty('SELECT check_name, detail FROM billing.verify() WHERE NOT ok', 'and verify() finds nothing');

SELECT * FROM finish();
ROLLBACK;
