-- Digests of rows: what this library wrote is told from what anybody else changed.

CREATE FUNCTION billing.row_digest(a_row record) RETURNS bigint
	LANGUAGE c STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'billing_row_digest';
COMMENT ON FUNCTION billing.row_digest(record) IS
'The digest of a row of a table: 64 bits over the names and values of its columns, without row_digest and generated columns.';

CREATE FUNCTION billing.stamp_row() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_stamp_row';
COMMENT ON FUNCTION billing.stamp_row() IS
'Trigger that sets row_digest of a row that this library writes. A row that anybody else writes keeps what it has, and verify() names it.';

CREATE FUNCTION billing.verify_secret_digests()
	RETURNS TABLE (name text, secret_id uuid)
	LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
	SELECT t.name, t.secret_id FROM billing.secrets t WHERE t.row_digest OPERATOR(pg_catalog.<>) billing.row_digest(t)
$$;
COMMENT ON FUNCTION billing.verify_secret_digests() IS
'Invariant: every secret is as this library wrote it; read in the name of the owner, whom alone the table is open to. since: the table is small and read whole.';

CREATE FUNCTION billing.verify_row_digests(since timestamptz)
	RETURNS TABLE (violations bigint, detail jsonb)
	LANGUAGE sql STABLE AS $$
	WITH bad AS (
		SELECT 'billing_settings' AS holder, pg_catalog.jsonb_build_object('singleton', t.singleton) AS key
		FROM billing.billing_settings t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'worker_environment', pg_catalog.jsonb_build_object('singleton', t.singleton)
		FROM billing.worker_environment t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'window_eras', pg_catalog.jsonb_build_object('era', t.era)
		FROM billing.window_eras t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'window_lineage', pg_catalog.jsonb_build_object('era', t.era)
		FROM billing.window_lineage t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'window_cursors', pg_catalog.jsonb_build_object('consumer', t.consumer, 'bucket', t.bucket)
		FROM billing.window_cursors t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'outbox_state', pg_catalog.jsonb_build_object('singleton', t.singleton)
		FROM billing.outbox_state t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'outbox', pg_catalog.jsonb_build_object('id', t.id)
		FROM billing.outbox t WHERE (since IS NULL OR t.created_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'audit_entries', pg_catalog.jsonb_build_object('audit_id', t.audit_id)
		FROM billing.audit_entries t WHERE (since IS NULL OR t.occurred_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'ledger_accounts', pg_catalog.jsonb_build_object('code', t.code)
		FROM billing.ledger_accounts t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'ledger_transfers', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'transfer_id', t.transfer_id)
		FROM billing.ledger_transfers t WHERE (since IS NULL OR t.posted_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'customers', pg_catalog.jsonb_build_object('customer_id', t.customer_id)
		FROM billing.customers t WHERE (since IS NULL OR t.updated_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'meter_definitions', pg_catalog.jsonb_build_object('resource_type', t.resource_type)
		FROM billing.meter_definitions t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'usage_events', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'event_id', t.event_id)
		FROM billing.usage_events t WHERE (since IS NULL OR t.received_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'aggregated_usage', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'day', t.day, 'resource_type', t.resource_type)
		FROM billing.aggregated_usage t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'unbilled_usage', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'month', t.month)
		FROM billing.unbilled_usage t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'rejected_usage', pg_catalog.jsonb_build_object('position', t.position)
		FROM billing.rejected_usage t WHERE (since IS NULL OR t.received_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'tax_rates', pg_catalog.jsonb_build_object('code', t.code, 'valid_from', t.valid_from)
		FROM billing.tax_rates t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'pricing_plans', pg_catalog.jsonb_build_object('plan_id', t.plan_id)
		FROM billing.pricing_plans t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'pricing_snapshots', pg_catalog.jsonb_build_object('content_hash', t.content_hash)
		FROM billing.pricing_snapshots t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'document_series', pg_catalog.jsonb_build_object('series', t.series)
		FROM billing.document_series t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'document_numbers', pg_catalog.jsonb_build_object('series', t.series, 'year', t.year, 'number', t.number)
		FROM billing.document_numbers t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'invoice_headers', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'invoice_id', t.invoice_id)
		FROM billing.invoice_headers t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'invoice_lines', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'invoice_id', t.invoice_id, 'line_no', t.line_no)
		FROM billing.invoice_lines t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'invoice_taxes', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'invoice_id', t.invoice_id, 'tax_code', t.tax_code)
		FROM billing.invoice_taxes t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'payments', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'payment_id', t.payment_id)
		FROM billing.payments t WHERE (since IS NULL OR t.created_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'payment_attempts', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'payment_id', t.payment_id, 'attempt_no', t.attempt_no)
		FROM billing.payment_attempts t WHERE (since IS NULL OR t.sent_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'payment_methods', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'payment_method_id', t.payment_method_id)
		FROM billing.payment_methods t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'wallets', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'currency', t.currency, 'wallet_code', t.wallet_code)
		FROM billing.wallets t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'wallet_holds', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'hold_id', t.hold_id)
		FROM billing.wallet_holds t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'orders', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'order_id', t.order_id)
		FROM billing.orders t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'order_items', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'order_id', t.order_id, 'item_no', t.item_no)
		FROM billing.order_items t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'refunds', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'refund_id', t.refund_id)
		FROM billing.refunds t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'refund_attempts', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'refund_id', t.refund_id, 'attempt_no', t.attempt_no)
		FROM billing.refund_attempts t WHERE (since IS NULL OR t.sent_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'gateway_calls', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'subject_id', t.subject_id)
		FROM billing.gateway_calls t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'gateway_webhooks', pg_catalog.jsonb_build_object('provider', t.provider, 'event_id', t.event_id)
		FROM billing.gateway_webhooks t WHERE (since IS NULL OR t.received_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'secrets', pg_catalog.jsonb_build_object('name', t.name, 'secret_id', t.secret_id)
		FROM billing.verify_secret_digests() t
		UNION ALL
		SELECT 'collections', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'invoice_id', t.invoice_id)
		FROM billing.collections t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'dead_letters', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'dead_letter_id', t.dead_letter_id)
		FROM billing.dead_letters t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'credits', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'credit_id', t.credit_id)
		FROM billing.credits t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'credit_applications', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'application_id', t.application_id)
		FROM billing.credit_applications t WHERE (since IS NULL OR t.applied_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'credit_uses', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'application_id', t.application_id, 'use_no', t.use_no)
		FROM billing.credit_uses t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'credit_notes', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'credit_note_id', t.credit_note_id)
		FROM billing.credit_notes t WHERE (since IS NULL OR t.issued_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'credit_note_lines', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'credit_note_id', t.credit_note_id, 'line_no', t.line_no)
		FROM billing.credit_note_lines t WHERE t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'settlement_runs', pg_catalog.jsonb_build_object('customer_id', t.customer_id, 'period', t.period)
		FROM billing.settlement_runs t WHERE (since IS NULL OR t.created_at >= since) AND t.row_digest <> billing.row_digest(t)
		UNION ALL
		SELECT 'job_runs', pg_catalog.jsonb_build_object('job_run_id', t.job_run_id)
		FROM billing.job_runs t WHERE (since IS NULL OR t.started_at >= since) AND t.row_digest <> billing.row_digest(t)
	)
	SELECT pg_catalog.count(*), pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object('table', b.holder, 'key', b.key,
		'problem', 'not as billing wrote it')) FILTER (WHERE b.n <= 5)
	FROM (SELECT v.holder, v.key, pg_catalog.row_number() OVER () AS n FROM bad v) b
$$;
COMMENT ON FUNCTION billing.verify_row_digests(timestamptz) IS
'Invariant: every row of every table is as this library wrote it: row_digest is that of its columns. since: by the time of writing where the table has one that never goes back; other tables are read whole.';
