-- Secrets, encrypted.

CREATE TABLE billing.secrets (
	name text COLLATE "C" NOT NULL,
	secret_id uuid NOT NULL,
	key_id text NOT NULL,
	nonce bytea NOT NULL,
	ciphertext bytea NOT NULL,
	created_at timestamptz NOT NULL,
	retires_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT secrets_pkey PRIMARY KEY (name, secret_id),
	CONSTRAINT secrets_name CHECK (name ~ '^[a-z0-9_]{1,64}$'),
	CONSTRAINT secrets_nonce CHECK (pg_catalog.octet_length(nonce) = 12)
);
SELECT pg_catalog.pg_extension_config_dump('billing.secrets', '');
COMMENT ON TABLE billing.secrets IS
'API keys and signing keys, encrypted by AES-256-GCM under key key_id of billing.secret_key_file, which no dump and no base backup contains. Made by set_secret(). A value that was replaced is live until retires_at; gone by the next set_secret(), rotate_secrets() or drop_secret(). Nobody but billing_owner may read it; what may be shown is in stored_secrets.';
CREATE UNIQUE INDEX secrets_present ON billing.secrets (name) WHERE retires_at IS NULL;
