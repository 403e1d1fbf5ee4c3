-- Invoices: functions and views.

CREATE VIEW billing.invoices WITH (security_invoker = true) AS
	SELECT h.invoice_id, h.customer_id, h.number, h.status, h.period, h.period_start, h.period_end, h.currency,
		h.net, h.tax, h.total, h.applied_credit, h.amount_paid, h.amount_credited, h.amount_due, h.issued_on,
		h.issued_at, h.due_at, h.paid_at, h.cancelled_at,
		pg_catalog.jsonb_set(s.document, '{capturedAt}', pg_catalog.to_jsonb(h.captured_at)) AS pricing_snapshot,
		h.customer_snapshot, h.replaces_invoice_id, h.metadata
	FROM billing.invoice_headers h
	JOIN billing.pricing_snapshots s ON s.content_hash = h.snapshot_hash
	WHERE h.deleted_at IS NULL;
COMMENT ON VIEW billing.invoices IS
'Invoices with the prices they were made with. Statuses: DRAFT, ISSUED, OVERDUE, PAID, CANCELLED.';

CREATE FUNCTION billing.invoice_document(invoice_id uuid) RETURNS jsonb
	LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_invoice_document';
COMMENT ON FUNCTION billing.invoice_document(uuid) IS
'Everything a printed invoice needs, as JSON. Errors: INVOICE_NOT_FOUND, FORBIDDEN.';

CREATE FUNCTION billing.mark_overdue_invoices() RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_mark_overdue_invoices';
COMMENT ON FUNCTION billing.mark_overdue_invoices() IS
'Turns ISSUED invoices whose due date has come OVERDUE, at most 10000 a call, and answers how many; call it until 0. Invoices that another session is changing wait for the next call.';

CREATE FUNCTION billing.aged_receivables(as_of timestamptz DEFAULT NULL)
	RETURNS TABLE (customer_id text, currency text, not_due numeric, days_1_30 numeric, days_31_60 numeric,
		days_61_90 numeric, over_90 numeric, total numeric)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT o.customer_id, o.currency,
		pg_catalog.sum(o.amount_due) FILTER (WHERE o.days <= 0),
		pg_catalog.sum(o.amount_due) FILTER (WHERE o.days BETWEEN 1 AND 30),
		pg_catalog.sum(o.amount_due) FILTER (WHERE o.days BETWEEN 31 AND 60),
		pg_catalog.sum(o.amount_due) FILTER (WHERE o.days BETWEEN 61 AND 90),
		pg_catalog.sum(o.amount_due) FILTER (WHERE o.days > 90),
		pg_catalog.sum(o.amount_due)
	FROM (
		SELECT h.customer_id, h.currency, h.amount_due,
			pg_catalog.ceil(EXTRACT(epoch FROM a.as_of - h.due_at) / 86400) AS days
		FROM (SELECT COALESCE(billing.checked_time(aged_receivables.as_of, 'as_of', false), billing.business_now())
			AS as_of OFFSET 0) a
		CROSS JOIN billing.invoice_headers h
		WHERE h.status IN ('ISSUED', 'OVERDUE') AND h.amount_due > 0 AND h.issued_at <= a.as_of AND h.deleted_at IS NULL
		AND billing.may_read(h.customer_id)
	) o
	GROUP BY o.customer_id, o.currency
	ORDER BY o.customer_id, o.currency
$$;
COMMENT ON FUNCTION billing.aged_receivables(timestamptz) IS
'What is due on open invoices, by customer, currency and days after the due date, as of a time (default now): day 1 begins at the due date. Of the invoices issued by then; what was paid since counts as paid. Null where a bucket is empty. Error: INVALID_ARGUMENT.';
