-- The limit of a charge: wallets, ledger and outbox with the same columns, defaults, checks and indexes.

CREATE TABLE bench.wallets (LIKE billing.wallets INCLUDING ALL) WITH (fillfactor = 50);
CREATE TABLE bench.ledger_transfers (LIKE billing.ledger_transfers INCLUDING ALL);

CREATE SEQUENCE bench.outbox_position_seq;
CREATE TABLE bench.outbox (LIKE billing.outbox INCLUDING ALL) PARTITION BY LIST (slot);
ALTER TABLE bench.outbox ALTER position SET DEFAULT nextval('bench.outbox_position_seq');
CREATE TABLE bench.outbox_0 PARTITION OF bench.outbox FOR VALUES IN (0);
CREATE TABLE bench.outbox_1 PARTITION OF bench.outbox FOR VALUES IN (1);
CREATE TABLE bench.outbox_2 PARTITION OF bench.outbox FOR VALUES IN (2);
CALL bench.require_same_indexes(ARRAY['wallets', 'ledger_transfers', 'outbox', 'outbox_0']);

CREATE TABLE bench.ready (at timestamptz NOT NULL DEFAULT now());

-- Wallets of customers 1, 2, ... with much money, ours and the limit's.
CREATE PROCEDURE bench.fill_wallets(wallets int) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.top_up_wallet(n::text, 1000000000000, 'KRW') FROM generate_series(1, wallets) n;
	INSERT INTO bench.wallets (customer_id, wallet_id, currency, balance, created_at, updated_at)
		SELECT customer_id, wallet_id, currency, balance, created_at, updated_at FROM billing.wallets;
END;
$$;

-- A ledger with a history: transfers of the customers 1, 2, ... that no wallet knows of.
CREATE PROCEDURE bench.fill_ledger(transfers bigint, customers int) LANGUAGE sql AS $$
	INSERT INTO billing.ledger_transfers (transfer_id, journal_id, customer_id, debit_account, credit_account, amount,
		currency, kind, reference_type, reference_id, effective_on, posted_at, actor_type, actor_id, idempotency_key, fingerprint)
	SELECT id, id, 1 + n % customers, 'wallet', 'revenue', 1, 'KRW', 'WALLET_CHARGE', 'ORDER', n, current_date, now(),
		'OPERATOR', 'bench', 'old' || n, '\x00112233445566778899aabbccddeeff'
	FROM (SELECT n, gen_random_uuid() AS id FROM generate_series(1, transfers) n) g;
$$;
