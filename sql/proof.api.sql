-- The proof: every invariant of the house as a function that counts what breaks it.
--
-- A check answers how many rows break its invariant, and up to five of them by table and key. Each reads one
-- snapshot, writes nothing and takes no lock but ACCESS SHARE, so it runs in production and on a standby.
-- Those of what moves money are in money_proof.api.sql.
-- A damaged value must be told, never raised: nothing stored is cast to a narrower type here.

CREATE FUNCTION billing.verify_trial_balance(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH transfer AS (
		SELECT t.customer_id, t.transfer_id, t.debit_account, t.credit_account, t.amount, t.currency,
			t.amount - pg_catalog.trunc(t.amount) AS fraction
		FROM billing.ledger_transfers t
		WHERE since IS NULL OR t.posted_at >= since
	),
	-- the currencies that the library has accepted: of any other it cannot be asked for the decimals
	known AS (
		SELECT c.currency FROM billing.customers c WHERE c.currency IS NOT NULL
		UNION SELECT p.currency FROM billing.pricing_plans p
		UNION SELECT w.currency FROM billing.wallets w
		UNION SELECT r.currency FROM billing.credits r
		UNION SELECT o.currency FROM billing.orders o
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'ledger_transfers', 'customer_id', t.customer_id,
			'transfer_id', t.transfer_id, 'problem', t.problem) AS violation
		FROM (
			SELECT t.customer_id, t.transfer_id,
				CASE WHEN d.code IS NULL THEN 'unknown debit account'
					WHEN c.code IS NULL THEN 'unknown credit account'
					WHEN t.debit_account = t.credit_account THEN 'debit and credit are one account'
					WHEN NOT (t.amount > 0 AND t.amount < 'Infinity') THEN 'amount is not above 0'
					WHEN t.fraction <> 0 AND k.currency IS NULL THEN 'unknown currency'
					WHEN t.fraction <> 0 AND billing.round_money(t.fraction, k.currency) <> t.fraction
						THEN 'amount has more decimals than its currency' END AS problem
			FROM transfer t
			LEFT JOIN billing.ledger_accounts d ON d.code = t.debit_account
			LEFT JOIN billing.ledger_accounts c ON c.code = t.credit_account
			LEFT JOIN known k ON k.currency = t.currency
		) t
		WHERE t.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'ledger_transfers', 'currency', b.currency,
			'problem', 'debits and credits differ', 'debits', b.debits, 'credits', b.credits)
		FROM (
			SELECT e.currency, pg_catalog.sum(e.debit) AS debits, pg_catalog.sum(e.credit) AS credits
			FROM (SELECT t.currency, t.debit_account AS account, t.amount AS debit, 0::numeric AS credit FROM transfer t
				UNION ALL SELECT t.currency, t.credit_account, 0, t.amount FROM transfer t) e
			JOIN billing.ledger_accounts a ON a.code = e.account
			GROUP BY e.currency
		) b
		WHERE b.debits <> b.credits
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_trial_balance(timestamptz) IS
'Invariant: per currency the debits and credits of the accounts are equal; a transfer moves an amount above 0, with no more decimals than its currency, between two accounts of the chart. since: by posted_at.';

