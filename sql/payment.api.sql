-- Payments: functions.

CREATE FUNCTION billing.register_payment_method(customer_id text, type text, provider text, token text,
	is_default boolean DEFAULT true, brand text DEFAULT NULL, last4 text DEFAULT NULL, expires_on date DEFAULT NULL,
	metadata jsonb DEFAULT NULL)
	RETURNS billing.payment_methods LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_register_payment_method';
COMMENT ON FUNCTION billing.register_payment_method(text, text, text, text, boolean, text, text, date, jsonb) IS
'Stores a means to pay by: type CARD, BANK_TRANSFER or IAP, the token that the provider gave for it, and what to show of it. The default one pays where none is named. The same token of a provider again changes its row. A customer gets null for the token. Errors: INVALID_ARGUMENT, MALFORMED_DOCUMENT, CUSTOMER_NOT_FOUND, FORBIDDEN.';

CREATE FUNCTION billing.pay_invoice(invoice_id uuid, method text DEFAULT NULL, payment_method_id uuid DEFAULT NULL,
	idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_pay_invoice';
COMMENT ON FUNCTION billing.pay_invoice(uuid, text, uuid, text, jsonb) IS
'Captures what is due on an ISSUED or OVERDUE invoice and answers the payment: APPROVED, FAILED, or PENDING while the outcome is not known, which it never is at once of a gateway that is outside (billing.gateway_url); a declined one leaves the invoice as it was. method CARD, BANK_TRANSFER, IAP or WALLET; null: that of the payment method, which is the customer''s default unless named, else CARD. The same key answers the same payment. A customer gets null in the columns of payments that he may not read. Errors: INVALID_ARGUMENT (also an amount that the gateway cannot take), INVOICE_NOT_FOUND, PAYMENT_METHOD_NOT_FOUND, ILLEGAL_STATE, INSUFFICIENT_BALANCE, WALLET_NOT_FOUND, PAYMENT_IN_PROGRESS, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST, BULKHEAD_FULL, FORBIDDEN.';

CREATE FUNCTION billing.pay_order(order_id uuid, method text DEFAULT NULL, payment_method_id uuid DEFAULT NULL,
	idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_pay_order';
COMMENT ON FUNCTION billing.pay_order(uuid, text, uuid, text, jsonb) IS
'Captures the total of a CREATED order, like pay_invoice(); a declined payment leaves the order CREATED, to be paid in another way. Errors: ORDER_NOT_FOUND, and those of pay_invoice().';

CREATE FUNCTION billing.request_top_up(customer_id text, amount numeric, currency text, method text DEFAULT 'CARD',
	payment_method_id uuid DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_request_top_up';
COMMENT ON FUNCTION billing.request_top_up(text, numeric, text, text, uuid, text, jsonb) IS
'Captures an amount through the provider (method CARD, BANK_TRANSFER or IAP) and adds it to the customer''s wallet when it is approved, once. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, PAYMENT_METHOD_NOT_FOUND, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST, BULKHEAD_FULL, FORBIDDEN.';

CREATE FUNCTION billing.record_payment(invoice_id uuid, amount numeric, method text DEFAULT 'BANK_TRANSFER',
	reference text DEFAULT NULL, received_at timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_record_payment';
COMMENT ON FUNCTION billing.record_payment(uuid, numeric, text, text, timestamptz, text) IS
'Books money that came in by itself for an invoice, in the invoice''s currency: a part of what is due, or all of it. What is too much becomes a credit of type REFUND_TO_CREDIT (excess, credit_id). received_at: default now, not in the future; its day in the house''s zone is the accounting date. Errors: INVALID_ARGUMENT, INVOICE_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.resolve_payment(payment_id uuid, outcome text, provider_reference text, reason text)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_resolve_payment';
COMMENT ON FUNCTION billing.resolve_payment(uuid, text, text, text) IS
'Ends a PENDING payment with what the provider says: outcome APPROVED (with its reference) or FAILED. A second call with the same outcome answers the row unchanged. APPROVED of one that FAILED at a gateway that is outside leaves it FAILED: the money is booked (late_captured_at) and asked back by a refund, once. For members of billing_service. Errors: INVALID_ARGUMENT, PAYMENT_NOT_FOUND, ILLEGAL_STATE.';
