-- Folding usage: what was folded, the tail and later folds together give the plain totals.
-- A transaction never folds its own events, so this file commits; its customers are new in each run.
SET billing.now = '2026-06-15T00:00:00Z';
SELECT plan(34);

SELECT 'fold-' || left(gen_random_uuid()::text, 8) AS run \gset
SELECT set_config('tap.run', :'run', false) \g /dev/null

CREATE FUNCTION pg_temp.usage(customer text, month text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s (%s)', resource_type, trim_scale(quantity), event_count), ', ' ORDER BY resource_type)
	FROM billing.usage_of(current_setting('tap.run') || customer, month)
$$;
CREATE FUNCTION pg_temp.ingest(id text, customer text, meter text, quantity numeric, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.ingest_usage(id, current_setting('tap.run') || customer, meter, quantity, at);
END;
$$;
CREATE FUNCTION pg_temp.correct(customer text, id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.correct_usage(current_setting('tap.run') || customer, id, 'typo');
END;
$$;

DO $$ BEGIN
	PERFORM billing.register_meter('F_SUM', 'GB', 'sum', 'SUM');
	PERFORM billing.register_meter('F_COUNT', 'call', 'count', 'COUNT');
	PERFORM billing.register_meter('F_MAX', 'seat', 'maximum', 'MAX');
	PERFORM billing.register_meter('F_LAST', 'seat', 'last', 'LAST');
	PERFORM billing.aggregate_usage();
END $$;

-- what is folded, and when
BEGIN;
SELECT pg_temp.ingest('e' || i, '-own', 'API_CALL', i, '2026-05-10T00:00:00Z') FROM generate_series(1, 4) i \g /dev/null
-- a subtransaction that ends later than this transaction began, so that a snapshot reaches beyond it
SAVEPOINT later;
SELECT pg_temp.ingest('undone', '-own', 'API_CALL', 100, '2026-05-10T00:00:00Z') \g /dev/null
ROLLBACK TO SAVEPOINT later;
SELECT billing.aggregate_usage() AS inside \gset
SELECT pg_temp.ingest('e5', '-own', 'API_CALL', 5, '2026-05-10T00:00:00Z') \g /dev/null
SELECT pg_temp.usage('-own', '2026-05') AS inside_usage \gset
COMMIT;
SELECT is(:'inside_usage'::text, 'API_CALL 15 (5)', 'a transaction sees its own usage, whatever it folded before');
SELECT is(:inside + billing.aggregate_usage(), 5::bigint, 'a fold between two writes of one transaction loses and doubles nothing');
SELECT is(pg_temp.usage('-own', '2026-05'), 'API_CALL 15 (5)', 'the folded month has all five events');
SELECT is(billing.aggregate_usage(), 0::bigint, 'nothing is folded twice');
SELECT is((SELECT quantity FROM billing.aggregated_usage WHERE customer_id = :'run' || '-own' AND day = '2026-05-10'), 15::numeric,
	'the fold is stored by day');

BEGIN;
SELECT pg_temp.ingest('gone', '-own', 'API_CALL', 100, '2026-05-10T00:00:00Z') \g /dev/null
ROLLBACK;
SELECT is(billing.aggregate_usage(), 0::bigint, 'an event that was rolled back is not folded');
SELECT pg_temp.ingest('gone', '-own', 'API_CALL', 1, '2026-05-10T00:00:00Z') \g /dev/null
SELECT is(pg_temp.usage('-own', '2026-05'), 'API_CALL 16 (6)', 'and its id is free');
SELECT ok(NOT billing.ingest_usage('e1', :'run' || '-own', 'API_CALL', 1, '2026-05-10T00:00:00Z'), 'a folded event is still known');

-- the same events, split over folds in different ways, give the same month
CREATE TEMP TABLE event AS
	SELECT format('%s-%s', m, i) AS id, m AS meter, round(((i * 7919) % 1000) / 7.0, 4) AS quantity, i % 3 AS part,
		timestamptz '2026-05-01T00:00:00Z' + (i * 104729) % 2678000 * interval '1 second' AS at
	FROM generate_series(1, 40) i, unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m;
SELECT string_agg(format('%s %s (40)', meter, trim_scale(CASE meter WHEN 'F_SUM' THEN total WHEN 'F_COUNT' THEN 40
		WHEN 'F_MAX' THEN maximum ELSE final END)), ', ' ORDER BY meter) AS expected
	FROM (SELECT meter, sum(quantity) AS total, max(quantity) AS maximum, (array_agg(quantity ORDER BY at DESC))[1] AS final
		FROM event GROUP BY meter) m \gset
SELECT pg_temp.ingest(id, '-tail', meter, quantity, at) FROM event \g /dev/null
SELECT is(pg_temp.usage('-tail', '2026-05'), :'expected', 'before any fold a month is the plain totals');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-tail', '2026-05'), :'expected', 'after the fold it is the same');
SELECT pg_temp.ingest(id, '-mixed', meter, quantity, at) FROM event WHERE part = 0 ORDER BY at DESC \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT pg_temp.ingest(id, '-mixed', meter, quantity, at) FROM event WHERE part = 1 ORDER BY md5(id) \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT pg_temp.ingest(id, '-mixed', meter, quantity, at) FROM event WHERE part = 2 ORDER BY at \g /dev/null
SELECT is(pg_temp.usage('-mixed', '2026-05'), :'expected', 'two folds and a tail give the plain totals');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-mixed', '2026-05'), :'expected', 'three folds give the plain totals');

-- a later arrival of an earlier value
SELECT pg_temp.ingest('l1', '-last', 'F_LAST', 7, '2026-05-20T12:00:00Z') \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT pg_temp.ingest('l2', '-last', 'F_LAST', 3, '2026-05-20T11:00:00Z') \g /dev/null
SELECT is(pg_temp.usage('-last', '2026-05'), 'F_LAST 7 (2)', 'an earlier value that comes after the fold is not the last');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-last', '2026-05'), 'F_LAST 7 (2)', 'nor when it is folded');
SELECT pg_temp.ingest('l3', '-last', 'F_LAST', 4, '2026-05-21T00:00:00Z') \g /dev/null
SELECT is(pg_temp.usage('-last', '2026-05'), 'F_LAST 4 (3)', 'a later day takes over');

-- corrections before and after the fold
SELECT format('F_COUNT 1 (1), F_LAST 2 (1), F_MAX 2 (1), F_SUM 2 (1)') AS expected \gset
SELECT pg_temp.ingest(m || 1, c, m, 9, '2026-05-20T12:00:00Z'), pg_temp.ingest(m || 2, c, m, 2, '2026-05-20T10:00:00Z')
	FROM unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m, unnest(ARRAY['-before', '-after', '-split']) c \g /dev/null
SELECT pg_temp.correct('-before', m || 1) FROM unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m \g /dev/null
SELECT is(pg_temp.usage('-before', '2026-05'), :'expected', 'events and their corrections before the fold');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-before', '2026-05'), :'expected', 'events and their corrections in one fold');
SELECT pg_temp.correct('-after', m || 1) FROM unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m \g /dev/null
SELECT is(pg_temp.usage('-after', '2026-05'), :'expected', 'a correction of a folded event counts before it is folded');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-after', '2026-05'), :'expected', 'and after it is folded');
BEGIN;
SELECT pg_temp.correct('-split', m || 1) FROM unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT pg_temp.usage('-split', '2026-05') AS got \gset
COMMIT;
SELECT is(:'got'::text, :'expected', 'a correction and a fold in one transaction');
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-split', '2026-05'), :'expected', 'a correction is folded exactly once');
SELECT pg_temp.correct('-split', m || 2) FROM unnest(ARRAY['F_SUM', 'F_COUNT', 'F_MAX', 'F_LAST']) m \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.usage('-split', '2026-05'), 'F_COUNT 0 (0), F_LAST 0 (0), F_MAX 0 (0), F_SUM 0 (0)',
	'when all events of a month are corrected, nothing is left');

-- the zone of a customer
SELECT lives_ok(format($$SELECT billing.register_customer(%L, time_zone => 'Asia/Seoul')$$, :'run' || '-zone'),
	'a customer without folded usage may change his zone');
SELECT pg_temp.ingest('z', '-zone', 'API_CALL', 1, '2026-05-31T15:30:00Z') \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT throws_ok(format($$SELECT billing.register_customer(%L, time_zone => 'UTC')$$, :'run' || '-zone'), 'ZB206', NULL,
	'folded usage freezes the zone of its customer');
SELECT lives_ok(format($$SELECT billing.register_customer(%L, time_zone => 'Asia/Seoul')$$, :'run' || '-zone'),
	'a frozen zone may be stated again');

-- months to bill
SELECT results_eq(format($$SELECT month FROM billing.unbilled_usage WHERE customer_id = %L$$, :'run' || '-zone'),
	$$VALUES ('2026-06-01'::date)$$, 'the fold marks a month of the customer''s zone as unbilled');

-- billing folded months: long ago, so that the issue dates of other tests are later
SET billing.now = '2025-02-02T00:00:00Z';
CREATE FUNCTION pg_temp.settle(month text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run record;
	lines text;
BEGIN
	SELECT * INTO run FROM billing.run_settlement(current_setting('tap.run') || '-bill', month);
	SELECT string_agg(format('%s %s %s', l.kind, l.service_period, trim_scale(l.net)), ', ' ORDER BY l.line_no) INTO lines
	FROM billing.invoice_lines l WHERE l.invoice_id = run.invoice_id;
	RETURN COALESCE(lines, run.message);
END;
$$;
CREATE FUNCTION pg_temp.marks() RETURNS bigint LANGUAGE sql AS $$
	SELECT count(*) FROM billing.unbilled_usage WHERE customer_id = current_setting('tap.run') || '-bill'
$$;
SELECT billing.register_customer(:'run' || '-bill', collection => 'SEND_INVOICE') \g /dev/null
SELECT billing.create_pricing_plan('fold', 'KRW',
	'[{"resourceType":"API_CALL","model":"graduated","tiers":[{"upTo":10000,"unitPrice":0},{"upTo":null,"unitPrice":1}]}]',
	'2024-12-01', :'run' || '-bill') \g /dev/null
SELECT pg_temp.ingest('january', '-bill', 'API_CALL', 15000, '2025-01-10T00:00:00Z') \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.settle('2025-01'), 'USAGE 2025-01 5000', 'a folded month is billed');
SELECT is(pg_temp.marks(), 0::bigint, 'and its mark is taken away');
SET billing.now = '2025-03-02T00:00:00Z';
SELECT pg_temp.ingest('late', '-bill', 'API_CALL', 2000, '2025-01-31T00:00:00Z'),
	pg_temp.ingest('february', '-bill', 'API_CALL', 12000, '2025-02-10T00:00:00Z') \g /dev/null
SELECT billing.aggregate_usage() \g /dev/null
SELECT is(pg_temp.marks(), 2::bigint, 'usage that is folded into a billed month marks it again');
SELECT is(pg_temp.settle('2025-02'), 'USAGE 2025-02 2000, LATE_USAGE 2025-01 2000', 'the next invoice bills it as late usage');
SELECT is(pg_temp.marks(), 0::bigint, 'and nothing is left to bill');
SELECT billing.cancel_invoice(invoice_id, 'wrong') FROM billing.invoices WHERE customer_id = :'run' || '-bill' AND period = '2025-02' \g /dev/null
SELECT is(pg_temp.marks(), 2::bigint, 'cancelling an invoice marks the months of its lines');
SELECT is(pg_temp.settle('2025-02'), 'USAGE 2025-02 2000, LATE_USAGE 2025-01 2000', 'and the next run bills them anew');
SELECT is(pg_temp.settle('2024-12'), 'no usage', 'months that are billed are not billed again by an earlier period');

SELECT * FROM finish();
