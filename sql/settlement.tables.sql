-- Settlement runs and the progress of jobs.

CREATE TABLE billing.settlement_runs (
	customer_id text COLLATE "C" NOT NULL,
	period text COLLATE "C" NOT NULL,
	status text NOT NULL,
	attempts int NOT NULL DEFAULT 0,
	started_at timestamptz,
	finished_at timestamptz,
	invoice_id uuid,
	failure_code text,
	failure_reason text,
	lock_wait_us bigint NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT settlement_runs_pkey PRIMARY KEY (period, customer_id),
	CONSTRAINT settlement_runs_status CHECK (status IN ('PENDING', 'RUNNING', 'COMPLETED', 'FAILED'))
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('billing.settlement_runs', '');
COMMENT ON TABLE billing.settlement_runs IS
'One row per customer and settled month: queued as PENDING, claimed, then COMPLETED or FAILED with the reason. RUNNING is seen by its own transaction only.';

CREATE TABLE billing.job_runs (
	job_run_id uuid NOT NULL,
	job text NOT NULL,
	period text,
	status text NOT NULL,
	workers int NOT NULL,
	settings jsonb NOT NULL,
	started_at timestamptz NOT NULL,
	finished_at timestamptz,
	message text,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT job_runs_pkey PRIMARY KEY (job_run_id),
	CONSTRAINT job_runs_status CHECK (status IN ('RUNNING', 'COMPLETED', 'FAILED'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.job_runs', '');
COMMENT ON TABLE billing.job_runs IS
'Starts of long jobs. The next start of the same job and period goes on where one was interrupted, and makes it FAILED with the message interrupted.';
CREATE INDEX job_runs_period ON billing.job_runs (job, period);
