-- Credits: functions.

CREATE FUNCTION billing.grant_credit(customer_id text, type text, amount numeric, currency text, valid_from timestamptz,
	valid_until timestamptz DEFAULT NULL, reason text DEFAULT NULL, idempotency_key text DEFAULT NULL,
	metadata jsonb DEFAULT NULL)
	RETURNS billing.credits LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_grant_credit';
COMMENT ON FUNCTION billing.grant_credit(text, text, numeric, text, timestamptz, timestamptz, text, text, jsonb) IS
'Grants a credit of type PROMO, PREPAID, COMPENSATION or REFUND_TO_CREDIT, usable from valid_from (null: now) until before valid_until (null: for ever). Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, CUSTOMER_NOT_FOUND, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.apply_credit(customer_id text, invoice_id uuid, at_most numeric DEFAULT NULL,
	idempotency_key text DEFAULT NULL)
	RETURNS numeric LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_apply_credit';
COMMENT ON FUNCTION billing.apply_credit(text, uuid, numeric, text) IS
'Pays what is due on an ISSUED or OVERDUE invoice of the customer, or at most at_most of it, with his credits of its currency, and answers how much: soonest expiry first, never-expiring last, then oldest, then by id. An at_most of 0 or less applies nothing. Nothing due any more: the invoice is PAID. Errors: INVALID_ARGUMENT, INVOICE_NOT_FOUND (or not the customer''s), ILLEGAL_STATE, PAYMENT_IN_PROGRESS, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST, FORBIDDEN.';

CREATE FUNCTION billing.revoke_credit(credit_id uuid, reason text)
	RETURNS billing.credits LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_revoke_credit';
COMMENT ON FUNCTION billing.revoke_credit(uuid, text) IS
'Takes back what is left of an ACTIVE credit, to promotion (PROMO, COMPENSATION), funding_clearing (PREPAID) or refund_clearing (REFUND_TO_CREDIT). A second call answers the row unchanged. Errors: INVALID_ARGUMENT, CREDIT_NOT_FOUND, ILLEGAL_STATE.';

CREATE FUNCTION billing.expire_credits(batch int DEFAULT 200) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_expire_credits';
COMMENT ON FUNCTION billing.expire_credits(int) IS
'Ends ACTIVE credits whose valid_until has come, soonest first, at most batch (1 to 10000), and answers how many; call it until 0. What is left goes back to promotion (PROMO, COMPENSATION) or becomes breakage revenue (PREPAID, REFUND_TO_CREDIT). Credits that another session is using wait for the next call; one that cannot be ended is a warning. Error: INVALID_ARGUMENT.';
