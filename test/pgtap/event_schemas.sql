-- Every payload of the outbox agrees with the JSON schema of its type in docs/reference/events, names no field that the
-- schema does not, and of each schema there is an event. Run at the root of the checkout.
BEGIN;
\ir include/money.sql
\ir include/collections.sql
CREATE TEMP TABLE schema_text (name text, document text);
\copy schema_text FROM PROGRAM 'cd docs/reference/events && for f in *.schema.json; do printf "%s\001" "${f%.schema.json}"; tr "\n" " " < "$f"; echo; done' WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')
CREATE TEMP TABLE event_schema AS SELECT name, document::jsonb AS document FROM schema_text;

-- What of a value disagrees with a schema, as far as the schemas of the events go: a keyword that is not known here is
-- told, and so is a field that the schema does not name. (18 computes at once what has only constants, whatever stands before an OR.)
CREATE FUNCTION pg_temp.disagrees(schema jsonb, document jsonb, place text DEFAULT '$') RETURNS SETOF text LANGUAGE sql AS $$
	WITH given AS (SELECT jsonb_typeof(document) AS type, document #>> '{}' AS text,
		CASE WHEN jsonb_typeof(document) = 'number' THEN document::numeric END AS number)
	SELECT format('%s: %s', place, t.what) FROM given g
	CROSS JOIN LATERAL jsonb_each(schema) k
	CROSS JOIN LATERAL (SELECT k.key || ' ' || k.value AS what) t
	WHERE NOT CASE k.key
		WHEN 'type' THEN k.value @> to_jsonb(g.type) OR (k.value @> '"integer"' AND g.number = trunc(g.number))
		WHEN 'enum' THEN k.value @> document
		WHEN 'const' THEN k.value = document
		WHEN 'required' THEN g.type = 'object' AND document ?& ARRAY(SELECT jsonb_array_elements_text(k.value))
		WHEN 'pattern' THEN g.type <> 'string' OR g.text ~ (k.value #>> '{}')
		WHEN 'minLength' THEN g.type <> 'string' OR length(g.text) >= k.value::int
		WHEN 'maxLength' THEN g.type <> 'string' OR length(g.text) <= k.value::int
		WHEN 'minimum' THEN g.number IS NULL OR g.number >= k.value::numeric
		WHEN 'exclusiveMinimum' THEN g.number IS NULL OR g.number > k.value::numeric
		WHEN 'minItems' THEN g.type <> 'array' OR jsonb_array_length(CASE g.type WHEN 'array' THEN document ELSE '[]' END) >= k.value::int
		WHEN 'maxItems' THEN g.type <> 'array' OR jsonb_array_length(CASE g.type WHEN 'array' THEN document ELSE '[]' END) <= k.value::int
		WHEN 'format' THEN g.type <> 'string' OR CASE k.value #>> '{}'
			WHEN 'uuid' THEN g.text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
			WHEN 'date' THEN g.text ~ '^\d{4}-\d\d-\d\d$'
			WHEN 'date-time' THEN g.text ~ '^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$' END
		ELSE k.key IN ('$schema', '$id', 'title', 'description', 'properties', 'items', 'additionalProperties') END
	UNION ALL
	SELECT format('%s: no field %s', place, f.key) FROM given g, jsonb_each(CASE WHEN g.type = 'object' THEN document ELSE '{}' END) f
	WHERE schema ? 'properties' AND NOT schema -> 'properties' ? f.key
	UNION ALL
	SELECT d FROM given g, jsonb_each(CASE WHEN g.type = 'object' THEN document ELSE '{}' END) f
	CROSS JOIN LATERAL pg_temp.disagrees(schema -> 'properties' -> f.key, f.value, place || '.' || f.key) d
	WHERE schema -> 'properties' ? f.key
	UNION ALL
	SELECT d FROM given g, jsonb_array_elements(CASE WHEN g.type = 'array' THEN document ELSE '[]' END) f
	CROSS JOIN LATERAL pg_temp.disagrees(schema -> 'items', f.value, place || '[]') d
	WHERE schema ? 'items'
$$;

SELECT plan(15);
SELECT cmp_ok((SELECT count(*) FROM event_schema), '>', 6::bigint, 'there are schemas');
-- the validator itself: what it must tell
SELECT results_eq(format('SELECT pg_temp.disagrees(%L, %L)', v.schema, v.value), ARRAY[v.expected], v.expected)
FROM (VALUES
	('{"type": "string"}', '1', '$: type "string"'),
	('{"type": ["string", "null"]}', 'true', '$: type ["string", "null"]'),
	('{"properties": {"a": {"exclusiveMinimum": 0}}}', '{"a": 0}', '$.a: exclusiveMinimum 0'),
	('{"properties": {}}', '{"b": 0}', '$: no field b'),
	('{"required": ["a"]}', '{}', '$: required ["a"]'),
	('{"items": {"format": "uuid"}}', '["x"]', '$[]: format "uuid"'),
	('{"format": "date-time"}', '"2026-06-02 00:00:00"', '$: format "date-time"'),
	('{"enum": ["A"]}', '"B"', '$: enum ["A"]'),
	('{"multipleOf": 3}', '3', '$: multipleOf 3')
) v(schema, value, expected);

CALL pg_temp.move_money();
CALL pg_temp.collect_declined();
SET LOCAL billing.gateway_stuck_after = 0;
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
SELECT count(billing.request_top_up('stuck', 5, 'KRW', 'CARD')) AS stuck;
CREATE TEMP TABLE paid_by_http AS SELECT p.payment_id FROM billing.request_top_up('stuck', 7, 'KRW', 'CARD') p;
SELECT count(billing.resolve_payment(payment_id, 'APPROVED', 'ref', 'asked')) AS approved FROM paid_by_http;
SELECT count(billing.refund_payment(payment_id, 2)) AS refunds FROM paid_by_http;
SELECT billing.report_stuck_payments() AS stuck;
SELECT is_empty($$SELECT DISTINCT o.type FROM billing.outbox o WHERE o.type NOT IN (SELECT name FROM event_schema)$$, 'every type of event has a schema');
SELECT is_empty($$SELECT s.name FROM event_schema s WHERE s.name NOT IN (SELECT o.type FROM billing.outbox o)$$, 'of every schema there is an event');
SELECT is_empty($$SELECT s.name FROM event_schema s WHERE s.document ->> 'title' <> s.name OR s.document ->> '$id' <> s.name || '.schema.json'
	OR NOT s.document -> 'required' @> '["customerId", "occurredAt"]'$$, 'a schema says what it is of; customer and time are in each');
SELECT is_empty($$SELECT o.type, d, min(o.payload::text) FROM billing.outbox o JOIN event_schema s ON s.name = o.type,
	LATERAL pg_temp.disagrees(s.document, o.payload) d GROUP BY 1, 2$$, 'every payload agrees with its schema, field by field');
SELECT is_empty($$SELECT o.type, o.aggregatetype FROM billing.outbox o WHERE o.type NOT LIKE o.aggregatetype || '%' OR o.payload ->> 'customerId' <> o.customer_id$$,
	'an event is named for what it is about, and tells of its own customer');
SELECT * FROM finish();
ROLLBACK;
