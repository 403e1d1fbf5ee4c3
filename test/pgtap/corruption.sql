-- Every column of every table has a second source of truth: verify() tells a changed value, with its table and row.
-- The columns come from the catalog, so that one which nothing checks fails here. Not one transaction: procedures
-- commit, and a fold takes only what is committed.
SET billing.now = '2026-05-20T00:00:00Z';

-- a history that leaves a row in every table
\ir include/money.sql
DO $$ BEGIN
	PERFORM billing.set_house_time_zone('Asia/Seoul');
	PERFORM billing.register_meter('PEAK', 'session', NULL, 'MAX');
	PERFORM billing.register_meter('SEATS', 'seat', NULL, 'LAST');
	PERFORM billing.register_tax_rate('VAT', 10);
	PERFORM billing.register_customer(c, currency => 'KRW', tax_code => 'VAT', name => 'A name', address => '{"city": "Seoul"}')
		FROM unnest(ARRAY['acme', 'FAIL_bolt', 'FATAL_core']) c;
	PERFORM billing.create_pricing_plan('Standard', 'KRW', '[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 2},
		{"resourceType": "PEAK", "model": "per_unit", "unitPrice": 3}, {"resourceType": "SEATS", "model": "per_unit", "unitPrice": 5}]',
		'2026-01-01T00:00:00Z', idempotency_key => 'plan');
	PERFORM billing.ingest_usage(format('%s-%s-%s', c, r, n), c, r, 10 + n, '2026-05-01T10:00:00Z'::timestamptz + n * interval '1 hour')
		FROM unnest(ARRAY['acme', 'FAIL_bolt', 'FATAL_core']) c, unnest(ARRAY['API_CALL', 'PEAK', 'SEATS']) r, generate_series(1, 3) n;
	PERFORM billing.ingest_usage_batch('[{"eventId": "bad", "customerId": "acme", "resourceType": "API_CALL", "quantity": -1}]');
END $$;
SELECT billing.correct_usage('acme', 'acme-API_CALL-1', 'wrong') IS NOT NULL AS done \gset
SELECT billing.aggregate_usage() AS done \gset
SET billing.now = '2026-06-02T00:00:00Z';
CALL billing.settle_period('2026-05') \gset
SELECT count(billing.cancel_invoice(i.invoice_id, 'wrong')) AS done FROM billing.invoices i WHERE i.status = 'ISSUED' \gset
SELECT billing.ingest_usage('june', 'acme', 'API_CALL', 7, '2026-06-01T10:00:00Z') AS done \gset
SELECT billing.aggregate_usage() AS done \gset
SELECT billing.ingest_usage('tail', 'acme', 'API_CALL', 7, '2026-06-01T11:00:00Z') AS done \gset
CALL pg_temp.move_money();
\ir ../sql/include/webhook.sql
CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'));
SET billing.secret_key_file = 'billing_tap_keys';
SELECT billing.set_secret('gateway_webhook', 'whsec') IS NULL AS done \gset
SELECT pg_temp.deliver('told', 'ping', NULL) AS done \gset
-- nothing rotates the outbox yet, the server has no environment and no gateway worker: the rows that there would be
INSERT INTO billing.outbox_state VALUES (true, 1, '2026-06-01');
INSERT INTO billing.worker_environment VALUES (true, 'production', 1, '2026-06-01');
INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status, sent_at, finished_at)
	SELECT customer_id, refund_id, 1, 'SEND', 'UNKNOWN', requested_at, requested_at FROM billing.refunds WHERE idempotency_key = 'top-up 40';
UPDATE billing.refund_attempts SET row_digest = billing.row_digest(refund_attempts);
UPDATE billing.outbox_state SET row_digest = billing.row_digest(outbox_state);
UPDATE billing.worker_environment SET row_digest = billing.row_digest(worker_environment);

CREATE TEMP VIEW stored AS
	SELECT c.oid::regclass AS name FROM pg_class c
	WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition;
CREATE TEMP VIEW stored_column AS
	SELECT s.name AS holder, a.attnum, a.attname, format_type(a.atttypid, NULL) AS type
	FROM stored s JOIN pg_attribute a ON a.attrelid = s.name AND a.attnum > 0 AND NOT a.attisdropped
	-- of a generated column PostgreSQL itself is the truth
	WHERE a.attgenerated = '';
