-- Settling a customer's month: what is billed, what is not, late usage, carry, failures.
BEGIN;
SELECT plan(66);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- Runs a settlement at a time and answers 'message; kind code month quantity net, ...' of its invoice.
CREATE FUNCTION pg_temp.settle(customer text, month text, at text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	run record;
	lines text;
BEGIN
	IF at IS NOT NULL THEN
		PERFORM set_config('billing.now', at, true);
	END IF;
	SELECT * INTO run FROM billing.run_settlement(customer, month);
	IF run.already_processed OR run.invoice_id IS NULL THEN
		RETURN COALESCE(run.failure_code, regexp_replace(run.message, '[0-9a-f]{8}-[0-9a-f-]{27}', '<id>'));
	END IF;
	SELECT string_agg(format('%s %s %s %s %s', l.kind, l.code, l.service_period, trim_scale(l.quantity), trim_scale(l.net)), ', '
		ORDER BY l.line_no) INTO lines
	FROM billing.invoice_lines l WHERE l.customer_id = customer AND l.invoice_id = run.invoice_id;
	RETURN format('%s; %s', run.message, lines);
END;
$$;
CREATE FUNCTION pg_temp.total(customer text, month text) RETURNS numeric LANGUAGE sql AS $$
	SELECT trim_scale(total) FROM billing.invoices WHERE customer_id = customer AND period = month AND status <> 'CANCELLED'
$$;
-- the next event of a customer
CREATE SEQUENCE pg_temp.event;
CREATE FUNCTION pg_temp.use(customer text, quantity numeric, at text, resource text DEFAULT 'API_CALL') RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.ingest_usage('e' || nextval('pg_temp.event'), customer, resource, quantity, at::timestamptz);
END;
$$;
CREATE FUNCTION pg_temp.own_plan(customer text, charges jsonb, starts timestamptz DEFAULT '2026-01-01', plan text DEFAULT 'own') RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.create_pricing_plan(plan, 'KRW', charges, starts, customer);
END;
$$;

DO $$ BEGIN
	PERFORM billing.create_pricing_plan('default', 'KRW',
		'[{"resourceType":"API_CALL","model":"graduated","tiers":[{"upTo":10000,"unitPrice":0},{"upTo":null,"unitPrice":1}]}]', '2026-01-01');
END $$;

-- one customer, one month
SELECT pg_temp.use('acme', 20000, '2026-05-10') \g /dev/null
CREATE TEMP TABLE first AS SELECT * FROM billing.run_settlement('acme', '2026-05');
SELECT results_eq($$SELECT customer_id, period, already_processed, payment_succeeded, message, payment_status, failure_code FROM first$$,
	$$VALUES ('acme', '2026-05', false, true, 'paid', 'APPROVED', NULL)$$, '20 000 calls on (10 000 free, then 1) are settled and paid');
SELECT is(pg_temp.total('acme', '2026-05'), 10000::numeric, 'for 10 000');
SELECT results_eq(
	$$SELECT already_processed, payment_succeeded, message, payment_status, invoice_id = (SELECT invoice_id FROM first)
		FROM billing.run_settlement('acme', '2026-05')$$,
	$$SELECT true, false, 'invoice already issued: ' || invoice_id, 'NONE', true FROM first$$, 'a second run answers the invoice of the first');
SELECT is((SELECT count(*) FROM billing.payments WHERE customer_id = 'acme'), 1::bigint, 'and charges nothing');
SELECT results_eq(
	$$SELECT status, invoice_id, failure_code, failure_reason, started_at, finished_at FROM billing.settlement_runs WHERE customer_id = 'acme'$$,
	$$SELECT 'COMPLETED', invoice_id, NULL, NULL, billing.business_now(), billing.business_now() FROM first$$, 'the run is recorded as completed');
SELECT results_eq(
	$$SELECT line_no, kind, code COLLATE "default", resource_type COLLATE "default", description, service_period COLLATE "default",
		trim_scale(quantity)::text, trim_scale(net)::text, tax_code COLLATE "default", plan_id IS NOT NULL
		FROM billing.invoice_lines WHERE customer_id = 'acme'$$,
	$$VALUES (1, 'USAGE', 'API_CALL', 'API_CALL', 'API_CALL x 20000', '2026-05', '20000', '10000', 'NONE', true)$$,
	'a line says what was used, when, and by which plan it was priced');

-- what is not billed
DO $$ BEGIN PERFORM billing.register_customer('idle'); END $$;
SELECT results_eq($$SELECT invoice_id, already_processed, payment_succeeded, message, payment_status FROM billing.run_settlement('idle', '2026-05')$$,
	$$VALUES (NULL::uuid, false, false, 'no usage', 'NONE')$$, 'a default plan alone bills nobody');
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('francs', 'CHF', '[{"model":"flat","code":"BASE","amount":50},{"resourceType":"API_CALL","model":"per_unit","unitPrice":1,"minimum":9}]', '2025-12-01');
	PERFORM billing.register_customer(c, currency => 'CHF') FROM unnest(ARRAY['idle-chf', 'busy-chf']) c;
	PERFORM pg_temp.use('busy-chf', 1, '2026-05-10');
END $$;
SELECT is(pg_temp.settle('idle-chf', '2026-05'), 'no usage', 'not even with a base fee and a minimum');
SELECT is(pg_temp.settle('busy-chf', '2026-05'), 'paid; RECURRING BASE 2026-05 1 50, USAGE API_CALL 2026-05 1 9', 'with usage, all its charges are billed');
SELECT pg_temp.use('early', 5, '2026-06-01T00:00:00Z') \g /dev/null
SELECT is(pg_temp.settle('early', '2026-05'), 'no usage', 'usage of the next month is not billed');
SELECT throws_ok($$SELECT * FROM billing.run_settlement('acme', '2026-06')$$, 'ZB201', NULL, 'a running month is PERIOD_NOT_CLOSED');
CREATE FUNCTION pg_temp.hint(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	hint text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
	RETURN hint;
END;
$$;
SELECT matches(pg_temp.hint($$SELECT * FROM billing.run_settlement('acme', '2026-06')$$), 'preview_invoice', 'whose hint is preview_invoice()');
SELECT throws_ok($$SELECT * FROM billing.run_settlement('acme', 'May')$$, 'ZB007', NULL, 'a period is YYYY-MM');
SELECT throws_ok($$SELECT * FROM billing.run_settlement(NULL, '2026-05')$$, 'ZB001', NULL, 'a null customer is refused');

-- closing
DO $$ BEGIN
	PERFORM billing.register_customer('closing');
	PERFORM billing.register_customer('seoul', time_zone => 'Asia/Seoul'), billing.register_customer('york', time_zone => 'America/New_York');
END $$;
SELECT throws_ok($$SELECT pg_temp.settle('closing', '2026-05', '2026-05-31T23:59:59.999Z')$$, 'ZB201', NULL, 'a month is open to its last instant');
SELECT is(pg_temp.settle('closing', '2026-05', '2026-06-01T00:00:00Z'), 'no usage', 'and closed with the first of the next');
SELECT is(pg_temp.settle('seoul', '2026-05', '2026-05-31T15:00:00Z'), 'no usage', 'a month closes in the zone of its customer: earlier in Asia/Seoul');
SELECT throws_ok($$SELECT pg_temp.settle('york', '2026-05', '2026-06-01T03:59:59Z')$$, 'ZB201', NULL, 'later in New York');
SET LOCAL billing.settlement_grace = '2h';
SELECT throws_ok($$SELECT pg_temp.settle('closing', '2026-05', '2026-06-01T01:59:59Z')$$, 'ZB201', NULL, 'the grace keeps a month open');
SELECT is(pg_temp.settle('closing', '2026-05', '2026-06-01T02:00:00Z'), 'no usage', 'until it has passed');
RESET billing.settlement_grace;
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- plans of the customer
SELECT pg_temp.own_plan('minimum', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1,"minimum":100}]') \g /dev/null
SELECT is(pg_temp.settle('minimum', '2026-05'), 'paid; USAGE API_CALL 2026-05 0 100', 'an own plan bills its minimum without usage');
SELECT pg_temp.own_plan('base', '[{"model":"flat","code":"BASE","description":"Base fee","amount":500},{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]') \g /dev/null
SELECT is(pg_temp.settle('base', '2026-05'), 'paid; RECURRING BASE 2026-05 1 500', 'and its base fee; a line without quantity and amount is left out');
SELECT pg_temp.own_plan('both', '[{"resourceType":"API_CALL","model":"graduated","tiers":[{"upTo":10,"unitPrice":1},{"upTo":null,"unitPrice":2}]},
	{"model":"flat","code":"BASE","amount":500},{"resourceType":"STORAGE_GB_HOUR","model":"per_unit","unitPrice":0.3}]'),
	pg_temp.use('both', 15, '2026-05-01'), pg_temp.use('both', 5, '2026-05-02', 'STORAGE_GB_HOUR') \g /dev/null
SELECT is(pg_temp.settle('both', '2026-05'), 'paid; USAGE API_CALL 2026-05 15 20, RECURRING BASE 2026-05 1 500, USAGE STORAGE_GB_HOUR 2026-05 5 2',
	'each charge is a line of its own, rounded once, in the order of the plan');
SELECT pg_temp.use('june-price', 7, '2026-05-31T23:00:00Z'), pg_temp.use('june-price', 7, '2026-06-01T00:00:00Z'),
	pg_temp.own_plan('june-price', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-04-15'),
	pg_temp.own_plan('june-price', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":10}]', '2026-05-15') \g /dev/null
SELECT is(pg_temp.settle('june-price', '2026-05'), 'paid; USAGE API_CALL 2026-05 7 7', 'a price change in May does not touch May');
SELECT is(pg_temp.settle('june-price', '2026-06', '2026-07-01T00:00:00Z'), 'paid; USAGE API_CALL 2026-06 7 70', 'but June');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- usage without a price
SELECT pg_temp.use('unpriced', 1, '2026-05-10', 'STORAGE_GB_HOUR'), pg_temp.use('unpriced', 20000, '2026-05-10') \g /dev/null
SELECT lives_ok($$CREATE TEMP TABLE unpriced AS SELECT * FROM billing.run_settlement('unpriced', '2026-05')$$, 'usage without a price is not raised');
SELECT results_eq($$SELECT invoice_id, already_processed, payment_succeeded, payment_status, failure_code FROM unpriced$$,
	$$VALUES (NULL::uuid, false, false, 'NONE', 'RESOURCE_NOT_PRICED')$$, 'but answered as RESOURCE_NOT_PRICED');
SELECT results_eq($$SELECT status, invoice_id, failure_code, failure_reason LIKE '%STORAGE_GB_HOUR%', finished_at IS NOT NULL
		FROM billing.settlement_runs WHERE customer_id = 'unpriced'$$,
	$$VALUES ('FAILED', NULL::uuid, 'RESOURCE_NOT_PRICED', true, true)$$, 'and recorded, with the resource type in the reason');
SELECT is_empty($$SELECT 1 FROM billing.invoices WHERE customer_id = 'unpriced'$$, 'nothing of it is billed');
SELECT pg_temp.own_plan('unpriced', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1},{"resourceType":"STORAGE_GB_HOUR","model":"per_unit","unitPrice":0}]') \g /dev/null
SELECT is(pg_temp.settle('unpriced', '2026-05'), 'paid; USAGE API_CALL 2026-05 20000 20000, USAGE STORAGE_GB_HOUR 2026-05 1 0',
	'with a plan that prices it, with 0 too, the next run succeeds');
SELECT results_eq($$SELECT status, attempts, failure_code, failure_reason FROM billing.settlement_runs WHERE customer_id = 'unpriced'$$,
	$$VALUES ('COMPLETED', 2, NULL, NULL)$$, 'and the run is completed');
DO $$ BEGIN PERFORM billing.register_customer('planless', currency => 'EUR'); PERFORM pg_temp.use('planless', 1, '2026-05-10'); END $$;
SELECT is(pg_temp.settle('planless', '2026-05'), 'PLAN_NOT_FOUND', 'usage without any plan fails the run of its customer');
SELECT pg_temp.own_plan('narrow', '[{"resourceType":"STORAGE_GB_HOUR","model":"per_unit","unitPrice":1}]'), pg_temp.use('narrow', 1, '2026-05-10') \g /dev/null
SELECT is(pg_temp.settle('narrow', '2026-05'), 'RESOURCE_NOT_PRICED', 'an own plan replaces the default wholly');

-- late usage
SELECT pg_temp.use('late', 15000, '2026-05-10') \g /dev/null
SELECT is(pg_temp.settle('late', '2026-05'), 'paid; USAGE API_CALL 2026-05 15000 5000', 'May, 15 000 calls: 5 000');
SELECT pg_temp.use('late', 2000, '2026-05-31') \g /dev/null
SELECT is(pg_temp.settle('late', '2026-05'), 'invoice already issued: <id>', 'what comes late does not change the invoice of May');
DO $$ BEGIN SET LOCAL billing.now = '2026-07-01T00:00:00Z'; PERFORM pg_temp.use('late', 12000, '2026-06-10'); END $$;
SELECT is(pg_temp.settle('late', '2026-06'), 'paid; USAGE API_CALL 2026-06 12000 2000, LATE_USAGE API_CALL 2026-05 2000 2000',
	'June bills its own 2 000 and the late 2 000 of May, each month in its own tiers');
SELECT is(pg_temp.total('late', '2026-06'), 4000::numeric, 'together 4 000');
SELECT is(pg_temp.settle('late', '2026-07', '2026-08-01T00:00:00Z'), 'no usage', 'and nothing is left for July');
SELECT pg_temp.use('late', 500, '2026-05-31') \g /dev/null
SELECT is(pg_temp.settle('late', '2026-07'), 'paid; LATE_USAGE API_CALL 2026-05 500 500', 'a customer with late usage only gets an invoice');
SELECT is((SELECT count(DISTINCT snapshot_hash) FROM billing.invoice_lines WHERE customer_id = 'late' AND kind = 'LATE_USAGE'), 1::bigint,
	'late lines of a month keep the snapshot that it was billed with');

-- late usage keeps the price of its month
DO $$ BEGIN
	SET LOCAL billing.now = '2026-06-02T00:00:00Z';
	PERFORM pg_temp.own_plan('snapshot', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-05-01');
	PERFORM pg_temp.use('snapshot', 10, '2026-05-10');
	PERFORM pg_temp.settle('snapshot', '2026-05');
	PERFORM pg_temp.own_plan('snapshot', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":100}]', '2026-05-01', 'dearer');
	PERFORM pg_temp.use('snapshot', 5, '2026-05-11'), pg_temp.use('snapshot', 1, '2026-06-01');
END $$;
SELECT is(pg_temp.settle('snapshot', '2026-06', '2026-07-01T00:00:00Z'),
	'paid; USAGE API_CALL 2026-06 1 100, LATE_USAGE API_CALL 2026-05 5 5', 'late usage is priced under the snapshot of its month');

-- months out of order
DO $$ BEGIN PERFORM pg_temp.use('order', 15000, '2026-05-10'), pg_temp.use('order', 12000, '2026-06-10'); END $$;
SELECT is(pg_temp.settle('order', '2026-06'), 'paid; USAGE API_CALL 2026-06 12000 2000, LATE_USAGE API_CALL 2026-05 15000 5000',
	'June before May bills May as late usage');
SELECT is(pg_temp.settle('order', '2026-05'), 'no usage', 'May has nothing left to bill');
SELECT pg_temp.own_plan('order', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1000}]', '2026-05-01'), pg_temp.use('order', 1, '2026-05-11') \g /dev/null
SELECT is(pg_temp.settle('order', '2026-05'), 'paid; USAGE API_CALL 2026-05 1 1',
	'later May usage is priced under the snapshot that May was billed with, also in a run of May');

-- prices that fall with the volume
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('volume', 'KRW',
		'[{"resourceType":"API_CALL","model":"volume","tiers":[{"upTo":100,"unitPrice":10},{"upTo":null,"unitPrice":1}]}]', '2026-01-01', 'volume');
	SET LOCAL billing.now = '2026-06-02T00:00:00Z';
	PERFORM pg_temp.use('volume', 100, '2026-05-10');
END $$;
SELECT is(pg_temp.settle('volume', '2026-05'), 'paid; USAGE API_CALL 2026-05 100 1000', 'May, 100 calls: 1 000');
DO $$ BEGIN SET LOCAL billing.now = '2026-07-01T00:00:00Z'; PERFORM pg_temp.use('volume', 100, '2026-05-11'), pg_temp.use('volume', 30, '2026-06-11'); END $$;
SELECT is(pg_temp.settle('volume', '2026-06'),
	'paid; USAGE API_CALL 2026-06 30 300, LATE_USAGE API_CALL 2026-05 100 -800, ADJUSTMENT CARRY 2026-06 1 500',
	'a late difference below zero nets down to 0, and the rest is carried');
SELECT is(pg_temp.total('volume', '2026-06'), 0::numeric, 'an invoice is never negative');
DO $$ BEGIN PERFORM set_config('billing.now', '2026-08-01T00:00:00Z', true); PERFORM pg_temp.use('volume', 20, '2026-07-11'); END $$;
SELECT is(pg_temp.settle('volume', '2026-07'), 'paid; USAGE API_CALL 2026-07 20 200, ADJUSTMENT CARRY 2026-07 1 -200',
	'the next invoice takes what it can bear');
DO $$ BEGIN PERFORM set_config('billing.now', '2026-09-01T00:00:00Z', true); PERFORM pg_temp.use('volume', 50, '2026-08-11'); END $$;
SELECT is(pg_temp.settle('volume', '2026-08'), 'paid; USAGE API_CALL 2026-08 50 500, ADJUSTMENT CARRY 2026-08 1 -300',
	'and the one after it the rest, once');
DO $$ BEGIN PERFORM set_config('billing.now', '2026-10-01T00:00:00Z', true); PERFORM pg_temp.use('volume', 50, '2026-09-11'); END $$;
SELECT is(pg_temp.settle('volume', '2026-09'), 'paid; USAGE API_CALL 2026-09 50 500', 'then nothing is carried any more');

-- corrections
DO $$ BEGIN
	SET LOCAL billing.now = '2026-06-02T00:00:00Z';
	PERFORM pg_temp.own_plan('corrected', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]');
	PERFORM billing.ingest_usage('wrong', 'corrected', 'API_CALL', 700, '2026-05-10'), billing.ingest_usage('right', 'corrected', 'API_CALL', 300, '2026-05-10');
END $$;
SELECT is(pg_temp.settle('corrected', '2026-05'), 'paid; USAGE API_CALL 2026-05 1000 1000', 'before a correction');
DO $$ BEGIN
	SET LOCAL billing.now = '2026-07-01T00:00:00Z';
	PERFORM billing.correct_usage('corrected', 'wrong', 'typo'); PERFORM pg_temp.use('corrected', 1000, '2026-06-10');
END $$;
SELECT is(pg_temp.settle('corrected', '2026-06'), 'paid; USAGE API_CALL 2026-06 1000 1000, LATE_USAGE API_CALL 2026-05 -700 -700',
	'a correction of a billed month is given back by the next invoice');

-- zero totals
DO $$ BEGIN SET LOCAL billing.now = '2026-06-02T00:00:00Z'; PERFORM pg_temp.use('zero', 10, '2026-05-10'), pg_temp.use('skipped', 10, '2026-05-10'); END $$;
SELECT is(pg_temp.settle('zero', '2026-05'), 'paid; USAGE API_CALL 2026-05 10 0', 'a zero invoice is issued');
SELECT results_eq($$SELECT i.status, p.count FROM billing.invoices i, (SELECT count(*) FROM billing.payments WHERE customer_id = 'zero') p WHERE customer_id = 'zero'$$,
	$$VALUES ('PAID', 0::bigint)$$, 'it is paid without a payment');
SET LOCAL billing.zero_invoices = skip;
SELECT is(pg_temp.settle('skipped', '2026-05'), 'total is 0, invoice skipped', 'with zero_invoices = skip it is not issued');
SELECT is((SELECT status FROM billing.settlement_runs WHERE customer_id = 'skipped'), 'COMPLETED', 'its run is completed');
SELECT pg_temp.use('skipped', 19990, '2026-05-11') \g /dev/null
SELECT is(pg_temp.settle('skipped', '2026-05'), 'paid; USAGE API_CALL 2026-05 20000 10000', 'usage of a skipped month is still billed when more comes');
RESET billing.zero_invoices;

-- currency
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('newer dollars', 'USD', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":"0.01"}]', '2026-02-01');
	PERFORM pg_temp.use('floating', 20000, '2026-05-10'); PERFORM billing.register_customer('won', currency => 'KRW'); PERFORM pg_temp.use('won', 20000, '2026-05-10');
END $$;
SELECT is(pg_temp.settle('won', '2026-05'), 'paid; USAGE API_CALL 2026-05 20000 10000', 'a default plan serves customers of its currency');
SELECT is(pg_temp.settle('floating', '2026-05'), 'paid; USAGE API_CALL 2026-05 20000 200', 'a customer without a currency is billed by the newest default');
SELECT is((SELECT currency COLLATE "default" FROM billing.customers WHERE customer_id = 'floating'), 'USD', 'and is in its currency from then on');

-- the exact example of a small price
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('tiny', 'USD', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":"0.000012"}]', '2026-01-01', 'tiny');
	PERFORM pg_temp.use('tiny', 123456789012, '2026-05-10');
END $$;
SELECT is(pg_temp.settle('tiny', '2026-05'), 'paid; USAGE API_CALL 2026-05 123456789012 1481481.47',
	'123456789012 calls at 0.000012 USD are rounded once, to 1481481.47');

-- zones
DO $$ BEGIN PERFORM pg_temp.use('seoul', 20000, '2026-05-31T15:30:00Z'), pg_temp.use('york', 20000, '2026-06-01T03:30:00Z'); END $$;
SELECT is(pg_temp.settle('seoul', '2026-05', '2026-07-02T00:00:00Z'), 'no usage', 'usage of 2026-05-31T15:30Z is not billed in May in Asia/Seoul');
SELECT is(pg_temp.total('york', '2026-05'), NULL, 'before it is settled New York has no invoice');
SELECT is(regexp_replace(pg_temp.settle('york', '2026-05'), ';.*', ''), 'paid', 'usage of 2026-06-01T03:30Z is billed in May in New York');
SELECT results_eq($$SELECT period_start, period_end FROM billing.invoices WHERE customer_id = 'york'$$,
	$$VALUES ('2026-05-01T04:00:00Z'::timestamptz, '2026-06-01T04:00:00Z'::timestamptz)$$, 'the period of an invoice is a month of the zone');

-- the next run goes on where one failed
SELECT is((SELECT count(*) FROM billing.settlement_runs WHERE status = 'FAILED' AND customer_id IN ('planless', 'narrow', 'unpriced')), 2::bigint,
	'only runs that were not mended are failed');

SELECT * FROM finish();
ROLLBACK;
