-- Refunds and soft delete: functions.

CREATE FUNCTION billing.refund_payment(payment_id uuid, amount numeric DEFAULT NULL, reason text DEFAULT NULL,
	destination text DEFAULT 'SOURCE', idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL)
	RETURNS billing.refunds LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_refund_payment';
COMMENT ON FUNCTION billing.refund_payment(uuid, numeric, text, text, text, jsonb) IS
'Gives an APPROVED payment back, or a part of it (null: all that is left), in the payment''s currency: to its SOURCE, to the WALLET of the customer, or as a CREDIT. COMPLETED, FAILED, or REQUESTED while the outcome is not known, as of a gateway that is outside; such a one counts against what is left, and of a top-up its money is out of the wallet. A payment that was captured after it had FAILED goes back to its SOURCE only. Of an invoice''s payment a credit note is written; an order turns REFUNDED when all is back; a top-up goes back to its SOURCE only, out of the wallet. Errors: INVALID_ARGUMENT, PAYMENT_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS, REFUND_ALREADY_REQUESTED (nothing is left), REFUND_EXCEEDS_PAYMENT, INSUFFICIENT_BALANCE (of a top-up that is spent), INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST, BULKHEAD_FULL.';

CREATE FUNCTION billing.resolve_refund(refund_id uuid, outcome text, provider_reference text, reason text)
	RETURNS billing.refunds LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_resolve_refund';
COMMENT ON FUNCTION billing.resolve_refund(uuid, text, text, text) IS
'Ends a REQUESTED refund with what the provider says: outcome COMPLETED (with its reference) or FAILED. A second call with the same outcome answers the row unchanged. For members of billing_service. FAILED puts the money of a top-up back into the wallet. Errors: INVALID_ARGUMENT, REFUND_NOT_FOUND, ILLEGAL_STATE.';

CREATE FUNCTION billing.soft_delete(kind text, id uuid, reason text) RETURNS boolean
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_soft_delete';
COMMENT ON FUNCTION billing.soft_delete(text, uuid, text) IS
'Hides an INVOICE that is DRAFT or CANCELLED, a FAILED PAYMENT that was never captured or a FAILED REFUND from normal reading; its row stays. True once, then false. For members of billing_service. Errors: INVALID_ARGUMENT, INVOICE_NOT_FOUND, PAYMENT_NOT_FOUND, REFUND_NOT_FOUND, ILLEGAL_STATE, PAYMENT_IN_PROGRESS.';
