-- Payments: functions.

CREATE FUNCTION billing.pay_invoice(invoice_id uuid, method text DEFAULT NULL, payment_method_id uuid DEFAULT NULL,
	idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS billing.payments LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_pay_invoice';
COMMENT ON FUNCTION billing.pay_invoice(uuid, text, uuid, text, jsonb) IS
'Captures what is due on an ISSUED or OVERDUE invoice and answers the payment, APPROVED or FAILED; a declined one leaves the invoice as it was. method CARD (default), BANK_TRANSFER or IAP. The same key answers the same payment. A customer gets null in the columns of payments that he may not read. Errors: INVOICE_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS, INCOMPATIBLE_PARAMS, FORBIDDEN.';
