-- Every argument of every function that billing_service may call refuses bad input with an error
-- of the registry, names what is wrong, and leaves no row changed.
--
-- Each case calls a function with good arguments but one. A case that expects OK is good by
-- contract; what it changes is printed and undone. The checks at the end read the catalog, so that
-- a new function or argument without a case is found.
SET timezone = 'UTC';
SET DateStyle = 'ISO';
SET client_encoding = 'UTF8';
SET billing.now = '2026-06-02T00:00:00Z';
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on
\pset fieldsep ' | '

-- ---- the content of the extension's tables ----------------------------------------------------

CREATE FUNCTION pg_temp.contents() RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
	name text;
	digest text;
	result jsonb := '{}';
BEGIN
	FOR name IN
		SELECT c.oid::regclass FROM pg_class c
		JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
		JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
		WHERE c.relkind = 'r'
	LOOP
		EXECUTE format('SELECT md5(string_agg(t::text, '';'' ORDER BY t::text)) FROM %s t', name) INTO digest;
		result := result || jsonb_build_object(name, digest);
	END LOOP;
	RETURN result;
END;
$$;

CREATE FUNCTION pg_temp.changed(before jsonb, after jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(DISTINCT regexp_replace(replace(a.key, 'billing.', ''), '^(usage_events|outbox)_\d$', '\1') COLLATE "C", ', ')
	FROM jsonb_each_text(after) a WHERE a.value IS DISTINCT FROM before ->> a.key
$$;

SELECT 'tables seen: ' || (count(*) > 15) FROM jsonb_object_keys(pg_temp.contents());
CREATE TEMP TABLE content_at_start AS SELECT pg_temp.contents() AS contents;

-- ---- settle_period(), called as it is meant to be -----------------------------------------------

-- the details name the zone of the house, which is not the test's
\set VERBOSITY terse
CALL billing.settle_period(NULL);
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-13');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period(' 2026-05');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('0000-01');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-06');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('9999-12');
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-05', NULL);
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-05', 0);
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-05', -1);
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-05', 65);
\echo :LAST_ERROR_SQLSTATE
CALL billing.settle_period('2026-05', 2147483647);
\echo :LAST_ERROR_SQLSTATE

\set VERBOSITY default
SELECT 'changed by settle_period: ' || COALESCE(pg_temp.changed(contents, pg_temp.contents()), 'nothing')
FROM content_at_start;

-- ---- what the cases work on, undone at the end --------------------------------------------------

BEGIN;
-- one customer on each side of Greenwich: both ends of time are out of range in the zone of one of them
SELECT count(billing.set_house_time_zone('UTC'));
SELECT count(billing.register_customer('bad_input', currency => 'KRW', collection => 'SEND_INVOICE',
	time_zone => 'Asia/Seoul'));
SELECT count(billing.register_customer('bad_input_west', time_zone => 'America/Los_Angeles'));
SELECT count(billing.create_pricing_plan('plan', 'KRW',
	'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]', '2026-01-01', 'bad_input'));
SELECT count(billing.create_pricing_plan('keyed', 'KRW',
	'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]', '2027-01-01', 'bad_input',
	idempotency_key => 'used'));
SELECT count(billing.register_tax_rate('BAD_INPUT', 10, valid_from => '2026-01-01'));
SELECT billing.ingest_usage('april', 'bad_input', 'API_CALL', 100, '2026-04-10');
SELECT billing.ingest_usage('may', 'bad_input', 'API_CALL', 100, '2026-05-10');
SELECT message FROM billing.run_settlement('bad_input', '2026-04');
SELECT billing.ingest_usage('west', 'bad_input_west', 'API_CALL', 100, '2026-05-10');
SELECT count(billing.aggregate_usage());
CREATE TEMP TABLE the_invoice AS SELECT invoice_id FROM billing.invoices WHERE customer_id = 'bad_input';

-- ---- the cases ----------------------------------------------------------------------------------

