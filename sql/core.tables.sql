-- Settings of the house, change windows, outbox, audit log.

CREATE TABLE billing.billing_settings (
	singleton boolean NOT NULL DEFAULT true,
	time_zone text NOT NULL,
	updated_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT billing_settings_pkey PRIMARY KEY (singleton),
	CONSTRAINT billing_settings_singleton CHECK (singleton)
);
SELECT pg_catalog.pg_extension_config_dump('billing.billing_settings', '');
COMMENT ON TABLE billing.billing_settings IS
'One row with the settings of the house that belong to its data. No row: time zone UTC. Written by set_house_time_zone().';

CREATE TABLE billing.worker_environment (
	singleton boolean NOT NULL DEFAULT true,
	environment text COLLATE "C" NOT NULL,
	database_oid oid NOT NULL,
	enabled_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT worker_environment_pkey PRIMARY KEY (singleton),
	CONSTRAINT worker_environment_singleton CHECK (singleton)
);
COMMENT ON TABLE billing.worker_environment IS
'The environment in which workers of this very database may talk to the outside. Written by enable_workers(), emptied by disable_workers(). Left out of dumps on purpose: a restored database is silent.';

CREATE TABLE billing.window_eras (
	era int NOT NULL,
	system_identifier bigint NOT NULL,
	database_name text NOT NULL,
	first_xid xid8 NOT NULL,
	started_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT window_eras_pkey PRIMARY KEY (era)
);
SELECT pg_catalog.pg_extension_config_dump('billing.window_eras', '');
COMMENT ON TABLE billing.window_eras IS
'Where the transaction ids of rows come from. A row is added at the first write after a restore from a dump; never changed.';

CREATE TABLE billing.window_lineage (
	era int NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT window_lineage_pkey PRIMARY KEY (era)
);
COMMENT ON TABLE billing.window_lineage IS
'The era of these very data files. Left out of dumps on purpose: a restored database has none and starts a new era.';

CREATE TABLE billing.window_cursors (
	consumer text COLLATE "C" NOT NULL,
	bucket smallint NOT NULL,
	era int NOT NULL,
	snapshot pg_snapshot NOT NULL,
	moved_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT window_cursors_pkey PRIMARY KEY (consumer, bucket),
	CONSTRAINT window_cursors_bucket CHECK (bucket BETWEEN 0 AND 63)
) WITH (fillfactor = 50);
SELECT pg_catalog.pg_extension_config_dump('billing.window_cursors', '');
COMMENT ON TABLE billing.window_cursors IS
'The snapshot that a consumer has consumed last, per bucket of customers. Made at its first run, moved by each run.';

CREATE TABLE billing.outbox_state (
	singleton boolean NOT NULL DEFAULT true,
	current_slot smallint NOT NULL,
	current_since timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT outbox_state_pkey PRIMARY KEY (singleton),
	CONSTRAINT outbox_state_singleton CHECK (singleton),
	CONSTRAINT outbox_state_slot CHECK (current_slot BETWEEN 0 AND 2)
);
SELECT pg_catalog.pg_extension_config_dump('billing.outbox_state', '');
COMMENT ON TABLE billing.outbox_state IS
'Which of the three outbox tables takes new events. No row: the first. Changed when the tables rotate.';

CREATE SEQUENCE billing.outbox_position_seq;
SELECT pg_catalog.pg_extension_config_dump('billing.outbox_position_seq', '');
COMMENT ON SEQUENCE billing.outbox_position_seq IS 'Positions of events in the outbox: the order of one customer''s events.';

CREATE TABLE billing.outbox (
	slot smallint NOT NULL,
	bucket smallint NOT NULL,
	era int NOT NULL,
	xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
	position bigint NOT NULL DEFAULT nextval('billing.outbox_position_seq'),
	id uuid NOT NULL,
	aggregatetype text NOT NULL,
	aggregateid text NOT NULL,
	type text NOT NULL,
	customer_id text COLLATE "C",
	payload jsonb NOT NULL,
	schema_version smallint NOT NULL,
	trace_id text,
	idempotency_key text,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0
) PARTITION BY LIST (slot);
COMMENT ON TABLE billing.outbox IS
'Domain events, written in the transaction of what they tell. Append-only; a slot is emptied by TRUNCATE when it rotates.';
CREATE TABLE billing.outbox_0 PARTITION OF billing.outbox FOR VALUES IN (0);
CREATE TABLE billing.outbox_1 PARTITION OF billing.outbox FOR VALUES IN (1);
CREATE TABLE billing.outbox_2 PARTITION OF billing.outbox FOR VALUES IN (2);
COMMENT ON TABLE billing.outbox_0 IS 'Slot 0 of outbox.';
COMMENT ON TABLE billing.outbox_1 IS 'Slot 1 of outbox.';
COMMENT ON TABLE billing.outbox_2 IS 'Slot 2 of outbox.';
SELECT pg_catalog.pg_extension_config_dump('billing.outbox_0', '');
SELECT pg_catalog.pg_extension_config_dump('billing.outbox_1', '');
SELECT pg_catalog.pg_extension_config_dump('billing.outbox_2', '');
CREATE INDEX outbox_window ON billing.outbox (bucket, era, xid);

CREATE TABLE billing.audit_entries (
	position bigint GENERATED ALWAYS AS IDENTITY,
	audit_id uuid NOT NULL,
	customer_id text COLLATE "C",
	actor_type text NOT NULL,
	actor_id text NOT NULL,
	action text NOT NULL,
	target_type text NOT NULL,
	target_id text NOT NULL,
	before jsonb,
	after jsonb,
	reason text,
	trace_id text,
	occurred_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT audit_entries_actor_type CHECK (actor_type IN ('USER', 'OPERATOR', 'SYSTEM', 'EXTERNAL'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.audit_entries', '');
SELECT pg_catalog.pg_extension_config_dump('billing.audit_entries_position_seq', '');
COMMENT ON SEQUENCE billing.audit_entries_position_seq IS 'Positions of entries in the audit log.';
COMMENT ON TABLE billing.audit_entries IS
'Who did what, with the state before and after. Append-only: UPDATE, DELETE and TRUNCATE are refused to everybody. Read through the view audit_log, which adds the movements of wallets.';
CREATE INDEX audit_entries_target ON billing.audit_entries (target_id, position);
CREATE INDEX audit_entries_customer ON billing.audit_entries (customer_id, position);
