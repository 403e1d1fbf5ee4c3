-- The proof of collections and dead letters. How a check answers, and what it may not do, stands at the head of
-- proof.api.sql.

CREATE FUNCTION billing.verify_collections(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH charge AS (
		SELECT p.customer_id, p.target_id AS invoice_id,
			pg_catalog.count(*) FILTER (WHERE p.status = 'FAILED') AS declined,
			pg_catalog.count(*) FILTER (WHERE p.status = 'APPROVED' AND p.operation = 'collection') AS collected,
			pg_catalog.max(p.completed_at) AS at
		FROM billing.payments p
		WHERE p.target_type = 'INVOICE' AND p.operation IN ('settlement', 'collection')
		GROUP BY p.customer_id, p.target_id
	),
	letter AS (
		SELECT d.customer_id, d.subject_id AS invoice_id,
			pg_catalog.count(*) FILTER (WHERE d.status <> 'REPLAYED') AS standing
		FROM billing.dead_letters d
		WHERE d.source = 'PAYMENT' AND d.subject_type = 'INVOICE'
		GROUP BY d.customer_id, d.subject_id
	),
	bad AS (
		SELECT pg_catalog.jsonb_build_object('table', 'collections', 'customer_id', b.customer_id,
			'invoice_id', b.invoice_id, 'problem', b.problem) AS violation
		FROM (
			SELECT customer_id, invoice_id,
				CASE WHEN h.invoice_id IS NULL THEN 'its invoice does not exist'
					WHEN c.status IS NULL THEN 'a charge was declined, but nobody collects it'
					WHEN (c.status = 'ACTIVE') <> (c.next_attempt_at IS NOT NULL) THEN 'status and next_attempt_at disagree'
					WHEN (c.status = 'ACTIVE') <> (c.ended_at IS NULL) THEN 'status and ended_at disagree'
					WHEN (c.status = 'STOPPED') <> (c.stop_reason IS NOT NULL) THEN 'status and stop_reason disagree'
					WHEN c.attempts <> COALESCE(g.declined, 0) THEN 'attempts is not the number of charges that were declined'
					WHEN c.step > c.attempts THEN 'more steps than attempts'
					WHEN c.status = 'COLLECTED' AND COALESCE(g.collected, 0) <> 1 THEN 'COLLECTED, but not by one charge'
					WHEN c.status = 'EXHAUSTED' AND COALESCE(l.standing, 0) <> 1 THEN 'EXHAUSTED, but without its dead letter'
					WHEN c.status <> 'EXHAUSTED' AND COALESCE(l.standing, 0) <> 0
						THEN 'a dead letter stands for it, but it is not EXHAUSTED' END AS problem
			FROM billing.collections c
			FULL JOIN (SELECT g.* FROM charge g WHERE g.declined > 0) g USING (customer_id, invoice_id)
			LEFT JOIN letter l USING (customer_id, invoice_id)
			LEFT JOIN billing.invoice_headers h USING (customer_id, invoice_id)
			WHERE since IS NULL OR c.updated_at >= since OR g.at >= since
		) b
		WHERE b.problem IS NOT NULL
		UNION ALL
		SELECT pg_catalog.jsonb_build_object('table', 'dead_letters', 'customer_id', b.customer_id,
			'dead_letter_id', b.dead_letter_id, 'problem', b.problem)
		FROM (
			SELECT d.customer_id, d.dead_letter_id,
				CASE WHEN d.source = 'PAYMENT' AND d.subject_type = 'INVOICE' AND c.invoice_id IS NULL
						THEN 'it tells of a collection that does not exist'
					WHEN pg_catalog.num_nonnulls(d.resolved_at, d.resolved_by, d.resolution) <> CASE d.status WHEN 'OPEN' THEN 0 ELSE 3 END
						THEN 'status and resolution disagree' END AS problem
			FROM billing.dead_letters d
			LEFT JOIN billing.collections c ON c.customer_id = d.customer_id AND c.invoice_id = d.subject_id
			WHERE since IS NULL OR d.created_at >= since OR d.resolved_at >= since
		) b
		WHERE b.problem IS NOT NULL
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(b.violation) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.violation, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_collections(timestamptz) IS
'Invariant: an invoice has a collection if and only if a charge that the house made for it (operation settlement or collection) was declined, and attempts is the number of those; an ACTIVE one has a time of its next try, a COLLECTED one exactly one approved charge of operation collection, an EXHAUSTED one exactly one dead letter that is OPEN or DISCARDED, and no other has any. since: by updated_at, completed_at of the charges, and the times of dead letters.';