-- what a CHECK allows a column that holds one of some words
CREATE TEMP TABLE word AS
	SELECT s.name AS holder, k.conkey[1] AS attnum, m.word[1] AS word
	FROM stored s JOIN pg_constraint k ON k.conrelid = s.name AND k.contype = 'c' AND cardinality(k.conkey) = 1
	CROSS JOIN LATERAL regexp_matches(pg_get_constraintdef(k.oid), '''([A-Z_]+)''', 'g') m(word);

-- Another value than a column has, as SQL.
CREATE FUNCTION pg_temp.other_value(c stored_column) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN c.attname = 'slot' THEN '(slot + 1) % 3' -- another has no partition
		WHEN c.type IN ('numeric', 'smallint', 'integer', 'bigint') THEN format('COALESCE(%I, 0) + 101', c.attname)
		WHEN c.type = 'oid' THEN '101'
		WHEN c.type = 'boolean' THEN format('NOT %I', c.attname)
		WHEN c.type = 'text' THEN format('COALESCE((SELECT min(w.word) FROM word w WHERE w.holder = %s AND w.attnum = %s AND w.word <> %3$I),'
			' %3$I || ''X'', ''X'')', c.holder::oid, c.attnum, c.attname)
		WHEN c.type = 'timestamp with time zone' THEN format('CASE WHEN isfinite(%1$I) THEN %1$I + interval ''1 month'' ELSE ''2026-01-01'' END', c.attname)
		WHEN c.type = 'date' THEN format('%I + 31', c.attname)
		WHEN c.type = 'uuid' THEN quote_literal('00000000-0000-0000-0000-00000000000a')
		WHEN c.type = 'bytea' THEN format('COALESCE(%I, '''') || ''\x00''', c.attname)
		WHEN c.type = 'jsonb' THEN quote_literal('{"other": 1}')
		WHEN c.type = 'xid8' THEN format('(%I::text::bigint + 1)::text::xid8', c.attname)
		WHEN c.type = 'pg_snapshot' THEN quote_literal('5:5:') END
$$;

