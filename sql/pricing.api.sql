-- Prices and taxes: functions.

CREATE FUNCTION billing.register_tax_rate(code text, percentage numeric, category text DEFAULT 'STANDARD',
	valid_from timestamptz DEFAULT '-infinity')
	RETURNS void LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_register_tax_rate';
COMMENT ON FUNCTION billing.register_tax_rate(text, numeric, text, timestamptz) IS
'Registers the percentage (0 to 100) of a tax code from a time on. The same again changes nothing. category: STANDARD, REDUCED, ZERO, EXEMPT, REVERSE_CHARGE, OUT_OF_SCOPE. Errors: INVALID_ARGUMENT, ILLEGAL_STATE.';

CREATE FUNCTION billing.create_pricing_plan(name text, currency text, charges jsonb, effective_from timestamptz,
	customer_id text DEFAULT NULL, effective_until timestamptz DEFAULT NULL, idempotency_key text DEFAULT NULL,
	metadata jsonb DEFAULT NULL)
	RETURNS uuid LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_create_pricing_plan';
COMMENT ON FUNCTION billing.create_pricing_plan(text, text, jsonb, timestamptz, text, timestamptz, text, jsonb) IS
'Stores a pricing plan and answers its id. Without customer_id it is a default for all customers of its currency. Plans are never updated: a new price is a new plan. Errors: INVALID_CHARGE with the place in the document, CURRENCY_MISMATCH, UNKNOWN_CURRENCY, INCOMPATIBLE_PARAMS.';

CREATE FUNCTION billing.effective_plan(customer_id text, at timestamptz)
	RETURNS billing.pricing_plans LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$
	-- the key of the call that made it, and its fingerprint, are the house's
	SELECT (SELECT ROW(p.plan_id, p.position, p.customer_id, p.name, p.currency, p.charges, p.effective_from,
			p.effective_until, p.metadata, CASE WHEN a.house THEN p.idempotency_key END,
			CASE WHEN a.house THEN p.fingerprint END, p.created_at, p.row_digest)::billing.pricing_plans
		FROM billing.pricing_plans p
		LEFT JOIN billing.customers c ON c.customer_id = a.customer_id
		WHERE (p.customer_id = a.customer_id
			   OR (p.customer_id IS NULL AND (c.currency IS NULL OR p.currency = c.currency)))
		AND billing.may_read(a.customer_id)
		AND p.effective_from <= a.at AND (p.effective_until IS NULL OR p.effective_until > a.at)
		ORDER BY p.customer_id NULLS LAST, p.effective_from DESC, p.position DESC
		LIMIT 1)
	FROM (SELECT billing.checked_customer(effective_plan.customer_id) AS customer_id,
			billing.checked_time(effective_plan.at, 'at', true) AS at, billing.may_read(NULL) AS house OFFSET 0) a
$$;
COMMENT ON FUNCTION billing.effective_plan(text, timestamptz) IS
'The pricing plan in force for a customer at a time: a plan of his own before any default, then the latest effective_from. Null when there is none. Error: INVALID_ARGUMENT.';

CREATE FUNCTION billing.rate(charge jsonb, quantity numeric) RETURNS numeric
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'billing_rate';
COMMENT ON FUNCTION billing.rate(jsonb, numeric) IS
'The exact unrounded amount of one charge for a quantity, by the code that invoices. Round it with round_money(). Errors: INVALID_CHARGE, INVALID_ARGUMENT, AMOUNT_OVERFLOW.';

CREATE FUNCTION billing.round_money(amount numeric, currency text) RETURNS numeric
	LANGUAGE c IMMUTABLE PARALLEL SAFE AS 'MODULE_PATHNAME', 'billing_round_money';
COMMENT ON FUNCTION billing.round_money(numeric, text) IS
'Rounds an amount HALF_UP (ties away from zero) to the minor unit of an ISO 4217 currency. Errors: UNKNOWN_CURRENCY, INVALID_ARGUMENT, AMOUNT_OVERFLOW.';
