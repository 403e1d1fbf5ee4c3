-- Meters and usage: functions and views.

CREATE VIEW billing.meters AS
	SELECT d.resource_type, d.unit, d.description, d.aggregation, d.frozen_at
	FROM billing.meter_definitions d
	UNION ALL
	SELECT b.resource_type, b.unit, b.description, b.aggregation, NULL::timestamptz
	FROM (VALUES ('API_CALL' COLLATE "C", 'call', 'API calls', 'SUM'),
				 ('STORAGE_GB_HOUR', 'GB hour', 'Gigabytes stored for an hour', 'SUM'),
				 ('ACTIVE_USER_SEAT', 'seat', 'Active users of a day', 'SUM'),
				 ('DATA_TRANSFER_GB', 'GB', 'Gigabytes transferred', 'SUM'))
		AS b(resource_type, unit, description, aggregation)
	WHERE NOT EXISTS (SELECT FROM billing.meter_definitions d WHERE d.resource_type = b.resource_type);
COMMENT ON VIEW billing.meters IS
'Meters: what is counted, its unit, and how a month of it is summed. Those that come with the extension and those of register_meter().';

CREATE FUNCTION billing.bucket_of(customer_id text) RETURNS smallint
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'billing_bucket_of';
COMMENT ON FUNCTION billing.bucket_of(text) IS
'The change-window bucket (0 to 63) of a customer.';

CREATE FUNCTION billing.window_snapshot() RETURNS pg_snapshot
	LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'billing_window_snapshot';
COMMENT ON FUNCTION billing.window_snapshot() IS
'The current snapshot with the caller''s own transaction among the running ones: what a consumer of a change window stores. Gives the caller a transaction id.';

-- Events of one customer that no fold has consumed yet.
CREATE FUNCTION billing.usage_tail(customer text)
	RETURNS TABLE (resource_type text, quantity numeric, occurred_at timestamptz, "position" bigint, reverses text)
	LANGUAGE sql STABLE AS $$
	SELECT e.resource_type, e.quantity, e.occurred_at, e.position, e.reverses
	FROM (SELECT billing.bucket_of(customer) AS bucket) b
	LEFT JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = b.bucket
	CROSS JOIN LATERAL (
		-- not distinct from, not equal: the planner must take the window, not all that the customer ever sent
		SELECT t.resource_type, t.quantity, t.occurred_at, t.position, t.reverses FROM billing.usage_events t
		WHERE t.customer_id IS NOT DISTINCT FROM customer AND t.bucket = b.bucket
		AND (t.era, t.xid) >= (COALESCE(w.era, 0), COALESCE(pg_catalog.pg_snapshot_xmax(w.snapshot), '1'::xid8))
		UNION ALL
		SELECT t.resource_type, t.quantity, t.occurred_at, t.position, t.reverses
		FROM pg_catalog.pg_snapshot_xip(w.snapshot) x
		CROSS JOIN LATERAL (
			SELECT t.resource_type, t.quantity, t.occurred_at, t.position, t.reverses FROM billing.usage_events t
			WHERE t.customer_id IS NOT DISTINCT FROM customer AND t.bucket = b.bucket AND t.era = w.era AND t.xid = x
			OFFSET 0
		) t
	) e
$$;
COMMENT ON FUNCTION billing.usage_tail(text) IS
'Usage events of one customer that are not folded yet. What the stored snapshot of the fold does not see; right on a standby, too.';

-- One day of a MAX or LAST meter from its events, as of a snapshot of an era.
CREATE FUNCTION billing.usage_day_extreme(customer text, resource text, aggregation text, day date,
	time_zone text, era int, snapshot pg_snapshot)
	RETURNS TABLE (quantity numeric, event_count bigint, last_at timestamptz, last_position bigint)
	LANGUAGE sql STABLE AS $$
	SELECT CASE aggregation WHEN 'MAX' THEN pg_catalog.max(e.quantity)
			ELSE (pg_catalog.array_agg(e.quantity ORDER BY e.occurred_at DESC, e.position DESC))[1] END,
		pg_catalog.count(*),
		CASE aggregation WHEN 'LAST' THEN pg_catalog.max(e.occurred_at) END,
		CASE aggregation WHEN 'LAST' THEN
			(pg_catalog.array_agg(e.position ORDER BY e.occurred_at DESC, e.position DESC))[1] END
	FROM billing.usage_events e
	WHERE e.customer_id = customer AND e.resource_type = resource AND e.reverses IS NULL
	AND (e.occurred_at AT TIME ZONE time_zone)::date = day
	AND (e.era < usage_day_extreme.era OR snapshot IS NULL OR pg_catalog.pg_visible_in_snapshot(e.xid, snapshot))
	AND NOT EXISTS (
		SELECT FROM billing.usage_events r
		WHERE r.customer_id = customer AND r.reverses = e.event_id
		AND (r.era < usage_day_extreme.era OR snapshot IS NULL OR pg_catalog.pg_visible_in_snapshot(r.xid, snapshot)))
