-- Every caller by every object of the extension, tried and not only asked of the catalog. What is not in the tables
-- of expectation below is expected to be refused to customers, and a new function fails until it has a class.
BEGIN;
SELECT plan(43);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
\ir include/callers.sql
CALL pg_temp.make_customers();
CALL pg_temp.make_money();
INSERT INTO billing.unbilled_usage VALUES ('bob', '2026-06-01', 1) ON CONFLICT DO NOTHING;

CREATE TEMP TABLE caller (name text, kind text, session text, role text, claims text);
INSERT INTO caller VALUES
	('a role without billing', 'outside', 'tap_nobody', 'tap_nobody', NULL),
	('the gateway before it says for whom', 'outside', 'tap_gateway', 'tap_gateway', pg_temp.token('alice')),
	('billing_authenticator', 'outside', 'tap_gateway', 'billing_authenticator', pg_temp.token('alice')),
	('a customer with his token', 'customer', 'tap_gateway', 'billing_customer', pg_temp.token('alice')),
	('a customer without a token', 'customer', 'tap_gateway', 'billing_customer', NULL),
	('a customer with the token of nobody', 'customer', 'tap_gateway', 'billing_customer', pg_temp.token('nobody')),
	('a customer who states a token himself', 'customer', 'tap_customer', 'tap_customer', pg_temp.token('alice')),
	('the service', 'house', 'tap_service', 'tap_service', NULL),
	('the admin', 'house', 'tap_admin', 'tap_admin', NULL),
	('the owner', 'owner', 'tap_owner', 'tap_owner', NULL);

-- what customers read: all rows of what is the same for everybody, of the rest their own
CREATE TEMP TABLE readable AS
	SELECT 'billing.' || name AS name, class FROM (
		SELECT unnest(string_to_array('error_codes meters tax_rates ledger_accounts', ' ')), 'shared'
		UNION ALL SELECT unnest(string_to_array('customers aggregated_usage invoice_headers invoice_lines invoice_taxes'
			' payments ledger_transfers invoices ledger_entries wallets wallet_holds orders order_items payment_methods refunds credits'
			' credit_applications credit_uses credit_notes credit_note_lines', ' ')), 'own'
		UNION ALL SELECT unnest(ARRAY['pricing_snapshots', 'trial_balance']), 'derived') r(name, class);

-- which routines are for whom: internal ones are the house's to call, and used by others
CREATE TEMP TABLE class AS
	SELECT unnest(string_to_array(names, ' ')) AS name, class FROM (VALUES
		('customer, about himself', 'aged_receivables apply_credit cancel_order effective_plan forecast_usage invoice_document may_read'
			' open_wallet pay_invoice pay_order place_order preview_invoice register_payment_method request_top_up snapshot_pricing usage_of wait_for_payment'),
		('customer, about nobody', 'business_now checked_customer checked_time current_customer error_registry rate round_money version'),
		('service', 'aggregate_usage cancel_invoice capture_hold charge_wallet collect_invoices correct_usage create_pricing_plan expire_credits expire_holds'
			' fail_order grant_credit hold_wallet ingest_usage ingest_usage_arrays ingest_usage_batch issue_credit_note mark_overdue_invoices receive_gateway_webhook'
			' record_payment refund_payment register_customer report_stuck_payments retry_gateway_call register_meter register_tax_rate release_hold resolve_payment resolve_refund'
			' revoke_credit run_settlement settle_period soft_delete top_up_wallet verify workers_allowed'),
		('admin', 'disable_workers discard_dead_letter drop_secret enable_workers open_circuit_breaker purge_gateway_webhooks purge_usage replay_dead_letter reset_circuit_breaker rotate_secrets set_house_time_zone set_secret'),
		('internal', 'append_only bulkhead_states circuit_breaker_states usage_append_only webhook_append_only never_deleted guard_drop stamp_row row_digest bucket_of settlement_check settlement_chunk settlement_close'
			' settlement_open usage_by_month usage_day_extreme usage_tail usage_tail_customers window_snapshot verify_collections verify_credit_applications'
			' verify_credit_notes verify_credits verify_document_numbers verify_folded_usage verify_gateway_calls verify_invoice_payments verify_invoice_totals'
			' verify_live_invoices verify_orders verify_outbox_entities verify_payments verify_postings verify_receivable verify_references'
			' verify_refunds verify_row_digests verify_secret_digests verify_settled_usage verify_trial_balance verify_wallets verify_windows worker_states')
	) AS c(class, names);

