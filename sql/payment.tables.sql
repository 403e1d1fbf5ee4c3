-- Payments, the attempts to capture them, and the means to pay by.

CREATE TABLE billing.payments (
	customer_id text COLLATE "C" NOT NULL,
	payment_id uuid NOT NULL,
	operation text NOT NULL,
	target_type text NOT NULL,
	target_id uuid NOT NULL,
	amount numeric NOT NULL,
	excess numeric NOT NULL DEFAULT 0,
	currency text COLLATE "C" NOT NULL,
	method text NOT NULL,
	payment_method_id uuid,
	provider text NOT NULL,
	provider_key text COLLATE "C" NOT NULL,
	provider_reference text,
	status text NOT NULL,
	failure_code text,
	failure_message text,
	credit_id uuid,
	reference text,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	metadata jsonb,
	created_at timestamptz NOT NULL,
	completed_at timestamptz,
	late_reference text,
	late_captured_at timestamptz,
	deleted_at timestamptz,
	deleted_by text,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT payments_pkey PRIMARY KEY (customer_id, payment_id),
	CONSTRAINT payments_target CHECK (target_type IN ('ORDER', 'INVOICE', 'TOP_UP')),
	CONSTRAINT payments_method CHECK (method IN ('CARD', 'BANK_TRANSFER', 'WALLET', 'IAP')),
	CONSTRAINT payments_status CHECK (status IN ('PENDING', 'APPROVED', 'FAILED')),
	CONSTRAINT payments_completed CHECK ((status = 'PENDING') = (completed_at IS NULL)),
	CONSTRAINT payments_amount CHECK (amount > '0'::numeric AND amount < 'Infinity'::numeric),
	CONSTRAINT payments_excess CHECK (excess >= '0'::numeric AND excess <= amount
		AND (excess > '0'::numeric) = (credit_id IS NOT NULL)),
	CONSTRAINT payments_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL)),
	CONSTRAINT payments_late CHECK ((late_reference IS NULL) = (late_captured_at IS NULL)
		AND (late_captured_at IS NULL OR status = 'FAILED')),
	CONSTRAINT payments_deleted CHECK ((deleted_at IS NULL) = (deleted_by IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.payments', '');
COMMENT ON TABLE billing.payments IS
'Payments: one intention to capture an amount for an order, an invoice or the top-up of a wallet, with one key at the provider. PENDING while the outcome is not known; APPROVED and FAILED are final. excess: what a recorded transfer was beyond what was due, turned into a credit. late_captured_at: when the provider said that it captured what had FAILED already; that money is refunded.';
CREATE UNIQUE INDEX payments_pending ON billing.payments (customer_id, target_id)
	WHERE status = 'PENDING' AND target_type <> 'TOP_UP';
CREATE UNIQUE INDEX payments_order ON billing.payments (customer_id, target_id)
	WHERE status = 'APPROVED' AND target_type = 'ORDER';
CREATE UNIQUE INDEX payments_key ON billing.payments (customer_id, operation, idempotency_key)
	WHERE idempotency_key IS NOT NULL;
CREATE INDEX payments_by_target ON billing.payments (customer_id, target_id);
CREATE INDEX payments_id ON billing.payments (payment_id);

CREATE TABLE billing.payment_attempts (
	customer_id text COLLATE "C" NOT NULL,
	payment_id uuid NOT NULL,
	attempt_no int NOT NULL,
	call text NOT NULL DEFAULT 'SEND',
	status text NOT NULL,
	provider_reference text,
	failure_code text,
	failure_message text,
	sent_at timestamptz NOT NULL,
	finished_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT payment_attempts_pkey PRIMARY KEY (customer_id, payment_id, attempt_no),
	CONSTRAINT payment_attempts_call CHECK (call IN ('SEND', 'LOOKUP')),
	CONSTRAINT payment_attempts_status CHECK (status IN ('SENT', 'APPROVED', 'DECLINED', 'UNKNOWN', 'NOT_SENT'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.payment_attempts', '');
COMMENT ON TABLE billing.payment_attempts IS
'Calls to the payment provider, SEND with its key or LOOKUP by it: SENT until it has answered, UNKNOWN when its answer is not known or says nothing final, NOT_SENT when nothing left.';

CREATE TABLE billing.payment_methods (
	customer_id text COLLATE "C" NOT NULL,
	payment_method_id uuid NOT NULL,
	type text NOT NULL,
	provider text NOT NULL,
	token text COLLATE "C" NOT NULL,
	brand text,
	last4 text,
	expires_on date,
	is_default boolean NOT NULL,
	metadata jsonb,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT payment_methods_pkey PRIMARY KEY (customer_id, payment_method_id),
	CONSTRAINT payment_methods_type CHECK (type IN ('CARD', 'BANK_TRANSFER', 'IAP'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.payment_methods', '');
COMMENT ON TABLE billing.payment_methods IS
'Means to pay by, as tokens of a provider: never a card number. One a customer is the default. Made by register_payment_method(); never deleted.';
CREATE UNIQUE INDEX payment_methods_token ON billing.payment_methods (customer_id, provider, token);
CREATE UNIQUE INDEX payment_methods_default ON billing.payment_methods (customer_id) WHERE is_default;
CREATE INDEX payment_methods_id ON billing.payment_methods (payment_method_id);