-- What verify() says, by the check that reads whole rows, of one row that was changed behind the back of billing.
CREATE FUNCTION pg_temp.told(holder regclass, change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	changed jsonb;
	answer text;
BEGIN
	BEGIN
		EXECUTE format('UPDATE %s t SET %s WHERE (t.tableoid, t.ctid) = (SELECT s.tableoid, s.ctid FROM %1$s s'
			' ORDER BY s.tableoid, s.ctid LIMIT 1) RETURNING to_jsonb(t)', holder, change) INTO changed;
		EXECUTE format('SELECT min(b.violation ->> ''problem'') FROM billing.verify_row_digests(NULL) v'
			' CROSS JOIN LATERAL jsonb_array_elements(v.detail) b(violation)'
			' WHERE b.violation ->> ''table'' = $2 AND $1 @> (b.violation -> ''key'')'
			' AND (SELECT count(*) = 1 FROM %s t WHERE to_jsonb(t) @> (b.violation -> ''key''))', holder)
			INTO answer USING changed, split_part(holder::text, '.', 2);
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
	END;
	RETURN answer;
END;
$$;

-- The worst that a type can hold; what has no such value gets another.
CREATE FUNCTION pg_temp.worst_value(c stored_column) RETURNS text LANGUAGE sql AS $$
	SELECT CASE
		WHEN c.attname = 'slot' OR c.type = 'boolean' THEN pg_temp.other_value(c)
		WHEN c.type = 'numeric' THEN quote_literal('NaN')
		WHEN c.type = 'smallint' THEN '32767'
		WHEN c.type = 'integer' THEN '2147483647'
		WHEN c.type = 'bigint' THEN '9223372036854775807'
		WHEN c.type = 'text' THEN quote_literal('')
		WHEN c.type IN ('timestamp with time zone', 'date') THEN quote_literal('infinity')
		WHEN c.type = 'bytea' THEN quote_literal('')
		WHEN c.type = 'jsonb' THEN quote_literal('null')
		ELSE pg_temp.other_value(c) END
$$;

CREATE TEMP VIEW ranked AS
	SELECT c.holder, c.attnum, rank() OVER (PARTITION BY c.holder ORDER BY c.attnum) FROM stored_column c;

-- Changes one row of every table, the column of that rank, and asks verify(), which must tell it and never raise.
CREATE FUNCTION pg_temp.told_at_once(rank bigint, worst boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	damage text;
	answer text;
BEGIN
	FOR damage IN
		SELECT format('UPDATE %s t SET %I = %s WHERE (t.tableoid, t.ctid) = (SELECT s.tableoid, s.ctid FROM %1$s s'
			' ORDER BY s.tableoid, s.ctid LIMIT 1)', c.holder, c.attname, CASE WHEN worst THEN pg_temp.worst_value(c) ELSE pg_temp.other_value(c) END)
		FROM stored_column c
		JOIN ranked r ON r.holder = c.holder AND r.attnum = c.attnum AND r.rank = told_at_once.rank
	LOOP
		EXECUTE damage;
	END LOOP;
	SELECT CASE WHEN count(*) > 0 THEN 'told' END INTO answer FROM billing.verify() v
		WHERE NOT v.ok AND v.check_name = 'row_digests';
	RAISE EXCEPTION USING ERRCODE = 'P0099';
EXCEPTION
	WHEN SQLSTATE 'P0099' THEN RETURN answer;
	WHEN OTHERS THEN RETURN SQLERRM;
END;
$$;

SELECT plan((SELECT count(*)::int FROM stored_column) + 2 * (SELECT max(r.rank)::int FROM ranked r) + 5);
SELECT is_empty('SELECT check_name, detail FROM billing.verify() WHERE NOT ok', 'what billing wrote is as it wrote it');

-- with all guards in their place
SELECT is(pg_temp.told('billing.customers', 'net_days = net_days + 1'), 'not as billing wrote it',
	'a change that no guard refuses is told');
INSERT INTO billing.customers (customer_id, net_days, time_zone, collection, created_at, updated_at)
	VALUES ('by-hand', 14, 'UTC', 'AUTOMATIC', '2026-06-01', '2026-06-01');
SELECT results_eq('SELECT v.check_name, v.detail FROM billing.verify() v WHERE NOT v.ok',
	$$VALUES ('row_digests', '[{"table": "customers", "key": {"customer_id": "by-hand"}, "problem": "not as billing wrote it"}]'::jsonb)$$,
	'a row that billing did not make is told');
SELECT billing.register_customer('by-hand', name => 'Changed by billing') IS NOT NULL AS done \gset
SELECT is((SELECT v.violations FROM billing.verify() v WHERE NOT v.ok), 1::bigint, 'and stays so when billing changes it');
UPDATE billing.customers SET row_digest = billing.row_digest(customers) WHERE customer_id = 'by-hand';
SELECT billing.register_customer('by-hand', name => 'Changed again') IS NOT NULL AS done \gset
SELECT is_empty('SELECT check_name, detail FROM billing.verify() WHERE NOT ok', 'until its digest is set right by hand');

-- the damage: guards are off, as for a broken disk
DO $$
DECLARE
	name regclass;
	guard name;
BEGIN
	FOR name IN SELECT s.name FROM stored s LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER USER', name);
		FOR guard IN SELECT k.conname FROM pg_constraint k WHERE k.conrelid = name AND k.contype = 'c' LOOP
			EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', name, guard);
		END LOOP;
		FOR guard IN SELECT i.indexrelid::regclass::text FROM pg_index i WHERE i.indrelid = name AND i.indpred IS NOT NULL AND i.indisunique LOOP
			EXECUTE format('DROP INDEX %s', guard);
		END LOOP;
	END LOOP;
END $$;
SET allow_system_table_mods = on;
UPDATE pg_attribute a SET attidentity = '' FROM stored s WHERE a.attrelid = s.name AND a.attidentity <> '';
SELECT isnt(pg_temp.told(c.holder, format('%I = %s', c.attname, pg_temp.other_value(c))), NULL,
	format('verify() tells another %s of %s', c.attname, c.holder))
FROM stored_column c
ORDER BY c.holder::text, c.attnum;
SELECT is(pg_temp.told_at_once(r.rank, w.worst), 'told', format('verify() raises nothing when column %s of every table holds %s',
	r.rank, CASE WHEN w.worst THEN 'the worst' ELSE 'another value' END))
FROM (SELECT DISTINCT r.rank FROM ranked r) r, (VALUES (false), (true)) w(worst)
ORDER BY r.rank, w.worst;

SELECT * FROM finish();
