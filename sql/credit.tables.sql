-- Credits, and what they were used for.

CREATE TABLE billing.credits (
	customer_id text COLLATE "C" NOT NULL,
	credit_id uuid NOT NULL,
	type text NOT NULL,
	currency text COLLATE "C" NOT NULL,
	granted numeric NOT NULL,
	balance numeric NOT NULL,
	valid_from timestamptz NOT NULL,
	valid_until timestamptz,
	status text NOT NULL,
	reason text,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	metadata jsonb,
	created_at timestamptz NOT NULL,
	ended_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT credits_pkey PRIMARY KEY (customer_id, credit_id),
	CONSTRAINT credits_type CHECK (type IN ('PROMO', 'PREPAID', 'COMPENSATION', 'REFUND_TO_CREDIT')),
	CONSTRAINT credits_status CHECK (status IN ('ACTIVE', 'EXHAUSTED', 'EXPIRED', 'REVOKED')),
	CONSTRAINT credits_balance CHECK (granted > '0'::numeric AND granted < 'Infinity'::numeric
		AND balance >= '0'::numeric AND balance <= granted),
	CONSTRAINT credits_active CHECK ((status = 'ACTIVE') = (balance > '0'::numeric)),
	CONSTRAINT credits_ended CHECK ((status = 'ACTIVE') = (ended_at IS NULL)),
	CONSTRAINT credits_times CHECK (valid_until > valid_from),
	CONSTRAINT credits_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.credits', '');
COMMENT ON TABLE billing.credits IS
'Credits: amounts that pay invoices of their currency between valid_from and valid_until (exclusive). Made by grant_credit() and by what goes back to a customer; never deleted.';
CREATE UNIQUE INDEX credits_key ON billing.credits (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX credits_usable ON billing.credits (customer_id, currency) WHERE status = 'ACTIVE';
CREATE INDEX credits_expiry ON billing.credits (valid_until, customer_id, credit_id) WHERE status = 'ACTIVE';
CREATE INDEX credits_id ON billing.credits (credit_id);

CREATE TABLE billing.credit_applications (
	customer_id text COLLATE "C" NOT NULL,
	application_id uuid NOT NULL,
	invoice_id uuid NOT NULL,
	amount numeric NOT NULL,
	currency text COLLATE "C" NOT NULL,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	applied_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT credit_applications_pkey PRIMARY KEY (customer_id, application_id),
	CONSTRAINT credit_applications_amount CHECK (amount >= '0'::numeric AND amount < 'Infinity'::numeric),
	CONSTRAINT credit_applications_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.credit_applications', '');
COMMENT ON TABLE billing.credit_applications IS
'One row for each time credits were applied to an invoice: by apply_credit(), or by settlement before it charged. Append-only. An amount of 0 keeps the key of a call that found nothing to apply.';
CREATE UNIQUE INDEX credit_applications_key ON billing.credit_applications (customer_id, idempotency_key)
	WHERE idempotency_key IS NOT NULL;
CREATE INDEX credit_applications_invoice ON billing.credit_applications (customer_id, invoice_id);

CREATE TABLE billing.credit_uses (
	customer_id text COLLATE "C" NOT NULL,
	application_id uuid NOT NULL,
	use_no int NOT NULL,
	credit_id uuid NOT NULL,
	amount numeric NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT credit_uses_pkey PRIMARY KEY (customer_id, application_id, use_no),
	CONSTRAINT credit_uses_amount CHECK (amount > '0'::numeric AND amount < 'Infinity'::numeric)
);
SELECT pg_catalog.pg_extension_config_dump('billing.credit_uses', '');
COMMENT ON TABLE billing.credit_uses IS
'What each credit gave to an application, in the order in which they were used. Append-only.';
CREATE INDEX credit_uses_credit ON billing.credit_uses (customer_id, credit_id);