-- Arguments that make each call a good one.
CREATE TEMP TABLE good (position int GENERATED ALWAYS AS IDENTITY, fn text, arg text, expr text);
INSERT INTO good (fn, arg, expr) VALUES
('may_read', 'customer_id', $$'bad_input'$$),
('checked_customer', 'customer_id', $$'bad_input'$$),
('checked_time', 'value', $$'2026-06-01'$$),
('checked_time', 'name', $$'at'$$),
('checked_time', 'required', $$true$$),
('register_customer', 'customer_id', $$'bad_input'$$),
('set_house_time_zone', 'time_zone', $$'Europe/Paris'$$),
('register_meter', 'resource_type', $$'BAD_INPUT'$$),
('register_meter', 'unit', $$'unit'$$),
('register_meter', 'description', $$'what it counts'$$),
('ingest_usage', 'event_id', $$'new'$$),
('ingest_usage', 'customer_id', $$'bad_input'$$),
('ingest_usage', 'resource_type', $$'API_CALL'$$),
('ingest_usage', 'quantity', $$1$$),
('ingest_usage_batch', 'events', $$'[]'$$),
('ingest_usage_arrays', 'event_ids', $$'{new}'$$),
('ingest_usage_arrays', 'customer_ids', $$'{bad_input}'$$),
('ingest_usage_arrays', 'resource_types', $$'{API_CALL}'$$),
('ingest_usage_arrays', 'quantities', $$'{1}'$$),
('ingest_usage_arrays', 'occurred_at', $$'{2026-05-10}'$$),
('correct_usage', 'customer_id', $$'bad_input'$$),
('correct_usage', 'event_id', $$'may'$$),
('correct_usage', 'reason', $$'counted twice'$$),
('usage_of', 'customer_id', $$'bad_input'$$),
('usage_of', 'period', $$'2026-05'$$),
('purge_usage', 'before', $$'2025-01-01'$$),
('forecast_usage', 'customer_id', $$'bad_input'$$),
('register_tax_rate', 'code', $$'BAD_INPUT_2'$$),
('register_tax_rate', 'percentage', $$10$$),
('create_pricing_plan', 'name', $$'plan'$$),
('create_pricing_plan', 'currency', $$'KRW'$$),
('create_pricing_plan', 'charges', $$'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]'$$),
('create_pricing_plan', 'effective_from', $$'2026-07-01'$$),
('create_pricing_plan', 'customer_id', $$'bad_input'$$),
('effective_plan', 'customer_id', $$'bad_input'$$),
('effective_plan', 'at', $$'2026-06-01'$$),
('rate', 'charge', $$'{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}'$$),
('rate', 'quantity', $$3$$),
('round_money', 'amount', $$0.5$$),
('round_money', 'currency', $$'KRW'$$),
('snapshot_pricing', 'customer_id', $$'bad_input'$$),
('snapshot_pricing', 'period', $$'2026-05'$$),
('preview_invoice', 'customer_id', $$'bad_input'$$),
('preview_invoice', 'period', $$'2026-05'$$),
('run_settlement', 'customer_id', $$'bad_input'$$),
('run_settlement', 'period', $$'2026-05'$$),
('settlement_check', 'period', $$'2026-05'$$),
('settlement_open', 'period', $$'2026-05'$$),
('settlement_open', 'workers', $$1$$),
('settlement_chunk', 'period', $$'2026-05'$$),
('settlement_chunk', 'after', $$''$$),
('settlement_chunk', 'size', $$60$$),
('settlement_close', 'job', $$'00000000-0000-7000-8000-000000000001'$$),
('settle_period', 'period', $$'2026-05'$$),
('settle_period', 'workers', $$1$$),
('invoice_document', 'invoice_id', $$(SELECT invoice_id FROM the_invoice)$$),
('pay_invoice', 'invoice_id', $$(SELECT invoice_id FROM the_invoice)$$),
('cancel_invoice', 'invoice_id', $$(SELECT invoice_id FROM the_invoice)$$),
('cancel_invoice', 'reason', $$'wrong price'$$),
('aged_receivables', 'as_of', $$'2026-06-01'$$),
('verify', 'since', $$'2026-06-01'$$);

CREATE TEMP TABLE cases (position int GENERATED ALWAYS AS IDENTITY, fn text, arg text, label text, expr text,
	expected text, call text);

CREATE PROCEDURE pg_temp.add(fn text, arg text, VARIADIC triples text[]) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, triples[i], triples[i + 1], triples[i + 2]
	FROM generate_series(1, cardinality(triples), 3) i
$$;

-- A text of at most `size` characters.
CREATE PROCEDURE pg_temp.add_text(fn text, arg text, size int, is_required boolean, refusal text DEFAULT 'INVALID_ARGUMENT')
	LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, 'null', 'NULL', refusal WHERE is_required
	UNION ALL
	SELECT fn, arg, v.label, v.expr, refusal FROM (VALUES
		('empty', $q$''$q$),
		('blank', $q$'   '$q$),
		('tabs and newlines', $q$E'\t\r\n'$q$),
		('one character too long', format($q$repeat('x', %s)$q$, size + 1)),
		('one wide character too long', format($q$repeat(U&'\D55C', %s)$q$, size + 1)),
		('a megabyte', $q$repeat('x', 1000000)$q$)) v(label, expr)
$$;

CREATE PROCEDURE pg_temp.add_period(fn text, arg text, is_required boolean DEFAULT true) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, 'null', 'NULL', 'INVALID_PERIOD' WHERE is_required
	UNION ALL
	SELECT fn, arg, CASE WHEN v.period LIKE '%x%' THEN 'a megabyte' ELSE quote_literal(v.period) END,
		CASE WHEN v.period LIKE '%x%' THEN $q$repeat('x', 1000000)$q$ ELSE quote_literal(v.period) END, 'INVALID_PERIOD'
	FROM (VALUES (''), (' '), ('2026-13'), ('2026-00'), ('2026-5'), ('26-05'), (' 2026-05'), ('2026-05 '), ('2026/05'),
		('202605'), ('2026-05-01'), ('0000-01'), ('1969-12'), ('-026-05'), ('+026-05'), ('2026-+5'), ('12026-05'),
		('x')) v(period)
$$;

CREATE PROCEDURE pg_temp.add_object(fn text, arg text, max_bytes int) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, v.label, v.expr, v.expected FROM (VALUES
		('JSON null', $q$'null'$q$, 'MALFORMED_DOCUMENT'),
		('JSON number', $q$'5'$q$, 'MALFORMED_DOCUMENT'),
		('JSON text', $q$'"x"'$q$, 'MALFORMED_DOCUMENT'),
		('JSON boolean', $q$'true'$q$, 'MALFORMED_DOCUMENT'),
		('empty array', $q$'[]'$q$, 'MALFORMED_DOCUMENT'),
		('array of an object', $q$'[{}]'$q$, 'MALFORMED_DOCUMENT'),
		('array of nulls', $q$'[null, [null]]'$q$, 'MALFORMED_DOCUMENT'),
		('nested nulls', $q$'{"a": {"b": null, "c": [null]}}'$q$, 'OK'),
		('at the limit', format($q$jsonb_build_object('a', repeat('x', %s))$q$, max_bytes - 9), 'OK'),
		('one byte above the limit', format($q$jsonb_build_object('a', repeat('x', %s))$q$, max_bytes - 8), 'LIMIT_EXCEEDED'),
		('ten megabytes', $q$jsonb_build_object('a', repeat('x', 10000000))$q$, 'LIMIT_EXCEEDED')) v(label, expr, expected)