$$;
COMMENT ON FUNCTION billing.usage_day_extreme(text, text, text, date, text, int, pg_snapshot) IS
'The quantity of one day of a MAX or LAST meter, computed from its events without those reversed, as the snapshot sees them; a null snapshot sees all.';

-- The usage of months: folded days plus the tail, in one snapshot.
CREATE FUNCTION billing.usage_by_month(customers text[], from_day date, to_day date)
	RETURNS TABLE (customer_id text, month date, resource_type text, quantity numeric, event_count bigint)
	LANGUAGE sql STABLE AS $$
	WITH tail AS MATERIALIZED (
		SELECT c.customer_id, c.time_zone, (e.occurred_at AT TIME ZONE c.time_zone)::date AS day,
			e.resource_type, e.quantity, e.occurred_at, e.position, e.reverses IS NOT NULL AS reversal
		FROM pg_catalog.unnest(customers) u(customer_id)
		JOIN billing.customers c ON c.customer_id = u.customer_id
		CROSS JOIN LATERAL billing.usage_tail(c.customer_id) e
	),
	-- days of MAX and LAST meters with a correction in the tail are computed from their events
	anew AS MATERIALIZED (
		SELECT t.customer_id, t.day, t.resource_type, d.quantity, d.event_count, d.last_at, d.last_position
		FROM (SELECT DISTINCT t.customer_id, t.time_zone, t.day, t.resource_type, m.aggregation
			FROM tail t JOIN billing.meters m ON m.resource_type = t.resource_type
			WHERE t.reversal AND m.aggregation IN ('MAX', 'LAST')) t
		CROSS JOIN LATERAL billing.usage_day_extreme(t.customer_id, t.resource_type, t.aggregation, t.day,
			t.time_zone, 0, NULL) d
	),
	days AS (
		SELECT a.customer_id, a.day, a.resource_type, a.quantity, a.event_count, a.last_at, a.last_position
		FROM pg_catalog.unnest(customers) u(customer_id)
		JOIN billing.aggregated_usage a ON a.customer_id = u.customer_id
		WHERE a.day >= from_day AND a.day < to_day
		AND NOT EXISTS (SELECT FROM anew n WHERE n.customer_id = a.customer_id AND n.day = a.day
			AND n.resource_type = a.resource_type)
		UNION ALL
		SELECT t.customer_id, t.day, t.resource_type,
			CASE WHEN m.aggregation = 'COUNT' THEN 1 ELSE t.quantity END * CASE WHEN t.reversal THEN -1 ELSE 1 END,
			CASE WHEN t.reversal THEN -1 ELSE 1 END, t.occurred_at, t.position
		FROM tail t JOIN billing.meters m ON m.resource_type = t.resource_type
		WHERE t.day >= from_day AND t.day < to_day
		AND NOT EXISTS (SELECT FROM anew n WHERE n.customer_id = t.customer_id AND n.day = t.day
			AND n.resource_type = t.resource_type)
		UNION ALL
		SELECT n.customer_id, n.day, n.resource_type, COALESCE(n.quantity, 0), n.event_count, n.last_at,
			n.last_position
		FROM anew n WHERE n.day >= from_day AND n.day < to_day
	)
	SELECT d.customer_id, pg_catalog.date_trunc('month', d.day)::date, d.resource_type,
		CASE m.aggregation
			WHEN 'MAX' THEN pg_catalog.max(d.quantity)
			WHEN 'LAST' THEN COALESCE((pg_catalog.array_agg(d.quantity ORDER BY d.last_at DESC, d.last_position DESC)
				FILTER (WHERE m.aggregation = 'LAST' AND d.last_at IS NOT NULL))[1], 0)
			ELSE pg_catalog.sum(d.quantity) END,
		pg_catalog.sum(d.event_count)::bigint
	FROM days d JOIN billing.meters m ON m.resource_type = d.resource_type
	GROUP BY 1, 2, 3, m.aggregation
	UNION ALL
	SELECT DISTINCT t.customer_id, pg_catalog.date_trunc('month', t.day)::date, NULL::text, NULL::numeric, NULL::bigint
	FROM tail t WHERE t.day < to_day
$$;
COMMENT ON FUNCTION billing.usage_by_month(text[], date, date) IS
'Usage of customers by month of their zone, for days from from_day (inclusive) to to_day (exclusive): folded days plus what is not folded yet. Besides, a row without resource type for each month before to_day that has usage not folded yet, also before from_day.';

CREATE FUNCTION billing.register_meter(resource_type text, unit text, description text, aggregation text DEFAULT 'SUM')
	RETURNS void LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_register_meter';
COMMENT ON FUNCTION billing.register_meter(text, text, text, text) IS
'Registers what is counted. aggregation is SUM, COUNT, MAX or LAST and is frozen at the first event. Errors: INVALID_ARGUMENT, FROZEN.';

