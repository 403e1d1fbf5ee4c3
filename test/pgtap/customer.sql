-- Customers: registering, changing, making them at a first write, fixing their currency.
BEGIN;
SELECT plan(36);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- the SQLSTATE with which a statement is refused, or 'accepted'
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END;
$$;

CREATE FUNCTION pg_temp.registration(arguments text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.refusal('SELECT billing.register_customer(' || arguments || ')')
$$;

-- register_customer
SELECT results_eq(
	$$SELECT customer_id, name, currency, net_days, collection, time_zone, created_at
		FROM billing.register_customer('acme')$$,
	$$VALUES ('acme' COLLATE "C", NULL, NULL COLLATE "C", 14, 'AUTOMATIC', 'UTC', '2026-06-02T00:00:00Z'::timestamptz)$$,
	'a new customer has 14 net days, automatic collection and the zone of the house');
DO $$ BEGIN
	PERFORM billing.register_customer('acme', 'Acme', 'KRW', 'pay@acme.example', 30, 'KR_VAT', 'Acme Ltd', '123-45',
		'{"city":"Seoul"}', 'KR', 'Asia/Seoul', 'SEND_INVOICE', '{"tier":"gold"}');
	SET LOCAL billing.now = '2026-06-03T00:00:00Z';
	PERFORM billing.register_customer('acme', name => 'Acme Korea');
	SET LOCAL billing.now = '2026-06-02T00:00:00Z';
END $$;
SELECT results_eq(
	$$SELECT name, currency, email, net_days, tax_code, legal_name, tax_id, address, country, time_zone, collection, metadata
		FROM billing.customers WHERE customer_id = 'acme'$$,
	$$VALUES ('Acme Korea', 'KRW' COLLATE "C", 'pay@acme.example', 30, 'KR_VAT' COLLATE "C", 'Acme Ltd', '123-45',
		'{"city":"Seoul"}'::jsonb, 'KR', 'Asia/Seoul', 'SEND_INVOICE', '{"tier":"gold"}'::jsonb)$$,
	'a null argument leaves what was registered unchanged');
SELECT results_eq(
	$$SELECT created_at, updated_at FROM billing.customers WHERE customer_id = 'acme'$$,
	$$VALUES ('2026-06-02T00:00:00Z'::timestamptz, '2026-06-03T00:00:00Z'::timestamptz)$$,
	'a change moves updated_at by the business clock and leaves created_at');

SELECT is(pg_temp.registration(c.arguments), c.expected, c.rule)
FROM (VALUES
	($$repeat('a', 64)$$, 'accepted', 'a customer id may have 64 characters'),
	($$repeat('é', 64)$$, 'accepted', 'the length of a customer id is in characters, not bytes'),
	($$repeat('a', 65)$$, 'ZB001', 'a customer id of 65 characters is refused'),
	($$NULL$$, 'ZB001', 'a null customer id is refused'),
	($$'  '$$, 'ZB001', 'a blank customer id is refused'),
	($$'c', net_days => 0$$, 'accepted', 'net_days 0 is allowed'),
	($$'c', net_days => 365$$, 'accepted', 'net_days 365 is allowed'),
	($$'c', net_days => -1$$, 'ZB001', 'net_days -1 is refused'),
	($$'c', net_days => 366$$, 'ZB001', 'net_days 366 is refused'),
	($$'c', collection => 'MANUAL'$$, 'ZB001', 'an unknown collection is refused'),
	($$'c', country => 'kr'$$, 'ZB001', 'a country is two capital letters'),
	($$'c', time_zone => 'Mars/Olympus'$$, 'ZB001', 'an unknown time zone is refused'),
	($$'c', currency => 'XYZ'$$, 'ZB004', 'an unknown currency is refused'),
	($$'c', currency => 'krw'$$, 'ZB004', 'a currency in small letters is refused'),
	($$'c', address => '[1]'$$, 'ZB002', 'an address that is not an object is refused'),
	($$'c', metadata => jsonb_build_object('k', repeat('x', 20000))$$, 'ZB301', 'metadata above the limit is refused')
) AS c(arguments, expected, rule);

-- customers that were never registered
SELECT ok(billing.ingest_usage('e1', 'newcomer', 'API_CALL', 1), 'usage of an unknown customer is stored');
SELECT results_eq(
	$$SELECT net_days, collection, time_zone FROM billing.customers WHERE customer_id = 'newcomer'$$,
	$$VALUES (14, 'AUTOMATIC', 'UTC')$$,
	'a first write makes the customer with the defaults');
SELECT is_empty($$SELECT * FROM billing.usage_of('ghost', '2026-05')$$, 'a customer who does not exist has no usage');
SELECT throws_ok($$SELECT billing.preview_invoice('ghost', '2026-05')$$, 'ZB101', NULL,
	'previewing an unknown customer is CUSTOMER_NOT_FOUND');
SELECT throws_ok($$SELECT * FROM billing.run_settlement('ghost', '2026-05')$$, 'ZB101', NULL,
	'settling an unknown customer is CUSTOMER_NOT_FOUND');
SELECT is_empty($$SELECT 1 FROM billing.customers WHERE customer_id = 'ghost'$$, 'a read never makes a customer');
SET LOCAL billing.auto_register_customers = off;
SELECT throws_ok($$SELECT billing.ingest_usage('e1', 'ghost', 'API_CALL', 1)$$, 'ZB101', NULL,
	'with auto_register_customers off, usage of an unknown customer is refused');
SELECT throws_ok(
	$$SELECT billing.create_pricing_plan('p', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01', 'ghost')$$,
	'ZB101', NULL, 'with auto_register_customers off, a plan for an unknown customer is refused');
SELECT is(pg_temp.registration($$'ghost'$$), 'accepted', 'register_customer makes a customer also with auto_register_customers off');
RESET billing.auto_register_customers;

-- the zone of the house
DO $$ BEGIN PERFORM billing.set_house_time_zone('Asia/Seoul'); PERFORM billing.ingest_usage('e1', 'kr-newcomer', 'API_CALL', 1); END $$;
SELECT results_eq(
	$$SELECT customer_id, time_zone FROM billing.customers WHERE customer_id IN ('newcomer', 'kr-newcomer') ORDER BY 1$$,
	$$VALUES ('kr-newcomer' COLLATE "C", 'Asia/Seoul'), ('newcomer', 'UTC')$$,
	'the zone of the house is for customers that are made from then on');
DO $$ BEGIN PERFORM billing.set_house_time_zone('UTC'); END $$;
SELECT throws_ok($$SELECT billing.set_house_time_zone('Mars/Olympus')$$, 'ZB001', NULL,
	'the house cannot have an unknown time zone');

-- currency
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('default', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01');
	PERFORM billing.ingest_usage('may', 'floating', 'API_CALL', 100, '2026-05-10T00:00:00Z');
END $$;
SELECT is(pg_temp.registration($$'floating', currency => 'USD'$$), 'accepted', 'the currency may change before there is money');
SELECT is(pg_temp.registration($$'floating', currency => 'KRW'$$), 'accepted', 'and change back');
DO $$ BEGIN PERFORM billing.run_settlement('floating', '2026-05'); END $$;
SELECT results_eq($$SELECT currency, currency_fixed_at FROM billing.customers WHERE customer_id = 'floating'$$,
	$$VALUES ('KRW' COLLATE "C", '2026-06-02T00:00:00Z'::timestamptz)$$, 'a customer is in the currency of his first invoice');
SELECT is(pg_temp.registration($$'floating', currency => 'USD'$$), 'ZB206', 'the first invoice fixes the currency');
SELECT is(pg_temp.registration($$'floating', currency => 'KRW', name => 'F'$$), 'accepted', 'a fixed currency may be stated again');
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('own', 'USD', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01', 'dollar');
END $$;
SELECT is(pg_temp.registration($$'dollar', currency => 'KRW'$$), 'ZB005', 'a customer cannot take another currency than his own plan has');

SELECT * FROM finish();
ROLLBACK;
