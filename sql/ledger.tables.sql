-- The double-entry ledger: one row a transfer.

CREATE TABLE billing.ledger_accounts (
	code text COLLATE "C" NOT NULL,
	type text NOT NULL,
	normal_side text NOT NULL,
	description text NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT ledger_accounts_pkey PRIMARY KEY (code),
	CONSTRAINT ledger_accounts_type CHECK (type IN ('ASSET', 'LIABILITY', 'REVENUE', 'CONTRA_REVENUE', 'EXPENSE')),
	CONSTRAINT ledger_accounts_side CHECK (normal_side IN ('DEBIT', 'CREDIT'))
);
COMMENT ON TABLE billing.ledger_accounts IS
'The chart of accounts. Seeded by the install script and the same in every installation, so it is not dumped.';
INSERT INTO billing.ledger_accounts (code, type, normal_side, description) VALUES
	('receivable', 'ASSET', 'DEBIT', 'What customers owe on issued invoices'),
	('bank', 'ASSET', 'DEBIT', 'Bank transfers received'),
	('gateway_clearing', 'ASSET', 'DEBIT', 'Captured by a payment provider, not yet paid out to the house'),
	('funding_clearing', 'ASSET', 'DEBIT', 'Money that an application reports as received'),
	('refund_clearing', 'ASSET', 'DEBIT', 'Refunds turned into credit, and what is on its way back to a provider'),
	('wallet', 'LIABILITY', 'CREDIT', 'Prepaid balances of customers'),
	('credit', 'LIABILITY', 'CREDIT', 'Credits granted and not used yet'),
	('tax_payable', 'LIABILITY', 'CREDIT', 'Tax to be paid to the authorities'),
	('revenue', 'REVENUE', 'CREDIT', 'Sales without tax'),
	('breakage_revenue', 'REVENUE', 'CREDIT', 'Prepaid credit that expired'),
	('promotion', 'CONTRA_REVENUE', 'DEBIT', 'Credits given away'),
	('bad_debt', 'EXPENSE', 'DEBIT', 'Receivables written off');

CREATE TABLE billing.ledger_transfers (
	position bigint GENERATED ALWAYS AS IDENTITY,
	transfer_id uuid NOT NULL,
	journal_id uuid NOT NULL,
	customer_id text COLLATE "C" NOT NULL,
	debit_account text COLLATE "C" NOT NULL,
	credit_account text COLLATE "C" NOT NULL,
	amount numeric NOT NULL,
	currency text COLLATE "C" NOT NULL,
	kind text NOT NULL,
	reference_type text NOT NULL,
	reference_id text COLLATE "C" NOT NULL,
	tax_code text COLLATE "C",
	effective_on date NOT NULL,
	posted_at timestamptz NOT NULL,
	actor_type text NOT NULL,
	actor_id text NOT NULL,
	trace_id text,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT ledger_transfers_pkey PRIMARY KEY (customer_id, transfer_id),
	CONSTRAINT ledger_transfers_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL)),
	CONSTRAINT ledger_transfers_amount CHECK (amount > '0'::numeric AND amount < 'Infinity'::numeric),
	CONSTRAINT ledger_transfers_accounts CHECK (debit_account <> credit_account)
);
SELECT pg_catalog.pg_extension_config_dump('billing.ledger_transfers', '');
SELECT pg_catalog.pg_extension_config_dump('billing.ledger_transfers_position_seq', '');
COMMENT ON SEQUENCE billing.ledger_transfers_position_seq IS 'Positions of transfers in the ledger.';
COMMENT ON TABLE billing.ledger_transfers IS
'Transfers of money: one row debits one account and credits another, so it cannot be unbalanced. Append-only.';
CREATE INDEX ledger_transfers_reference ON billing.ledger_transfers (customer_id, reference_id);
CREATE UNIQUE INDEX ledger_transfers_key ON billing.ledger_transfers (customer_id, kind, idempotency_key)
	WHERE idempotency_key IS NOT NULL;