CREATE FUNCTION billing.ingest_usage(event_id text, customer_id text, resource_type text, quantity numeric,
	occurred_at timestamptz DEFAULT NULL, properties jsonb DEFAULT NULL)
	RETURNS boolean LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_ingest_usage';
COMMENT ON FUNCTION billing.ingest_usage(text, text, text, numeric, timestamptz, jsonb) IS
'Stores one usage event: true stored, false when the customer has the event id already. quantity 0 to 10^15 with at most 12 decimals; occurred_at defaults to now. Errors: INVALID_ARGUMENT, METER_NOT_FOUND, CUSTOMER_NOT_FOUND, LIMIT_EXCEEDED.';

CREATE FUNCTION billing.ingest_usage_batch(events jsonb, OUT accepted bigint, OUT duplicate bigint, OUT rejected bigint)
	RETURNS record LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
	AS 'MODULE_PATHNAME', 'billing_ingest_usage_batch';
COMMENT ON FUNCTION billing.ingest_usage_batch(jsonb) IS
'Stores an array of at most 10000 events {eventId, customerId, resourceType, quantity, occurredAt, properties}. A bad event goes to rejected_usage and does not stop the others. Errors: INVALID_ARGUMENT, MALFORMED_DOCUMENT, LIMIT_EXCEEDED.';

CREATE FUNCTION billing.ingest_usage_arrays(event_ids text[], customer_ids text[], resource_types text[],
	quantities numeric[], occurred_at timestamptz[], OUT accepted bigint, OUT duplicate bigint, OUT rejected bigint)
	RETURNS record LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
	AS 'MODULE_PATHNAME', 'billing_ingest_usage_arrays';
COMMENT ON FUNCTION billing.ingest_usage_arrays(text[], text[], text[], numeric[], timestamptz[]) IS
'Stores events given as arrays of equal length: the fast path for loaders. Counts and refusals as ingest_usage_batch(). Errors: INVALID_ARGUMENT, LIMIT_EXCEEDED.';

CREATE FUNCTION billing.correct_usage(customer_id text, event_id text, reason text)
	RETURNS billing.usage_events LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_correct_usage';
COMMENT ON FUNCTION billing.correct_usage(text, text, text) IS
'Reverses one event by a new row and answers it; a second call answers the same row. If its month is billed, the next invoice takes the difference back. Errors: EVENT_NOT_FOUND, ILLEGAL_STATE.';

CREATE FUNCTION billing.aggregate_usage() RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET jit = off
	AS 'MODULE_PATHNAME', 'billing_aggregate_usage';
COMMENT ON FUNCTION billing.aggregate_usage() IS
'Folds usage events by day, each exactly once, and answers how many. Safe at any time from any number of sessions; reads never depend on it.';

CREATE FUNCTION billing.usage_of(customer_id text, period text, OUT resource_type text, OUT quantity numeric,
	OUT event_count bigint)
	RETURNS SETOF record LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
	AS 'MODULE_PATHNAME', 'billing_usage_of';
COMMENT ON FUNCTION billing.usage_of(text, text) IS
'What a customer used in a month (YYYY-MM in his zone), always including what is not folded yet. Errors: INVALID_PERIOD, FORBIDDEN.';

CREATE FUNCTION billing.usage_tail_customers() RETURNS TABLE (customer_id text)
	LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off AS $$
	SELECT e.customer_id FROM billing.window_cursors w
	JOIN billing.usage_events e ON e.bucket = w.bucket AND e.era = w.era
		AND e.xid >= pg_catalog.pg_snapshot_xmax(w.snapshot)
	WHERE w.consumer = 'usage'
	UNION
	SELECT e.customer_id FROM billing.window_cursors w
	CROSS JOIN LATERAL pg_catalog.pg_snapshot_xip(w.snapshot) x
	CROSS JOIN LATERAL (
		SELECT e.customer_id FROM billing.usage_events e
		WHERE e.bucket = w.bucket AND e.era = w.era AND e.xid = x OFFSET 0
	) e
	WHERE w.consumer = 'usage'
	UNION
	SELECT e.customer_id FROM pg_catalog.generate_series(0, 63) b
	LEFT JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = b
	JOIN billing.usage_events e ON e.bucket = b AND e.era > COALESCE(w.era, 0)
$$;
COMMENT ON FUNCTION billing.usage_tail_customers() IS
'Customers with usage events that are not folded yet.';

CREATE FUNCTION billing.purge_usage(before timestamptz) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_purge_usage';
COMMENT ON FUNCTION billing.purge_usage(timestamptz) IS
'Deletes billed raw events of whole days (in the customer''s zone) before a time, at most 10000 a call, and answers how many; call it until 0. The time must be older than billing.usage_max_age. Folded usage stays. For billing_admin. Error: INVALID_ARGUMENT.';

CREATE FUNCTION billing.usage_append_only() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_usage_append_only';
COMMENT ON FUNCTION billing.usage_append_only() IS
'Trigger that refuses UPDATE, DELETE and TRUNCATE of usage events to everybody but purge_usage(). Error: APPEND_ONLY.';