CREATE FUNCTION billing.verify_receivable(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH ledger AS (
		SELECT e.customer_id, e.currency, pg_catalog.sum(e.amount) AS balance, pg_catalog.max(e.posted_at) AS at
		FROM (
			SELECT t.customer_id, t.currency, t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.debit_account = 'receivable'
			UNION ALL
			SELECT t.customer_id, t.currency, - t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.credit_account = 'receivable'
		) e
		GROUP BY e.customer_id, e.currency
	),
	due AS (
		SELECT h.customer_id, h.currency, pg_catalog.sum(h.amount_due) AS amount, pg_catalog.max(h.issued_at) AS at
		FROM billing.invoice_headers h
		WHERE h.status <> 'CANCELLED' AND h.deleted_at IS NULL
		GROUP BY h.customer_id, h.currency
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'ledger_transfers', 'customer_id', b.customer_id,
			'currency', b.currency, 'problem', 'receivable is not what is due',
			'receivable', b.balance, 'due', b.amount) AS violation
		FROM (
			SELECT customer_id, currency, COALESCE(l.balance, 0) AS balance, COALESCE(d.amount, 0) AS amount
			FROM ledger l FULL JOIN due d USING (customer_id, currency)
			WHERE since IS NULL OR l.at >= since OR d.at >= since
		) b
		WHERE b.balance <> b.amount
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_receivable(timestamptz) IS
'Invariant: per customer and currency the balance of receivable in the ledger is the sum of what is due on live invoices. since: customers with a posting or an invoice from then on, whole.';

CREATE FUNCTION billing.verify_invoice_totals(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH header AS (
		SELECT h.customer_id, h.invoice_id, h.number, h.net, h.tax, h.total
		FROM billing.invoice_headers h
		WHERE since IS NULL OR h.issued_at >= since
	),
	line AS (
		SELECT l.customer_id, l.invoice_id, pg_catalog.count(*) AS lines, pg_catalog.min(l.line_no) AS first,
			pg_catalog.max(l.line_no) AS last, pg_catalog.sum(l.line_no) AS numbers, pg_catalog.sum(l.net) AS net,
			pg_catalog.sum(l.tax) AS tax
		FROM billing.invoice_lines l
		GROUP BY l.customer_id, l.invoice_id
	),
	tax AS (
		SELECT t.customer_id, t.invoice_id, pg_catalog.sum(t.tax) AS tax
		FROM billing.invoice_taxes t
		GROUP BY t.customer_id, t.invoice_id
	),
	-- the net and the tax of each tax code; NONE has no row
	code AS (
		SELECT l.customer_id, l.invoice_id, l.tax_code, pg_catalog.sum(l.net) AS net, pg_catalog.sum(l.tax) AS tax
		FROM billing.invoice_lines l
		WHERE l.tax_code <> 'NONE'
		GROUP BY l.customer_id, l.invoice_id, l.tax_code
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', b.customer_id,
			'invoice_id', b.invoice_id, 'number', b.number, 'problem', b.problem) AS violation
		FROM (
			SELECT h.customer_id, h.invoice_id, h.number,
				CASE WHEN l.lines IS NULL THEN 'no lines'
					WHEN l.first <> 1 OR l.last <> l.lines OR l.numbers <> l.lines * (l.lines + 1) / 2
						THEN 'line numbers are not 1 to n'
					WHEN h.net <> l.net THEN 'net is not the sum of the lines'
					WHEN h.tax <> l.tax THEN 'tax is not the sum of the lines'
					WHEN h.tax <> COALESCE(t.tax, 0) THEN 'tax is not the sum of invoice_taxes'
					WHEN h.total <> h.net + h.tax THEN 'total is not net plus tax' END AS problem
			FROM header h
			LEFT JOIN line l ON l.customer_id = h.customer_id AND l.invoice_id = h.invoice_id
			LEFT JOIN tax t ON t.customer_id = h.customer_id AND t.invoice_id = h.invoice_id
			UNION ALL
			SELECT h.customer_id, h.invoice_id, h.number, 'invoice_taxes is not the sum of the lines of code ' || k.tax_code
			FROM (
				SELECT customer_id, invoice_id, tax_code
				FROM code c
				FULL JOIN billing.invoice_taxes t USING (customer_id, invoice_id, tax_code)
				WHERE c.net IS DISTINCT FROM t.net OR c.tax IS DISTINCT FROM t.tax
			) k
			JOIN header h ON h.customer_id = k.customer_id AND h.invoice_id = k.invoice_id
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_invoice_totals(timestamptz) IS
'Invariant: an invoice has lines numbered 1 to n; its net and tax are the sums of its lines, per tax code too; its tax is the sum of invoice_taxes (0 when it has none); total = net + tax. since: by issued_at.';

CREATE FUNCTION billing.verify_invoice_payments(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH refund AS (
		SELECT r.customer_id, r.payment_id, pg_catalog.sum(r.amount) AS amount
		FROM billing.refunds r
		WHERE r.status = 'COMPLETED'
		GROUP BY r.customer_id, r.payment_id
	),
	paid AS (
		SELECT p.customer_id, p.target_id, pg_catalog.sum(p.amount - p.excess - COALESCE(r.amount, 0)) AS amount,
			pg_catalog.max(p.completed_at) AS at
		FROM billing.payments p
		LEFT JOIN refund r ON r.customer_id = p.customer_id AND r.payment_id = p.payment_id
		WHERE p.target_type = 'INVOICE' AND p.status = 'APPROVED'
		GROUP BY p.customer_id, p.target_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', b.customer_id,
			'invoice_id', b.invoice_id, 'number', b.number, 'problem', b.problem) AS violation
		FROM (
			SELECT h.customer_id, h.invoice_id, h.number,
				CASE WHEN h.amount_paid <> COALESCE(p.amount, 0)
						THEN 'amount_paid is not the sum of its payments less their refunds'
					WHEN h.status IN ('DRAFT', 'CANCELLED') THEN NULL
					WHEN h.status = 'PAID' AND h.amount_due <> 0 THEN 'PAID, but something is due'
					WHEN h.status <> 'PAID' AND h.amount_due = 0 THEN 'nothing is due, but not PAID'
					WHEN (h.status = 'PAID') <> (h.paid_at IS NOT NULL) THEN 'status and paid_at disagree' END AS problem
			FROM billing.invoice_headers h
			LEFT JOIN paid p ON p.customer_id = h.customer_id AND p.target_id = h.invoice_id
			WHERE since IS NULL OR h.issued_at >= since OR h.paid_at >= since OR p.at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_invoice_payments(timestamptz) IS
'Invariant: amount_paid is what the APPROVED payments of the invoice captured, without their excess, less their COMPLETED refunds; a live invoice is PAID if and only if nothing is due. since: by issued_at, paid_at and completed_at.';

CREATE FUNCTION billing.verify_document_numbers(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH number AS (
		SELECT n.series, n.year, n.number, n.document_id, n.customer_id, n.issued_on,
			n.number - pg_catalog.lag(n.number, 1, 0::bigint) OVER (PARTITION BY n.series, n.year ORDER BY n.number) AS step,
			pg_catalog.lag(n.issued_on) OVER (PARTITION BY n.series ORDER BY n.year, n.number) AS issued_before
		FROM billing.document_numbers n
	),
	last AS (
		SELECT DISTINCT ON (n.series) n.series, n.year, n.number, n.issued_on
		FROM billing.document_numbers n
		ORDER BY n.series, n.year DESC, n.number DESC
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'document_numbers', 'series', b.series, 'year', b.year,
			'number', b.number, 'problem', b.problem) AS violation
		FROM (
			SELECT n.series, n.year, n.number,
				CASE WHEN n.step = 0 THEN 'duplicate number'
					WHEN n.step <> 1 THEN 'gap before the number'
					WHEN n.issued_on < n.issued_before THEN 'issued before the number below it'
					WHEN pg_catalog.date_part('year', n.issued_on) <> n.year THEN 'issued in another year'
					END AS problem
			FROM number n
			-- a day earlier: issue dates are those of the house's zone
			WHERE since IS NULL OR n.issued_on >= (since AT TIME ZONE 'UTC')::date - 1
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'document_series', 'series', COALESCE(s.series, l.series),
			'problem', 'the counter is not at the last number')
		FROM billing.document_series s
		FULL JOIN last l ON l.series = s.series
		WHERE (s.year, s.last_number, s.last_issued_on) IS DISTINCT FROM (l.year, l.number, l.issued_on)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', b.holder, 'customer_id', b.customer_id, 'document_id', b.document_id,
			'number', b.number, 'problem', b.problem)
		FROM (
			SELECT COALESCE(d.holder, 'document_numbers') AS holder, COALESCE(d.customer_id, n.customer_id) AS customer_id,
				COALESCE(d.document_id, n.document_id) AS document_id, COALESCE(d.number, n.text) AS number,
				CASE WHEN d.document_id IS NULL THEN 'the document of the number does not exist'
					WHEN n.document_id IS NULL THEN 'the number is not registered'
					WHEN d.number <> n.text THEN 'the number is not the registered one'
					WHEN d.issued_on <> n.issued_on THEN 'issued_on is not the registered one' END AS problem
			FROM (
				SELECT 'INV' AS series, 'invoice_headers' AS holder, h.customer_id, h.invoice_id AS document_id, h.number,
					h.issued_on, h.issued_at
				FROM billing.invoice_headers h
				WHERE h.status <> 'DRAFT'
				UNION ALL
				SELECT 'CN', 'credit_notes', c.customer_id, c.credit_note_id, c.number, c.issued_on, c.issued_at
				FROM billing.credit_notes c
			) d
			FULL JOIN (
				SELECT n.series, n.customer_id, n.document_id, n.issued_on,
					n.series || '-' || pg_catalog.lpad(n.year::text, 4, '0') || '-' || pg_catalog.lpad(n.number::text,
						GREATEST(6, pg_catalog.length(n.number::text)), '0') AS text
				FROM billing.document_numbers n
			) n ON n.series = d.series AND n.customer_id = d.customer_id AND n.document_id = d.document_id
			WHERE since IS NULL OR d.issued_at >= since OR n.issued_on >= (since AT TIME ZONE 'UTC')::date - 1
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_document_numbers(timestamptz) IS
'Invariant: in each series and year the numbers are 1 to n, and no issue date is before that of a lower number; the counter of the series stands at its last number; every number of series INV has its invoice, every one of series CN its credit note, and each of these its number (INV-YYYY-NNNNNN, CN-YYYY-NNNNNN) and issue date. since: by issue date.';

CREATE FUNCTION billing.verify_live_invoices(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', h.customer_id,
			'period', h.period, 'currency', h.currency, 'problem', 'more than one live invoice',
			'live', pg_catalog.count(*) FILTER (WHERE h.status <> 'CANCELLED')) AS violation
		-- without WHERE on purpose: it must not be answered by the index that it checks
		FROM billing.invoice_headers h
		GROUP BY h.customer_id, h.period, h.currency
		HAVING pg_catalog.count(*) FILTER (WHERE h.status <> 'CANCELLED') > 1
		AND (since IS NULL OR pg_catalog.max(h.issued_at) >= since)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', h.customer_id,
			'invoice_id', h.invoice_id, 'currency', h.currency, 'problem', 'not the currency of the customer',
			'customer_currency', c.currency)
		FROM billing.invoice_headers h
		JOIN billing.customers c ON c.customer_id = h.customer_id
		WHERE h.currency IS DISTINCT FROM c.currency AND (since IS NULL OR h.issued_at >= since)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_live_invoices(timestamptz) IS
'Invariant: at most one invoice that is not CANCELLED per customer, period and currency, in the table itself, whatever its unique index says; and all in the currency of the customer. since: by issued_at.';

CREATE FUNCTION billing.verify_folded_usage(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	-- the first day, in the zone of the customer, of which no raw event can be purged
	WITH scope AS (
		SELECT c.customer_id, c.time_zone, d.first_day,
			-- a day earlier: where clocks change at midnight, a day has no single start
			d.first_day::timestamp AT TIME ZONE c.time_zone - interval '1 day' AS first_at
		FROM billing.customers c
		CROSS JOIN LATERAL (SELECT GREATEST((since AT TIME ZONE c.time_zone)::date,
			((billing.business_now() - COALESCE(pg_catalog.current_setting('billing.usage_max_age', true), '400d')::interval)
				AT TIME ZONE c.time_zone)::date + 1) AS first_day) d
		-- a damaged zone would be raised
		WHERE c.row_digest = billing.row_digest(c)
	),
	-- what the stored snapshot of the fold has consumed
	event AS NOT MATERIALIZED (
		SELECT e.customer_id, (e.occurred_at AT TIME ZONE s.time_zone)::date AS day, e.resource_type, m.aggregation,
			e.event_id, e.quantity, e.occurred_at, e.position, e.reverses
		FROM billing.usage_events e
		JOIN scope s ON s.customer_id = e.customer_id
		JOIN billing.meter_definitions m ON m.resource_type = e.resource_type
		JOIN billing.window_cursors w ON w.consumer = 'usage' AND w.bucket = e.bucket
		WHERE e.occurred_at >= s.first_at
		AND (e.era < w.era OR (e.era = w.era AND pg_catalog.pg_visible_in_snapshot(e.xid, w.snapshot)))
	),
	extreme AS (
		SELECT e.customer_id, e.day, e.resource_type, e.aggregation, e.quantity, e.occurred_at, e.position,
			e.reverses IS NULL AND r.reverses IS NULL AS live
		FROM event e
		LEFT JOIN event r ON r.customer_id = e.customer_id AND r.reverses = e.event_id
		WHERE e.aggregation IN ('MAX', 'LAST')
	),
	fold AS (
		SELECT e.customer_id, e.day, e.resource_type,
			CASE e.aggregation WHEN 'SUM'
				THEN pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN e.quantity ELSE - e.quantity END)
				ELSE pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END) END AS quantity,
			pg_catalog.sum(CASE WHEN e.reverses IS NULL THEN 1 ELSE -1 END) AS event_count,
			NULL::timestamptz AS last_at, NULL::bigint AS last_position
		FROM event e
		WHERE e.aggregation IN ('SUM', 'COUNT')
		GROUP BY e.customer_id, e.day, e.resource_type, e.aggregation
		UNION ALL
		SELECT e.customer_id, e.day, e.resource_type, COALESCE(pg_catalog.max(e.quantity) FILTER (WHERE e.live), 0),
			pg_catalog.count(*) FILTER (WHERE e.live), NULL, NULL
		FROM extreme e
		WHERE e.aggregation = 'MAX'
		GROUP BY e.customer_id, e.day, e.resource_type
		UNION ALL
		SELECT e.customer_id, e.day, e.resource_type,
			COALESCE((pg_catalog.array_agg(e.quantity ORDER BY e.occurred_at DESC, e.position DESC)
				FILTER (WHERE e.live))[1], 0),
			pg_catalog.count(*) FILTER (WHERE e.live), pg_catalog.max(e.occurred_at) FILTER (WHERE e.live),
			(pg_catalog.array_agg(e.position ORDER BY e.occurred_at DESC, e.position DESC) FILTER (WHERE e.live))[1]
		FROM extreme e
		WHERE e.aggregation = 'LAST'
		GROUP BY e.customer_id, e.day, e.resource_type
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'aggregated_usage', 'customer_id', b.customer_id, 'day', b.day,
			'resource_type', b.resource_type, 'problem', b.problem, 'stored', b.stored, 'events', b.folded) AS violation
		FROM (
			SELECT customer_id, day, resource_type, a.quantity AS stored, f.quantity AS folded,
				CASE WHEN a.quantity IS NULL THEN 'folded events have no row'
					WHEN f.quantity IS NULL THEN 'no folded events'
					WHEN a.quantity <> f.quantity THEN 'quantity is not the fold of its events'
					WHEN a.event_count <> f.event_count THEN 'event_count is not that of its events'
					WHEN (a.last_at, a.last_position) IS DISTINCT FROM (f.last_at, f.last_position)
						THEN 'last event is not that of its events' END AS problem
			FROM billing.aggregated_usage a
			FULL JOIN fold f USING (customer_id, day, resource_type)
		) b
		LEFT JOIN scope s ON s.customer_id = b.customer_id
		WHERE b.problem IS NOT NULL AND (s.customer_id IS NULL OR b.day >= s.first_day)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_folded_usage(timestamptz) IS
'Invariant: a day of aggregated_usage is the fold, by the aggregation of its meter, of exactly the events that the stored snapshot of its bucket has consumed, without those reversed. Only days younger than billing.usage_max_age, of which purge_usage() takes nothing; do not raise that setting above the age of what was purged. since: by day, in the zone of the customer.';

CREATE FUNCTION billing.verify_settled_usage(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH used AS (
		SELECT a.customer_id, pg_catalog.date_trunc('month', a.day::timestamp) AS month, a.resource_type,
			CASE m.aggregation WHEN 'MAX' THEN pg_catalog.max(a.quantity) ELSE pg_catalog.sum(a.quantity) END AS quantity
		FROM billing.aggregated_usage a
		JOIN billing.meter_definitions m ON m.resource_type = a.resource_type AND m.aggregation <> 'LAST'
		GROUP BY 1, 2, 3, m.aggregation
		UNION ALL
		(SELECT DISTINCT ON (1, 2, 3) a.customer_id, pg_catalog.date_trunc('month', a.day::timestamp) AS month,
			a.resource_type, a.quantity
		FROM billing.aggregated_usage a
		JOIN billing.meter_definitions m ON m.resource_type = a.resource_type AND m.aggregation = 'LAST'
		WHERE a.last_at IS NOT NULL
		ORDER BY 1, 2, 3, a.last_at DESC, a.last_position DESC)
	),
	billed AS (
		SELECT l.customer_id, l.service_period AS period, l.resource_type, pg_catalog.sum(l.quantity) AS quantity
		FROM billing.invoice_lines l
		JOIN billing.invoice_headers h ON h.customer_id = l.customer_id AND h.invoice_id = l.invoice_id AND NOT h.rebilled
		WHERE l.kind IN ('USAGE', 'LATE_USAGE') AND l.resource_type IS NOT NULL
		GROUP BY l.customer_id, l.service_period, l.resource_type
	),
	suspect AS MATERIALIZED (
		SELECT b.customer_id, b.period, b.resource_type, b.used, b.billed
		FROM (
			SELECT customer_id, period, resource_type, COALESCE(u.quantity, 0) AS used, COALESCE(l.quantity, 0) AS billed
			FROM (SELECT u.customer_id, pg_catalog.to_char(u.month, 'YYYY-MM') AS period, u.resource_type, u.quantity
				FROM used u) u
			FULL JOIN billed l USING (customer_id, period, resource_type)
			WHERE since IS NULL OR period >= pg_catalog.to_char(since AT TIME ZONE 'UTC' - interval '1 day', 'YYYY-MM')
		) b
		LEFT JOIN billing.unbilled_usage u
			ON u.customer_id = b.customer_id AND pg_catalog.to_char(u.month::timestamp, 'YYYY-MM') = b.period
		WHERE b.used <> b.billed AND u.customer_id IS NULL
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_lines', 'customer_id', s.customer_id,
			'service_period', s.period, 'resource_type', s.resource_type, 'billed', s.billed, 'used', s.used,
			'problem', 'billed usage is not the folded usage, and the month is not marked as unbilled') AS violation
		FROM suspect s
		-- a month with events that are not folded yet is marked when they are
		WHERE NOT EXISTS (
			SELECT FROM billing.usage_tail(s.customer_id) e
			JOIN billing.customers c ON c.customer_id = s.customer_id AND c.row_digest = billing.row_digest(c)
			WHERE pg_catalog.to_char(e.occurred_at AT TIME ZONE c.time_zone, 'YYYY-MM') = s.period)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_settled_usage(timestamptz) IS
'Invariant: usage is billed or known to be unbilled. Per customer, month and resource type the USAGE and LATE_USAGE lines of invoices that were not cancelled to be billed again sum to the usage of the month, unless the month is in unbilled_usage or has events that are not folded yet. since: by month.';

CREATE FUNCTION billing.verify_outbox_entities(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'outbox', 'id', o.id, 'type', o.type,
			'aggregatetype', o.aggregatetype, 'aggregateid', o.aggregateid, 'problem', 'its entity does not exist') AS violation
		FROM billing.outbox o
		LEFT JOIN (
			SELECT 'Invoice' AS aggregatetype, h.customer_id, h.invoice_id::text AS aggregateid FROM billing.invoice_headers h
			UNION ALL
			SELECT 'CreditNote', n.customer_id, n.credit_note_id::text FROM billing.credit_notes n
			UNION ALL
			SELECT 'Payment', p.customer_id, p.payment_id::text FROM billing.payments p
			UNION ALL
			SELECT 'Refund', r.customer_id, r.refund_id::text FROM billing.refunds r
			UNION ALL
			SELECT 'Order', d.customer_id, d.order_id::text FROM billing.orders d
			UNION ALL
			SELECT 'Credit', c.customer_id, c.credit_id::text FROM billing.credits c
			UNION ALL
			SELECT 'DeadLetter', d.customer_id, d.dead_letter_id::text FROM billing.dead_letters d
			UNION ALL
			SELECT 'Wallet', w.customer_id, w.wallet_id::text FROM billing.wallets w
		) e ON e.aggregatetype = o.aggregatetype AND e.aggregateid = o.aggregateid AND e.customer_id = o.customer_id
		WHERE (since IS NULL OR o.created_at >= since)
		AND e.aggregateid IS NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_outbox_entities(timestamptz) IS
'Invariant: an event is never told of what was not stored. Each event in the outbox has its entity: the invoice, credit note, payment, refund, order, credit or wallet, of the same customer. since: by created_at.';

CREATE FUNCTION billing.verify_references(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH entity AS (
		SELECT 'invoice' AS kind, h.customer_id, h.invoice_id AS id FROM billing.invoice_headers h
		UNION ALL SELECT 'credit note', n.customer_id, n.credit_note_id FROM billing.credit_notes n
		UNION ALL SELECT 'payment', p.customer_id, p.payment_id FROM billing.payments p
		UNION ALL SELECT 'refund', r.customer_id, r.refund_id FROM billing.refunds r
		UNION ALL SELECT 'payment method', m.customer_id, m.payment_method_id FROM billing.payment_methods m
		UNION ALL SELECT 'order', o.customer_id, o.order_id FROM billing.orders o
		UNION ALL SELECT 'wallet', w.customer_id, w.wallet_id FROM billing.wallets w
		UNION ALL SELECT 'credit', c.customer_id, c.credit_id FROM billing.credits c
		UNION ALL SELECT 'credit application', a.customer_id, a.application_id FROM billing.credit_applications a
	),
	reference AS (
		SELECT 'invoice_lines' AS holder, l.customer_id, l.invoice_id AS key, 'invoice' AS kind, l.invoice_id AS id
		FROM billing.invoice_lines l
		UNION ALL
		SELECT 'invoice_taxes', t.customer_id, t.invoice_id, 'invoice', t.invoice_id FROM billing.invoice_taxes t
		UNION ALL
		SELECT 'invoice_headers', h.customer_id, h.invoice_id, 'invoice', h.replaces_invoice_id FROM billing.invoice_headers h
		WHERE h.replaces_invoice_id IS NOT NULL AND (since IS NULL OR h.issued_at >= since)
		UNION ALL
		SELECT 'payments', p.customer_id, p.payment_id, v.kind, v.id FROM billing.payments p
		CROSS JOIN LATERAL (VALUES
			(CASE p.target_type WHEN 'INVOICE' THEN 'invoice' WHEN 'ORDER' THEN 'order' ELSE 'wallet' END, p.target_id),
			('payment method', p.payment_method_id), ('credit', p.credit_id)) v(kind, id)
		WHERE v.id IS NOT NULL AND (since IS NULL OR p.created_at >= since)
		UNION ALL
		SELECT 'payment_attempts', a.customer_id, a.payment_id, 'payment', a.payment_id FROM billing.payment_attempts a
		WHERE since IS NULL OR a.sent_at >= since
		UNION ALL
		SELECT 'refund_attempts', a.customer_id, a.refund_id, 'refund', a.refund_id FROM billing.refund_attempts a
		WHERE since IS NULL OR a.sent_at >= since
		UNION ALL
		SELECT 'orders', o.customer_id, o.order_id, 'payment', o.payment_id FROM billing.orders o
		WHERE o.payment_id IS NOT NULL AND (since IS NULL OR o.updated_at >= since)
		UNION ALL
		SELECT 'order_items', i.customer_id, i.order_id, 'order', i.order_id FROM billing.order_items i
		UNION ALL
		SELECT 'refunds', r.customer_id, r.refund_id, v.kind, v.id FROM billing.refunds r
		CROSS JOIN LATERAL (VALUES ('payment', r.payment_id), ('credit note', r.credit_note_id), ('credit', r.credit_id))
			v(kind, id)
		WHERE v.id IS NOT NULL AND (since IS NULL OR r.requested_at >= since)
		UNION ALL
		SELECT 'credit_notes', n.customer_id, n.credit_note_id, 'invoice', n.invoice_id FROM billing.credit_notes n
		WHERE since IS NULL OR n.issued_at >= since
		UNION ALL
		SELECT 'credit_note_lines', l.customer_id, l.credit_note_id, 'credit note', l.credit_note_id
		FROM billing.credit_note_lines l
		UNION ALL
		SELECT 'wallet_holds', h.customer_id, h.hold_id, 'wallet', h.wallet_id FROM billing.wallet_holds h
		WHERE since IS NULL OR h.created_at >= since
		UNION ALL
		SELECT 'credit_applications', a.customer_id, a.application_id, 'invoice', a.invoice_id
		FROM billing.credit_applications a
		WHERE since IS NULL OR a.applied_at >= since
		UNION ALL
		SELECT 'credit_uses', u.customer_id, u.application_id, v.kind, v.id FROM billing.credit_uses u
		CROSS JOIN LATERAL (VALUES ('credit application', u.application_id), ('credit', u.credit_id)) v(kind, id)
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', r.holder, 'customer_id', r.customer_id, 'key', r.key,
			'problem', 'its customer does not exist') AS violation
		FROM (
			SELECT 'usage_events' AS holder, e.customer_id, e.event_id AS key FROM billing.usage_events e
			WHERE since IS NULL OR e.received_at >= since
			UNION ALL
			SELECT 'aggregated_usage', a.customer_id, a.day::text || ' ' || a.resource_type FROM billing.aggregated_usage a
			WHERE since IS NULL OR a.day >= (since AT TIME ZONE 'UTC')::date - 1
			UNION ALL
			SELECT 'unbilled_usage', u.customer_id, u.month::text FROM billing.unbilled_usage u
			UNION ALL
			SELECT 'ledger_transfers', t.customer_id, t.transfer_id::text FROM billing.ledger_transfers t
			WHERE since IS NULL OR t.posted_at >= since
			UNION ALL
			SELECT 'invoice_headers', h.customer_id, h.invoice_id::text FROM billing.invoice_headers h
			WHERE since IS NULL OR h.issued_at >= since
			UNION ALL
			SELECT 'payments', p.customer_id, p.payment_id::text FROM billing.payments p
			WHERE since IS NULL OR p.created_at >= since
			UNION ALL
			SELECT 'payment_methods', m.customer_id, m.payment_method_id::text FROM billing.payment_methods m
			WHERE since IS NULL OR m.created_at >= since
			UNION ALL
			SELECT 'orders', o.customer_id, o.order_id::text FROM billing.orders o WHERE since IS NULL OR o.created_at >= since
			UNION ALL
			SELECT 'wallets', w.customer_id, w.wallet_id::text FROM billing.wallets w WHERE since IS NULL OR w.created_at >= since
			UNION ALL
			SELECT 'credits', c.customer_id, c.credit_id::text FROM billing.credits c WHERE since IS NULL OR c.created_at >= since
			UNION ALL
			SELECT 'document_numbers', n.customer_id, n.document_id::text FROM billing.document_numbers n
			WHERE since IS NULL OR n.issued_on >= (since AT TIME ZONE 'UTC')::date - 1
			UNION ALL
			SELECT 'settlement_runs', s.customer_id, s.period FROM billing.settlement_runs s
			WHERE since IS NULL OR s.created_at >= since
			UNION ALL
			SELECT 'outbox', o.customer_id, o.id::text FROM billing.outbox o
			WHERE o.customer_id IS NOT NULL AND (since IS NULL OR o.created_at >= since)
			UNION ALL
			SELECT 'audit_entries', l.customer_id, l.position::text FROM billing.audit_entries l
			WHERE l.customer_id IS NOT NULL AND (since IS NULL OR l.occurred_at >= since)
		) r
		WHERE NOT EXISTS (SELECT FROM billing.customers c WHERE c.customer_id = r.customer_id)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'usage_events', 'customer_id', e.customer_id, 'key', e.event_id,
			'problem', 'its meter does not exist', 'resource_type', e.resource_type)
		FROM billing.usage_events e
		WHERE (since IS NULL OR e.received_at >= since)
		AND NOT EXISTS (SELECT FROM billing.meter_definitions m WHERE m.resource_type = e.resource_type)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', r.holder, 'customer_id', r.customer_id, 'key', r.key,
			'problem', 'its ' || r.kind || ' does not exist')
		FROM reference r
		WHERE NOT EXISTS (SELECT FROM entity e WHERE e.kind = r.kind AND e.customer_id = r.customer_id AND e.id = r.id)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', r.holder, 'customer_id', r.customer_id, 'key', r.invoice_id,
			'problem', 'its pricing snapshot does not exist')
		FROM (
			SELECT 'invoice_headers' AS holder, h.customer_id, h.invoice_id, h.snapshot_hash FROM billing.invoice_headers h
			WHERE since IS NULL OR h.issued_at >= since
			UNION ALL
			SELECT 'invoice_lines', l.customer_id, l.invoice_id, l.snapshot_hash FROM billing.invoice_lines l
			WHERE l.snapshot_hash IS NOT NULL
		) r
		WHERE NOT EXISTS (SELECT FROM billing.pricing_snapshots s WHERE s.content_hash = r.snapshot_hash)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_references(timestamptz) IS
'Invariant: what tables without foreign keys refer to exists: customers, the meters of usage, the pricing snapshots of invoices and lines, and the invoice, credit note, payment, refund, payment method, order, wallet, credit and credit application that a row names, of the same customer. Of a snapshot only its presence is checked: its hash is of the JSON text as written, which jsonb does not keep, and its content by row_digests. since: by the time of writing; lines, items, taxes and uses, which have none, are all read.';

CREATE FUNCTION billing.verify_windows(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH held AS (
		SELECT 'usage_events' AS holder, e.customer_id, e.event_id AS key, e.bucket, e.era FROM billing.usage_events e
		WHERE since IS NULL OR e.received_at >= since
		UNION ALL
		SELECT 'outbox', o.customer_id, o.id::text, o.bucket, o.era FROM billing.outbox o
		WHERE since IS NULL OR o.created_at >= since
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'window_cursors', 'consumer', w.consumer, 'bucket', w.bucket,
			'problem', 'its era does not exist', 'era', w.era) AS violation
		FROM billing.window_cursors w
		-- era 0 is that of a cursor that has consumed nothing yet
		WHERE w.era <> 0 AND NOT EXISTS (SELECT FROM billing.window_eras r WHERE r.era = w.era)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'window_cursors', 'consumer', w.consumer,
			'problem', 'not one cursor a bucket', 'cursors', pg_catalog.count(*))
		FROM billing.window_cursors w
		GROUP BY w.consumer
		HAVING pg_catalog.count(DISTINCT w.bucket) <> 64 OR pg_catalog.count(*) <> 64
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', h.holder, 'customer_id', h.customer_id, 'key', h.key,
			'problem', CASE WHEN r.era IS NULL THEN 'its era does not exist' ELSE 'not in the bucket of its customer' END,
			'era', h.era, 'bucket', h.bucket)
		FROM held h
		LEFT JOIN billing.window_eras r ON r.era = h.era
		WHERE r.era IS NULL OR h.bucket <> billing.bucket_of(h.customer_id)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_windows(timestamptz) IS
'Invariant: consumers of change windows can see every row. The era of each cursor, usage event and outbox event is known, a row is in the bucket of its customer, and a consumer has one cursor a bucket. since: by received_at and created_at.';

-- Whole tables are read, in any state of their statistics: nested loops and compilation only ever lose here.
CREATE FUNCTION billing.verify(since timestamptz DEFAULT NULL)
	RETURNS TABLE (check_name text, ok boolean, violations bigint, detail jsonb)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	SET enable_nestloop = off SET jit = off AS $$
	SELECT c.check_name, c.violations = 0, c.violations, c.detail
	FROM (
		-- far enough for every calendar of the checks, whatever the zone
		SELECT CASE WHEN verify.since < '1970-01-01 UTC' THEN NULL
			WHEN verify.since > '9999-12-31 UTC' THEN '9999-12-31 UTC' ELSE verify.since END AS since
		OFFSET 0
	) s
	CROSS JOIN LATERAL (
		SELECT 'trial_balance' AS check_name, v.violations, v.detail FROM billing.verify_trial_balance(s.since) v
		UNION ALL SELECT 'receivable', v.violations, v.detail FROM billing.verify_receivable(s.since) v
		UNION ALL SELECT 'postings', v.violations, v.detail FROM billing.verify_postings(s.since) v
		UNION ALL SELECT 'invoice_totals', v.violations, v.detail FROM billing.verify_invoice_totals(s.since) v
		UNION ALL SELECT 'invoice_payments', v.violations, v.detail FROM billing.verify_invoice_payments(s.since) v
		UNION ALL SELECT 'payments', v.violations, v.detail FROM billing.verify_payments(s.since) v
		UNION ALL SELECT 'collections', v.violations, v.detail FROM billing.verify_collections(s.since) v
		UNION ALL SELECT 'orders', v.violations, v.detail FROM billing.verify_orders(s.since) v
		UNION ALL SELECT 'refunds', v.violations, v.detail FROM billing.verify_refunds(s.since) v
		UNION ALL SELECT 'gateway_calls', v.violations, v.detail FROM billing.verify_gateway_calls(s.since) v
		UNION ALL SELECT 'credit_notes', v.violations, v.detail FROM billing.verify_credit_notes(s.since) v
		UNION ALL SELECT 'wallets', v.violations, v.detail FROM billing.verify_wallets(s.since) v
		UNION ALL SELECT 'credits', v.violations, v.detail FROM billing.verify_credits(s.since) v
		UNION ALL SELECT 'credit_applications', v.violations, v.detail FROM billing.verify_credit_applications(s.since) v
		UNION ALL SELECT 'document_numbers', v.violations, v.detail FROM billing.verify_document_numbers(s.since) v
		UNION ALL SELECT 'live_invoices', v.violations, v.detail FROM billing.verify_live_invoices(s.since) v
		UNION ALL SELECT 'folded_usage', v.violations, v.detail FROM billing.verify_folded_usage(s.since) v
		UNION ALL SELECT 'settled_usage', v.violations, v.detail FROM billing.verify_settled_usage(s.since) v
		UNION ALL SELECT 'outbox_entities', v.violations, v.detail FROM billing.verify_outbox_entities(s.since) v
		UNION ALL SELECT 'references', v.violations, v.detail FROM billing.verify_references(s.since) v
		UNION ALL SELECT 'windows', v.violations, v.detail FROM billing.verify_windows(s.since) v
		UNION ALL SELECT 'row_digests', v.violations, v.detail FROM billing.verify_row_digests(s.since) v
	) c
$$;
COMMENT ON FUNCTION billing.verify(timestamptz) IS
'Checks every invariant of the house over all data, or what was written since a time, in one snapshot: one row a check, with the number of violations and up to five of them by table and key. Read only; runs on a standby. The comment of each function billing.verify_<check_name>() states its invariant.';
