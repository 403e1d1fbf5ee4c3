-- Credit notes: what corrects an issued invoice.

CREATE TABLE billing.credit_notes (
	customer_id text COLLATE "C" NOT NULL,
	credit_note_id uuid NOT NULL,
	invoice_id uuid NOT NULL,
	number text COLLATE "C" NOT NULL,
	currency text COLLATE "C" NOT NULL,
	net numeric NOT NULL,
	tax numeric NOT NULL,
	total numeric NOT NULL,
	tax_code text COLLATE "C" NOT NULL,
	reason text NOT NULL,
	issued_on date NOT NULL,
	issued_at timestamptz NOT NULL,
	idempotency_key text COLLATE "C",
	fingerprint bytea,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT credit_notes_pkey PRIMARY KEY (customer_id, credit_note_id),
	CONSTRAINT credit_notes_total CHECK (total = net + tax AND net >= '0'::numeric AND tax >= '0'::numeric
		AND total >= '0'::numeric AND total < 'Infinity'::numeric),
	CONSTRAINT credit_notes_key_pair CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
);
SELECT pg_catalog.pg_extension_config_dump('billing.credit_notes', '');
COMMENT ON TABLE billing.credit_notes IS
'Credit notes: they take back a part of an issued invoice, or all of it, with a gap-free series of numbers of their own. The notes of an invoice never exceed it. Append-only.';
CREATE UNIQUE INDEX credit_notes_key ON billing.credit_notes (customer_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX credit_notes_invoice ON billing.credit_notes (customer_id, invoice_id);

CREATE TABLE billing.credit_note_lines (
	customer_id text COLLATE "C" NOT NULL,
	credit_note_id uuid NOT NULL,
	line_no int NOT NULL,
	invoice_line_no int,
	description text NOT NULL,
	net numeric NOT NULL,
	tax numeric NOT NULL,
	row_digest bigint NOT NULL DEFAULT 0,
	CONSTRAINT credit_note_lines_pkey PRIMARY KEY (customer_id, credit_note_id, line_no)
);
SELECT pg_catalog.pg_extension_config_dump('billing.credit_note_lines', '');
COMMENT ON TABLE billing.credit_note_lines IS
'The lines of credit notes; invoice_line_no is the line that one corrects, null where the whole invoice is meant. Written with their note, never changed.';
