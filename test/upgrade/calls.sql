-- Calls every routine of the extension as its SQL declares it: with NULLs, then with likely values.
-- Errors are answers too; the server has to survive. Ends with the line "alive".

\set ON_ERROR_STOP off
SET client_min_messages = error;
SET statement_timeout = '120s';
SET billing.now = '2026-06-02T00:00Z';
SELECT billing.create_pricing_plan('Starter', 'KRW',
	'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01T00:00Z') \g /dev/null
SELECT billing.ingest_usage('first', 'acme', 'API_CALL', 3, '2026-05-10T00:00Z') \g /dev/null
SELECT billing.run_settlement('acme', '2026-05') \g /dev/null

CREATE FUNCTION pg_temp.likely(name text, type regtype) RETURNS text
BEGIN ATOMIC
	SELECT CASE
		WHEN name = 'invoice_id' THEN '(SELECT invoice_id FROM billing.invoices LIMIT 1)'
		WHEN name = 'customer_id' OR name = 'customer' THEN '''acme'''
		WHEN name = 'period' THEN '''2026-05'''
		WHEN name = 'event_id' THEN '''second'''
		WHEN name = 'resource_type' THEN '''API_CALL'''
		WHEN name = 'currency' THEN '''KRW'''
		WHEN name = 'time_zone' THEN '''Asia/Seoul'''
		WHEN name = 'tax_code' THEN '''VAT'''
		WHEN name = 'aggregation' THEN '''SUM'''
		WHEN name = 'collection' THEN '''SEND_INVOICE'''
		WHEN name = 'country' THEN '''KR'''
		WHEN name = 'category' THEN '''STANDARD'''
		WHEN name = 'before' THEN '''2025-01-01T00:00Z'''
		WHEN name = 'effective_until' THEN '''2027-01-01T00:00Z'''
		WHEN name = 'charges' THEN '''[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 2}]'''
		WHEN name = 'charge' THEN '''{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 2}'''
		WHEN name = 'events' THEN '''[{"eventId": "e", "customerId": "acme", "resourceType": "API_CALL", "quantity": 1}]'''
		WHEN type = 'text'::regtype THEN '''some text'''
		WHEN type = 'jsonb'::regtype THEN '''{}'''
		WHEN type = 'boolean'::regtype THEN 'true'
		WHEN type IN ('smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype) THEN '2'
		WHEN type = 'date'::regtype THEN '''2026-05-10'''
		WHEN type = 'timestamptz'::regtype THEN '''2026-05-10T00:00Z'''
		WHEN type = 'uuid'::regtype THEN '''00000000-0000-4000-8000-000000000001'''
		WHEN type = 'pg_snapshot'::regtype THEN '''10:20:10,14'''
		WHEN type = 'text[]'::regtype THEN '''{acme,acme}'''
		WHEN type = 'numeric[]'::regtype THEN '''{1,2}'''
		WHEN type = 'timestamptz[]'::regtype THEN '''{2026-05-10T00:00Z,2026-05-11T00:00Z}'''
		ELSE 'NULL'
	END || '::' || type;
END;

\o /dev/null
SELECT CASE p.prokind WHEN 'p' THEN format('CALL %s(%s)', p.oid::regproc, args)
		ELSE format('SELECT %s(%s)', p.oid::regproc, args) END AS call
FROM pg_depend d
JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
CROSS JOIN (VALUES (false), (true)) filled(likely)
CROSS JOIN LATERAL (
	SELECT string_agg(CASE WHEN filled.likely THEN pg_temp.likely(p.proargnames[n], type) ELSE 'NULL::' || type END,
		', ' ORDER BY n) AS args
	FROM unnest(p.proargtypes::regtype[]) WITH ORDINALITY a(type, n)) a
WHERE d.deptype = 'e' AND p.prokind IN ('f', 'p')
ORDER BY filled.likely, p.oid \gexec
\o

SELECT 'alive';
