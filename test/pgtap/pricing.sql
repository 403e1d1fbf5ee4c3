-- Prices: what a charge costs, what is refused, which plan prices a period, forecasts.
BEGIN;
SELECT plan(138);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- 'SQLSTATE place' of a refusal by the place that its detail names, or 'accepted'
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	state text;
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, detail = PG_EXCEPTION_DETAIL;
	RETURN state || COALESCE(' ' || substring(detail FROM 'The problem is at (.*)\.$'), '');
END;
$$;

-- rate(): exact and unrounded
CREATE TEMP TABLE charge (name text, document jsonb);
INSERT INTO charge VALUES
	('per_unit 2', '{"resourceType":"R","model":"per_unit","unitPrice":2}'),
	('two tiers', '{"resourceType":"R","model":"graduated","tiers":[{"upTo":10000,"unitPrice":0},{"upTo":null,"unitPrice":1}]}'),
	('three tiers', '{"resourceType":"R","model":"graduated","tiers":[{"upTo":1000,"unitPrice":0},{"upTo":10000,"unitPrice":1},{"upTo":null,"unitPrice":2}]}'),
	('half', '{"resourceType":"R","model":"graduated","tiers":[{"upTo":1000,"unitPrice":0},{"upTo":10000,"unitPrice":1},{"upTo":null,"unitPrice":"0.5"}]}'),
	('graduated fees', '{"resourceType":"R","model":"graduated","tiers":[{"upTo":10,"unitPrice":1,"flatFee":100},{"upTo":20,"unitPrice":2,"flatFee":10},{"upTo":null,"unitPrice":3,"flatFee":1}]}'),
	('volume', '{"resourceType":"R","model":"volume","tiers":[{"upTo":10,"unitPrice":3,"flatFee":7},{"upTo":null,"unitPrice":2,"flatFee":1}]}'),
	('package', '{"resourceType":"R","model":"package","packageSize":100,"unitPrice":"2.5"}'),
	('flat', '{"model":"flat","code":"BASE","amount":50}'),
	('minimum', '{"resourceType":"R","model":"per_unit","unitPrice":1,"minimum":100}'),
	('maximum', '{"resourceType":"R","model":"per_unit","unitPrice":1,"maximum":100}'),
	('free and fee', '{"resourceType":"R","model":"graduated","tiers":[{"upTo":null,"unitPrice":1,"flatFee":5}],"freeUnits":10}'),
	('free package', '{"resourceType":"R","model":"package","packageSize":10,"unitPrice":1,"freeUnits":5}'),
	('free and minimum', '{"resourceType":"R","model":"per_unit","unitPrice":10,"freeUnits":2,"minimum":15,"maximum":25}'),
	('flat minimum', '{"model":"flat","code":"BASE","amount":50,"minimum":60}'),
	('tiny', '{"resourceType":"R","model":"per_unit","unitPrice":"0.000012"}'),
	('tiny number', '{"resourceType":"R","model":"per_unit","unitPrice":0.000012}');
SELECT is(billing.rate(document, v.quantity), v.expected, format('%s: %s costs %s', name, v.quantity, v.expected))
FROM (VALUES
	('per_unit 2', 1000, 2000), ('per_unit 2', 0, 0),
	('two tiers', 5000, 0), ('two tiers', 10000, 0), ('two tiers', 10001, 1), ('two tiers', 10000.5, 0.5),
	('two tiers', 15000, 5000), ('two tiers', 20000, 10000),
	('three tiers', 15000, 19000), ('three tiers', 1000, 0), ('half', 15000, 11500),
	('graduated fees', 0, 100), ('graduated fees', 10, 110), ('graduated fees', 10.5, 121), ('graduated fees', 20, 140),
	('graduated fees', 21, 144),
	('volume', 0, 7), ('volume', 10, 37), ('volume', 10.5, 22), ('volume', 11, 23),
	('package', 0, 0), ('package', 1, 2.5), ('package', 100, 2.5), ('package', 100.01, 5), ('package', 201, 7.5),
	('flat', 0, 50), ('flat', 12345, 50),
	('minimum', 0, 100), ('minimum', 99, 100), ('minimum', 101, 101),
	('maximum', 99, 99), ('maximum', 1000, 100),
	('free and fee', 3, 5), ('free and fee', 10, 5), ('free and fee', 11, 6),
	('free package', 5, 0), ('free package', 6, 1), ('free package', 15, 1), ('free package', 16, 2),
	('free and minimum', 2, 15), ('free and minimum', 4, 20), ('free and minimum', 100, 25), ('flat minimum', 1, 60),
	('tiny', 123456789012, 1481481.468144), ('tiny number', 123456789012, 1481481.468144)
) AS v(name, quantity, expected) JOIN charge USING (name);
SELECT is(billing.round_money(billing.rate(document, 123456789012), 'USD'), 1481481.47,
	'0.000012 USD a call for 123456789012 calls rounds once, to 1481481.47') FROM charge WHERE name = 'tiny';
