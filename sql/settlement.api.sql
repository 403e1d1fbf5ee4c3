-- Settlement: functions, the procedure and the view of its progress.

CREATE FUNCTION billing.run_settlement(INOUT customer_id text, INOUT period text, OUT invoice_id uuid,
	OUT already_processed boolean, OUT payment_succeeded boolean, OUT message text, OUT payment_status text,
	OUT failure_code text)
	RETURNS record LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_run_settlement';
COMMENT ON FUNCTION billing.run_settlement(text, text) IS
'Settles one customer''s month (YYYY-MM in his zone): bills everything unbilled before its end, issues the invoice, applies the credits of a customer with auto_apply_credit and charges the rest. payment_status (of the charge) NONE, PENDING, APPROVED or FAILED. A failure of the customer is answered and recorded, not raised. Errors: CUSTOMER_NOT_FOUND, INVALID_PERIOD, PERIOD_NOT_CLOSED.';

CREATE FUNCTION billing.settlement_check(period text) RETURNS void
	LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_settlement_check';
COMMENT ON FUNCTION billing.settlement_check(text) IS
'Raises unless the period has ended in the zone of the house. Part of settle_period(). Errors: PERIOD_NOT_CLOSED, INVALID_PERIOD.';

CREATE FUNCTION billing.settlement_open(period text, workers int) RETURNS text
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_settlement_open';
COMMENT ON FUNCTION billing.settlement_open(text, int) IS
'Queues every customer with something to bill for a month and opens a job; its id. Part of settle_period(). Errors: PERIOD_NOT_CLOSED, INVALID_PERIOD.';

CREATE FUNCTION billing.settlement_chunk(period text, after text, size int, OUT last text, OUT claimed int, OUT redo boolean)
	RETURNS record LANGUAGE c STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_settlement_chunk';
COMMENT ON FUNCTION billing.settlement_chunk(text, text, int) IS
'Settles the next queued customers (at most 60) after a key, in one transaction. redo: writing them together failed and was undone, call again with size 1. Part of settle_period().';

CREATE FUNCTION billing.settlement_close(job text) RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_settlement_close';
COMMENT ON FUNCTION billing.settlement_close(text) IS
'Ends a job. Part of settle_period().';

CREATE PROCEDURE billing.settle_period(period text, workers int DEFAULT 1)
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_settle_period';
COMMENT ON PROCEDURE billing.settle_period(text, int) IS
'Settles a month for every customer with something to bill, in chunks of 60 customers a transaction; workers (1 to 64) counts the caller. Any number of sessions may run it at once; a start goes on where one before stopped. Not inside a transaction block. Errors: PERIOD_NOT_CLOSED, INVALID_PERIOD.';

CREATE VIEW billing.job_progress WITH (security_invoker = true) AS
	SELECT j.job_run_id, j.job, j.period, j.status, j.workers, j.started_at, j.finished_at,
		r.total, r.done, r.failed, r.pending
	FROM billing.job_runs j
	CROSS JOIN LATERAL (
		SELECT pg_catalog.count(*) AS total,
			pg_catalog.count(*) FILTER (WHERE s.status = 'COMPLETED') AS done,
			pg_catalog.count(*) FILTER (WHERE s.status = 'FAILED') AS failed,
			pg_catalog.count(*) FILTER (WHERE s.status IN ('PENDING', 'RUNNING')) AS pending
		FROM billing.settlement_runs s WHERE s.period = j.period
	) r;
COMMENT ON VIEW billing.job_progress IS
'Starts of long jobs with the present counts of their period: customers queued, done, failed and pending.';

CREATE FUNCTION billing.preview_invoice(customer_id text, period text, charges jsonb DEFAULT NULL) RETURNS jsonb
	LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_preview_invoice';
COMMENT ON FUNCTION billing.preview_invoice(text, text, jsonb) IS
'The invoice that run_settlement() would make now, in the shape of invoice_document(), at any time of the month; with charges, what another price would make of it. An invoiced month is shown whole. Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND, RESOURCE_NOT_PRICED, INVALID_CHARGE.';

CREATE FUNCTION billing.snapshot_pricing(customer_id text, period text) RETURNS jsonb
	LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_snapshot_pricing';
COMMENT ON FUNCTION billing.snapshot_pricing(text, text) IS
'The PricingSnapshot that an invoice of the period would carry. Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND.';

CREATE FUNCTION billing.forecast_usage(customer_id text, OUT period text, OUT progress numeric, OUT resource_type text,
	OUT quantity numeric, OUT projected_quantity numeric, OUT cost numeric, OUT projected_cost numeric, OUT currency text)
	RETURNS SETOF record LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp ROWS 10
	AS 'MODULE_PATHNAME', 'billing_forecast_usage';
COMMENT ON FUNCTION billing.forecast_usage(text) IS
'Usage and cost of the running month and where they are going: quantity / progress, half up to a whole unit; not projected in the first thousandth of the month. Errors: CUSTOMER_NOT_FOUND, PLAN_NOT_FOUND, RESOURCE_NOT_PRICED.';

CREATE FUNCTION billing.cancel_invoice(invoice_id uuid, reason text, rebill boolean DEFAULT true)
	RETURNS billing.invoices LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_cancel_invoice';
COMMENT ON FUNCTION billing.cancel_invoice(uuid, text, boolean) IS
'Cancels an ISSUED or OVERDUE invoice on which nothing is paid, by a credit note of all that is left of it; credits that were applied come back as one of type REFUND_TO_CREDIT. rebill: its usage is unbilled again, and the next run makes an invoice that replaces it; without, the usage stays settled. A second call answers the row unchanged. Errors: INVALID_ARGUMENT, INVOICE_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS.';
