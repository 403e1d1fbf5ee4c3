-- What verify() tells of a damaged row. For \ir in a test that has a table label (id text, name text): names for ids
-- that differ from run to run.

-- The damage. Guards are off for it: what follows is what a broken disk, index or superuser would do.
DO $$
DECLARE
	name regclass;
BEGIN
	FOR name IN SELECT c.oid FROM pg_class c WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind IN ('r', 'p') LOOP
		EXECUTE format('ALTER TABLE %s DISABLE TRIGGER ALL', name);
	END LOOP;
END $$;

-- "check: table and key: problem", one a line, of what verify() says after a statement that is then undone. Without
-- row_digests, which tells every row that is changed here: see corruption.sql.
CREATE FUNCTION pg_temp.damage(statement text, since timestamptz DEFAULT NULL) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	found text[];
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT array_agg(concat(v.check_name, ': ', b.violation ->> 'table', ' ', k.key, ': ', b.violation ->> 'problem')) INTO found
		FROM billing.verify(since) v
		CROSS JOIN LATERAL jsonb_array_elements(v.detail) b(violation)
		CROSS JOIN LATERAL (
			SELECT string_agg(COALESCE(l.name, e.value), ' ' ORDER BY f.n) AS key
			FROM unnest(ARRAY['consumer', 'bucket', 'series', 'year', 'customer_id', 'invoice_id', 'document_id', 'payment_id', 'subject_id',
				'order_id', 'refund_id', 'credit_note_id', 'wallet_id', 'credit_id', 'application_id', 'target_id', 'line_no',
				'transfer_id', 'reference_id', 'kind', 'id', 'aggregateid', 'key', 'period', 'service_period', 'currency', 'day', 'resource_type'])
				WITH ORDINALITY f(field, n)
			JOIN jsonb_each_text(b.violation) e ON e.key = f.field
			LEFT JOIN (SELECT DISTINCT * FROM label) l ON l.id = e.value
		) k
		WHERE NOT v.ok AND v.check_name <> 'row_digests';
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
	END;
	RETURN QUERY SELECT unnest(found);
END;
$$;

CREATE FUNCTION pg_temp.tells(statement text, expected text[], description text) RETURNS text LANGUAGE sql AS $$
	SELECT bag_eq(format('SELECT pg_temp.damage(%L)', statement), expected, description)
$$;