SELECT throws_ok($$SELECT billing.rate(document, -1) FROM charge WHERE name = 'flat'$$, 'ZB001', NULL, 'a negative quantity has no price');
SELECT throws_ok($$SELECT billing.rate(document, 'NaN') FROM charge WHERE name = 'flat'$$, 'ZB001', NULL, 'NaN has no price');
SELECT is((SELECT string_agg(format('%s %s', proname, provolatile), ', ' ORDER BY proname) FROM pg_proc
		WHERE pronamespace = 'billing'::regnamespace AND proname IN ('rate', 'round_money')),
	'rate i, round_money i', 'rate() and round_money() are immutable');

-- round_money()
SELECT is(billing.round_money(v.amount, v.currency), v.expected, format('%s %s is %s', v.amount, v.currency, v.expected))
FROM (VALUES (100.5, 'KRW', 101), (100.4999, 'KRW', 100), (-100.5, 'KRW', -101), (100.555, 'USD', 100.56), (100.6, 'JPY', 101), (100.4, 'JPY', 100),
	(1.2345, 'KWD', 1.235)) AS v(amount, currency, expected);
SELECT throws_ok($$SELECT billing.round_money(1, 'XYZ')$$, 'ZB004', NULL, 'an unknown currency cannot be rounded to');

-- what is refused, and where
SELECT is(pg_temp.refusal(format('SELECT billing.rate(%L, 1)', v.document)), v.expected, v.rule)
FROM (VALUES
	('[1]', 'ZB003 charge', 'a charge is an object'),
	('{"resourceType":"R","unitPrice":1}', 'ZB003 charge.model', 'a charge without model'),
	('{"resourceType":"R","model":"free"}', 'ZB003 charge.model', 'an unknown model'),
	('{"model":"per_unit","unitPrice":1}', 'ZB003 charge.resourceType', 'a per_unit charge without resource type'),
	('{"resourceType":"R","model":"per_unit"}', 'ZB003 charge.unitPrice', 'a per_unit charge without price'),
	('{"resourceType":"R","model":"per_unit","unitPrice":-1}', 'ZB003 charge.unitPrice', 'a negative price'),
	('{"resourceType":"R","model":"per_unit","unitPrice":"abc"}', 'ZB003 charge.unitPrice', 'a price that is no number'),
	('{"resourceType":"R","model":"per_unit","unitPrice":null}', 'ZB003 charge.unitPrice', 'a null price'),
	('{"resourceType":"R","model":"per_unit","unitPrice":1,"unitprice":1}', 'ZB003 charge.unitprice', 'a misspelt key'),
	('{"resourceType":"R","model":"per_unit","unitPrice":1,"tiers":[]}', 'ZB003 charge.tiers', 'a key of another model'),
	('{"resourceType":"R","model":"graduated"}', 'ZB003 charge.tiers', 'a graduated charge without tiers'),
	('{"resourceType":"R","model":"graduated","tiers":[]}', 'ZB003 charge.tiers', 'an empty list of tiers'),
	('{"resourceType":"R","model":"graduated","tiers":[{"upTo":10,"unitPrice":1}]}', 'ZB003 charge.tiers[0].upTo', 'a bounded last tier'),
	('{"resourceType":"R","model":"graduated","tiers":[{"upTo":10,"unitPrice":1},{"upTo":10,"unitPrice":1},{"upTo":null,"unitPrice":1}]}',
		'ZB003 charge.tiers[1].upTo', 'two equal bounds'),
	('{"resourceType":"R","model":"volume","tiers":[{"upTo":10,"unitPrice":1},{"upTo":9,"unitPrice":1},{"upTo":null,"unitPrice":1}]}',
		'ZB003 charge.tiers[1].upTo', 'a bound below the one before'),
	('{"resourceType":"R","model":"volume","tiers":[{"upTo":null,"unitPrice":1},{"upTo":null,"unitPrice":1}]}',
		'ZB003 charge.tiers[0].upTo', 'an unbounded tier before the last'),
	('{"resourceType":"R","model":"volume","tiers":[{"unitPrice":1}]}', 'ZB003 charge.tiers[0].upTo', 'a tier without bound'),
	('{"resourceType":"R","model":"volume","tiers":[{"upTo":0,"unitPrice":1},{"upTo":null,"unitPrice":1}]}', 'ZB003 charge.tiers[0].upTo', 'a bound 0'),
	('{"resourceType":"R","model":"volume","tiers":[{"upTo":null,"unitPrice":1,"flatFee":-1}]}', 'ZB003 charge.tiers[0].flatFee', 'a negative flat fee'),
	('{"resourceType":"R","model":"volume","tiers":[{"upTo":null,"unitPrice":1,"fee":1}]}', 'ZB003 charge.tiers[0].fee', 'an unknown key of a tier'),
	('{"resourceType":"R","model":"package","packageSize":0,"unitPrice":1}', 'ZB003 charge.packageSize', 'a package of 0'),
	('{"model":"flat","amount":1}', 'ZB003 charge.code', 'a flat charge without code'),
	('{"model":"flat","code":"A","amount":1,"resourceType":"R"}', 'ZB003 charge.resourceType', 'a flat charge with a resource type'),
	('{"model":"flat","code":"A","amount":1,"freeUnits":-1}', 'ZB003 charge.freeUnits', 'negative free units'),
	('{"model":"flat","code":"A","amount":1,"minimum":2,"maximum":1}', 'ZB003 charge.minimum', 'a minimum above the maximum')
) AS v(document, expected, rule);
SELECT is(pg_temp.refusal(format('SELECT billing.create_pricing_plan(%s)', v.arguments)), v.expected, v.rule)
FROM (VALUES
	($$'p', 'KRW', '{}', '2026-01-01'$$, 'ZB003 charges', 'charges that are not an array'),
	($$'p', 'KRW', '[]', '2026-01-01'$$, 'ZB003 charges', 'a plan without charges'),
	($$'p', 'KRW', '[{"model":"flat","code":"A","amount":1},{"resourceType":"R","model":"volume","tiers":[{"upTo":null,"unitPrice":-1}]}]', '2026-01-01'$$,
		'ZB003 charges[1].tiers[0].unitPrice', 'the place in a plan is a path from its charges'),
	($$'p', 'KRW', '[{"resourceType":"R","model":"per_unit","unitPrice":1},{"resourceType":"R","model":"package","packageSize":1,"unitPrice":1,"code":"C"}]', '2026-01-01'$$,
		'ZB003 charges[1].resourceType', 'two charges of one resource type'),
	($$'p', 'KRW', '[{"model":"flat","code":"R","amount":1},{"resourceType":"R","model":"per_unit","unitPrice":1}]', '2026-01-01'$$,
		'ZB003 charges[1].resourceType', 'two charges of one code'),
	($$' ', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01'$$, 'ZB001', 'a blank plan name'),
	($$'p', 'WON', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01'$$, 'ZB004', 'a plan in an unknown currency'),
	($$'p', 'KRW', '[{"model":"flat","code":"A","amount":1}]', NULL$$, 'ZB001', 'a plan without effective_from'),
	($$'p', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '-infinity'$$, 'ZB001', 'a plan since ever'),
	($$'p', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01', NULL, '2026-01-01'$$, 'ZB001', 'a plan that ends when it begins'),
	($$'p', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01', metadata => '[]'$$, 'ZB002', 'metadata that is no object')
) AS v(arguments, expected, rule);
SELECT is_empty($$SELECT 1 FROM billing.pricing_plans WHERE customer_id IS NULL$$, 'a refused plan is not stored');

-- plans at a time
CREATE FUNCTION pg_temp.plan(plan text, starts timestamptz, customer text DEFAULT NULL, ends timestamptz DEFAULT NULL,
	currency text DEFAULT 'KRW') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.create_pricing_plan(plan, currency, '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]',
		starts, customer, ends);
END;
$$;
CREATE FUNCTION pg_temp.plan_of(customer text, month text) RETURNS text LANGUAGE sql AS $$
	SELECT billing.snapshot_pricing(customer, month) #>> '{segments,0,planName}'
$$;
DO $$ BEGIN
	PERFORM billing.register_customer(c) FROM unnest(ARRAY['acme', 'plain']) c;
	PERFORM pg_temp.plan('default 1', '2026-02-01'), pg_temp.plan('default 2', '2026-05-15'),
		pg_temp.plan('own old', '2026-01-01', 'acme', '2026-08-01'), pg_temp.plan('own new', '2026-05-20', 'acme', '2026-07-10');
END $$;
SELECT is((SELECT name FROM billing.effective_plan(v.customer, v.at)), v.expected, v.rule)
FROM (VALUES
	('plain', timestamptz '2026-01-31T23:59:59Z', NULL, 'before the first plan there is none'),
	('plain', '2026-02-01', 'default 1', 'a plan is in force from effective_from on'),
	('plain', '2026-05-15', 'default 2', 'the latest effective_from wins'),
	('acme', '2026-05-15', 'own old', 'an old plan of the customer wins over a newer default'),
	('acme', '2026-05-20', 'own new', 'the latest own plan wins'),
	('acme', '2026-07-10', 'own old', 'a plan ends at effective_until'),
	('acme', '2026-08-01', 'default 2', 'when no own plan is left, the default is in force')
) AS v(customer, at, expected, rule);

-- plans of a period
SELECT is(pg_temp.plan_of(v.customer, v.month), v.expected, v.rule)
FROM (VALUES
	('plain', '2026-02', 'default 1', 'a plan from the first instant of a month prices it'),
	('plain', '2026-05', 'default 1', 'a price change inside a month does not touch it'),
	('plain', '2026-06', 'default 2', 'it takes effect with the next month'),
	('acme', '2026-05', 'own old', 'an own plan prices its months, not the default'),
	('acme', '2026-06', 'own new', 'the newest own plan of the start of the month prices it'),
	('acme', '2026-07', 'own new', 'a plan that ends inside a month prices all of it'),
	('acme', '2026-08', 'default 2', 'a plan that ended at the start of a month does not price it')
) AS v(customer, month, expected, rule);
DO $$ BEGIN
	PERFORM billing.register_customer('starter', currency => 'USD');
	PERFORM pg_temp.plan('second', '2026-05-20', 'starter', currency => 'USD'), pg_temp.plan('first', '2026-05-10', 'starter', currency => 'USD'),
		pg_temp.plan('june', '2026-06-01', 'starter', currency => 'USD');
END $$;
SELECT is(pg_temp.plan_of('starter', '2026-05'), 'first', 'without a plan at its start a month takes the first that starts inside it');
SELECT is(pg_temp.plan_of('starter', '2026-06'), 'june', 'the next month takes the plan in force at its start');
SELECT throws_ok($$SELECT pg_temp.plan_of('starter', '2026-04')$$, 'ZB103', NULL, 'a plan effective 2026-05-10 never prices April');
DO $$ BEGIN PERFORM billing.register_customer('june', currency => 'EUR'); PERFORM pg_temp.plan('june', '2026-06-01T00:00:00Z', 'june', currency => 'EUR'); END $$;
SELECT throws_ok($$SELECT pg_temp.plan_of('june', '2026-05')$$, 'ZB103', NULL, 'a plan effective 2026-06-01T00:00Z never prices May');
SELECT results_eq(
	$$SELECT s -> 'version', s ->> 'currency', s #>> '{segments,0,from}', s #>> '{segments,0,to}', jsonb_array_length(s -> 'segments'),
		s #> '{segments,0,charges}', s ? 'capturedAt', s ? 'taxes'
		FROM billing.snapshot_pricing('june', '2026-06') s$$,
	$$VALUES ('1'::jsonb, 'EUR', '2026-06-01T00:00:00+00:00', '2026-07-01T00:00:00+00:00', 1,
		'[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]'::jsonb, true, true)$$,
	'a snapshot has its version, currency, one segment with the charges verbatim, and taxes');

-- currencies
DO $$ BEGIN
	PERFORM billing.register_customer('dollar', currency => 'USD');
	PERFORM pg_temp.plan('dollar default', '2026-03-01', currency => 'USD');
END $$;
SELECT is(pg_temp.plan_of('dollar', '2026-05'), 'dollar default', 'a default plan serves customers of its currency only');
SELECT is(pg_temp.plan_of('plain', '2026-05'), 'dollar default', 'a customer without a currency takes the newest default plan');
SELECT throws_ok($$SELECT pg_temp.plan('p', '2026-01-01', 'dollar', currency => 'KRW')$$, 'ZB005', NULL,
	'an own plan is in the currency of its customer');
DO $$ BEGIN PERFORM pg_temp.plan('first', '2026-01-01', 'euro', currency => 'EUR'); END $$;
SELECT throws_ok($$SELECT pg_temp.plan('p', '2026-01-01', 'euro', currency => 'KRW')$$, 'ZB005', NULL,
	'all own plans of a customer are in one currency');

-- idempotency
CREATE FUNCTION pg_temp.keyed(plan text, customer text DEFAULT NULL, key text DEFAULT 'key', price text DEFAULT '1') RETURNS uuid LANGUAGE sql AS $$
	SELECT billing.create_pricing_plan(plan, 'KRW', format('[{"resourceType":"API_CALL","model":"per_unit","unitPrice":%s}]', price)::jsonb,
		'2026-09-01', customer, idempotency_key => key)
$$;
CREATE TEMP TABLE keyed AS SELECT pg_temp.keyed('a') AS id;
SELECT is(pg_temp.keyed('a'), (SELECT id FROM keyed), 'the same key answers the same plan');
SET LOCAL billing.now = '2027-07-02T00:00:00Z';
SELECT is(pg_temp.keyed('a'), (SELECT id FROM keyed), 'also a year later');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT is((SELECT count(*) FROM billing.pricing_plans WHERE idempotency_key = 'key'), 1::bigint, 'and made one plan');
SELECT throws_ok($$SELECT pg_temp.keyed('b')$$, 'ZB203', NULL, 'another name under the same key is INCOMPATIBLE_PARAMS');
SELECT throws_ok($$SELECT pg_temp.keyed('a', price => '2')$$, 'ZB203', NULL, 'another price under the same key is INCOMPATIBLE_PARAMS');
SELECT isnt(pg_temp.keyed('a', 'acme'), (SELECT id FROM keyed), 'the same key of another customer makes another plan');
SELECT throws_ok($$SELECT pg_temp.keyed('c', key => 'late', price => '-1')$$, 'ZB003', NULL, 'a refused call');
SELECT lives_ok($$SELECT pg_temp.keyed('c', key => 'late')$$, 'stores nothing: its key is free');
SELECT throws_ok($$SELECT pg_temp.keyed('a', key => repeat('k', 129))$$, 'ZB001', NULL, 'a key has at most 128 characters');
SELECT throws_ok($$UPDATE billing.pricing_plans SET name = 'x'$$, 'ZB208', NULL, 'a plan is never updated');

-- forecasts: tiers (10 000 @0, then @1), May 2026
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('forecast', 'KRW',
		'[{"resourceType":"API_CALL","model":"graduated","tiers":[{"upTo":10000,"unitPrice":0},{"upTo":null,"unitPrice":1}]}]', '2026-01-01', c)
		FROM unnest(ARRAY['f-middle', 'f-end', 'f-start', 'f-none']) c;
	PERFORM billing.create_pricing_plan('two', 'KRW',
		'[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1},{"resourceType":"DATA_TRANSFER_GB","model":"per_unit","unitPrice":10}]',
		'2026-01-01', 'f-two');
	PERFORM billing.ingest_usage('f', c, r, q, '2026-05-01T00:00:00Z') FROM (VALUES
		('f-middle', 'API_CALL', 15000), ('f-end', 'API_CALL', 50000), ('f-start', 'API_CALL', 100)) v(c, r, q);
	PERFORM billing.ingest_usage(r, 'f-two', r, q, '2026-05-01T00:00:00Z') FROM (VALUES ('API_CALL', 1000), ('DATA_TRANSFER_GB', 100)) v(r, q);
END $$;
CREATE FUNCTION pg_temp.forecast(customer text, at text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := current_setting('billing.now');
	result text;
BEGIN
	PERFORM set_config('billing.now', at, true);
	SELECT string_agg(format('%s %s -> %s, %s -> %s %s', f.resource_type, trim_scale(f.quantity), trim_scale(f.projected_quantity),
		trim_scale(f.cost), trim_scale(f.projected_cost), f.currency), '; ' ORDER BY f.resource_type) INTO result
	FROM billing.forecast_usage(customer) f;
	PERFORM set_config('billing.now', before, true);
	RETURN result;
END;
$$;
SELECT is(pg_temp.forecast(v.customer, v.at), v.expected, v.rule)
FROM (VALUES
	('f-middle', '2026-05-15T12:00:00Z', 'API_CALL 15000 -> 32069, 5000 -> 22069 KRW', 'after 14.5 of 31 days 15 000 calls become 32 069'),
	('f-end', '2026-05-31T23:59:59Z', 'API_CALL 50000 -> 50000, 40000 -> 40000 KRW', 'in the last second nothing is added'),
	('f-start', '2026-05-01T00:00:01Z', 'API_CALL 100 -> 100, 0 -> 0 KRW', 'in the first second nothing is projected'),
	('f-start', '2026-05-01T00:44:38Z', 'API_CALL 100 -> 100, 0 -> 0 KRW', 'nor in the first thousandth of the month'),
	('f-start', '2026-05-01T00:44:39Z', 'API_CALL 100 -> 99978, 0 -> 89978 KRW', 'after it, it is'),
	('f-two', '2026-05-16T00:00:00Z', 'API_CALL 1000 -> 2067, 1000 -> 2067 KRW; DATA_TRANSFER_GB 100 -> 207, 1000 -> 2070 KRW',
		'each resource type is projected and priced on its own'),
	('f-none', '2026-05-15T12:00:00Z', NULL, 'without usage there is nothing to project')
) AS v(customer, at, expected, rule);
DO $$ BEGIN SET LOCAL billing.now = '2026-05-15T12:00:00Z'; END $$;
SELECT results_eq($$SELECT period, progress FROM billing.forecast_usage('f-middle')$$, $$VALUES ('2026-05', 0.467742)$$,
	'a forecast says its month and how much of it has passed');
SELECT throws_ok($$SELECT * FROM billing.forecast_usage('june')$$, 'ZB103', NULL, 'without a plan there is no forecast');
SELECT throws_ok($$SELECT * FROM billing.forecast_usage('ghost')$$, 'ZB101', NULL, 'nor for an unknown customer');
SELECT billing.ingest_usage('x', 'f-two', 'STORAGE_GB_HOUR', 1, '2026-05-01T00:00:00Z') \g /dev/null
SELECT throws_ok($$SELECT * FROM billing.forecast_usage('f-two')$$, 'ZB207', NULL, 'usage without a price is never projected as free');

SELECT * FROM finish();
ROLLBACK;
