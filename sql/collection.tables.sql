-- Collections of declined invoices, and dead letters: what needs an operator.

CREATE TABLE billing.collections (
	customer_id text COLLATE "C" NOT NULL,
	invoice_id uuid NOT NULL,
	status text NOT NULL,
	attempts int NOT NULL,
	step int NOT NULL,
	first_failed_at timestamptz NOT NULL,
	next_attempt_at timestamptz,
	last_payment_id uuid NOT NULL,
	last_failure_code text,
	stop_reason text,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	ended_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT collections_pkey PRIMARY KEY (customer_id, invoice_id),
	CONSTRAINT collections_status CHECK (status IN ('ACTIVE', 'COLLECTED', 'STOPPED', 'EXHAUSTED')),
	CONSTRAINT collections_stop_reason CHECK (stop_reason IN ('PAID', 'CANCELLED', 'NOTHING_DUE', 'SEND_INVOICE')),
	CONSTRAINT collections_stopped CHECK ((status = 'STOPPED') = (stop_reason IS NOT NULL)),
	CONSTRAINT collections_active CHECK ((status = 'ACTIVE') = (next_attempt_at IS NOT NULL)
		AND (status = 'ACTIVE') = (ended_at IS NULL)),
	CONSTRAINT collections_counts CHECK (attempts >= 1 AND step >= 0 AND step <= attempts)
) WITH (fillfactor = 80);
SELECT pg_catalog.pg_extension_config_dump('billing.collections', '');
COMMENT ON TABLE billing.collections IS
'Invoices whose automatic charge was declined, one row each, made by the first decline. ACTIVE: charged again at next_attempt_at; COLLECTED: a later charge was approved; STOPPED: there is nothing to charge any more (stop_reason); EXHAUSTED: given up, with a dead letter, until replay_dead_letter() makes it ACTIVE again. attempts counts all declines, step those since first_failed_at, which a replay begins anew.';
CREATE INDEX collections_due ON billing.collections (next_attempt_at, invoice_id) WHERE status = 'ACTIVE';

CREATE TABLE billing.dead_letters (
	customer_id text COLLATE "C" NOT NULL,
	dead_letter_id uuid NOT NULL,
	source text NOT NULL,
	subject_type text NOT NULL,
	subject_id uuid NOT NULL,
	error_class text NOT NULL,
	failure_reason text NOT NULL,
	payload jsonb NOT NULL,
	retry_count int NOT NULL,
	status text NOT NULL,
	created_at timestamptz NOT NULL,
	resolved_at timestamptz,
	resolved_by text,
	resolution text,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT dead_letters_pkey PRIMARY KEY (customer_id, dead_letter_id),
	CONSTRAINT dead_letters_source CHECK (source IN ('PAYMENT', 'REFUND', 'SETTLEMENT', 'PG_WEBHOOK', 'OUTBOX')),
	CONSTRAINT dead_letters_error_class CHECK (error_class IN ('HARD_DECLINE', 'RETRIES_EXHAUSTED')),
	CONSTRAINT dead_letters_retry_count CHECK (retry_count >= 0),
	CONSTRAINT dead_letters_status CHECK (status IN ('OPEN', 'REPLAYED', 'DISCARDED')),
	CONSTRAINT dead_letters_resolved CHECK ((status = 'OPEN') = (resolved_at IS NULL)
		AND (status = 'OPEN') = (resolved_by IS NULL) AND (status = 'OPEN') = (resolution IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.dead_letters', '');
COMMENT ON TABLE billing.dead_letters IS
'What billing has given up and an operator decides, with all that is needed to understand it (payload). OPEN until replay_dead_letter() begins it anew or discard_dead_letter() lets it be. Of source PAYMENT: an invoice (subject_type INVOICE) that could not be collected.';
CREATE UNIQUE INDEX dead_letters_open ON billing.dead_letters (customer_id, source, subject_id) WHERE status = 'OPEN';
CREATE INDEX dead_letters_id ON billing.dead_letters (dead_letter_id);
CREATE INDEX dead_letters_waiting ON billing.dead_letters (created_at) WHERE status = 'OPEN';
CREATE INDEX dead_letters_subject ON billing.dead_letters (customer_id, subject_id);
