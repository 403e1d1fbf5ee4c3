-- The limit: the tables of the extension with the same columns, defaults, checks and indexes.

CREATE SCHEMA bench;

CREATE SEQUENCE bench.position_seq;

CREATE TABLE bench.usage_events (LIKE billing.usage_events INCLUDING ALL) PARTITION BY HASH (customer_id);
ALTER TABLE bench.usage_events ALTER position SET DEFAULT nextval('bench.position_seq');

DO $$
BEGIN
	FOR i IN 0 .. 7 LOOP
		EXECUTE format('CREATE TABLE bench.usage_events_%1$s PARTITION OF bench.usage_events'
			' FOR VALUES WITH (MODULUS 8, REMAINDER %1$s)', i);
	END LOOP;
END;
$$;

CREATE TABLE bench.aggregated_usage (LIKE billing.aggregated_usage INCLUDING ALL) WITH (fillfactor = 80);

-- Fails unless each copy has the indexes of its original.
CREATE PROCEDURE bench.require_same_indexes(names text[]) LANGUAGE plpgsql AS $$
DECLARE
	name text;
	ours text;
	copy text;
BEGIN
	FOREACH name IN ARRAY names LOOP
		SELECT string_agg(d, '; ' ORDER BY d) INTO ours
			FROM pg_indexes, regexp_replace(indexdef, '^.* USING', CASE WHEN indexdef ~ 'UNIQUE' THEN 'unique' ELSE 'plain' END) d
			WHERE schemaname = 'billing' AND tablename = name;
		SELECT string_agg(d, '; ' ORDER BY d) INTO copy
			FROM pg_indexes, regexp_replace(indexdef, '^.* USING', CASE WHEN indexdef ~ 'UNIQUE' THEN 'unique' ELSE 'plain' END) d
			WHERE schemaname = 'bench' AND tablename = name;
		IF ours IS DISTINCT FROM copy THEN
			RAISE 'the copy of % has other indexes: % and %', name, ours, copy;
		END IF;
	END LOOP;
END;
$$;
CALL bench.require_same_indexes(ARRAY['usage_events', 'usage_events_0', 'aggregated_usage']);

-- Lets a session meet every customer and every meter once, as a pooled connection has.
CREATE FUNCTION bench.warm_up(customers int) RETURNS bigint LANGUAGE sql AS $$
	SELECT accepted FROM billing.ingest_usage_arrays(
		ARRAY(SELECT gen_random_uuid()::text FROM generate_series(1, customers)),
		ARRAY(SELECT c::text FROM generate_series(1, customers) c),
		ARRAY(SELECT 'API_CALL' FROM generate_series(1, customers)),
		ARRAY(SELECT 1::numeric FROM generate_series(1, customers)),
		ARRAY(SELECT now() FROM generate_series(1, customers)))
$$;

-- What a settlement writes, to be written again by one statement a table.
CREATE PROCEDURE bench.make_settled_copies() LANGUAGE plpgsql AS $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['invoice_headers', 'invoice_lines', 'invoice_taxes', 'payments', 'payment_attempts',
		'ledger_transfers', 'outbox_0', 'audit_entries', 'document_numbers', 'settlement_runs']
	LOOP
		EXECUTE format('CREATE TABLE bench.%1$I (LIKE billing.%1$I INCLUDING ALL)', name);
	END LOOP;
END;
$$;

CREATE PROCEDURE bench.write_settled_copies() LANGUAGE plpgsql AS $$
DECLARE
	copy record;
BEGIN
	FOR copy IN
		SELECT table_name AS name, string_agg(quote_ident(column_name), ', ' ORDER BY ordinal_position) AS columns
		FROM information_schema.columns
		WHERE table_schema = 'bench' AND is_generated = 'NEVER' AND table_name IN ('invoice_headers', 'invoice_lines',
			'invoice_taxes', 'payments', 'payment_attempts', 'ledger_transfers', 'outbox_0', 'audit_entries',
			'document_numbers', 'settlement_runs')
		GROUP BY table_name
	LOOP
		EXECUTE format('INSERT INTO bench.%1$I (%2$s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM billing.%1$I',
			copy.name, copy.columns);
	END LOOP;
END;
$$;
