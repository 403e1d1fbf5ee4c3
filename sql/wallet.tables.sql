-- Wallets: prepaid balances, and the holds on them.

CREATE TABLE billing.wallets (
	customer_id text COLLATE "C" NOT NULL,
	wallet_id uuid NOT NULL,
	currency text COLLATE "C" NOT NULL,
	wallet_code text COLLATE "C" NOT NULL DEFAULT 'default',
	balance numeric NOT NULL DEFAULT 0,
	held numeric NOT NULL DEFAULT 0,
	available numeric GENERATED ALWAYS AS (balance - held) STORED,
	version bigint NOT NULL DEFAULT 0,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT wallets_pkey PRIMARY KEY (customer_id, currency, wallet_code),
	CONSTRAINT wallets_balance CHECK (balance >= '0'::numeric AND balance < 'Infinity'::numeric),
	CONSTRAINT wallets_held CHECK (held >= '0'::numeric AND held <= balance),
	CONSTRAINT wallets_version CHECK (version >= 0)
) WITH (fillfactor = 50);
SELECT pg_catalog.pg_extension_config_dump('billing.wallets', '');
COMMENT ON TABLE billing.wallets IS
'Wallets: the prepaid balance of a customer in one currency. Opened by open_wallet() or the first top-up; never deleted. version counts the changes. available = balance - held is never negative.';

CREATE TABLE billing.wallet_holds (
	customer_id text COLLATE "C" NOT NULL,
	hold_id uuid NOT NULL,
	wallet_id uuid NOT NULL,
	currency text COLLATE "C" NOT NULL,
	amount numeric NOT NULL,
	captured numeric NOT NULL DEFAULT 0,
	status text NOT NULL,
	expires_at timestamptz,
	reference_type text,
	reference_id text COLLATE "C",
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	release_key text COLLATE "C",
	metadata jsonb,
	created_at timestamptz NOT NULL,
	ended_at timestamptz,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT wallet_holds_pkey PRIMARY KEY (customer_id, hold_id),
	CONSTRAINT wallet_holds_status CHECK (status IN ('OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED')),
	CONSTRAINT wallet_holds_amount CHECK (amount > '0'::numeric AND amount < 'Infinity'::numeric),
	CONSTRAINT wallet_holds_captured CHECK (captured >= '0'::numeric AND captured <= amount
		AND (captured > '0'::numeric) = (status = 'CAPTURED')),
	CONSTRAINT wallet_holds_ended CHECK ((status = 'OPEN') = (ended_at IS NULL)),
	CONSTRAINT wallet_holds_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.wallet_holds', '');
COMMENT ON TABLE billing.wallet_holds IS
'Amounts set aside in a wallet: OPEN until they are captured (wholly or in part), released or expired. Made by hold_wallet(); never deleted.';
CREATE UNIQUE INDEX wallet_holds_key ON billing.wallet_holds (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE UNIQUE INDEX wallet_holds_release_key ON billing.wallet_holds (customer_id, release_key) WHERE release_key IS NOT NULL;
CREATE INDEX wallet_holds_id ON billing.wallet_holds (hold_id);
CREATE INDEX wallet_holds_open ON billing.wallet_holds (customer_id, wallet_id) WHERE status = 'OPEN';
CREATE INDEX wallet_holds_expiry ON billing.wallet_holds (expires_at) WHERE status = 'OPEN';

CREATE TYPE billing.wallet_movement AS (
	wallet_id uuid,
	amount numeric,
	balance numeric,
	held numeric,
	available numeric,
	version bigint,
	transfer_id uuid,
	replayed boolean
);
COMMENT ON TYPE billing.wallet_movement IS
'What a movement of a wallet answers: the amount moved, and the wallet as it is afterwards (of a repeated call: as it is now). transfer_id: the transfer of the ledger, null where nothing was booked.';
