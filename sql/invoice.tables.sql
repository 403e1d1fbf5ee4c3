-- Invoices, their lines, taxes and numbers.

CREATE TABLE billing.document_series (
	series text COLLATE "C" NOT NULL,
	year int NOT NULL,
	last_number bigint NOT NULL,
	last_issued_on date NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT document_series_pkey PRIMARY KEY (series)
);
SELECT pg_catalog.pg_extension_config_dump('billing.document_series', '');
COMMENT ON TABLE billing.document_series IS
'The last number and issue date of each series of documents. Its row lock makes numbers gap-free; neither ever goes back.';

CREATE TABLE billing.document_numbers (
	series text COLLATE "C" NOT NULL,
	year int NOT NULL,
	number bigint NOT NULL,
	document_id uuid NOT NULL,
	customer_id text COLLATE "C" NOT NULL,
	issued_on date NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT document_numbers_pkey PRIMARY KEY (series, year, number)
);
SELECT pg_catalog.pg_extension_config_dump('billing.document_numbers', '');
COMMENT ON TABLE billing.document_numbers IS
'The register of numbers given to documents: unique in the house, without a gap. Append-only.';

CREATE TABLE billing.invoice_headers (
	customer_id text COLLATE "C" NOT NULL,
	invoice_id uuid NOT NULL,
	number text COLLATE "C" NOT NULL,
	status text NOT NULL,
	period text COLLATE "C" NOT NULL,
	period_start timestamptz NOT NULL,
	period_end timestamptz NOT NULL,
	currency text COLLATE "C" NOT NULL,
	net numeric NOT NULL,
	tax numeric NOT NULL,
	total numeric NOT NULL,
	applied_credit numeric NOT NULL DEFAULT 0,
	amount_paid numeric NOT NULL DEFAULT 0,
	amount_credited numeric NOT NULL DEFAULT 0,
	amount_due numeric GENERATED ALWAYS AS (total - applied_credit - amount_paid - amount_credited) STORED,
	issued_on date NOT NULL,
	issued_at timestamptz NOT NULL,
	due_at timestamptz NOT NULL,
	paid_at timestamptz,
	cancelled_at timestamptz,
	rebilled boolean NOT NULL DEFAULT false,
	replaces_invoice_id uuid,
	snapshot_hash bytea NOT NULL,
	captured_at timestamptz NOT NULL,
	customer_snapshot jsonb NOT NULL,
	metadata jsonb,
	deleted_at timestamptz,
	deleted_by text,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT invoice_headers_pkey PRIMARY KEY (customer_id, invoice_id),
	CONSTRAINT invoice_headers_status CHECK (status IN ('DRAFT', 'ISSUED', 'OVERDUE', 'PAID', 'CANCELLED')),
	CONSTRAINT invoice_headers_total CHECK (total = net + tax AND net >= 0 AND tax >= 0),
	CONSTRAINT invoice_headers_due CHECK
		(applied_credit >= 0 AND amount_paid >= 0 AND amount_credited >= 0
		 AND applied_credit + amount_paid + amount_credited <= total),
	CONSTRAINT invoice_headers_paid CHECK (status <> 'PAID' OR (paid_at IS NOT NULL
		AND applied_credit + amount_paid + amount_credited = total)),
	CONSTRAINT invoice_headers_rebilled CHECK (NOT rebilled OR status = 'CANCELLED'),
	CONSTRAINT invoice_headers_deleted CHECK ((deleted_at IS NULL) = (deleted_by IS NULL))
) WITH (fillfactor = 90);
SELECT pg_catalog.pg_extension_config_dump('billing.invoice_headers', '');
COMMENT ON TABLE billing.invoice_headers IS
'Invoices. Made by settlement; what was issued never changes but for its status and what was paid. Read through the view invoices.';
CREATE UNIQUE INDEX invoice_headers_live ON billing.invoice_headers (customer_id, period, currency)
	WHERE status <> 'CANCELLED';
CREATE INDEX invoice_headers_rebilled ON billing.invoice_headers (customer_id, period) WHERE rebilled;
CREATE INDEX invoice_headers_id ON billing.invoice_headers (invoice_id);
CREATE INDEX invoice_headers_open ON billing.invoice_headers (due_at) WHERE status = 'ISSUED';

CREATE TABLE billing.invoice_lines (
	customer_id text COLLATE "C" NOT NULL,
	invoice_id uuid NOT NULL,
	line_no int NOT NULL,
	kind text NOT NULL,
	code text COLLATE "C" NOT NULL,
	resource_type text COLLATE "C",
	description text NOT NULL,
	service_period text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	net numeric NOT NULL,
	tax_code text COLLATE "C" NOT NULL,
	tax numeric NOT NULL,
	plan_id uuid,
	snapshot_hash bytea,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT invoice_lines_pkey PRIMARY KEY (customer_id, invoice_id, line_no),
	CONSTRAINT invoice_lines_kind CHECK (kind IN ('USAGE', 'LATE_USAGE', 'RECURRING', 'ONE_OFF', 'ADJUSTMENT'))
);
SELECT pg_catalog.pg_extension_config_dump('billing.invoice_lines', '');
COMMENT ON TABLE billing.invoice_lines IS
'The lines of invoices, rounded once each. Written with their invoice, never changed. A late line carries the snapshot it was priced with.';

CREATE INDEX invoice_lines_service ON billing.invoice_lines (customer_id, service_period);
CREATE INDEX invoice_lines_carry ON billing.invoice_lines (customer_id) WHERE kind = 'ADJUSTMENT';

CREATE TABLE billing.invoice_taxes (
	customer_id text COLLATE "C" NOT NULL,
	invoice_id uuid NOT NULL,
	tax_code text COLLATE "C" NOT NULL,
	category text NOT NULL,
	percentage numeric NOT NULL,
	net numeric NOT NULL,
	tax numeric NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT invoice_taxes_pkey PRIMARY KEY (customer_id, invoice_id, tax_code)
);
SELECT pg_catalog.pg_extension_config_dump('billing.invoice_taxes', '');
COMMENT ON TABLE billing.invoice_taxes IS
'The tax of an invoice, one row a tax code, computed once on the summed net. Written with its invoice, never changed.';
