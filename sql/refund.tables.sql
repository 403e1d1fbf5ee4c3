-- Refunds of payments.

CREATE TABLE billing.refunds (
	customer_id text COLLATE "C" NOT NULL,
	refund_id uuid NOT NULL,
	payment_id uuid NOT NULL,
	amount numeric NOT NULL,
	currency text COLLATE "C" NOT NULL,
	tax numeric NOT NULL,
	destination text NOT NULL,
	provider_key text COLLATE "C" NOT NULL,
	provider_reference text,
	status text NOT NULL,
	failure_code text,
	failure_message text,
	reason text,
	credit_note_id uuid,
	credit_id uuid,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	metadata jsonb,
	requested_at timestamptz NOT NULL,
	completed_at timestamptz,
	deleted_at timestamptz,
	deleted_by text,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT refunds_pkey PRIMARY KEY (customer_id, refund_id),
	CONSTRAINT refunds_destination CHECK (destination IN ('SOURCE', 'WALLET', 'CREDIT')),
	CONSTRAINT refunds_status CHECK (status IN ('REQUESTED', 'APPROVED', 'COMPLETED', 'FAILED')),
	CONSTRAINT refunds_amount CHECK (amount > '0'::numeric AND amount < 'Infinity'::numeric
		AND tax >= '0'::numeric AND tax <= amount),
	CONSTRAINT refunds_completed CHECK ((status IN ('COMPLETED', 'FAILED')) = (completed_at IS NOT NULL)),
	CONSTRAINT refunds_deleted CHECK ((deleted_at IS NULL) = (deleted_by IS NULL)),
	CONSTRAINT refunds_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.refunds', '');
COMMENT ON TABLE billing.refunds IS
'Refunds: money of a payment that goes back, with a key of their own at the provider. One that is REQUESTED (its outcome is not known) counts against what is left. COMPLETED and FAILED are final.';
CREATE UNIQUE INDEX refunds_key ON billing.refunds (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX refunds_payment ON billing.refunds (customer_id, payment_id);
CREATE INDEX refunds_id ON billing.refunds (refund_id);
