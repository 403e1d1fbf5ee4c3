-- Meters, usage events and what they fold into.

CREATE TABLE billing.meter_definitions (
	resource_type text COLLATE "C" NOT NULL,
	unit text NOT NULL,
	description text,
	aggregation text NOT NULL,
	frozen_at timestamptz,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT meter_definitions_pkey PRIMARY KEY (resource_type),
	CONSTRAINT meter_definitions_aggregation CHECK (aggregation IN ('SUM', 'COUNT', 'MAX', 'LAST'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.meter_definitions', '');
COMMENT ON TABLE billing.meter_definitions IS
'Meters that were registered or used; their aggregation is frozen at the first event. Read through the view meters.';

CREATE SEQUENCE billing.usage_events_position_seq CACHE 1;
SELECT pg_catalog.pg_extension_config_dump('billing.usage_events_position_seq', '');
COMMENT ON SEQUENCE billing.usage_events_position_seq IS 'Positions of usage events: which of two at the same time came later.';

CREATE TABLE billing.usage_events (
	customer_id text COLLATE "C" NOT NULL,
	event_id text COLLATE "C" NOT NULL,
	resource_type text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	occurred_at timestamptz NOT NULL,
	received_at timestamptz NOT NULL,
	position bigint NOT NULL DEFAULT nextval('billing.usage_events_position_seq'),
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	era int NOT NULL,
	bucket smallint NOT NULL,
	properties jsonb,
	reverses text COLLATE "C",
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT usage_events_pkey PRIMARY KEY (customer_id, event_id),
	CONSTRAINT usage_events_quantity CHECK (quantity >= '0'::numeric AND quantity <= '1000000000000000'::numeric)
) PARTITION BY HASH (customer_id);
COMMENT ON TABLE billing.usage_events IS
'Usage as it arrived, one row an event; a row that reverses another is a correction. Append-only; settled events may be purged by age.';
CREATE INDEX usage_events_window ON billing.usage_events (bucket, era, xid);
CREATE UNIQUE INDEX usage_events_reverses ON billing.usage_events (customer_id, reverses) WHERE reverses IS NOT NULL;

DO $$
DECLARE
	part text;
BEGIN
	FOR i IN 0 .. 7 LOOP
		part := pg_catalog.format('usage_events_%s', i);
		EXECUTE pg_catalog.format('CREATE TABLE billing.%I PARTITION OF billing.usage_events'
			' FOR VALUES WITH (MODULUS 8, REMAINDER %s)', part, i);
		EXECUTE pg_catalog.format('COMMENT ON TABLE billing.%I IS %L', part, 'Partition of usage_events.');
		PERFORM pg_catalog.pg_extension_config_dump(pg_catalog.format('billing.%I', part)::regclass, '');
	END LOOP;
END;
$$;

CREATE TABLE billing.aggregated_usage (
	customer_id text COLLATE "C" NOT NULL,
	day date NOT NULL,
	resource_type text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	event_count bigint NOT NULL,
	last_at timestamptz,
	last_position bigint,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT aggregated_usage_pkey PRIMARY KEY (customer_id, day, resource_type)
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('billing.aggregated_usage', '');
COMMENT ON TABLE billing.aggregated_usage IS
'Usage folded by day in the customer''s zone: quantity by the meter''s aggregation. Written by aggregate_usage() only.';

CREATE TABLE billing.unbilled_usage (
	customer_id text COLLATE "C" NOT NULL,
	month date NOT NULL,
	changes bigint NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT unbilled_usage_pkey PRIMARY KEY (customer_id, month)
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('billing.unbilled_usage', '');
COMMENT ON TABLE billing.unbilled_usage IS
'Months of a customer into which usage was folded since they were billed. Made by the fold, removed by settlement when nothing came since.';
CREATE INDEX unbilled_usage_month ON billing.unbilled_usage (month, customer_id);

CREATE TABLE billing.rejected_usage (
	position bigint GENERATED ALWAYS AS IDENTITY,
	customer_id text COLLATE "C",
	event_id text COLLATE "C",
	reason text NOT NULL,
	detail text NOT NULL,
	document jsonb,
	digest bytea NOT NULL,
	received_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT rejected_usage_pkey PRIMARY KEY (position),
	CONSTRAINT rejected_usage_once UNIQUE NULLS NOT DISTINCT (customer_id, digest)
);
SELECT pg_catalog.pg_extension_config_dump('billing.rejected_usage', '');
SELECT pg_catalog.pg_extension_config_dump('billing.rejected_usage_position_seq', '');
COMMENT ON SEQUENCE billing.rejected_usage_position_seq IS 'Positions of refused events, by which they are named.';
COMMENT ON TABLE billing.rejected_usage IS
'Events that were refused, with the reason, and known event ids that came back with other content. Kept once per content; for operators.';
