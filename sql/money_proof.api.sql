-- The proof of the movement of money: orders, payments, refunds, credit notes, wallets and credits against the
-- ledger and each other. How a check answers, and what it may not do, stands at the head of proof.api.sql.

CREATE FUNCTION billing.verify_postings(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH payment AS (
		SELECT p.customer_id, p.payment_id, p.target_type, p.target_id, p.amount - p.excess AS amount, p.currency, p.status,
			p.completed_at, p.late_captured_at, CASE p.provider WHEN 'wallet' THEN 'wallet' WHEN 'manual' THEN 'bank' ELSE 'gateway_clearing' END
			AS account, o.net AS order_net, o.tax AS order_tax, o.tax_code
		FROM billing.payments p
		LEFT JOIN billing.orders o ON p.target_type = 'ORDER' AND o.customer_id = p.customer_id AND o.order_id = p.target_id
	),
	-- of a top-up: out of the wallet while it is on its way; whether one that has ended was, only the ledger knows
	reserved AS (
		SELECT DISTINCT t.customer_id, t.reference_id
		FROM billing.ledger_transfers t
		WHERE t.reference_type = 'REFUND' AND t.kind = 'REFUND_RESERVED'
	),
	refund AS (
		SELECT r.customer_id, r.refund_id, r.status, r.amount, r.tax, p.tax_code, r.currency, r.requested_at, r.completed_at,
			CASE WHEN p.late_captured_at IS NOT NULL THEN 'LATE'
				WHEN p.target_type = 'TOP_UP' AND (r.status IN ('REQUESTED', 'APPROVED') OR t.reference_id IS NOT NULL)
					THEN 'RESERVED' ELSE p.target_type END AS source,
			CASE r.destination WHEN 'WALLET' THEN 'wallet' WHEN 'CREDIT' THEN 'refund_clearing' ELSE p.account END AS account
		FROM (SELECT r.*, r.refund_id::text AS reference_id FROM billing.refunds r) r
		JOIN payment p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id
		LEFT JOIN reserved t ON t.customer_id = r.customer_id AND t.reference_id = r.reference_id
	),
	used AS (
		SELECT u.customer_id, u.credit_id, pg_catalog.sum(u.amount) AS amount, pg_catalog.count(*) AS uses
		FROM billing.credit_uses u
		GROUP BY u.customer_id, u.credit_id
	),
	credit AS (
		SELECT c.customer_id, c.credit_id, c.type, c.status, c.currency, c.granted, c.created_at, c.ended_at,
			COALESCE(u.amount, 0) AS used, u.uses, p.credit_id IS NOT NULL AS excess
		FROM billing.credits c
		LEFT JOIN used u ON u.customer_id = c.customer_id AND u.credit_id = c.credit_id
		LEFT JOIN (SELECT DISTINCT p.customer_id, p.credit_id FROM billing.payments p WHERE p.credit_id IS NOT NULL) p
			ON p.customer_id = c.customer_id AND p.credit_id = c.credit_id
	),
	-- what each row stands for in the ledger
	expected AS (
		SELECT h.customer_id, 'INVOICE' AS reference_type, h.invoice_id AS id, 'INVOICE_ISSUED' AS kind,
			'receivable' AS debit_account, 'revenue' AS credit_account, '' AS tax_code, h.currency, h.net AS amount,
			1::bigint AS transfers, h.issued_at AS at
		FROM billing.invoice_headers h
		WHERE h.status <> 'DRAFT'
		UNION ALL
		SELECT h.customer_id, 'INVOICE', h.invoice_id, 'INVOICE_ISSUED', 'receivable', 'tax_payable', t.tax_code, h.currency,
			t.tax, 1, h.issued_at
		FROM billing.invoice_headers h
		JOIN billing.invoice_taxes t ON t.customer_id = h.customer_id AND t.invoice_id = h.invoice_id
		WHERE h.status <> 'DRAFT'
		UNION ALL
		SELECT n.customer_id, 'CREDIT_NOTE', n.credit_note_id, 'CREDIT_NOTE_ISSUED', v.account, 'receivable', v.tax_code,
			n.currency, v.amount, 1, n.issued_at
		FROM billing.credit_notes n
		CROSS JOIN LATERAL (VALUES ('revenue', '', n.net), ('tax_payable', n.tax_code, n.tax)) v(account, tax_code, amount)
		UNION ALL
		SELECT p.customer_id, 'PAYMENT', p.payment_id, 'PAYMENT_CAPTURED', p.account, v.account, v.tax_code, p.currency,
			v.amount, 1, p.completed_at
		FROM payment p
		CROSS JOIN LATERAL (VALUES ('INVOICE', 'receivable', '', p.amount), ('TOP_UP', 'wallet', '', p.amount),
			('ORDER', 'revenue', '', p.order_net), ('ORDER', 'tax_payable', p.tax_code, p.order_tax))
			v(target_type, account, tax_code, amount)
		WHERE p.status = 'APPROVED' AND v.target_type = p.target_type
		UNION ALL
		SELECT p.customer_id, 'PAYMENT', p.payment_id, 'PAYMENT_CAPTURED_LATE', p.account, 'refund_clearing', '', p.currency,
			p.amount, 1, p.late_captured_at
		FROM payment p
		WHERE p.late_captured_at IS NOT NULL
		UNION ALL
		SELECT r.customer_id, 'REFUND', r.refund_id, 'REFUND_COMPLETED', v.account, r.account, v.tax_code, r.currency, v.amount,
			1, r.completed_at
		FROM refund r
		CROSS JOIN LATERAL (VALUES ('INVOICE', 'receivable', '', r.amount), ('TOP_UP', 'wallet', '', r.amount),
			('RESERVED', 'refund_clearing', '', r.amount), ('LATE', 'refund_clearing', '', r.amount),
			('ORDER', 'revenue', '', r.amount - r.tax), ('ORDER', 'tax_payable', r.tax_code, r.tax))
			v(source, account, tax_code, amount)
		WHERE r.status = 'COMPLETED' AND v.source = r.source
		UNION ALL
		SELECT r.customer_id, 'REFUND', r.refund_id, v.kind, v.debit_account, v.credit_account, '', r.currency, r.amount, 1, v.at
		FROM refund r
		CROSS JOIN LATERAL (VALUES
			('REFUND_RESERVED', 'wallet', 'refund_clearing', r.requested_at, true),
			('REFUND_RETURNED', 'refund_clearing', 'wallet', r.completed_at, r.status = 'FAILED'))
			v(kind, debit_account, credit_account, at, booked)
		WHERE r.source = 'RESERVED' AND v.booked
		UNION ALL
		SELECT h.customer_id, 'HOLD', h.hold_id, 'WALLET_CAPTURE', 'wallet', 'revenue', '', h.currency, h.captured, 1, h.ended_at
		FROM billing.wallet_holds h
		WHERE h.status = 'CAPTURED'
		UNION ALL
		SELECT c.customer_id, 'CREDIT', c.credit_id, 'CREDIT_GRANTED', CASE WHEN c.excess THEN 'bank'
				WHEN c.type = 'PREPAID' THEN 'funding_clearing' WHEN c.type = 'REFUND_TO_CREDIT' THEN 'refund_clearing'
				ELSE 'promotion' END, 'credit', '', c.currency, c.granted, 1, c.created_at
		FROM credit c
		UNION ALL
		SELECT c.customer_id, 'CREDIT', c.credit_id, 'CREDIT_APPLIED', 'credit', 'receivable', '', c.currency, c.used, c.uses, NULL
		FROM credit c
		UNION ALL
		SELECT c.customer_id, 'CREDIT', c.credit_id, v.kind, 'credit', v.account, '', c.currency, c.granted - c.used, 1, c.ended_at
		FROM credit c
		CROSS JOIN LATERAL (VALUES
			('EXPIRED', 'CREDIT_EXPIRED', CASE WHEN c.type IN ('PROMO', 'COMPENSATION') THEN 'promotion'
				ELSE 'breakage_revenue' END),
			('REVOKED', 'CREDIT_REVOKED', CASE c.type WHEN 'PREPAID' THEN 'funding_clearing'
				WHEN 'REFUND_TO_CREDIT' THEN 'refund_clearing' ELSE 'promotion' END)) v(status, kind, account)
		WHERE v.status = c.status
	),
	posted AS (
		SELECT t.customer_id, t.reference_type, t.reference_id, t.kind, t.debit_account, t.credit_account,
			COALESCE(t.tax_code, '') AS tax_code, t.currency, pg_catalog.sum(t.amount) AS amount,
			pg_catalog.count(*) AS transfers, pg_catalog.max(t.posted_at) AS at
		FROM (
			SELECT t.customer_id, t.reference_type, t.reference_id, t.kind, t.credit_account, t.tax_code, t.currency, t.amount,
				t.posted_at,
				-- a credit in place of those of a corrected invoice: verify_credit_applications() counts them
				CASE WHEN t.kind = 'CREDIT_GRANTED' AND t.debit_account = 'receivable' THEN 'refund_clearing'
					ELSE t.debit_account END AS debit_account
			FROM billing.ledger_transfers t
			-- these stand for themselves
			WHERE NOT (t.kind = 'WALLET_TOP_UP' AND t.debit_account = 'funding_clearing' AND t.credit_account = 'wallet')
			AND NOT (t.kind = 'WALLET_CHARGE' AND t.debit_account = 'wallet' AND t.credit_account = 'revenue')
		) t
		GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'ledger_transfers', 'customer_id', b.customer_id,
			'reference_type', b.reference_type, 'reference_id', b.reference_id, 'kind', b.kind,
			'debit_account', b.debit_account, 'credit_account', b.credit_account, 'tax_code', b.tax_code,
			'currency', b.currency, 'posted', b.posted, 'expected', b.expected,
			'problem', CASE WHEN b.posted IS NULL THEN 'not posted'
				WHEN b.expected IS NULL THEN 'posted, but nothing stands for it'
				WHEN b.posted <> b.expected THEN 'posted with another amount'
				ELSE 'not posted in as many transfers as it has parts' END) AS violation
		FROM (
			SELECT customer_id, reference_type, reference_id, kind, debit_account, credit_account, tax_code, currency,
				p.amount AS posted, e.amount AS expected, p.transfers, e.transfers AS parts
			FROM (SELECT e.*, e.id::text AS reference_id FROM expected e WHERE e.amount <> 0) e
			FULL JOIN posted p
				USING (customer_id, reference_type, reference_id, kind, debit_account, credit_account, tax_code, currency)
			WHERE since IS NULL OR e.at >= since OR p.at >= since
		) b
		WHERE b.posted IS DISTINCT FROM b.expected OR b.transfers <> b.parts
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_postings(timestamptz) IS
'Invariant: the ledger holds exactly what the other tables stand for. By the chart of accounts, an issued invoice, a credit note, an APPROVED payment, one that was captured late, a COMPLETED refund, the money that a refund of a top-up holds back while it is on its way, a CAPTURED hold, and the grant, each use, the expiry and the revocation of a credit have one transfer an account and tax code (none of 0); nobody else has any, but top-ups and charges of wallets, which are booked for themselves. since: by the time of the row and posted_at.';

CREATE FUNCTION billing.verify_payments(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH attempt AS (
		SELECT a.customer_id, a.payment_id, pg_catalog.count(*) AS attempts,
			pg_catalog.count(*) FILTER (WHERE a.status = 'APPROVED') AS approved,
			pg_catalog.count(*) FILTER (WHERE a.status IN ('SENT', 'UNKNOWN')) AS undecided,
			pg_catalog.count(*) FILTER (WHERE a.status = 'SENT' OR a.finished_at IS NULL) AS open
		FROM billing.payment_attempts a
		GROUP BY a.customer_id, a.payment_id
	),
	target AS (
		SELECT 'INVOICE' AS target_type, h.customer_id, h.invoice_id AS target_id, h.currency FROM billing.invoice_headers h
		UNION ALL
		SELECT 'ORDER', o.customer_id, o.order_id, o.currency FROM billing.orders o
		UNION ALL
		SELECT 'TOP_UP', w.customer_id, w.wallet_id, w.currency FROM billing.wallets w
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'payments', 'customer_id', b.customer_id,
			'payment_id', b.payment_id, 'problem', b.problem) AS violation
		FROM (
			SELECT p.customer_id, p.payment_id,
				CASE WHEN p.provider IN ('wallet', 'manual') AND (p.status <> 'APPROVED' OR a.attempts IS NOT NULL)
						THEN 'no provider was asked, but it is not APPROVED or has attempts'
					WHEN p.provider = 'http' AND p.status = 'FAILED' AND a.approved > 0 AND p.late_captured_at IS NULL
						THEN 'the provider captured it, but it is FAILED'
					WHEN p.provider NOT IN ('wallet', 'manual', 'http')
						AND COALESCE(a.approved, 0) <> CASE p.status WHEN 'APPROVED' THEN 1 ELSE 0 END
						THEN 'its attempts do not agree with it'
					WHEN p.status <> 'PENDING' AND CASE p.provider WHEN 'http' THEN a.open ELSE a.undecided END > 0 THEN 'it is decided, an attempt of it is not'
					WHEN (p.method = 'WALLET') <> (p.provider = 'wallet') THEN 'its method is not that of its provider'
					WHEN p.excess <> 0 AND (p.provider <> 'manual' OR p.target_type <> 'INVOICE' OR p.status <> 'APPROVED')
						THEN 'more than was due, but not recorded by hand for an invoice'
					WHEN p.excess <> COALESCE(c.granted, 0) OR c.currency <> p.currency OR c.type <> 'REFUND_TO_CREDIT'
						THEN 'its credit is not what was too much'
					WHEN t.currency <> p.currency THEN 'paid in another currency'
					WHEN p.late_captured_at IS NOT NULL AND (p.provider <> 'http' OR p.status <> 'FAILED')
						THEN 'captured late, but not FAILED at a remote provider'
					WHEN p.late_captured_at IS NOT NULL AND r.payment_id IS NULL
						THEN 'captured late, but never given back' END AS problem
			FROM billing.payments p
			LEFT JOIN attempt a ON a.customer_id = p.customer_id AND a.payment_id = p.payment_id
			LEFT JOIN target t ON t.target_type = p.target_type AND t.customer_id = p.customer_id AND t.target_id = p.target_id
			LEFT JOIN billing.credits c ON c.customer_id = p.customer_id AND c.credit_id = p.credit_id
			LEFT JOIN (SELECT DISTINCT r.customer_id, r.payment_id FROM billing.refunds r) r
				ON r.customer_id = p.customer_id AND r.payment_id = p.payment_id
			WHERE since IS NULL OR p.created_at >= since OR p.completed_at >= since OR p.late_captured_at >= since
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		-- without WHERE on purpose: it must not be answered by the index that it checks
		SELECT pg_catalog.jsonb_build_object('table', 'payments', 'customer_id', p.customer_id, 'target_id', p.target_id,
			'problem', 'more than one payment of it is PENDING',
			'pending', pg_catalog.count(*) FILTER (WHERE p.status = 'PENDING'))
		FROM billing.payments p
		GROUP BY p.customer_id, p.target_type, p.target_id
		HAVING p.target_type <> 'TOP_UP' AND pg_catalog.count(*) FILTER (WHERE p.status = 'PENDING') > 1
		AND (since IS NULL OR pg_catalog.max(p.created_at) >= since)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_payments(timestamptz) IS
'Invariant: of an APPROVED payment that a provider captured in process one attempt is APPROVED, of any other none, and no attempt of a decided one is open. A remote provider also tells by webhooks and operators what it did, so there an attempt that is APPROVED means no more than that the payment did not fail, or was captured late and has a refund. One by wallet or recorded by hand has no attempts and is APPROVED. It is in the currency of its target, of which at most one is PENDING unless it tops up; what was too much is the credit of type REFUND_TO_CREDIT that it names. since: by created_at and completed_at.';

CREATE FUNCTION billing.verify_orders(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH item AS (
		SELECT i.customer_id, i.order_id, pg_catalog.count(*) AS items, pg_catalog.min(i.item_no) AS first,
			pg_catalog.max(i.item_no) AS last, pg_catalog.sum(i.item_no) AS numbers, pg_catalog.sum(i.amount) AS amount,
			pg_catalog.bool_and(i.amount = i.unit_price * i.quantity) AS products
		FROM billing.order_items i
		GROUP BY i.customer_id, i.order_id
	),
	payment AS (
		SELECT p.customer_id, p.target_id, pg_catalog.count(*) AS payments, pg_catalog.sum(p.amount) AS amount,
			pg_catalog.min(p.payment_id::text) AS payment_id, pg_catalog.min(p.currency) AS currency
		FROM billing.payments p
		WHERE p.target_type = 'ORDER' AND p.status = 'APPROVED'
		GROUP BY p.customer_id, p.target_id
	),
	refund AS (
		SELECT p.customer_id, p.target_id, pg_catalog.sum(r.amount) AS amount, pg_catalog.sum(r.tax) AS tax,
			pg_catalog.max(r.completed_at) AS at
		FROM billing.refunds r
		JOIN billing.payments p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id AND p.target_type = 'ORDER'
			AND p.status = 'APPROVED'
		WHERE r.status = 'COMPLETED'
		GROUP BY p.customer_id, p.target_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'orders', 'customer_id', b.customer_id, 'order_id', b.order_id,
			'problem', b.problem) AS violation
		FROM (
			SELECT o.customer_id, o.order_id,
				CASE WHEN i.items IS NULL THEN 'no items'
					WHEN i.first <> 1 OR i.last <> i.items OR i.numbers <> i.items * (i.items + 1) / 2
						THEN 'item numbers are not 1 to n'
					WHEN NOT i.products THEN 'an amount is not unit price times quantity'
					WHEN o.total <> i.amount THEN 'total is not the sum of the items'
					WHEN o.total <> o.net + o.tax THEN 'total is not net plus tax'
					WHEN (o.status IN ('PAID', 'REFUNDED')) <> (p.payments IS NOT NULL) THEN 'status and payments disagree'
					WHEN p.payments > 1 THEN 'paid more than once'
					WHEN o.payment_id::text <> p.payment_id THEN 'another payment paid it'
					WHEN p.amount <> o.total OR p.currency <> o.currency THEN 'paid with another amount'
					WHEN o.refunded <> COALESCE(r.amount, 0) OR o.refunded_tax <> COALESCE(r.tax, 0)
						THEN 'refunded is not the sum of its refunds'
					WHEN (o.status = 'REFUNDED') <> (o.refunded = o.total) THEN 'status and refunded disagree' END AS problem
			FROM billing.orders o
			LEFT JOIN item i ON i.customer_id = o.customer_id AND i.order_id = o.order_id
			LEFT JOIN payment p ON p.customer_id = o.customer_id AND p.target_id = o.order_id
			LEFT JOIN refund r ON r.customer_id = o.customer_id AND r.target_id = o.order_id
			WHERE since IS NULL OR o.updated_at >= since OR r.at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_orders(timestamptz) IS
'Invariant: an order has items numbered 1 to n, which sum to its total = net + tax; it is PAID or REFUNDED if and only if exactly one APPROVED payment, the one that it names, captured its total; refunded and refunded_tax are the sums of the COMPLETED refunds of that payment, and it is REFUNDED when all is back. since: by updated_at and completed_at.';

CREATE FUNCTION billing.verify_refunds(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH taken AS (
		SELECT r.customer_id, r.payment_id, pg_catalog.sum(r.amount) AS amount, pg_catalog.max(r.requested_at) AS at
		FROM billing.refunds r
		WHERE r.status <> 'FAILED'
		GROUP BY r.customer_id, r.payment_id
	),
	noted AS (
		SELECT r.customer_id, r.credit_note_id, pg_catalog.sum(r.amount) AS amount
		FROM billing.refunds r
		WHERE r.status = 'COMPLETED' AND r.credit_note_id IS NOT NULL
		GROUP BY r.customer_id, r.credit_note_id
	),
	attempt AS (
		SELECT a.customer_id, a.refund_id, pg_catalog.count(*) FILTER (WHERE a.status = 'APPROVED') AS approved,
			pg_catalog.count(*) FILTER (WHERE a.status = 'SENT' OR a.finished_at IS NULL) AS open
		FROM billing.refund_attempts a
		GROUP BY a.customer_id, a.refund_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'payments', 'customer_id', t.customer_id, 'payment_id', t.payment_id,
			'problem', 'more is refunded than was captured', 'refunded', t.amount, 'captured', p.amount - p.excess) AS violation
		FROM taken t
		JOIN billing.payments p ON p.customer_id = t.customer_id AND p.payment_id = t.payment_id
		WHERE t.amount > p.amount - p.excess AND (since IS NULL OR t.at >= since)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'refunds', 'customer_id', b.customer_id, 'refund_id', b.refund_id,
			'problem', b.problem)
		FROM (
			SELECT r.customer_id, r.refund_id,
				CASE WHEN p.status <> 'APPROVED' AND p.late_captured_at IS NULL THEN 'its payment was not captured'
					WHEN p.late_captured_at IS NOT NULL AND r.destination <> 'SOURCE'
						THEN 'captured late, but not given back to its source'
					WHEN a.approved > 0 AND r.status = 'FAILED' THEN 'the provider gave it back, but it is FAILED'
					WHEN a.open > 0 AND r.status IN ('COMPLETED', 'FAILED') THEN 'it is decided, an attempt of it is not'
					WHEN p.currency <> r.currency THEN 'refunded in another currency'
					WHEN r.status = 'FAILED' AND r.credit_id IS NOT NULL THEN 'it failed, but has a credit'
					WHEN r.status = 'COMPLETED' AND (r.destination = 'CREDIT') <> (r.credit_id IS NOT NULL)
						THEN 'destination and credit disagree'
					WHEN c.granted <> r.amount OR c.currency <> r.currency OR c.type <> 'REFUND_TO_CREDIT'
						THEN 'its credit is not what was refunded'
					WHEN r.status = 'COMPLETED' AND (p.target_type = 'INVOICE' AND p.status = 'APPROVED')
						<> (r.credit_note_id IS NOT NULL)
						THEN 'target and credit note disagree'
					WHEN n.invoice_id <> p.target_id THEN 'its credit note is of another invoice'
					WHEN s.amount > n.total THEN 'more than its credit note' END AS problem
			FROM billing.refunds r
			JOIN billing.payments p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id
			LEFT JOIN billing.credits c ON c.customer_id = r.customer_id AND c.credit_id = r.credit_id
			LEFT JOIN billing.credit_notes n ON n.customer_id = r.customer_id AND n.credit_note_id = r.credit_note_id
			LEFT JOIN noted s ON s.customer_id = r.customer_id AND s.credit_note_id = r.credit_note_id
			LEFT JOIN attempt a ON a.customer_id = r.customer_id AND a.refund_id = r.refund_id
			WHERE since IS NULL OR r.requested_at >= since OR r.completed_at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_refunds(timestamptz) IS
'Invariant: the refunds of a payment that have not FAILED never exceed what it captured without its excess; a refund is of an APPROVED payment, or to the source of one that was captured late, and in its currency; no attempt of a decided one is open, none of a FAILED one APPROVED; a COMPLETED one has a credit of its amount if and only if that is its destination, and a credit note of the invoice, of at least what is refunded with it, if and only if its payment paid an invoice. since: by requested_at and completed_at.';

CREATE FUNCTION billing.verify_gateway_calls(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH undecided AS (
		SELECT p.customer_id, 'PAYMENT' AS subject, p.payment_id AS subject_id, p.created_at AS at
		FROM billing.payments p
		WHERE p.provider = 'http' AND p.status = 'PENDING'
		UNION ALL
		SELECT r.customer_id, 'REFUND', r.refund_id, r.requested_at
		FROM billing.refunds r
		JOIN billing.payments p ON p.customer_id = r.customer_id AND p.payment_id = r.payment_id
		WHERE p.provider = 'http' AND r.destination = 'SOURCE' AND r.status = 'REQUESTED'
	),
	queued AS (
		SELECT g.customer_id, g.subject, g.subject_id, pg_catalog.count(*) AS calls, pg_catalog.max(g.created_at) AS at
		FROM billing.gateway_calls g
		GROUP BY g.customer_id, g.subject, g.subject_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'gateway_calls', 'customer_id', b.customer_id,
			'subject', b.subject, 'subject_id', b.subject_id, 'problem',
			CASE WHEN b.undecided IS NULL THEN 'it is queued, but not undecided'
				WHEN b.calls IS NULL THEN 'it is undecided, but not queued' ELSE 'it is queued more than once' END) AS violation
		FROM (
			SELECT customer_id, subject, subject_id, q.calls, u.at AS undecided
			FROM undecided u FULL JOIN queued q USING (customer_id, subject, subject_id)
			WHERE since IS NULL OR u.at >= since OR q.at >= since
		) b
		WHERE b.undecided IS NULL OR b.calls IS DISTINCT FROM 1
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_gateway_calls(timestamptz) IS
'Invariant: nothing that a remote provider has to decide is forgotten, and nothing else is asked of it. Each PENDING payment and each REQUESTED refund to the source of a payment of a remote provider has one row in gateway_calls, and each row has its payment or refund in that state. since: by created_at and requested_at.';

CREATE FUNCTION billing.verify_credit_notes(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH line AS (
		SELECT l.customer_id, l.credit_note_id, pg_catalog.count(*) AS lines, pg_catalog.min(l.line_no) AS first,
			pg_catalog.max(l.line_no) AS last, pg_catalog.sum(l.line_no) AS numbers, pg_catalog.sum(l.net) AS net,
			pg_catalog.sum(l.tax) AS tax
		FROM billing.credit_note_lines l
		GROUP BY l.customer_id, l.credit_note_id
	),
	note AS (
		SELECT n.customer_id, n.invoice_id, pg_catalog.sum(n.net) AS net, pg_catalog.sum(n.tax) AS tax,
			pg_catalog.sum(n.total) AS total, pg_catalog.min(n.currency) AS lowest, pg_catalog.max(n.currency) AS highest,
			pg_catalog.max(n.issued_at) AS at
		FROM billing.credit_notes n
		GROUP BY n.customer_id, n.invoice_id
	),
	corrected AS (
		SELECT n.customer_id, n.invoice_id, l.invoice_line_no AS line_no, pg_catalog.sum(l.net) AS net,
			pg_catalog.max(n.issued_at) AS at
		FROM billing.credit_note_lines l
		JOIN billing.credit_notes n ON n.customer_id = l.customer_id AND n.credit_note_id = l.credit_note_id
		WHERE l.invoice_line_no IS NOT NULL
		GROUP BY n.customer_id, n.invoice_id, l.invoice_line_no
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'credit_notes', 'customer_id', b.customer_id,
			'credit_note_id', b.credit_note_id, 'number', b.number, 'problem', b.problem) AS violation
		FROM (
			SELECT n.customer_id, n.credit_note_id, n.number,
				CASE WHEN l.lines IS NULL THEN 'no lines'
					WHEN l.first <> 1 OR l.last <> l.lines OR l.numbers <> l.lines * (l.lines + 1) / 2
						THEN 'line numbers are not 1 to n'
					WHEN n.net <> l.net THEN 'net is not the sum of the lines'
					WHEN n.tax <> l.tax THEN 'tax is not the sum of the lines'
					WHEN n.total <> n.net + n.tax THEN 'total is not net plus tax' END AS problem
			FROM billing.credit_notes n
			LEFT JOIN line l ON l.customer_id = n.customer_id AND l.credit_note_id = n.credit_note_id
			WHERE since IS NULL OR n.issued_at >= since
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', b.customer_id,
			'invoice_id', b.invoice_id, 'number', b.number, 'problem', b.problem)
		FROM (
			SELECT h.customer_id, h.invoice_id, h.number,
				CASE WHEN h.amount_credited <> COALESCE(n.total, 0) THEN 'amount_credited is not the sum of its credit notes'
					WHEN n.net > h.net OR n.tax > h.tax THEN 'its credit notes exceed it'
					WHEN n.lowest <> h.currency OR n.highest <> h.currency THEN 'corrected in another currency'
					WHEN h.status = 'CANCELLED' AND h.amount_credited <> h.total
						THEN 'CANCELLED, but its credit notes do not sum to it' END AS problem
			FROM billing.invoice_headers h
			LEFT JOIN note n ON n.customer_id = h.customer_id AND n.invoice_id = h.invoice_id
			WHERE since IS NULL OR h.issued_at >= since OR h.cancelled_at >= since OR n.at >= since
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_lines', 'customer_id', c.customer_id,
			'invoice_id', c.invoice_id, 'line_no', c.line_no, 'problem', CASE WHEN l.line_no IS NULL
				THEN 'a credit note corrects it, but it does not exist' ELSE 'its credit notes exceed it' END)
		FROM corrected c
		LEFT JOIN billing.invoice_lines l
			ON l.customer_id = c.customer_id AND l.invoice_id = c.invoice_id AND l.line_no = c.line_no
		WHERE (l.line_no IS NULL OR c.net > l.net) AND (since IS NULL OR c.at >= since)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_credit_notes(timestamptz) IS
'Invariant: a credit note has lines numbered 1 to n, which sum to its net and tax, and total = net + tax; the notes of an invoice sum to its amount_credited and exceed neither its net nor its tax nor, line by line, the net that they correct (the tax is that of the whole net to date, so a line can have a unit more or less); those of a CANCELLED one sum to its total. since: by issued_at and cancelled_at.';

CREATE FUNCTION billing.verify_wallets(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH ledger AS (
		SELECT e.customer_id, e.currency, pg_catalog.sum(e.amount) AS balance, pg_catalog.max(e.posted_at) AS at
		FROM (
			SELECT t.customer_id, t.currency, t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.credit_account = 'wallet'
			UNION ALL
			SELECT t.customer_id, t.currency, - t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.debit_account = 'wallet'
		) e
		GROUP BY e.customer_id, e.currency
	),
	stored AS (
		SELECT w.customer_id, w.currency, pg_catalog.sum(w.balance) AS balance, pg_catalog.max(w.updated_at) AS at
		FROM billing.wallets w
		GROUP BY w.customer_id, w.currency
	),
	hold AS (
		SELECT h.customer_id, h.wallet_id, pg_catalog.sum(h.amount) FILTER (WHERE h.status = 'OPEN') AS held,
			pg_catalog.min(h.currency) AS lowest, pg_catalog.max(h.currency) AS highest, pg_catalog.max(h.created_at) AS at
		FROM billing.wallet_holds h
		GROUP BY h.customer_id, h.wallet_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'wallets', 'customer_id', b.customer_id, 'currency', b.currency,
			'problem', 'balance is not that of the ledger', 'balance', b.balance, 'ledger', b.ledger) AS violation
		FROM (
			SELECT customer_id, currency, COALESCE(s.balance, 0) AS balance, COALESCE(l.balance, 0) AS ledger
			FROM stored s FULL JOIN ledger l USING (customer_id, currency)
			WHERE since IS NULL OR s.at >= since OR l.at >= since
		) b
		WHERE b.balance <> b.ledger
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'wallets', 'customer_id', b.customer_id, 'currency', b.currency,
			'wallet_id', b.wallet_id, 'problem', b.problem)
		FROM (
			SELECT w.customer_id, w.currency, w.wallet_id,
				CASE WHEN w.held <> COALESCE(h.held, 0) THEN 'held is not the sum of its open holds'
					WHEN w.balance < 0 OR w.held < 0 OR w.held > w.balance THEN 'more is held than there is'
					WHEN w.available IS DISTINCT FROM w.balance - w.held THEN 'available is not balance minus held'
					WHEN h.lowest <> w.currency OR h.highest <> w.currency THEN 'held in another currency' END AS problem
			FROM billing.wallets w
			LEFT JOIN hold h ON h.customer_id = w.customer_id AND h.wallet_id = w.wallet_id
			WHERE since IS NULL OR w.updated_at >= since OR h.at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_wallets(timestamptz) IS
'Invariant: per customer and currency the balance of wallets is that of the account wallet in the ledger; held is the sum of the OPEN holds and at most the balance, and available = balance - held. since: wallets changed, moved or held from then on, whole.';

CREATE FUNCTION billing.verify_credits(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH ledger AS (
		SELECT e.customer_id, e.currency, pg_catalog.sum(e.amount) AS balance, pg_catalog.max(e.posted_at) AS at
		FROM (
			SELECT t.customer_id, t.currency, t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.credit_account = 'credit'
			UNION ALL
			SELECT t.customer_id, t.currency, - t.amount, t.posted_at FROM billing.ledger_transfers t
			WHERE t.debit_account = 'credit'
		) e
		GROUP BY e.customer_id, e.currency
	),
	stored AS (
		SELECT c.customer_id, c.currency, pg_catalog.sum(c.balance) AS balance, pg_catalog.max(c.created_at) AS at
		FROM billing.credits c
		GROUP BY c.customer_id, c.currency
	),
	used AS (
		SELECT u.customer_id, u.credit_id, pg_catalog.sum(u.amount) AS amount, pg_catalog.max(a.applied_at) AS at,
			pg_catalog.min(a.currency) AS lowest, pg_catalog.max(a.currency) AS highest
		FROM billing.credit_uses u
		LEFT JOIN billing.credit_applications a ON a.customer_id = u.customer_id AND a.application_id = u.application_id
		GROUP BY u.customer_id, u.credit_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'credits', 'customer_id', b.customer_id, 'currency', b.currency,
			'problem', 'balances are not that of the ledger', 'balance', b.balance, 'ledger', b.ledger) AS violation
		FROM (
			SELECT customer_id, currency, COALESCE(s.balance, 0) AS balance, COALESCE(l.balance, 0) AS ledger
			FROM stored s FULL JOIN ledger l USING (customer_id, currency)
			WHERE since IS NULL OR s.at >= since OR l.at >= since
		) b
		WHERE b.balance <> b.ledger
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'credits', 'customer_id', b.customer_id, 'credit_id', b.credit_id,
			'problem', b.problem)
		FROM (
			SELECT c.customer_id, c.credit_id,
				CASE WHEN u.lowest <> c.currency OR u.highest <> c.currency THEN 'used in another currency'
					WHEN c.status = 'ACTIVE' AND NOT (c.balance > 0 AND c.balance = c.granted - COALESCE(u.amount, 0))
						THEN 'balance is not what was granted and not used'
					WHEN c.status <> 'ACTIVE' AND c.balance <> 0 THEN 'it has ended with a balance'
					WHEN c.status = 'EXHAUSTED' AND c.granted <> COALESCE(u.amount, 0) THEN 'EXHAUSTED, but not used up'
					WHEN c.status IN ('EXPIRED', 'REVOKED') AND NOT c.granted > COALESCE(u.amount, 0)
						THEN 'it has ended with nothing left to end' END AS problem
			FROM billing.credits c
			LEFT JOIN used u ON u.customer_id = c.customer_id AND u.credit_id = c.credit_id
			WHERE since IS NULL OR c.created_at >= since OR c.ended_at >= since OR u.at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_credits(timestamptz) IS
'Invariant: per customer and currency the balances of credits are that of the account credit in the ledger; the balance of an ACTIVE credit is what was granted less its uses, one that is EXHAUSTED is used up, one that is EXPIRED or REVOKED was not; only ACTIVE ones have a balance. since: credits granted, used, ended or posted from then on, whole.';

CREATE FUNCTION billing.verify_credit_applications(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH used AS (
		SELECT u.customer_id, u.application_id, pg_catalog.count(*) AS uses, pg_catalog.min(u.use_no) AS first,
			pg_catalog.max(u.use_no) AS last, pg_catalog.sum(u.use_no) AS numbers, pg_catalog.sum(u.amount) AS amount
		FROM billing.credit_uses u
		GROUP BY u.customer_id, u.application_id
	),
	applied AS (
		SELECT a.customer_id, a.invoice_id, pg_catalog.sum(a.amount) AS amount, pg_catalog.min(a.currency) AS lowest,
			pg_catalog.max(a.currency) AS highest, pg_catalog.max(a.applied_at) AS at
		FROM billing.credit_applications a
		GROUP BY a.customer_id, a.invoice_id
	),
	invoice AS (
		SELECT h.customer_id, h.invoice_id, h.number, h.status, h.currency, h.applied_credit,
			COALESCE(a.amount, 0) AS applied, a.lowest, a.highest, GREATEST(h.issued_at, h.cancelled_at, a.at) AS at
		FROM billing.invoice_headers h
		LEFT JOIN applied a ON a.customer_id = h.customer_id AND a.invoice_id = h.invoice_id
	),
	given_back AS (
		SELECT t.customer_id, t.currency, pg_catalog.sum(t.amount) AS amount, pg_catalog.max(t.posted_at) AS at
		FROM billing.ledger_transfers t
		WHERE t.debit_account = 'receivable' AND t.credit_account = 'credit'
		GROUP BY t.customer_id, t.currency
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'credit_applications', 'customer_id', a.customer_id,
			'application_id', a.application_id, 'problem', CASE WHEN a.amount <> COALESCE(u.amount, 0)
				THEN 'amount is not the sum of its uses' ELSE 'use numbers are not 1 to n' END) AS violation
		FROM billing.credit_applications a
		LEFT JOIN used u ON u.customer_id = a.customer_id AND u.application_id = a.application_id
		WHERE (since IS NULL OR a.applied_at >= since) AND (a.amount <> COALESCE(u.amount, 0)
			OR u.first <> 1 OR u.last <> u.uses OR u.numbers <> u.uses * (u.uses + 1) / 2)
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'invoice_headers', 'customer_id', b.customer_id,
			'invoice_id', b.invoice_id, 'number', b.number, 'problem', b.problem)
		FROM (
			SELECT i.customer_id, i.invoice_id, i.number,
				CASE WHEN i.lowest <> i.currency OR i.highest <> i.currency THEN 'credit of another currency was applied'
					WHEN i.applied_credit > i.applied THEN 'applied_credit is more than its applications'
					WHEN i.status = 'CANCELLED' AND i.applied_credit <> 0 THEN 'CANCELLED, but credit is applied' END AS problem
			FROM invoice i
			WHERE since IS NULL OR i.at >= since
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'credit_applications', 'customer_id', b.customer_id,
			'currency', b.currency, 'problem', 'what is not applied any more has not come back',
			'lost', b.lost, 'given_back', b.given_back)
		FROM (
			SELECT customer_id, currency, COALESCE(i.amount, 0) AS lost, COALESCE(g.amount, 0) AS given_back
			FROM (SELECT i.customer_id, i.currency, pg_catalog.sum(i.applied - i.applied_credit) AS amount,
					pg_catalog.max(i.at) AS at
				FROM invoice i GROUP BY i.customer_id, i.currency) i
			FULL JOIN given_back g USING (customer_id, currency)
			WHERE since IS NULL OR i.at >= since OR g.at >= since
		) b
		WHERE b.lost <> b.given_back
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_credit_applications(timestamptz) IS
'Invariant: an application is the sum of its uses, numbered 1 to n; the applications of an invoice, in its currency, are at least its applied_credit, which is 0 when it is CANCELLED; per customer and currency what they are more came back as credits, posted from receivable to credit. since: by applied_at, issued_at, cancelled_at and posted_at, customers whole.';
