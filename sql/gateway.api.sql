-- Calls to the payment gateway: functions and views for operators.

CREATE VIEW billing.stuck_payments WITH (security_invoker = true) AS
	SELECT g.customer_id, g.subject, COALESCE(r.payment_id, g.subject_id) AS payment_id,
		CASE WHEN g.subject = 'REFUND' THEN g.subject_id END AS refund_id,
		COALESCE(p.amount, r.amount) AS amount, COALESCE(p.currency, r.currency) AS currency,
		g.created_at AS since, g.stuck_since AS told_at, g.attempts, g.sends, g.first_sent_at,
		g.action AS next_call, g.due_at AS next_call_at, g.last_error,
		CASE
			WHEN g.sends = 0 THEN 'Nothing was sent yet: look at billing.circuit_breakers, billing.workers_allowed() and last_error.'
			WHEN g.last_error LIKE 'HTTP 401%' OR g.last_error LIKE 'HTTP 403%'
				THEN 'Set the secret gateway_api_key with set_secret().'
			ELSE 'Ask the provider about the key, which is the id; then ' || CASE g.subject WHEN 'REFUND' THEN 'resolve_refund()' ELSE 'resolve_payment()' END
				|| ' with what it says, or retry_gateway_call().'
		END AS what_to_do
	FROM billing.gateway_calls g
	LEFT JOIN billing.payments p ON g.subject = 'PAYMENT' AND p.customer_id = g.customer_id AND p.payment_id = g.subject_id
	LEFT JOIN billing.refunds r ON g.subject = 'REFUND' AND r.customer_id = g.customer_id AND r.refund_id = g.subject_id
	WHERE g.stuck_since IS NOT NULL OR g.created_at < pg_catalog.clock_timestamp()
		- COALESCE(pg_catalog.current_setting('billing.gateway_stuck_after', true), '1h')::interval;
COMMENT ON VIEW billing.stuck_payments IS
'Payments and refunds that the payment gateway has not decided for longer than billing.gateway_stuck_after. They are called on, and leave the view when they are decided. what_to_do: the way out.';

CREATE FUNCTION billing.retry_gateway_call(subject_id uuid) RETURNS boolean
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_retry_gateway_call';
COMMENT ON FUNCTION billing.retry_gateway_call(uuid) IS
'Lets the worker call the payment gateway at once about an undecided payment or refund, instead of at gateway_calls.due_at: what may have been sent is looked up, what was not is sent. False when it is decided, or being called right now. Errors: INVALID_ARGUMENT, PAYMENT_NOT_FOUND, FORBIDDEN.';

CREATE FUNCTION billing.report_stuck_payments(batch int DEFAULT 1000) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_report_stuck_payments';
COMMENT ON FUNCTION billing.report_stuck_payments(int) IS
'Writes an event PaymentStuck or RefundStuck and an audit entry for each payment and refund that the gateway has not decided for billing.gateway_stuck_after, once each, oldest first, at most batch (1 to 10000); answers how many. The worker does it by itself once a minute: for a scheduler where no worker runs. Errors: INVALID_ARGUMENT, FORBIDDEN.';
