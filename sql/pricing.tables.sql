-- Tax rates, pricing plans, snapshots of prices.

CREATE TABLE billing.tax_rates (
	code text COLLATE "C" NOT NULL,
	valid_from timestamptz NOT NULL,
	percentage numeric NOT NULL,
	category text NOT NULL,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT tax_rates_pkey PRIMARY KEY (code, valid_from),
	CONSTRAINT tax_rates_percentage CHECK (percentage >= 0 AND percentage <= 100),
	CONSTRAINT tax_rates_category CHECK
		(category IN ('STANDARD', 'REDUCED', 'ZERO', 'EXEMPT', 'REVERSE_CHARGE', 'OUT_OF_SCOPE'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.tax_rates', '');
COMMENT ON TABLE billing.tax_rates IS
'Tax rates by code, each from valid_from until the next row of its code. Rows are never changed.';

CREATE TABLE billing.pricing_plans (
	plan_id uuid NOT NULL,
	position bigint GENERATED ALWAYS AS IDENTITY,
	customer_id text COLLATE "C",
	name text NOT NULL,
	currency text COLLATE "C" NOT NULL,
	charges jsonb NOT NULL,
	effective_from timestamptz NOT NULL,
	effective_until timestamptz,
	metadata jsonb,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT pricing_plans_pkey PRIMARY KEY (plan_id),
	CONSTRAINT pricing_plans_times CHECK (effective_until > effective_from)
);
SELECT pg_catalog.pg_extension_config_dump('billing.pricing_plans', '');
SELECT pg_catalog.pg_extension_config_dump('billing.pricing_plans_position_seq', '');
COMMENT ON SEQUENCE billing.pricing_plans_position_seq IS 'Positions of plans: of two with the same start the later one wins.';
COMMENT ON TABLE billing.pricing_plans IS
'Pricing plans; without customer_id a default for all. Never updated: a new price is a new row.';
CREATE UNIQUE INDEX pricing_plans_key ON billing.pricing_plans (customer_id, idempotency_key) NULLS NOT DISTINCT
	WHERE idempotency_key IS NOT NULL;
CREATE INDEX pricing_plans_resolve ON billing.pricing_plans (customer_id, effective_from, position);

CREATE TABLE billing.pricing_snapshots (
	content_hash bytea NOT NULL,
	document jsonb NOT NULL,
	created_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT pricing_snapshots_pkey PRIMARY KEY (content_hash)
);
SELECT pg_catalog.pg_extension_config_dump('billing.pricing_snapshots', '');
COMMENT ON TABLE billing.pricing_snapshots IS
'The prices and tax rates that invoices were made with, stored once per content and referred to. Never changed.';
