-- Waits for what the payment gateway has to decide. Included by the demo when GATEWAY=http.
\echo '-- The worker asks the provider, and wait_for_payment() sleeps until it has answered.'
SELECT w.target_type, w.method, w.amount, w.status, w.failure_code
FROM (SELECT payment_id FROM billing.payments WHERE status = 'PENDING') p
CROSS JOIN LATERAL billing.wait_for_payment(p.payment_id) w;
\set ECHO none
DO $$
BEGIN
	FOR i IN 1 .. 600 LOOP
		EXIT WHEN NOT EXISTS (SELECT FROM billing.gateway_calls);
		PERFORM pg_sleep(0.05);
	END LOOP;
	ASSERT NOT EXISTS (SELECT FROM billing.gateway_calls), 'the gateway did not decide everything in 30 seconds';
END;
$$;
\set ECHO queries
