-- Orders: functions.

CREATE FUNCTION billing.place_order(customer_id text, currency text, items jsonb, idempotency_key text DEFAULT NULL,
	metadata jsonb DEFAULT NULL)
	RETURNS billing.orders LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_place_order';
COMMENT ON FUNCTION billing.place_order(text, text, jsonb, text, jsonb) IS
'Makes an order of 1 to 100 items {"sku", "quantity", "unitPrice"}: quantity a whole number above 0, unitPrice in the currency, tax included. The tax is that of the customer''s tax code now. Errors: INVALID_ARGUMENT, MALFORMED_DOCUMENT, UNKNOWN_CURRENCY, LIMIT_EXCEEDED, AMOUNT_OVERFLOW, TAX_RATE_NOT_FOUND, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.cancel_order(order_id uuid, reason text)
	RETURNS billing.orders LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_cancel_order';
COMMENT ON FUNCTION billing.cancel_order(uuid, text) IS
'Cancels a CREATED order. A second call answers the row unchanged. Errors: INVALID_ARGUMENT, ORDER_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS.';

CREATE FUNCTION billing.fail_order(order_id uuid, reason text)
	RETURNS billing.orders LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_fail_order';
COMMENT ON FUNCTION billing.fail_order(uuid, text) IS
'Gives a CREATED order up: it cannot be paid any more. A second call answers the row unchanged. For members of billing_service. Errors: INVALID_ARGUMENT, ORDER_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS.';
