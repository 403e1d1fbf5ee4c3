-- A session that says who it is, or that prepares the ground for what others run, gains nothing.
BEGIN;
SELECT plan(60);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
\ir include/callers.sql
CALL pg_temp.make_customers();
CALL pg_temp.make_money();
-- so that whose plan it is makes a difference
SELECT billing.create_pricing_plan('hers', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":2}]', '2026-01-01', 'alice') IS NOT NULL AS made \gset
SELECT pg_temp.invoice_of('alice') AS alice, pg_temp.invoice_of('bob') AS bob \gset
CREATE SCHEMA evil;
GRANT ALL ON SCHEMA evil TO tap_customer, billing_customer;
GRANT USAGE ON SCHEMA evil TO PUBLIC;

-- what a customer must not get, and what he gets then: nothing of bob's
CREATE TEMP TABLE theft (name text, statement text, nothing text);
INSERT INTO theft VALUES
	('his invoices', $$SELECT count(*) FROM billing.invoices WHERE customer_id <> 'alice'$$, '0'),
	('his payments', $$SELECT count(*) FROM billing.payments WHERE customer_id <> 'alice'$$, '0'),
	('his ledger', $$SELECT count(*) FROM billing.ledger_entries WHERE customer_id <> 'alice'$$, '0'),
	('his usage', $$SELECT quantity FROM billing.usage_of('bob', '2026-05')$$, 'ZB401'),
	('his invoice', format('SELECT billing.invoice_document(%L)', :'bob'), 'ZB401'),
	('his money', format('SELECT billing.pay_invoice(%L)', :'bob'), 'ZB401'),
	('his plan', $$SELECT name FROM billing.effective_plan('bob', '2026-05-01'::pg_catalog.timestamptz)$$, NULL),
	('his wallet', $$SELECT count(*) FROM billing.wallets WHERE customer_id <> 'alice'$$, '0'),
	('his credits', $$SELECT count(*) FROM billing.credits WHERE customer_id <> 'alice'$$, '0'),
	('his orders', $$SELECT count(*) FROM billing.orders WHERE customer_id <> 'alice'$$, '0'),
	('his refunds', $$SELECT count(*) FROM billing.refunds WHERE customer_id <> 'alice'$$, '0'),
	('an order of his', $$SELECT billing.place_order('bob', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 1}]')$$, 'ZB401'),
	('a top-up of his', $$SELECT billing.request_top_up('bob', 1::pg_catalog.numeric, 'KRW')$$, 'ZB401'),
	('the audit entries', 'SELECT count(*) FROM billing.audit_entries', '42501'),
	('the audit log', 'SELECT count(*) FROM billing.audit_log', '42501');

-- Runs what prepares a theft and the theft in one session; what is got, or the SQLSTATE.
CREATE FUNCTION pg_temp.after(session text, role text, claims text, ground text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	BEGIN
		PERFORM set_config('request.jwt.claims', COALESCE(claims, ''), true);
		EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', session);
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE ground;
		EXECUTE statement INTO result;
	EXCEPTION WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	RAISE SQLSTATE 'TAP00';
EXCEPTION WHEN SQLSTATE 'TAP00' THEN
	RETURN result;
END;
$$;

-- A statement that may be refused; what comes after it is tried all the same.
CREATE FUNCTION pg_temp.maybe(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT format('DO %L', format('BEGIN EXECUTE %L; EXCEPTION WHEN OTHERS THEN NULL; END', statement))
$$;

-- ---- words about oneself ----------------------------------------------------------------------------------
CREATE TEMP TABLE word (ground text);
INSERT INTO word VALUES
	('SET LOCAL billing.actor = ''OPERATOR:root'''), ('SET LOCAL billing.customer = ''bob'''), ('SET LOCAL billing.customer_id = ''bob'''),
	('SELECT set_config(''request.jwt.claim.customer_id'', ''bob'', true)'), ('SELECT set_config(''request.jwt.claims.customer_id'', ''bob'', true)'),
	('SELECT set_config(''role'', ''billing_service'', true)'), ('SET LOCAL ROLE billing_service'), ('SET LOCAL ROLE billing_admin'),
	('SET LOCAL ROLE billing_owner'), ('SET LOCAL ROLE postgres'), ('SET LOCAL row_security = off'), ('SET LOCAL session_replication_role = replica'),
	('UPDATE pg_settings SET setting = ''service'' WHERE name = ''billing.actor'''), ('ALTER ROLE CURRENT_USER SET billing.actor = ''OPERATOR:root''');
CREATE FUNCTION pg_temp.gains(session text, role text, claims text, ground text) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT format('%s: %s', t.name, s.got) FROM theft t, LATERAL (SELECT pg_temp.after(session, role, claims, ground, t.statement) AS got) s
	-- row_security off: the tables are refused as a whole
	WHERE s.got IS DISTINCT FROM t.nothing AND NOT (ground ~ 'row_security' AND s.got = '42501')
$$;
SELECT is_empty(format('SELECT pg_temp.gains(%L, %L, %L, %L)', 'tap_gateway', 'billing_customer', pg_temp.token('alice'), pg_temp.maybe(ground)), 'a customer with his token gains nothing by ' || ground) FROM word;
SELECT is_empty(format('SELECT pg_temp.gains(%L, %L, %L, %L)', 'tap_customer', 'tap_customer', pg_temp.token('bob'), pg_temp.maybe(ground)), 'nor one in a session of his own, who states a token, by ' || ground) FROM word;
-- nor by any role that he may not become, whatever the claims say of roles
SELECT is_empty(format('SELECT pg_temp.gains(%L, %L, %L, %L)', 'tap_gateway', 'billing_customer', claims, 'SELECT 1'), 'nor by the claims ' || claims)
FROM unnest(ARRAY['{"customer_id":"alice","role":"billing_admin","sub":"postgres"}', '{"customer_id":"alice","customer_id_":"bob"}', '[{"customer_id":"bob"}]',
	'{"claims":{"customer_id":"bob"},"customer_id":"alice"}', '{"CUSTOMER_ID":"bob","customer_id":"alice"}']) claims;

-- ---- ground for others: names that stand before ours ---------------------------------------------------------
CREATE TEMP TABLE trap (name text, ground text);
INSERT INTO trap VALUES
	('operators of his own', $$CREATE FUNCTION evil.yes(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT true';
		CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.yes); SET LOCAL search_path = evil, pg_catalog$$),
	('functions of his own', $$CREATE FUNCTION evil.current_customer() RETURNS text LANGUAGE sql AS $f$SELECT 'bob'$f$;
		CREATE FUNCTION evil.may_read(text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; CREATE FUNCTION evil.sum(numeric) RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
		CREATE FUNCTION evil.pg_has_role(name, text) RETURNS boolean LANGUAGE sql AS 'SELECT true'; SET LOCAL search_path = evil, pg_catalog$$),
	('tables that shadow', $$CREATE TEMP TABLE customers (customer_id text, time_zone text, name text, currency text, net_days int, tax_code text);
		CREATE TEMP TABLE usage_events (customer_id text); CREATE TEMP TABLE pg_authid (oid oid, rolname name); CREATE TEMP TABLE pg_roles (rolname name);
		CREATE TEMP TABLE billing_settings (singleton boolean, time_zone text); SET LOCAL search_path = pg_temp, pg_catalog$$),
	('types that shadow', $$CREATE DOMAIN evil.numeric AS pg_catalog.text; CREATE DOMAIN evil.timestamptz AS pg_catalog.text; SET LOCAL search_path = evil, pg_catalog$$),
	('a schema of the same tables', $$CREATE TABLE evil.invoice_headers (customer_id text, invoice_id uuid); CREATE VIEW evil.invoices AS SELECT * FROM billing.invoices;
		SET LOCAL search_path = evil, billing, pg_catalog$$);
SELECT is_empty(format('SELECT pg_temp.gains(%L, %L, %L, %L)', session, role, pg_temp.token('alice'), ground), format('%s gains nothing by %s', session, name))
FROM trap, (VALUES ('tap_gateway', 'billing_customer'), ('tap_customer', 'tap_customer')) c(session, role);
-- the same traps under the feet of the house: what it runs answers what it always does
CREATE FUNCTION pg_temp.answers(ground text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.after('postgres', 'tap_customer', NULL, ground || '; SET LOCAL ROLE tap_service',
		$s$SELECT pg_catalog.format('%s %s %s %s', billing.preview_invoice('bob', '2026-05') ->> 'total',
			(SELECT pg_catalog.string_agg(quantity::pg_catalog.text, '') FROM billing.usage_of('bob', '2026-05')),
			(SELECT name FROM billing.effective_plan('bob', '2026-05-01'::pg_catalog.timestamptz)),
			(SELECT pg_catalog.string_agg(check_name || violations::pg_catalog.text, ' ') FROM billing.verify()))$s$)
$$;
SELECT matches(pg_temp.answers('SELECT 1'), '^110 100 one .*trial_balance0', 'what the service reads of bob');
SELECT is(pg_temp.answers(ground), pg_temp.answers('SELECT 1'), 'others are not misled by ' || name) FROM trap;

-- a function of his own in his own query sees no more rows than he
CREATE TABLE evil.seen (customer_id text);
GRANT INSERT, SELECT ON evil.seen TO billing_customer;
SELECT is(pg_temp.after('tap_gateway', 'billing_customer', pg_temp.token('alice'),
	$$CREATE FUNCTION evil.note(text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS 'BEGIN INSERT INTO evil.seen VALUES ($1); RETURN true; END';
		SELECT count(*) FROM billing.invoices WHERE evil.note(customer_id); SELECT count(*) FROM billing.payments WHERE evil.note(customer_id);
		SELECT count(*) FROM billing.ledger_entries WHERE evil.note(customer_id); SELECT count(*) FROM billing.aged_receivables() WHERE evil.note(customer_id);
		SELECT count(*) FROM billing.customers WHERE evil.note(customer_id)$$,
	$$SELECT string_agg(DISTINCT customer_id, ' ') FROM evil.seen$$), 'alice', 'a cheap function in his query is called for his own rows only');

-- ---- wrappers ---------------------------------------------------------------------------------------------
-- the rights are of the wrapper's owner, the person stays who called
SELECT is(pg_temp.after('tap_customer', 'tap_customer', pg_temp.token('bob'),
	$$CREATE FUNCTION evil.mine() RETURNS numeric SECURITY DEFINER LANGUAGE sql AS $f$SELECT quantity FROM billing.usage_of('bob', '2026-05')$f$ $$,
	'SELECT evil.mine()'), 'ZB401', 'a SECURITY DEFINER function of a customer gives him nothing');
SELECT is(pg_temp.after('tap_customer', 'tap_customer', NULL,
	$$CREATE FUNCTION evil.become() RETURNS text SECURITY DEFINER LANGUAGE plpgsql AS $f$BEGIN SET LOCAL ROLE billing_service; RETURN 'became'; END$f$ $$,
	'SELECT evil.become()'), '42501', 'nor lets it him become another');
GRANT USAGE, CREATE ON SCHEMA evil TO tap_service;
SELECT is(pg_temp.after('postgres', 'tap_service', pg_temp.token('alice'),
	$$CREATE FUNCTION evil.theirs(c text) RETURNS numeric SECURITY DEFINER LANGUAGE sql AS $f$SELECT quantity FROM billing.usage_of(c, '2026-05')$f$;
		SET LOCAL ROLE NONE; SET LOCAL SESSION AUTHORIZATION tap_gateway; SET LOCAL ROLE billing_customer$$,
	format('SELECT evil.theirs(%L)', customer)), answer, format('a wrapper that the service owns answers a customer %s about %s', answer, customer))
FROM (VALUES ('alice', '100'), ('bob', 'ZB401')) v(customer, answer);

-- ---- who acted --------------------------------------------------------------------------------------------
SELECT is((SELECT pg_temp.after('tap_gateway', 'billing_customer', pg_temp.token('alice'),
	format('SET LOCAL billing.actor = %L; SELECT billing.pay_invoice(%L); SET LOCAL ROLE NONE; SET LOCAL SESSION AUTHORIZATION DEFAULT', word, :'alice'),
	$$SELECT actor_type || ':' || actor_id FROM billing.ledger_transfers WHERE customer_id = 'alice' AND kind = 'PAYMENT_CAPTURED' AND credit_account = 'receivable'$$)), 'USER:user-alice',
	'a customer acts as who his token says, not as ' || word)
FROM unnest(ARRAY['OPERATOR:root', 'SYSTEM:settlement', 'USER:user-bob']) word;
SELECT is((SELECT pg_temp.after('tap_gateway', 'billing_customer', '{"customer_id":"alice"}',
	format('SET LOCAL billing.actor = %L; SELECT billing.pay_invoice(%L); SET LOCAL ROLE NONE; SET LOCAL SESSION AUTHORIZATION DEFAULT', 'OPERATOR:root', :'alice'),
	$$SELECT actor_type || ':' || actor_id FROM billing.ledger_transfers WHERE customer_id = 'alice' AND kind = 'PAYMENT_CAPTURED' AND credit_account = 'receivable'$$)), 'SYSTEM:billing_customer',
	'one whose token names no person is the role');
SELECT is((SELECT pg_temp.after('postgres', 'tap_service', pg_temp.token('alice'),
	format('SELECT billing.pay_invoice(%L); SET LOCAL ROLE NONE', :'alice'),
	$$SELECT actor_type || ':' || actor_id FROM billing.ledger_transfers WHERE customer_id = 'alice' AND kind = 'PAYMENT_CAPTURED' AND credit_account = 'receivable'$$)), 'SYSTEM:tap_service',
	'a service that logged in by itself states no token');
SELECT is((SELECT pg_temp.after('postgres', 'tap_service', NULL,
	format('SET LOCAL billing.actor = %L; SELECT billing.pay_invoice(%L); SET LOCAL ROLE NONE', 'USER:clerk', :'alice'),
	$$SELECT actor_type || ':' || actor_id FROM billing.ledger_transfers WHERE customer_id = 'alice' AND kind = 'PAYMENT_CAPTURED' AND credit_account = 'receivable'$$)), 'USER:clerk',
	'the service may say for whom it acts');

SELECT * FROM finish();
ROLLBACK;
