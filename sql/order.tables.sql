-- Orders and their items.

CREATE TABLE billing.orders (
	customer_id text COLLATE "C" NOT NULL,
	order_id uuid NOT NULL,
	currency text COLLATE "C" NOT NULL,
	total numeric NOT NULL,
	net numeric NOT NULL,
	tax numeric NOT NULL,
	tax_code text COLLATE "C" NOT NULL,
	tax_percentage numeric NOT NULL,
	status text NOT NULL,
	payment_id uuid,
	refunded numeric NOT NULL DEFAULT 0,
	refunded_tax numeric NOT NULL DEFAULT 0,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	metadata jsonb,
	created_at timestamptz NOT NULL,
	updated_at timestamptz NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT orders_pkey PRIMARY KEY (customer_id, order_id),
	CONSTRAINT orders_status CHECK (status IN ('CREATED', 'PAID', 'CANCELLED', 'FAILED', 'REFUNDED')),
	CONSTRAINT orders_total CHECK (total > '0'::numeric AND total < 'Infinity'::numeric AND total = net + tax
		AND net >= '0'::numeric AND tax >= '0'::numeric),
	CONSTRAINT orders_paid CHECK ((status IN ('PAID', 'REFUNDED')) = (payment_id IS NOT NULL)),
	CONSTRAINT orders_refunded CHECK (refunded >= '0'::numeric AND refunded <= total
		AND refunded_tax >= '0'::numeric AND refunded_tax <= tax
		AND (refunded = total) = (status = 'REFUNDED')),
	CONSTRAINT orders_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.orders', '');
COMMENT ON TABLE billing.orders IS
'Orders. Made by place_order() as CREATED; a declined payment leaves them so. total includes tax. REFUNDED when all is back. Never deleted.';
CREATE UNIQUE INDEX orders_key ON billing.orders (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX orders_id ON billing.orders (order_id);

CREATE TABLE billing.order_items (
	customer_id text COLLATE "C" NOT NULL,
	order_id uuid NOT NULL,
	item_no int NOT NULL,
	sku text COLLATE "C" NOT NULL,
	quantity int NOT NULL,
	unit_price numeric NOT NULL,
	amount numeric NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT order_items_pkey PRIMARY KEY (customer_id, order_id, item_no),
	CONSTRAINT order_items_quantity CHECK (quantity > 0),
	CONSTRAINT order_items_amount CHECK (unit_price > '0'::numeric AND amount = unit_price * quantity)
);
SELECT pg_catalog.pg_extension_config_dump('billing.order_items', '');
COMMENT ON TABLE billing.order_items IS
'The items of orders, 1 to 100 each. Written with their order, never changed.';
