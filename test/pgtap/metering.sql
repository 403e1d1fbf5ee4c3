-- Meters and usage that is not folded yet: limits, duplicates, batches, months, corrections.
-- A transaction never folds its own events; what the fold does is in metering_fold.sql.
BEGIN;
SELECT plan(81);
SET LOCAL billing.now = '2026-06-15T00:00:00Z';

-- the SQLSTATE with which a statement is refused, or its value
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	value text;
BEGIN
	EXECUTE statement INTO value;
	RETURN value;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END;
$$;

-- 'resource quantity (events)' of a month, in one line
CREATE FUNCTION pg_temp.usage(customer text, month text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s (%s)', resource_type, trim_scale(quantity), event_count), ', ' ORDER BY resource_type)
	FROM billing.usage_of(customer, month)
$$;

-- duplicates
SELECT ok(billing.ingest_usage('e1', 'acme', 'API_CALL', 10, '2026-06-01T00:00:00Z'), 'a new event is stored');
SELECT ok(NOT billing.ingest_usage('e1', 'acme', 'API_CALL', 10, '2026-06-01T00:00:00Z'), 'the same event again is known already');
SELECT ok(NOT billing.ingest_usage('e1', 'acme', 'API_CALL', 10.000, '2026-06-01T09:00:00+09'),
	'the same quantity and instant written in another way are known already');
SELECT ok(billing.ingest_usage('e1', 'other', 'API_CALL', 10, '2026-06-01T00:00:00Z'), 'an event id belongs to its customer');
SELECT is_empty($$SELECT 1 FROM billing.rejected_usage$$, 'the same content again is not listed');
SELECT ok(NOT billing.ingest_usage('e1', 'acme', 'API_CALL', 11, '2026-06-01T00:00:00Z'),
	'a known event id with other content is not stored');
DO $$ BEGIN
	PERFORM billing.ingest_usage('e1', 'acme', 'API_CALL', 11, '2026-06-01T00:00:00Z') FROM generate_series(1, 3);
END $$;
SELECT is((SELECT string_agg(format('%s %s %s', event_id, reason, document ->> 'quantity'), ';') FROM billing.rejected_usage),
	'e1 CONTENT_MISMATCH 11', 'other content under a known id is listed once, however often it comes');
DO $$ BEGIN PERFORM billing.ingest_usage('e1', 'acme', 'STORAGE_GB_HOUR', 10, '2026-06-01T00:00:00Z'); END $$;
SELECT is((SELECT count(*) FROM billing.rejected_usage WHERE event_id = 'e1'), 2::bigint, 'each other content is listed');
SELECT is(pg_temp.usage('acme', '2026-06'), 'API_CALL 10 (1)', 'the first content stays');
DO $$ BEGIN PERFORM billing.ingest_usage('e2', 'default', 'API_CALL', 1); END $$;
SELECT is((SELECT occurred_at FROM billing.usage_events WHERE customer_id = 'default'), '2026-06-15T00:00:00Z'::timestamptz,
	'occurred_at defaults to now');
DO $$ BEGIN PERFORM billing.ingest_usage('e3', 'default', 'API_CALL', 1, properties => '{"region":"eu"}'); END $$;
SELECT is((SELECT properties FROM billing.usage_events WHERE customer_id = 'default' AND event_id = 'e3'), '{"region":"eu"}'::jsonb, 'properties are kept with the event');

-- limits
SELECT is(pg_temp.outcome('SELECT billing.ingest_usage(' || c.arguments || ')'), c.expected, c.rule)
FROM (VALUES
	($$repeat('x', 128), 'limits', 'API_CALL', 1$$, 'true', 'an event id may have 128 characters'),
	($$repeat('é', 128), 'limits', 'API_CALL', 1$$, 'true', 'the length of an event id is in characters, not bytes'),
	($$repeat('x', 129), 'limits', 'API_CALL', 1$$, 'ZB001', 'an event id of 129 characters is refused'),
	($$NULL, 'limits', 'API_CALL', 1$$, 'ZB001', 'a null event id is refused'),
	($$' ', 'limits', 'API_CALL', 1$$, 'ZB001', 'a blank event id is refused'),
	($$'c64', repeat('x', 64), 'API_CALL', 1$$, 'true', 'usage may be of a customer id of 64 characters'),
	($$'c65', repeat('x', 65), 'API_CALL', 1$$, 'ZB001', 'a customer id of 65 characters is refused'),
	($$'r1', 'limits', 'NO_METER', 1$$, 'ZB102', 'a resource type without a meter is refused'),
	($$'r2', 'limits', NULL, 1$$, 'ZB001', 'a null resource type is refused'),
	($$'q1', 'limits', 'API_CALL', 0$$, 'true', 'quantity 0 is stored'),
	($$'q2', 'limits', 'API_CALL', 0.123456789012$$, 'true', 'a quantity may have 12 decimals'),
	($$'q3', 'limits', 'API_CALL', 0.1234567890120$$, 'true', 'zeros at the end of the decimals do not count'),
	($$'q4', 'limits', 'API_CALL', 0.1234567890123$$, 'ZB001', 'a quantity with 13 decimals is refused'),
	($$'q5', 'limits', 'API_CALL', 1000000000000000$$, 'true', 'quantity 10^15 is stored'),
	($$'q6', 'limits', 'API_CALL', 1000000000000000.000000000001$$, 'ZB001', 'a quantity above 10^15 is refused'),
	($$'q7', 'limits', 'API_CALL', -1$$, 'ZB001', 'a negative quantity is refused'),
	($$'q8', 'limits', 'API_CALL', 'NaN'$$, 'ZB001', 'NaN is refused'),
	($$'q9', 'limits', 'API_CALL', 'Infinity'$$, 'ZB001', 'an infinite quantity is refused'),
	($$'q10', 'limits', 'API_CALL', NULL$$, 'ZB001', 'a null quantity is refused'),
	($$'t1', 'limits', 'API_CALL', 1, '2026-06-15T00:05:00Z'$$, 'true', 'an event may be 5 minutes ahead'),
	($$'t2', 'limits', 'API_CALL', 1, '2026-06-15T00:05:01Z'$$, 'ZB001', 'an event more than 5 minutes ahead is refused'),
	($$'t3', 'limits', 'API_CALL', 1, timestamptz '2026-06-15T00:00:00Z' - interval '400 days'$$, 'true', 'an event may be 400 days old'),
	($$'t4', 'limits', 'API_CALL', 1, timestamptz '2026-06-14T23:59:59Z' - interval '400 days'$$, 'ZB001', 'an event older than usage_max_age is refused'),
	($$'t5', 'limits', 'API_CALL', 1, 'infinity'$$, 'ZB001', 'an infinite occurred_at is refused'),
	($$'p1', 'limits', 'API_CALL', 1, NULL, jsonb_build_object('k', repeat('x', 4087))$$, 'true', 'properties may have 4 KiB'),
	($$'p2', 'limits', 'API_CALL', 1, NULL, jsonb_build_object('k', repeat('x', 4088))$$, 'ZB301', 'properties above 4 KiB are refused'),
	($$'p3', 'limits', 'API_CALL', 1, NULL, '[]'$$, 'ZB002', 'properties that are not an object are refused')
) AS c(arguments, expected, rule);
SET LOCAL billing.usage_max_age = '30d';
SELECT throws_ok($$SELECT billing.ingest_usage('t6', 'limits', 'API_CALL', 1, '2026-05-15T00:00:00Z')$$, 'ZB001', NULL,
	'usage_max_age is a setting');
RESET billing.usage_max_age;

-- months
DO $$ BEGIN
	PERFORM billing.register_customer('seoul', time_zone => 'Asia/Seoul');
	PERFORM billing.ingest_usage('z', c, 'API_CALL', 1, '2026-05-31T15:30:00Z') FROM unnest(ARRAY['seoul', 'utc']) c;
	PERFORM billing.ingest_usage('a' || i, 'edges', 'API_CALL', q, t) FROM (VALUES
		(1, 1, timestamptz '2026-04-30T23:59:59Z'), (2, 10, '2026-05-01T00:00:00Z'),
		(3, 100, '2026-05-31T23:59:59.999Z'), (4, 1000, '2026-06-01T00:00:00Z')) v(i, q, t);
END $$;
SELECT is(pg_temp.usage('seoul', '2026-06'), 'API_CALL 1 (1)', '2026-05-31T15:30Z is in June in Asia/Seoul');
SELECT is(pg_temp.usage('seoul', '2026-05'), NULL, 'and not in May');
SELECT is(pg_temp.usage('utc', '2026-05'), 'API_CALL 1 (1)', '2026-05-31T15:30Z is in May in UTC');
SELECT is(pg_temp.usage('edges', '2026-05'), 'API_CALL 110 (2)', 'a month has its first instant and not the first of the next');
SELECT throws_ok($$SELECT * FROM billing.usage_of('acme', '2026-13')$$, 'ZB007', NULL, 'a month 13 is refused');
SELECT throws_ok($$SELECT * FROM billing.usage_of('acme', '2026-5')$$, 'ZB007', NULL, 'a period is YYYY-MM and nothing else');
SELECT throws_ok($$SELECT * FROM billing.usage_of('acme', NULL)$$, 'ZB007', NULL, 'a null period is refused');

-- meters
DO $$ BEGIN
	PERFORM billing.register_meter('M_SUM', 'GB', 'sum', 'SUM');
	PERFORM billing.register_meter('M_COUNT', 'call', 'count', 'COUNT');
	PERFORM billing.register_meter('M_MAX', 'seat', 'maximum', 'MAX');
	PERFORM billing.register_meter('M_LAST', 'seat', 'last', 'LAST');
END $$;
SELECT is((SELECT string_agg(resource_type || ' ' || aggregation, ', ' ORDER BY resource_type) FROM billing.meters
		WHERE resource_type !~ '^[FM]_'),
	'ACTIVE_USER_SEAT SUM, API_CALL SUM, DATA_TRANSFER_GB SUM, STORAGE_GB_HOUR SUM', 'four meters come with the extension');
SELECT throws_ok($$SELECT billing.register_meter('M', 'GB', 'd', 'AVG')$$, 'ZB001', NULL, 'an unknown aggregation is refused');
SELECT throws_ok($$SELECT billing.register_meter('M', '', 'd')$$, 'ZB001', NULL, 'a meter has a unit');
SELECT throws_ok($$SELECT billing.register_meter(repeat('m', 65), 'GB', 'd')$$, 'ZB001', NULL, 'a resource type has at most 64 characters');
DO $$ BEGIN PERFORM billing.register_meter('M_FREE', 'GB', 'd', 'SUM'); PERFORM billing.register_meter('M_FREE', 'GB', 'd', 'MAX'); END $$;
SELECT is((SELECT aggregation FROM billing.meters WHERE resource_type = 'M_FREE'), 'MAX', 'before its first event a meter may change');
DO $$ BEGIN PERFORM billing.ingest_usage('m', 'limits', 'M_FREE', 1); END $$;
SELECT throws_ok($$SELECT billing.register_meter('M_FREE', 'GB', 'd', 'SUM')$$, 'ZB206', NULL, 'the first event freezes the aggregation');
SELECT lives_ok($$SELECT billing.register_meter('M_FREE', 'TB', 'changed', 'MAX')$$, 'unit and description of a frozen meter may change');
SELECT throws_ok($$SELECT billing.register_meter('API_CALL', 'call', 'd', 'COUNT')$$, 'ZB206', NULL,
	'the first event freezes also a meter that came with the extension');

-- aggregation of a month; the same events in any order give the same totals
CREATE TEMP TABLE event AS
	SELECT format('%s-%s', m, i) AS id, m AS meter, round(((i * 7919) % 1000) / 7.0, 4) AS quantity,
		timestamptz '2026-05-01T00:00:00Z' + (i * 104729) % 2678000 * interval '1 second' AS at
	FROM generate_series(1, 40) i, unnest(ARRAY['M_SUM', 'M_COUNT', 'M_MAX', 'M_LAST']) m;
DO $$ BEGIN
	PERFORM billing.ingest_usage(id, 'forward', meter, quantity, at) FROM (SELECT * FROM event ORDER BY at, meter) e;
	PERFORM billing.ingest_usage(id, 'backward', meter, quantity, at) FROM (SELECT * FROM event ORDER BY at DESC, meter) e;
	PERFORM billing.ingest_usage(id, 'shuffled', meter, quantity, at) FROM (SELECT * FROM event ORDER BY md5(id)) e;
END $$;
SELECT results_eq(
	$$SELECT resource_type COLLATE "C", quantity FROM billing.usage_of('forward', '2026-05')$$,
	$$SELECT meter COLLATE "C", CASE meter WHEN 'M_SUM' THEN sum(quantity) WHEN 'M_COUNT' THEN count(*) WHEN 'M_MAX' THEN max(quantity)
		ELSE (array_agg(quantity ORDER BY at DESC))[1] END FROM event GROUP BY meter ORDER BY meter COLLATE "C"$$,
	'a month is the sum, count, maximum and last value of its events');
SELECT is(pg_temp.usage('backward', '2026-05'), pg_temp.usage('forward', '2026-05'), 'events from the last to the first give the same month');
SELECT is(pg_temp.usage('shuffled', '2026-05'), pg_temp.usage('forward', '2026-05'), 'events in any order give the same month');
DO $$ BEGIN PERFORM billing.ingest_usage('t' || i, 'tenths', 'API_CALL', 0.1, '2026-05-05T00:00:00Z') FROM generate_series(1, 10) i; END $$;
SELECT is(pg_temp.usage('tenths', '2026-05'), 'API_CALL 1 (10)', 'ten tenths are one: quantities are exact');

-- corrections
CREATE TEMP TABLE corrected AS SELECT (billing.correct_usage('forward', 'M_SUM-1', 'typo')).*;
SELECT results_eq(
	$$SELECT event_id FROM billing.correct_usage('forward', 'M_SUM-1', 'again')$$,
	$$SELECT event_id FROM corrected$$, 'a second correction of an event answers the same row');
SELECT is((SELECT quantity FROM billing.usage_of('forward', '2026-05') WHERE resource_type = 'M_SUM'),
	(SELECT sum(quantity) FROM event WHERE meter = 'M_SUM' AND id <> 'M_SUM-1'), 'a corrected event leaves the sum, once');
DO $$ BEGIN
	PERFORM billing.correct_usage('forward', 'M_COUNT-1', 'typo');
	PERFORM billing.correct_usage('forward', (SELECT id FROM event WHERE meter = 'M_MAX' ORDER BY quantity DESC LIMIT 1), 'typo');
	PERFORM billing.correct_usage('forward', (SELECT id FROM event WHERE meter = 'M_LAST' ORDER BY at DESC LIMIT 1), 'typo');
END $$;
SELECT results_eq(
	$$SELECT resource_type COLLATE "C", quantity, event_count FROM billing.usage_of('forward', '2026-05') WHERE resource_type <> 'M_SUM'$$,
	$$SELECT 'M_COUNT' COLLATE "C", 39::numeric, 39::bigint
		UNION ALL (SELECT 'M_LAST', quantity, 39 FROM event WHERE meter = 'M_LAST' ORDER BY at DESC OFFSET 1 LIMIT 1)
		UNION ALL (SELECT 'M_MAX', quantity, 39 FROM event WHERE meter = 'M_MAX' ORDER BY quantity DESC OFFSET 1 LIMIT 1)$$,
	'a corrected event leaves the count, the maximum and the last value');
SELECT ok(NOT billing.ingest_usage('M_SUM-1', 'forward', 'M_SUM', 5), 'the id of a corrected event stays used');
SELECT throws_ok($$SELECT billing.correct_usage('forward', 'nothing', 'typo')$$, 'ZB105', NULL, 'correcting an unknown event is EVENT_NOT_FOUND');
SELECT throws_ok($$SELECT billing.correct_usage('backward', 'e1', 'typo')$$, 'ZB105', NULL, 'an event is corrected under its own customer');
SELECT throws_ok(format($$SELECT billing.correct_usage('forward', %L, 'typo')$$, (SELECT event_id FROM corrected)), 'ZB202', NULL,
	'a correction cannot be corrected');
SELECT throws_ok($$SELECT billing.correct_usage('forward', 'M_SUM-2', NULL)$$, 'ZB001', NULL, 'a correction has a reason');
SELECT results_eq(
	$$SELECT target_type, reason, before ->> 'resourceType' FROM billing.audit_log WHERE action = 'USAGE_CORRECTED' AND target_id = 'M_SUM-1'$$,
	$$VALUES ('UsageEvent', 'typo', 'M_SUM')$$, 'a correction is audited once, with what was reversed');

-- batches
CREATE FUNCTION pg_temp.event(id text, customer text, quantity text, more jsonb DEFAULT '{}') RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('eventId', id, 'customerId', customer, 'resourceType', 'API_CALL', 'quantity', quantity::jsonb,
		'occurredAt', '2026-06-10T00:00:00Z') || more
$$;
DELETE FROM billing.rejected_usage;
CREATE TEMP TABLE batch AS SELECT jsonb_build_array(
	pg_temp.event('b1', 'batch', '1', '{"unknown":[1],"properties":{"region":"eu"}}'),
	pg_temp.event('b1', 'batch', '1', '{"properties":{"region":"eu"}}'),
	pg_temp.event('b2', 'batch', '"0.5"'),
	pg_temp.event('b3', 'batch', '2') - 'occurredAt',
	pg_temp.event('b4', 'batch', '-1'),
	pg_temp.event('b5', 'batch', '1', '{"resourceType":"NO_METER"}'),
	pg_temp.event('b6', 'batch', '1', '{"occurredAt":"yesteryear"}'),
	pg_temp.event('b7', 'batch', '1', '{"occurredAt":"2026-07-01T00:00:00Z"}'),
	pg_temp.event('b8', 'batch', '1', '{"occurredAt":"2025-01-01T00:00:00Z"}'),
	pg_temp.event('b9', 'batch', '1') - 'quantity',
	pg_temp.event('b10', 'batch', '1', '{"properties":[1]}'),
	pg_temp.event('b11', 'batch', '1') - 'eventId',
	pg_temp.event(repeat('x', 129), 'batch', '1'),
	pg_temp.event('b13', 'batch', '1', jsonb_build_object('properties', jsonb_build_object('k', repeat('x', 5000)))),
	to_jsonb('not an event'::text)) AS events;
SELECT results_eq($$SELECT b.* FROM batch, billing.ingest_usage_batch(events) b$$, $$VALUES (3::bigint, 1::bigint, 11::bigint)$$,
	'a bad event does not stop the others of its batch');
SELECT is(pg_temp.usage('batch', '2026-06'), 'API_CALL 3.5 (3)', 'the good events of a batch are stored');
SELECT results_eq(
	$$SELECT COALESCE(left(event_id, 3), '-') COLLATE "default", reason FROM billing.rejected_usage ORDER BY position$$,
	$$VALUES ('b4', 'INVALID_ARGUMENT'), ('b5', 'METER_NOT_FOUND'), ('b6', 'INVALID_ARGUMENT'), ('b7', 'INVALID_ARGUMENT'),
		('b8', 'TOO_OLD'), ('b9', 'INVALID_ARGUMENT'), ('b10', 'MALFORMED_REQUEST'), ('-', 'INVALID_ARGUMENT'),
		('xxx', 'INVALID_ARGUMENT'), ('b13', 'LIMIT_EXCEEDED'), ('-', 'MALFORMED_REQUEST')$$,
	'each bad event is kept with its reason');
SELECT results_eq($$SELECT b.* FROM batch, billing.ingest_usage_batch(events) b$$, $$VALUES (0::bigint, 4::bigint, 11::bigint)$$,
	'the same batch again stores nothing');
SELECT is((SELECT count(*) FROM billing.rejected_usage), 11::bigint, 'and lists nothing twice');
SELECT results_eq(
	$$SELECT * FROM billing.ingest_usage_batch(jsonb_build_array(pg_temp.event('i1', 'inside', '1'), pg_temp.event('i1', 'inside', '2')))$$,
	$$VALUES (1::bigint, 1::bigint, 0::bigint)$$, 'of two events with one id in a batch one is stored');
SELECT is((SELECT reason || ' ' || (document ->> 'quantity') FROM billing.rejected_usage WHERE event_id = 'i1'), 'CONTENT_MISMATCH 2',
	'and the other is listed when its content differs');
SELECT throws_ok($$SELECT billing.ingest_usage_batch('{"eventId":"x"}')$$, 'ZB002', NULL, 'a batch is an array');
SELECT throws_ok($$SELECT billing.ingest_usage_batch(NULL)$$, 'ZB001', NULL, 'a null batch is refused');
SELECT throws_ok($$SELECT billing.ingest_usage_batch((SELECT jsonb_agg(i) FROM generate_series(1, 10001) i))$$, 'ZB301', NULL,
	'a batch has at most 10 000 events');
SET LOCAL billing.auto_register_customers = off;
SELECT is(
	pg_temp.outcome($$SELECT b FROM billing.ingest_usage_batch(jsonb_build_array(pg_temp.event('g1', 'ghost', '1'),
		pg_temp.event('g2', 'batch', '1'))) b$$),
	'(1,0,1)',
	'with auto_register_customers off, an event of an unknown customer does not stop the others');
RESET billing.auto_register_customers;

-- arrays
SELECT results_eq(
	$$SELECT * FROM billing.ingest_usage_arrays(ARRAY['x1', 'x2', 'x2', 'x3', NULL], ARRAY['array', 'array', 'array', 'array', 'array'],
		ARRAY['API_CALL', 'API_CALL', 'API_CALL', 'API_CALL', 'API_CALL'], ARRAY[1, 2, 2, -3, 4],
		ARRAY['2026-06-10', NULL, NULL, '2026-06-10', '2026-06-10']::timestamptz[])$$,
	$$VALUES (2::bigint, 1::bigint, 2::bigint)$$, 'arrays are counted as a batch is');
SELECT is(pg_temp.usage('array', '2026-06'), 'API_CALL 3 (2)', 'the good events of arrays are stored');
SELECT throws_ok(
	$$SELECT billing.ingest_usage_arrays(ARRAY['y1', 'y2'], ARRAY['array'], ARRAY['API_CALL'], ARRAY[1], ARRAY[NULL]::timestamptz[])$$,
	'ZB001', NULL, 'arrays of different lengths are refused');

SELECT * FROM finish();
ROLLBACK;
