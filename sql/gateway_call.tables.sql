-- What an outside payment provider is to be told.

CREATE TABLE billing.gateway_calls (
	customer_id text COLLATE "C" NOT NULL,
	subject text NOT NULL,
	subject_id uuid NOT NULL,
	priority smallint NOT NULL,
	action text NOT NULL,
	due_at timestamptz NOT NULL,
	attempts int NOT NULL DEFAULT 0,
	sends int NOT NULL DEFAULT 0,
	tries int NOT NULL DEFAULT 0,
	lookups int NOT NULL DEFAULT 0,
	first_sent_at timestamptz,
	not_found_since timestamptz,
	refused_status int,
	lease_token uuid,
	last_error text,
	stuck_since timestamptz,
	trace_id text,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT gateway_calls_pkey PRIMARY KEY (customer_id, subject_id),
	CONSTRAINT gateway_calls_subject CHECK (subject IN ('PAYMENT', 'REFUND')),
	CONSTRAINT gateway_calls_action CHECK (action IN ('SEND', 'LOOKUP')),
	CONSTRAINT gateway_calls_priority CHECK (priority IN (0, 1)),
	CONSTRAINT gateway_calls_counts CHECK (attempts >= 0 AND sends >= 0 AND sends <= attempts AND tries >= 0 AND lookups >= 0),
	CONSTRAINT gateway_calls_sent CHECK ((sends = 0) = (first_sent_at IS NULL))
) WITH (fillfactor = 50);
SELECT pg_catalog.pg_extension_config_dump('billing.gateway_calls', '');
COMMENT ON TABLE billing.gateway_calls IS
'Payments and refunds that an outside provider has not decided, one row each, gone when it has. action: what is done next, at due_at: SEND with the key of the payment or refund, or LOOKUP by it. While a call runs under lease_token, due_at is the end of its lease and action is LOOKUP: what a lost call did is asked before it is sent again. attempts counts all calls, sends those that may have moved money, tries those in a row that did not leave or were not let in, lookups the steps of billing.gateway_lookup_delays that are done. priority 0: somebody waits; 1: charges of settlements.';
CREATE INDEX gateway_calls_due ON billing.gateway_calls (priority, due_at);
CREATE INDEX gateway_calls_waiting ON billing.gateway_calls (created_at) WHERE priority = 0 AND sends = 0;

CREATE TABLE billing.refund_attempts (
	customer_id text COLLATE "C" NOT NULL,
	refund_id uuid NOT NULL,
	attempt_no int NOT NULL,
	call text NOT NULL,
	status text NOT NULL,
	provider_reference text,
	failure_code text,
	failure_message text,
	sent_at timestamptz NOT NULL,
	finished_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT refund_attempts_pkey PRIMARY KEY (customer_id, refund_id, attempt_no),
	CONSTRAINT refund_attempts_call CHECK (call IN ('SEND', 'LOOKUP')),
	CONSTRAINT refund_attempts_status CHECK (status IN ('SENT', 'APPROVED', 'DECLINED', 'UNKNOWN', 'NOT_SENT'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.refund_attempts', '');
COMMENT ON TABLE billing.refund_attempts IS
'Calls to an outside provider for refunds, like payment_attempts for payments.';