-- As act(), with all that the statement did undone.
CREATE FUNCTION pg_temp.attempt(who caller, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	result := pg_temp.act(who.session, who.role, who.claims, statement);
	RAISE SQLSTATE 'TAP00';
EXCEPTION WHEN SQLSTATE 'TAP00' THEN
	RETURN result;
END;
$$;

-- ---- reading --------------------------------------------------------------------------------------------------
CREATE TEMP VIEW reading AS
	SELECT r.name, x.class, CASE WHEN x.class = 'own'
			THEN format($s$SELECT format('%%s of %%s', count(*) FILTER (WHERE customer_id = 'alice'), count(*)) FROM %s$s$, r.name)
			ELSE format('SELECT count(*) FROM %s', r.name) END AS statement
	FROM relation r LEFT JOIN readable x USING (name) WHERE r.relkind IN ('r', 'p', 'v');
CREATE FUNCTION pg_temp.count_of(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE statement INTO result;
	RETURN result;
END;
$$;
CREATE FUNCTION pg_temp.may_see(who caller, r reading) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN r.name = 'billing.secrets' AND who.kind <> 'owner' THEN '42501' -- values of the house's, for nobody
		WHEN who.kind IN ('house', 'owner') OR (who.kind = 'customer' AND r.class = 'shared') THEN pg_temp.count_of(r.statement)
		WHEN who.kind = 'outside' OR r.class IS NULL THEN '42501'
		WHEN r.class = 'derived' THEN CASE WHEN who.name <> 'a customer with his token' THEN '0'
			WHEN r.name = 'billing.pricing_snapshots' THEN '1' ELSE
				(SELECT count(DISTINCT (currency, account))::text FROM billing.ledger_entries WHERE customer_id = 'alice') END
		WHEN who.name <> 'a customer with his token' THEN '0 of 0'
		ELSE pg_temp.count_of(replace(r.statement, 'count(*))', 'count(*) FILTER (WHERE customer_id = ''alice''))')) END
$$;
SELECT is_empty(format($$SELECT r.name, s.seen, s.expected FROM reading r, caller c,
		LATERAL (SELECT pg_temp.attempt(c, r.statement) AS seen, pg_temp.may_see(c, r) AS expected) s
		WHERE c.name = %L AND s.seen IS DISTINCT FROM s.expected$$, c.name), c.name || ' reads what he may, and no more') FROM caller c;
SELECT is_empty($$SELECT name FROM readable WHERE name NOT IN (SELECT name FROM relation)$$, 'what customers may read exists');
SELECT is_empty($$SELECT r.name FROM reading r WHERE class = 'own' AND pg_temp.as_customer('alice', statement) LIKE '0 of%'$$, 'and has rows of his to tell from others');
SELECT is_empty($$SELECT r.name FROM reading r, pg_temp.as_service(r.statement) seen WHERE class = 'own' AND split_part(seen, ' of ', 1) = split_part(seen, ' of ', 2)$$, 'and rows that are not his');
SELECT is(pg_temp.as_customer('alice', 'SELECT sum(debit) FROM billing.trial_balance'),
	(SELECT sum(debit)::text FROM billing.ledger_entries WHERE customer_id = 'alice'), 'his trial balance has his money alone');

SELECT set_eq(
	$$SELECT r.name, string_agg(a.attname, ' ' ORDER BY a.attname) FROM relation r JOIN readable USING (name)
		JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
		WHERE pg_temp.as_customer('alice', format('SELECT count(%I) FROM %s', a.attname, r.name)) = '42501' GROUP BY r.name$$,
	$$VALUES ('billing.invoice_headers', 'deleted_by rebilled row_digest'), ('billing.ledger_transfers', 'actor_id actor_type fingerprint idempotency_key row_digest trace_id'),
		('billing.payments', 'deleted_at deleted_by fingerprint idempotency_key late_captured_at late_reference operation provider provider_key provider_reference row_digest'),
		('billing.refunds', 'deleted_at deleted_by fingerprint idempotency_key provider_key provider_reference row_digest'),
		('billing.payment_methods', 'row_digest token'), ('billing.wallet_holds', 'fingerprint idempotency_key release_key row_digest'),
		('billing.orders', 'fingerprint idempotency_key row_digest'), ('billing.credits', 'fingerprint idempotency_key row_digest'),
		('billing.credit_applications', 'fingerprint idempotency_key row_digest'), ('billing.credit_notes', 'fingerprint idempotency_key row_digest')$$,
	'of his own rows a customer reads neither who acted nor keys of calls and of the provider');

-- ---- writing --------------------------------------------------------------------------------------------------
CREATE TEMP VIEW writing AS
	SELECT r.name, r.relkind, s.statement FROM relation r
	JOIN LATERAL (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = r.oid AND a.attnum > 0 AND a.attidentity = '' AND a.attgenerated = ''
		ORDER BY a.attnum LIMIT 1) a ON true
	CROSS JOIN LATERAL (VALUES (format('INSERT INTO %s DEFAULT VALUES RETURNING 1', r.name)),
		(format('UPDATE %s SET %I = %2$I', r.name, a.attname)), (format('DELETE FROM %s', r.name)), (format('TRUNCATE %s', r.name)),
		(format('SELECT count(*) FROM (SELECT FROM %s FOR UPDATE) l', r.name)), (format('LOCK TABLE %s IN SHARE MODE', r.name)),
		(format('ALTER TABLE %s OWNER TO CURRENT_USER', r.name)), (format('DROP TABLE %s', r.name)),
		(format('CREATE TRIGGER mine BEFORE INSERT ON %s EXECUTE FUNCTION billing.append_only()', r.name))) s(statement)
	WHERE r.relkind IN ('r', 'p') OR (r.relkind = 'v' AND s.statement ~ '^(INSERT|UPDATE|DELETE)')
	UNION ALL
	SELECT r.name, r.relkind, s.statement FROM relation r
	CROSS JOIN LATERAL (VALUES (format('SELECT nextval(%L)', r.name)), (format('SELECT setval(%L, 1)', r.name)), (format('SELECT last_value FROM %s', r.name))) s(statement)
	WHERE r.relkind = 'S'
	UNION ALL
	SELECT 'billing', 'n', s.statement FROM unnest(ARRAY['CREATE TABLE billing.mine ()', 'CREATE FUNCTION billing.mine() RETURNS int LANGUAGE sql AS $s$SELECT 1$s$',
		'DROP SCHEMA billing CASCADE', 'DROP EXTENSION billing', 'ALTER EVENT TRIGGER billing_guard_drop DISABLE', 'GRANT billing_admin TO CURRENT_USER',
		'ALTER ROLE billing_service SUPERUSER', 'CREATE POLICY mine ON billing.customers USING (true)',
		'ALTER FUNCTION billing.may_read(text) SECURITY INVOKER', 'SET session_replication_role = replica', 'SET billing.now = ''2030-01-01''',
		'SET billing.allow_drop = on']) s(statement);
-- a view that cannot be written says so before it asks who writes
SELECT is_empty(format($$SELECT w.statement, s.result FROM writing w, caller c, LATERAL (SELECT pg_temp.attempt(c, w.statement) AS result) s
		WHERE c.name = %L AND s.result IS DISTINCT FROM '42501' AND NOT (w.relkind = 'v' AND s.result = '55000')$$, c.name),
	c.name || ' writes, locks, changes and gives away nothing') FROM caller c WHERE kind <> 'owner';
SELECT is_empty($$SELECT w.name FROM writing w, caller c WHERE c.kind = 'owner' AND w.statement ~ '^(INSERT|UPDATE|DELETE|TRUNCATE)' AND w.relkind IN ('r', 'p')
	AND pg_temp.attempt(c, w.statement) = '42501'$$, 'the owner may, so that it is not for another reason that the others may not');

SELECT is_empty($$SELECT r.name FROM relation r JOIN pg_class c USING (oid), aclexplode(c.relacl) a WHERE a.is_grantable AND a.grantee <> c.relowner
	UNION ALL SELECT r.name FROM relation r JOIN pg_attribute t ON t.attrelid = r.oid, aclexplode(t.attacl) a WHERE a.is_grantable
	UNION ALL SELECT r.name FROM routine r JOIN pg_proc p USING (oid), aclexplode(p.proacl) a WHERE a.is_grantable AND a.grantee <> p.proowner$$,
	'nobody may give away what was given to him');

-- ---- calling --------------------------------------------------------------------------------------------------
SELECT set_eq('SELECT name FROM routine', 'SELECT name FROM class', 'every routine has a class');
CREATE TEMP VIEW calling AS
	SELECT r.name, c.class, format(CASE p.prokind WHEN 'p' THEN 'CALL billing.%I(%s)' ELSE 'SELECT billing.%I(%s)' END, r.name,
		(SELECT string_agg(format(CASE p.prokind WHEN 'p' THEN 'NULL::%s' ELSE '(SELECT NULL::%s)' END, format_type(t, NULL)), ', ' ORDER BY i)
			FROM unnest(p.proargtypes) WITH ORDINALITY u(t, i))) AS statement
	FROM routine r JOIN pg_proc p USING (oid) JOIN class c USING (name);
SELECT is_empty($$SELECT k.name, c.name, s.result FROM calling k, caller c, LATERAL (SELECT pg_temp.attempt(c, k.statement) AS result) s
	WHERE (c.kind = 'outside' OR (c.kind = 'customer' AND k.class NOT LIKE 'customer%')) AND s.result IS DISTINCT FROM '42501'$$,
	'those outside may call nothing, customers nothing but what is theirs');
-- one that reads as its caller is refused by the tables beneath, too
SELECT is_empty($$SELECT name FROM routine JOIN class USING (name) WHERE has_function_privilege('billing_customer', oid, 'EXECUTE') <> (class LIKE 'customer%')$$,
	'by their grants, and not only by what the functions read');
SELECT is_empty($$SELECT k.name, c.name FROM calling k, caller c WHERE (c.kind = 'house' OR (c.kind = 'customer' AND k.class LIKE 'customer%'))
	AND pg_temp.attempt(c, k.statement) = '42501'$$, 'the house may call everything, customers what is theirs');

-- another's ids: FORBIDDEN, or nothing
CREATE TEMP TABLE another (name text, statement text, answer text);
CREATE FUNCTION pg_temp.payment_of(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM billing.payments WHERE customer_id = customer ORDER BY payment_id LIMIT 1
$$;
INSERT INTO another VALUES
	('usage_of', $$SELECT quantity FROM billing.usage_of('bob', '2026-05')$$, 'ZB401'),
	('forecast_usage', $$SELECT count(*) FROM billing.forecast_usage('bob')$$, 'ZB401'),
	('preview_invoice', $$SELECT billing.preview_invoice('bob', '2026-05')$$, 'ZB401'),
	('preview_invoice', $$SELECT billing.preview_invoice('bob', '2026-05', '[]')$$, 'ZB401'),
	('snapshot_pricing', $$SELECT billing.snapshot_pricing('bob', '2026-05')$$, 'ZB401'),
	('invoice_document', format('SELECT billing.invoice_document(%L)', pg_temp.invoice_of('bob')), 'ZB401'),
	('pay_invoice', format('SELECT billing.pay_invoice(%L)', pg_temp.invoice_of('bob')), 'ZB401'),
	('pay_invoice', format('SELECT billing.pay_invoice(%L, idempotency_key => %L)', pg_temp.invoice_of('bob'), 'FAIL_1'), 'ZB401'),
	('apply_credit', format('SELECT billing.apply_credit(%L, %L)', 'bob', pg_temp.invoice_of('bob')), 'ZB401'),
	('cancel_order', format('SELECT billing.cancel_order(%L, %L)', pg_temp.order_of('bob'), 'not wanted'), 'ZB401'),
	('open_wallet', $$SELECT billing.open_wallet('bob', 'KRW')$$, 'ZB401'),
	('pay_order', format('SELECT billing.pay_order(%L)', pg_temp.order_of('bob')), 'ZB401'),
	('pay_order', format('SELECT billing.pay_order(%L, %L)', pg_temp.order_of('bob'), 'WALLET'), 'ZB401'),
	('place_order', $$SELECT billing.place_order('bob', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":1}]')$$, 'ZB401'),
	('place_order', $$SELECT billing.place_order('bob', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":50}]', 'order-key')$$, 'ZB401'),
	('register_payment_method', $$SELECT billing.register_payment_method('bob', 'CARD', 'mock', 'mine')$$, 'ZB401'),
	('request_top_up', $$SELECT billing.request_top_up('bob', 1, 'KRW')$$, 'ZB401'),
	('wait_for_payment', format('SELECT status FROM billing.wait_for_payment(%L, %L)', pg_temp.payment_of('bob'), '0'), 'ZB401'),
	('effective_plan', $$SELECT plan_id FROM billing.effective_plan('bob', '2026-05-01')$$, NULL),
	('aged_receivables', $$SELECT sum(total) FROM billing.aged_receivables() WHERE customer_id = 'bob'$$, NULL),
	('may_read', $$SELECT billing.may_read('bob')$$, 'false'),
	('may_read', $$SELECT billing.may_read(NULL)$$, 'false');
SELECT set_eq('SELECT name FROM another', $$SELECT name FROM class WHERE class = 'customer, about himself'$$, 'each of those is tried with ids of another');
SELECT is_empty($$SELECT a.statement, c.name, s.result FROM another a, caller c, LATERAL (SELECT pg_temp.attempt(c, a.statement) AS result) s
	WHERE c.kind = 'customer' AND s.result IS DISTINCT FROM a.answer$$, 'and says FORBIDDEN or nothing');
SELECT is_empty($$SELECT a.statement, c.name, s.result FROM another a, caller c, LATERAL (SELECT pg_temp.attempt(c, replace(replace(replace(replace(a.statement, 'bob', 'alice'),
		pg_temp.payment_of('bob')::text, pg_temp.payment_of('alice')::text), pg_temp.invoice_of('bob')::text, pg_temp.invoice_of('alice')::text), pg_temp.order_of('bob')::text, pg_temp.order_of('alice')::text)) AS result) s
	WHERE c.name = 'a customer with his token' AND (s.result IN ('42501', 'ZB401') OR s.result IS NULL OR (s.result = 'false' AND a.statement !~ 'NULL'))$$,
	'while his own are answered');

-- for the admin
CREATE TEMP TABLE of_admin (name text, statement text);
INSERT INTO of_admin VALUES ('set_house_time_zone', $$SELECT billing.set_house_time_zone('UTC')$$), ('purge_usage', $$SELECT billing.purge_usage('2020-01-01')$$),
	('set_secret', $$SELECT billing.set_secret('a', 'b')$$), ('drop_secret', $$SELECT billing.drop_secret('a')$$), ('rotate_secrets', 'SELECT billing.rotate_secrets()'),
	('purge_gateway_webhooks', $$SELECT billing.purge_gateway_webhooks('2020-01-01')$$),
	('replay_dead_letter', $$SELECT billing.replay_dead_letter('00000000-0000-0000-0000-000000000001', 'x')$$),
	('discard_dead_letter', $$SELECT billing.discard_dead_letter('00000000-0000-0000-0000-000000000001', 'x')$$),
	('enable_workers', 'SELECT billing.enable_workers()'), ('disable_workers', 'SELECT billing.disable_workers()'),
	('open_circuit_breaker', $$SELECT billing.open_circuit_breaker('nowhere')$$), ('reset_circuit_breaker', $$SELECT billing.reset_circuit_breaker('gateway')$$);
SELECT set_eq('SELECT name FROM of_admin', $$SELECT name FROM class WHERE class = 'admin'$$, 'each of the admin''s is tried');
SELECT is_empty($$SELECT a.name, c.name FROM of_admin a, caller c WHERE c.kind = 'house'
	AND (pg_temp.attempt(c, a.statement) IS NOT DISTINCT FROM 'ZB401') <> (c.name = 'the service')$$, 'by the service, who may not, and the admin, who may');
SELECT is_empty($$SELECT k.name FROM calling k, caller c WHERE c.name = 'the service' AND k.class <> 'admin' AND pg_temp.attempt(c, k.statement) = 'ZB401'$$,
	'nothing else is the admin''s alone');

-- what functions answer a customer of his own: no more than its table
SELECT is(pg_temp.as_customer('alice', format($$SELECT format('%%s %%s %%s %%s %%s %%s', status, amount, provider, provider_key, idempotency_key, fingerprint)
	FROM billing.pay_invoice(%L, idempotency_key => 'FAIL_1')$$, pg_temp.invoice_of('alice'))), 'FAILED 110    ', 'a payment comes back without what its table hides');
SELECT is(pg_temp.as_customer('alice', $$SELECT format('%s %s %s %s', type, token, last4, is_default) FROM billing.register_payment_method('alice', 'CARD', 'mock',
	'token', last4 => '4242')$$), 'CARD  4242 t', 'a payment method without its token');
SELECT is(pg_temp.as_customer('alice', $$SELECT format('%s %s %s %s', status, total, idempotency_key, fingerprint) FROM billing.place_order('alice', 'KRW',
	'[{"sku":"a","quantity":1,"unitPrice":50}]', 'order-key')$$), 'PAID 50  ', 'an order without the key that made it');
SELECT is(pg_temp.as_customer('alice', format($$SELECT format('%%s %%s %%s', status, idempotency_key, fingerprint) FROM billing.cancel_order(
	(billing.place_order('alice', 'KRW', '[{"sku":"b","quantity":1,"unitPrice":50}]', 'other-key')).order_id, 'not wanted')$$)), 'CANCELLED  ', 'also when he cancels it');
SELECT is(pg_temp.as_customer('alice', $$SELECT format('%s %s', status, row_digest IS NULL) FROM billing.request_top_up('alice', 5, 'KRW', 'CARD', NULL, 'top-up-key') p
	WHERE idempotency_key IS NULL AND provider_key IS NULL AND provider_reference IS NULL$$), 'APPROVED t', 'a top-up without the keys of the provider');
SELECT is(pg_temp.as_customer('alice', $$SELECT format('%s %s %s', name, idempotency_key, fingerprint) FROM billing.effective_plan('alice', '2026-05-01')$$),
	'one  ', 'and a plan without the key of the call that made it');
SELECT is(pg_temp.as_service(format($$SELECT format('%%s %%s %%s', p.idempotency_key, p.fingerprint IS NOT NULL, e.idempotency_key)
	FROM billing.pay_invoice(%L, idempotency_key => 'FAIL_1') p, billing.effective_plan('bob', '2026-05-01') e$$, pg_temp.invoice_of('bob'))),
	'FAIL_1 t plan-key', 'the house sees both');

SELECT * FROM finish();
ROLLBACK;