$$;

CREATE PROCEDURE pg_temp.add_currency(fn text, arg text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, v.label, v.expr, 'UNKNOWN_CURRENCY' FROM (VALUES
		('null', 'NULL'), ('empty', $q$''$q$), ('blank', $q$'   '$q$), ('lower case', $q$'krw'$q$), ('no currency', $q$'XXX'$q$),
		('two letters', $q$'US'$q$), ('four letters', $q$'USDX'$q$), ('space before', $q$' USD'$q$),
		('a megabyte', $q$repeat('x', 1000000)$q$)) v(label, expr)
$$;

CREATE PROCEDURE pg_temp.add_choice(fn text, arg text, is_required boolean, one_of_them text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, 'null', 'NULL', 'INVALID_ARGUMENT' WHERE is_required
	UNION ALL
	SELECT fn, arg, v.label, v.expr, 'INVALID_ARGUMENT' FROM (VALUES
		('empty', $q$''$q$), ('lower case', quote_literal(lower(one_of_them))),
		('space after', quote_literal(one_of_them || ' ')), ('unknown', $q$'OTHER'$q$),
		('a megabyte', $q$repeat('x', 1000000)$q$)) v(label, expr)
$$;

CREATE PROCEDURE pg_temp.add_invoice(fn text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, 'invoice_id', v.label, v.expr, v.expected FROM (VALUES
		('null', 'NULL', 'INVALID_ARGUMENT'),
		('unknown', $q$'01900000-0000-7000-8000-000000000000'$q$, 'INVOICE_NOT_FOUND'),
		('all zeros', $q$'00000000-0000-0000-0000-000000000000'$q$, 'INVOICE_NOT_FOUND'),
		('all ones', $q$'ffffffff-ffff-ffff-ffff-ffffffffffff'$q$, 'INVOICE_NOT_FOUND')) v(label, expr, expected)
$$;

CREATE PROCEDURE pg_temp.add_unknown_customer(fn text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	VALUES (fn, 'customer_id', 'unknown', $q$'nobody'$q$, 'CUSTOMER_NOT_FOUND')
$$;

-- The control of every function: the good arguments.
INSERT INTO cases (fn, label, expected) SELECT fn, 'good arguments', 'OK' FROM good GROUP BY fn ORDER BY min(position);

CALL pg_temp.add('may_read', 'customer_id', 'null', 'NULL', 'OK', 'empty', $$''$$, 'OK', 'unknown', $$'nobody'$$, 'OK');
CALL pg_temp.add_text('checked_customer', 'customer_id', 64, true);
CALL pg_temp.add('checked_time', 'value',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_text('checked_time', 'name', 64, true);
CALL pg_temp.add('checked_time', 'required', 'null', 'NULL', 'INVALID_ARGUMENT');

-- customers
CALL pg_temp.add_text('register_customer', 'customer_id', 64, true);
CALL pg_temp.add_text('register_customer', 'name', 256, false);
CALL pg_temp.add('register_customer', 'currency',
	'empty', $$''$$, 'INVALID_ARGUMENT',
	'lower case', $$'krw'$$, 'UNKNOWN_CURRENCY',
	'no currency', $$'XXX'$$, 'UNKNOWN_CURRENCY',
	'two letters', $$'US'$$, 'UNKNOWN_CURRENCY',
	'a megabyte', $$repeat('x', 1000000)$$, 'INVALID_ARGUMENT',
	'other than invoiced', $$'USD'$$, 'FROZEN');
CALL pg_temp.add_text('register_customer', 'email', 256, false);
CALL pg_temp.add('register_customer', 'net_days',
	'negative', '-1', 'INVALID_ARGUMENT',
	'zero', '0', 'OK',
	'one too many', '366', 'INVALID_ARGUMENT',
	'least integer', '-2147483648', 'INVALID_ARGUMENT',
	'greatest integer', '2147483647', 'INVALID_ARGUMENT');
CALL pg_temp.add_text('register_customer', 'tax_code', 64, false);
CALL pg_temp.add_text('register_customer', 'legal_name', 256, false);
CALL pg_temp.add_text('register_customer', 'tax_id', 64, false);
CALL pg_temp.add_object('register_customer', 'address', 16384);
CALL pg_temp.add_text('register_customer', 'country', 2, false);
CALL pg_temp.add('register_customer', 'country',
	'lower case', $$'kr'$$, 'INVALID_ARGUMENT',
	'digit', $$'K1'$$, 'INVALID_ARGUMENT',
	'one letter', $$'K'$$, 'INVALID_ARGUMENT',
	'wide letters', $$U&'\D55C\AD6D'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_text('register_customer', 'time_zone', 64, false);
CALL pg_temp.add('register_customer', 'time_zone',
	'unknown', $$'Mars/Base'$$, 'INVALID_ARGUMENT',
	'rule with the sign turned round', $$'UTC+9'$$, 'INVALID_ARGUMENT',
	'rule without a name', $$'<+09>-9'$$, 'INVALID_ARGUMENT',
	'path', $$'../UTC'$$, 'INVALID_ARGUMENT',
	'another, after an invoice', $$'Europe/Paris'$$, 'FROZEN');
CALL pg_temp.add_choice('register_customer', 'collection', false, 'AUTOMATIC');
CALL pg_temp.add_object('register_customer', 'metadata', 16384);
CALL pg_temp.add_text('set_house_time_zone', 'time_zone', 64, true);
CALL pg_temp.add('set_house_time_zone', 'time_zone',
	'unknown', $$'Mars/Base'$$, 'INVALID_ARGUMENT',
	'rule with the sign turned round', $$'UTC+9'$$, 'INVALID_ARGUMENT');

-- meters and usage
CALL pg_temp.add_text('register_meter', 'resource_type', 64, true);
CALL pg_temp.add_text('register_meter', 'unit', 64, true);
CALL pg_temp.add_text('register_meter', 'description', 256, false);
CALL pg_temp.add_choice('register_meter', 'aggregation', true, 'SUM');

CALL pg_temp.add_text('ingest_usage', 'event_id', 128, true);
CALL pg_temp.add('ingest_usage', 'event_id', 'known', $$'may'$$, 'OK');
CALL pg_temp.add_text('ingest_usage', 'customer_id', 64, true);
CALL pg_temp.add_text('ingest_usage', 'resource_type', 64, true);
CALL pg_temp.add('ingest_usage', 'resource_type',
	'unknown', $$'NO_SUCH_METER'$$, 'METER_NOT_FOUND', 'lower case', $$'api_call'$$, 'METER_NOT_FOUND');
CALL pg_temp.add('ingest_usage', 'quantity',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'NaN', $$'NaN'$$, 'INVALID_ARGUMENT',
	'infinity', $$'Infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-Infinity'$$, 'INVALID_ARGUMENT',
	'negative', '-1', 'INVALID_ARGUMENT',
	'negative, at the last decimal', '-0.000000000001', 'INVALID_ARGUMENT',
	'zero', '0', 'OK',
	'one decimal too many', '0.0000000000001', 'INVALID_ARGUMENT',
	'at the limit', '1000000000000000', 'OK',
	'above the limit', '1000000000000000.000000000001', 'INVALID_ARGUMENT',
	'greatest numeric', '1e131071', 'INVALID_ARGUMENT',
	'least numeric', '1e-16383', 'INVALID_ARGUMENT');
CALL pg_temp.add('ingest_usage', 'occurred_at',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'INVALID_ARGUMENT',
	'beginning of time', $$'4714-11-24 BC'$$, 'INVALID_ARGUMENT',
	'tomorrow', $$'2026-06-03'$$, 'INVALID_ARGUMENT',
	'too old', $$'2025-04-01'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_object('ingest_usage', 'properties', 4096);

CALL pg_temp.add('ingest_usage_batch', 'events',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'JSON null', $$'null'$$, 'MALFORMED_DOCUMENT',
	'JSON number', $$'5'$$, 'MALFORMED_DOCUMENT',
	'JSON text', $$'"[]"'$$, 'MALFORMED_DOCUMENT',
	'object', $$'{"eventId": "new"}'$$, 'MALFORMED_DOCUMENT',
	'empty object', $$'{}'$$, 'MALFORMED_DOCUMENT',
	'one event too many', $$(SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 10001))$$, 'LIMIT_EXCEEDED');
-- bad events are answered as rejected, and listed with the reason
INSERT INTO cases (fn, arg, label, expr, expected)
SELECT 'ingest_usage_batch', 'events', 'event: ' || v.label, quote_literal(jsonb_build_array(
	CASE WHEN v.event ? 'element' THEN v.event -> 'element' ELSE
	'{"eventId": "new", "customerId": "bad_input", "resourceType": "API_CALL", "quantity": 1}' || v.event END)),
	'OK (0,0,1)'
FROM (VALUES
	('JSON null', '{"element": null}'::jsonb),
	('JSON number', '{"element": 5}'),
	('JSON text', '{"element": "x"}'),
	('array', '{"element": [null]}'),
	('empty object', '{"element": {}}'),
	('eventId null', '{"eventId": null}'),
	('eventId empty', '{"eventId": ""}'),
	('eventId blank', '{"eventId": " "}'),
	('eventId too long', jsonb_build_object('eventId', repeat('x', 129))),
	('eventId an object', '{"eventId": {"a": null}}'),
	('customerId null', '{"customerId": null}'),
	('customerId too long', jsonb_build_object('customerId', repeat('x', 65))),
	('customerId an array', '{"customerId": ["bad_input"]}'),
	('resourceType null', '{"resourceType": null}'),
	('resourceType unknown', '{"resourceType": "NO_SUCH_METER"}'),
	('quantity null', '{"quantity": null}'),
	('quantity a word', '{"quantity": "many"}'),
	('quantity empty', '{"quantity": ""}'),
	('quantity NaN', '{"quantity": "NaN"}'),
	('quantity infinity', '{"quantity": "Infinity"}'),
	('quantity minus infinity', '{"quantity": "-Infinity"}'),
	('quantity negative', '{"quantity": -1}'),
	('quantity with too many decimals', '{"quantity": 0.0000000000001}'),
	('quantity huge', '{"quantity": 1e400}'),
	('quantity boolean', '{"quantity": true}'),
	('occurredAt a word', '{"occurredAt": "noon"}'),
	('occurredAt empty', '{"occurredAt": ""}'),
	('occurredAt infinity', '{"occurredAt": "infinity"}'),
	('occurredAt minus infinity', '{"occurredAt": "-infinity"}'),
	('occurredAt the end of time', '{"occurredAt": "294276-12-31"}'),
	('occurredAt after the end of time', '{"occurredAt": "294277-12-31"}'),
	('occurredAt no day of the calendar', '{"occurredAt": "2026-02-30"}'),
	('occurredAt an object', '{"occurredAt": {}}'),
	('occurredAt a number', '{"occurredAt": 20260510}'),
	('occurredAt relative to the clock of the server', '{"occurredAt": "yesterday"}'),
	('properties a number', '{"properties": 5}'),
	('properties an array', '{"properties": [null]}'),
	('properties too large', jsonb_build_object('properties', jsonb_build_object('a', repeat('x', 4100))))
) v(label, event);

CALL pg_temp.add('ingest_usage_arrays', 'event_ids',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$'{}'$$, 'INVALID_ARGUMENT',
	'one too many', $$'{a,b}'$$, 'INVALID_ARGUMENT',
	'two dimensions', $$'{{new}}'$$, 'INVALID_ARGUMENT',
	'element null', $$'{NULL}'$$, 'OK (0,0,1)',
	'element empty', $$'{""}'$$, 'OK (0,0,1)',
	'element blank', $$'{" "}'$$, 'OK (0,0,1)',
	'element too long', $$ARRAY[repeat('x', 129)]$$, 'OK (0,0,1)');
CALL pg_temp.add('ingest_usage_arrays', 'customer_ids',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$'{}'$$, 'INVALID_ARGUMENT',
	'one too many', $$'{a,b}'$$, 'INVALID_ARGUMENT',
	'two dimensions', $$'{{bad_input}}'$$, 'INVALID_ARGUMENT',
	'element null', $$'{NULL}'$$, 'OK (0,0,1)',
	'element empty', $$'{""}'$$, 'OK (0,0,1)',
	'element too long', $$ARRAY[repeat('x', 65)]$$, 'OK (0,0,1)');
CALL pg_temp.add('ingest_usage_arrays', 'resource_types',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$'{}'$$, 'INVALID_ARGUMENT',
	'two dimensions', $$'{{API_CALL}}'$$, 'INVALID_ARGUMENT',
	'element null', $$'{NULL}'$$, 'OK (0,0,1)',
	'element unknown', $$'{NO_SUCH_METER}'$$, 'OK (0,0,1)',
	'element a megabyte', $$ARRAY[repeat('x', 1000000)]$$, 'OK (0,0,1)');
CALL pg_temp.add('ingest_usage_arrays', 'quantities',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$'{}'$$, 'INVALID_ARGUMENT',
	'two dimensions', $$'{{1}}'$$, 'INVALID_ARGUMENT',
	'element null', $$'{NULL}'$$, 'OK (0,0,1)',
	'element NaN', $$'{NaN}'$$, 'OK (0,0,1)',
	'element infinity', $$'{Infinity}'$$, 'OK (0,0,1)',
	'element minus infinity', $$'{-Infinity}'$$, 'OK (0,0,1)',
	'element negative', $$'{-1}'$$, 'OK (0,0,1)',
	'element with too many decimals', $$'{0.0000000000001}'$$, 'OK (0,0,1)',
	'element above the limit', $$'{1000000000000001}'$$, 'OK (0,0,1)');
CALL pg_temp.add('ingest_usage_arrays', 'occurred_at',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'empty', $$'{}'$$, 'INVALID_ARGUMENT',
	'one too many', $$'{2026-05-10,2026-05-10}'$$, 'INVALID_ARGUMENT',
	'two dimensions', $$'{{2026-05-10}}'$$, 'INVALID_ARGUMENT',
	'element null', $$'{NULL}'$$, 'OK (1,0,0)',
	'element infinity', $$'{infinity}'$$, 'OK (0,0,1)',
	'element minus infinity', $$'{-infinity}'$$, 'OK (0,0,1)',
	'element at the end of time', $$'{294276-12-31}'$$, 'OK (0,0,1)',
	'element tomorrow', $$'{2026-06-03}'$$, 'OK (0,0,1)');
INSERT INTO cases (fn, arg, label, expected, call) VALUES
('ingest_usage_arrays', 'event_ids', 'all arrays empty', 'OK (0,0,0)',
 $$billing.ingest_usage_arrays('{}', '{}', '{}', '{}', '{}')$$),
('ingest_usage_arrays', 'event_ids', 'one event too many', 'LIMIT_EXCEEDED',
 $$billing.ingest_usage_arrays(array_fill(NULL::text, ARRAY[5000001]), array_fill(NULL::text, ARRAY[5000001]),
   array_fill(NULL::text, ARRAY[5000001]), array_fill(NULL::numeric, ARRAY[5000001]),
   array_fill(NULL::timestamptz, ARRAY[5000001]))$$);

CALL pg_temp.add_text('correct_usage', 'customer_id', 64, true);
CALL pg_temp.add('correct_usage', 'customer_id', 'unknown', $$'nobody'$$, 'EVENT_NOT_FOUND');
CALL pg_temp.add_text('correct_usage', 'event_id', 128, true);
CALL pg_temp.add('correct_usage', 'event_id', 'unknown', $$'no such event'$$, 'EVENT_NOT_FOUND');
CALL pg_temp.add_text('correct_usage', 'reason', 512, true);

CALL pg_temp.add_text('usage_of', 'customer_id', 64, true);
CALL pg_temp.add('usage_of', 'customer_id', 'unknown: used nothing', $$'nobody'$$, 'OK');
CALL pg_temp.add_period('usage_of', 'period');
CALL pg_temp.add('usage_of', 'period', 'last month of all', $$'9999-12'$$, 'OK');
CALL pg_temp.add('purge_usage', 'before',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'INVALID_ARGUMENT',
	'now', $$'2026-06-02'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_text('forecast_usage', 'customer_id', 64, true);
CALL pg_temp.add_unknown_customer('forecast_usage');

-- taxes, prices and plans
CALL pg_temp.add_text('register_tax_rate', 'code', 64, true);
CALL pg_temp.add('register_tax_rate', 'code', 'reserved', $$'NONE'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('register_tax_rate', 'percentage',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'NaN', $$'NaN'$$, 'INVALID_ARGUMENT',
	'infinity', $$'Infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-Infinity'$$, 'INVALID_ARGUMENT',
	'negative', '-0.000001', 'INVALID_ARGUMENT',
	'zero', '0', 'OK',
	'above 100', '100.000001', 'INVALID_ARGUMENT',
	'one decimal too many', '0.0000001', 'INVALID_ARGUMENT',
	'greatest numeric', '1e131071', 'INVALID_ARGUMENT');
CALL pg_temp.add_choice('register_tax_rate', 'category', true, 'STANDARD');
CALL pg_temp.add('register_tax_rate', 'category', 'one that has no percentage', $$'EXEMPT'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('register_tax_rate', 'valid_from',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'OK',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');
INSERT INTO cases (fn, arg, label, expected, call) VALUES
('register_tax_rate', 'percentage', 'other than registered', 'ILLEGAL_STATE',
 $$billing.register_tax_rate('BAD_INPUT', 11, valid_from => '2026-01-01')$$);

CALL pg_temp.add_text('create_pricing_plan', 'name', 64, true);
CALL pg_temp.add_currency('create_pricing_plan', 'currency');
CALL pg_temp.add('create_pricing_plan', 'currency', 'other than the customer''s', $$'USD'$$, 'CURRENCY_MISMATCH');
CALL pg_temp.add('create_pricing_plan', 'charges',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'JSON null', $$'null'$$, 'INVALID_CHARGE',
	'JSON number', $$'5'$$, 'INVALID_CHARGE',
	'JSON text', $$'"x"'$$, 'INVALID_CHARGE',
	'object', $$'{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}'$$, 'INVALID_CHARGE',
	'empty array', $$'[]'$$, 'INVALID_CHARGE',
	'array of null', $$'[null]'$$, 'INVALID_CHARGE',
	'array of an array', $$'[[{}]]'$$, 'INVALID_CHARGE',
	'array of an empty object', $$'[{}]'$$, 'INVALID_CHARGE',
	'nested nulls', $$'[{"model": null, "tiers": [null]}]'$$, 'INVALID_CHARGE',
	'one too many', $$(SELECT jsonb_agg('{}'::jsonb) FROM generate_series(1, 201))$$, 'INVALID_CHARGE',
	'key of a megabyte', $$jsonb_build_array(jsonb_build_object('model', 'flat', repeat('x', 1000000), 1))$$, 'INVALID_CHARGE',
	'model of a megabyte', $$jsonb_build_array(jsonb_build_object('model', repeat('x', 1000000)))$$, 'INVALID_CHARGE',
	'price NaN', $$'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": "NaN"}]'$$, 'INVALID_CHARGE',
	'price negative', $$'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": -1}]'$$, 'INVALID_CHARGE');
CALL pg_temp.add('create_pricing_plan', 'effective_from',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');
CALL pg_temp.add_text('create_pricing_plan', 'customer_id', 64, false);
CALL pg_temp.add('create_pricing_plan', 'effective_until',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'at effective_from', $$'2026-07-01'$$, 'INVALID_ARGUMENT',
	'before effective_from', $$'2026-06-30'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');
CALL pg_temp.add_text('create_pricing_plan', 'idempotency_key', 128, false);
CALL pg_temp.add('create_pricing_plan', 'idempotency_key', 'used for another plan', $$'used'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('create_pricing_plan', 'metadata', 16384);

CALL pg_temp.add_text('effective_plan', 'customer_id', 64, true);
CALL pg_temp.add('effective_plan', 'at',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'before any plan', $$'4714-11-24 BC'$$, 'OK',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');

CALL pg_temp.add('rate', 'charge',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'JSON null', $$'null'$$, 'INVALID_CHARGE',
	'JSON number', $$'5'$$, 'INVALID_CHARGE',
	'JSON text', $$'"x"'$$, 'INVALID_CHARGE',
	'array', $$'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]'$$, 'INVALID_CHARGE',
	'empty array', $$'[]'$$, 'INVALID_CHARGE',
	'empty object', $$'{}'$$, 'INVALID_CHARGE',
	'nested nulls', $$'{"model": "graduated", "resourceType": "API_CALL", "tiers": [{"upTo": null, "unitPrice": null}]}'$$,
	'INVALID_CHARGE');
CALL pg_temp.add('rate', 'quantity',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'NaN', $$'NaN'$$, 'INVALID_ARGUMENT',
	'infinity', $$'Infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-Infinity'$$, 'INVALID_ARGUMENT',
	'negative', '-1', 'INVALID_ARGUMENT',
	'zero', '0', 'OK',
	'greatest numeric', '1e131071', 'INVALID_ARGUMENT',
	'least numeric', '1e-16383', 'INVALID_ARGUMENT');
INSERT INTO cases (fn, arg, label, expected, call) VALUES
('rate', 'quantity', 'beyond the range with this price', 'AMOUNT_OVERFLOW',
 $$billing.rate('{"model": "per_unit", "resourceType": "A", "unitPrice": 999999999999999}', 1e70)$$);
CALL pg_temp.add('round_money', 'amount',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'NaN', $$'NaN'$$, 'INVALID_ARGUMENT',
	'infinity', $$'Infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-Infinity'$$, 'INVALID_ARGUMENT',
	'beyond the range of money', '9223372036854775808', 'AMOUNT_OVERFLOW',
	'greatest numeric', '1e131071', 'INVALID_ARGUMENT');
CALL pg_temp.add_currency('round_money', 'currency');

-- settlement
CALL pg_temp.add_text('snapshot_pricing', 'customer_id', 64, true);
CALL pg_temp.add_unknown_customer('snapshot_pricing');
CALL pg_temp.add_period('snapshot_pricing', 'period');
CALL pg_temp.add('snapshot_pricing', 'period',
	'before any plan', $$'1970-01'$$, 'PLAN_NOT_FOUND', 'last month of all', $$'9999-12'$$, 'OK');
CALL pg_temp.add_text('preview_invoice', 'customer_id', 64, true);
CALL pg_temp.add_unknown_customer('preview_invoice');
CALL pg_temp.add_period('preview_invoice', 'period');
CALL pg_temp.add('preview_invoice', 'period', 'last month of all', $$'9999-12'$$, 'OK');
CALL pg_temp.add('preview_invoice', 'charges',
	'JSON null', $$'null'$$, 'INVALID_CHARGE',
	'JSON number', $$'5'$$, 'INVALID_CHARGE',
	'object', $$'{}'$$, 'INVALID_CHARGE',
	'empty array', $$'[]'$$, 'INVALID_CHARGE',
	'array of null', $$'[null]'$$, 'INVALID_CHARGE',
	'price negative', $$'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": -1}]'$$, 'INVALID_CHARGE',
	'none for what was used', $$'[{"model": "per_unit", "resourceType": "OTHER", "unitPrice": 1}]'$$, 'RESOURCE_NOT_PRICED');
CALL pg_temp.add_text('run_settlement', 'customer_id', 64, true);
CALL pg_temp.add_unknown_customer('run_settlement');
CALL pg_temp.add_period('run_settlement', 'period');
CALL pg_temp.add('run_settlement', 'period',
	'running month', $$'2026-06'$$, 'PERIOD_NOT_CLOSED', 'last month of all', $$'9999-12'$$, 'PERIOD_NOT_CLOSED');
CALL pg_temp.add_period('settlement_check', 'period');
CALL pg_temp.add('settlement_check', 'period',
	'running month', $$'2026-06'$$, 'PERIOD_NOT_CLOSED', 'last month of all', $$'9999-12'$$, 'PERIOD_NOT_CLOSED');
CALL pg_temp.add_period('settlement_open', 'period');
CALL pg_temp.add('settlement_open', 'period', 'running month', $$'2026-06'$$, 'PERIOD_NOT_CLOSED');
CALL pg_temp.add('settlement_open', 'workers',
	'null', 'NULL', 'INVALID_ARGUMENT', 'zero', '0', 'INVALID_ARGUMENT', 'negative', '-1', 'INVALID_ARGUMENT',
	'one too many', '65', 'INVALID_ARGUMENT');
CALL pg_temp.add_period('settlement_chunk', 'period', false);
CALL pg_temp.add('settlement_chunk', 'period', 'null', 'NULL', 'OK');
CALL pg_temp.add('settlement_chunk', 'after', 'null', 'NULL', 'OK', 'a megabyte', $$repeat('x', 1000000)$$, 'OK');
CALL pg_temp.add('settlement_chunk', 'size',
	'null', 'NULL', 'OK', 'negative: as 1', '-1', 'OK', 'greatest integer: as 60', '2147483647', 'OK');
CALL pg_temp.add('settlement_close', 'job',
	'null', 'NULL', 'INVALID_ARGUMENT', 'empty: no such job', $$''$$, 'OK', 'no uuid: no such job', $$'x'$$, 'OK',
	'a megabyte: no such job', $$repeat('x', 1000000)$$, 'OK');
-- what the procedure checks before it looks how it was called
DELETE FROM cases WHERE fn = 'settle_period';
CALL pg_temp.add_period('settle_period', 'period');
CALL pg_temp.add('settle_period', 'workers',
	'null', 'NULL', 'INVALID_ARGUMENT', 'zero', '0', 'INVALID_ARGUMENT', 'negative', '-1', 'INVALID_ARGUMENT',
	'one too many', '65', 'INVALID_ARGUMENT', 'greatest integer', '2147483647', 'INVALID_ARGUMENT');

-- invoices and payments
CALL pg_temp.add_invoice('invoice_document');
CALL pg_temp.add_invoice('pay_invoice');
CALL pg_temp.add_choice('pay_invoice', 'method', false, 'CARD');
CALL pg_temp.add('pay_invoice', 'payment_method_id',
	'unknown', $$'01900000-0000-7000-8000-000000000000'$$, 'PAYMENT_METHOD_NOT_FOUND');
CALL pg_temp.add_text('pay_invoice', 'idempotency_key', 128, false);
CALL pg_temp.add_object('pay_invoice', 'metadata', 16384);
CALL pg_temp.add_invoice('cancel_invoice');
CALL pg_temp.add_text('cancel_invoice', 'reason', 512, true);
CALL pg_temp.add('cancel_invoice', 'rebill', 'null', 'NULL', 'INVALID_ARGUMENT');
CALL pg_temp.add('aged_receivables', 'as_of',
	'null', 'NULL', 'OK',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK',
	'beginning of time', $$'4714-11-24 BC'$$, 'OK');
CALL pg_temp.add('verify', 'since',
	'null', 'NULL', 'OK',
	'infinity: nothing was written since', $$'infinity'$$, 'OK',
	'minus infinity: all', $$'-infinity'$$, 'OK',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK',
	'beginning of time', $$'4714-11-24 BC'$$, 'OK');

\getenv tests PG_ABS_SRCDIR
\set cases :tests /sql/include/money_cases.sql
\i :cases
\set cases :tests /sql/include/gateway_cases_coll.sql
\i :cases
\set cases :tests /sql/include/gateway_cases_edge.sql
\i :cases
\set cases :tests /sql/include/gateway_cases_gw.sql
\i :cases
\set cases :tests /sql/include/gateway_cases_hook.sql
\i :cases
\set cases :tests /sql/include/gateway_cases_worker.sql
\i :cases

-- ---- running them -------------------------------------------------------------------------------

-- Runs one call and undoes it. Of what it stored as rejected the reasons are told.
CREATE FUNCTION pg_temp.attempt(call text, before jsonb, OUT state text, OUT message text, OUT detail text)
	LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	changed text;
	last_rejected bigint := (SELECT max(position) FROM billing.rejected_usage);
BEGIN
	BEGIN
		IF call LIKE 'billing.settle_period(%' THEN
			EXECUTE 'CALL ' || call;
		ELSE
			EXECUTE 'SELECT string_agg(r::text, '' '') FROM ' || call || ' r' INTO answer;
		END IF;
		state := '00000';
		message := CASE WHEN answer IS NULL THEN 'null' WHEN length(answer) > 24 THEN 'a row or more' ELSE answer END;
		changed := pg_temp.changed(before, pg_temp.contents());
		SELECT string_agg(reason || ': ' || r.detail, '; ') INTO detail FROM billing.rejected_usage r
		WHERE position > COALESCE(last_rejected, 0);
		detail := COALESCE(detail, 'changed: ' || changed, '');
		RAISE SQLSTATE 'UNDO0';
	EXCEPTION
		WHEN SQLSTATE 'UNDO0' THEN
			NULL;
		WHEN OTHERS THEN
			GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
	END;
END;
$$;

UPDATE cases c SET call = format('billing.%s(%s)', c.fn, (
	SELECT string_agg(format('%I => %s', a.arg, a.expr), ', ' ORDER BY a.position)
	FROM (
		SELECT g.position, g.arg, g.expr FROM good g WHERE g.fn = c.fn AND g.arg IS DISTINCT FROM c.arg
		UNION ALL
		SELECT 1000, c.arg, c.expr WHERE c.arg IS NOT NULL
	) a))
WHERE c.call IS NULL;

CREATE TEMP TABLE content_before AS SELECT pg_temp.contents() AS contents;

CREATE TEMP TABLE outcomes AS
	SELECT c.position, c.fn, c.arg, c.label, c.expected, o.state,
		CASE WHEN o.state = '00000' THEN 'OK' ELSE e.symbol END AS symbol, o.message, o.detail
	FROM content_before b CROSS JOIN cases c
	CROSS JOIN LATERAL pg_temp.attempt(c.call, b.contents) o
	LEFT JOIN billing.error_codes e ON e.sqlstate = o.state
	ORDER BY c.position;

\echo function | argument | label | SQLSTATE | symbol | message | detail
SELECT fn, COALESCE(arg, '-'), label, state, COALESCE(symbol, '-'),
	left(regexp_replace(message, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<uuid>', 'g'), 200),
	left(regexp_replace(detail, '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<uuid>', 'g'), 200)
FROM outcomes ORDER BY position;

-- ---- what holds of all of them ------------------------------------------------------------------

\echo cases that did not end as the contract says (none)
SELECT fn, arg, label, 'expected ' || expected, 'seen ' || state, message FROM outcomes
WHERE split_part(expected, ' ', 1) IS DISTINCT FROM symbol
OR (expected LIKE 'OK (%' AND message <> split_part(expected, ' ', 2))
ORDER BY position;

\echo refusals that repeat more than 600 bytes, so that a caller could fill the log (none)
SELECT fn, arg, label, octet_length(message), octet_length(detail) FROM outcomes
WHERE octet_length(message) + octet_length(detail) > 600 AND symbol <> 'OK' ORDER BY position;

\echo functions that reading should not change anything, and did (none)
SELECT DISTINCT o.fn FROM outcomes o JOIN pg_proc p ON p.proname = o.fn AND p.pronamespace = 'billing'::regnamespace
WHERE p.provolatile <> 'v' AND o.symbol = 'OK' AND o.detail <> '';

\echo tables that all the cases together changed (none)
SELECT pg_temp.changed(contents, pg_temp.contents()) FROM content_before
WHERE pg_temp.changed(contents, pg_temp.contents()) IS NOT NULL;

-- ---- no argument was forgotten ------------------------------------------------------------------

CREATE TEMP TABLE not_for_callers (fn text, reason text);
INSERT INTO not_for_callers VALUES
('bucket_of', 'a hash of any text; null for null'),
('row_digest', 'a hash of any row; null for null'),
('usage_tail', 'a query of usage_by_month(), which gets customers from it'),
('usage_tail_customers', 'a query of settlement_open()'),
('usage_day_extreme', 'a query of the fold and of usage_by_month()'),
('usage_by_month', 'a query of usage_of() and of settlement, which check their arguments');
INSERT INTO not_for_callers
SELECT proname, 'a check of verify(), which gives it the time' FROM pg_proc
WHERE proname LIKE 'verify\_%' AND pronamespace = 'billing'::regnamespace;

\echo arguments of functions that billing_service may call, without a case (none)
WITH arguments AS (
	SELECT p.proname AS fn, p.proargnames[i] AS arg
	FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
	CROSS JOIN LATERAL generate_series(1, COALESCE(cardinality(p.proargnames), p.pronargs)) i
	WHERE has_function_privilege('billing_service', p.oid, 'EXECUTE')
	AND COALESCE(p.proargmodes[i], 'i') IN ('i', 'b', 'v')
)
SELECT a.fn, COALESCE(a.arg, '(has no name)') FROM arguments a
WHERE NOT EXISTS (SELECT FROM cases c WHERE c.fn = a.fn AND c.arg = a.arg)
AND NOT EXISTS (SELECT FROM not_for_callers n WHERE n.fn = a.fn)
ORDER BY 1, 2;

\echo cases and exceptions of functions that are gone (none)
SELECT DISTINCT k.fn FROM (SELECT fn FROM cases UNION ALL SELECT fn FROM not_for_callers) k
WHERE NOT EXISTS (SELECT FROM pg_proc p WHERE p.proname = k.fn AND p.pronamespace = 'billing'::regnamespace);

ROLLBACK;

\echo tables that the test changed (none)
SELECT pg_temp.changed(contents, pg_temp.contents()) FROM content_at_start
WHERE pg_temp.changed(contents, pg_temp.contents()) IS NOT NULL;
