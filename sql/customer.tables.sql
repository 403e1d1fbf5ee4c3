-- Customers: the tenants.

CREATE TABLE billing.customers (
	customer_id text COLLATE "C" NOT NULL,
	name text,
	legal_name text,
	tax_id text,
	email text,
	address jsonb,
	country text,
	currency text COLLATE "C",
	currency_fixed_at timestamptz,
	net_days int NOT NULL,
	tax_code text COLLATE "C",
	time_zone text NOT NULL,
	collection text NOT NULL,
	auto_apply_credit boolean NOT NULL DEFAULT true,
	metadata jsonb,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT customers_pkey PRIMARY KEY (customer_id),
	CONSTRAINT customers_id_length CHECK (char_length(customer_id) BETWEEN 1 AND 64),
	CONSTRAINT customers_net_days CHECK (net_days BETWEEN 0 AND 365),
	CONSTRAINT customers_collection CHECK (collection IN ('AUTOMATIC', 'SEND_INVOICE'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.customers', '');
COMMENT ON TABLE billing.customers IS
'Customers, the tenants. Made by register_customer() or at a first write; never deleted.';
