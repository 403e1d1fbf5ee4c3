-- Waiting for what the payment gateway's worker decides, and looking at the workers.

CREATE FUNCTION billing.wait_for_payment(payment_id uuid, timeout interval DEFAULT '30 seconds')
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_wait_for_payment';
COMMENT ON FUNCTION billing.wait_for_payment(uuid, interval) IS
'Waits until a payment is not PENDING and answers it, or answers it as it is when the time is over: 0 to 10 minutes. It sleeps without a lock and sees what others commit, in every isolation level; a payment of the own transaction that is not committed cannot be decided meanwhile. A customer waits for his own. Without shared_preload_libraries only a decided payment is answered. Errors: INVALID_ARGUMENT, PAYMENT_NOT_FOUND, ILLEGAL_STATE, FORBIDDEN.';
