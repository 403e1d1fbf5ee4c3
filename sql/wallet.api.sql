-- Wallets: functions.

CREATE FUNCTION billing.open_wallet(customer_id text, currency text)
	RETURNS billing.wallets LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_open_wallet';
COMMENT ON FUNCTION billing.open_wallet(text, text) IS
'Opens the wallet of a customer in a currency, or answers the one there is. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, CUSTOMER_NOT_FOUND.';

CREATE FUNCTION billing.top_up_wallet(customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL,
	reference_id text DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL,
	expected_version bigint DEFAULT NULL)
	RETURNS billing.wallet_movement LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_top_up_wallet';
COMMENT ON FUNCTION billing.top_up_wallet(text, numeric, text, text, text, text, jsonb, bigint) IS
'Adds money that the application has received to a wallet, which it opens if there is none. With expected_version only if the wallet has that version. A repeat with its key is answered whatever version it expects. metadata goes into the event. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, CUSTOMER_NOT_FOUND, AMOUNT_OVERFLOW, CONCURRENT_MODIFICATION, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.charge_wallet(customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL,
	reference_id text DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL,
	expected_version bigint DEFAULT NULL)
	RETURNS billing.wallet_movement LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_charge_wallet';
COMMENT ON FUNCTION billing.charge_wallet(text, numeric, text, text, text, text, jsonb, bigint) IS
'Takes an amount off the available balance of a wallet, as revenue. With expected_version only if the wallet has that version. A repeat with its key is answered whatever version it expects. metadata goes into the event. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, WALLET_NOT_FOUND, INSUFFICIENT_BALANCE, CONCURRENT_MODIFICATION, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.hold_wallet(customer_id text, amount numeric, currency text, reference_type text DEFAULT NULL,
	reference_id text DEFAULT NULL, idempotency_key text DEFAULT NULL, metadata jsonb DEFAULT NULL,
	expected_version bigint DEFAULT NULL, expires_at timestamptz DEFAULT NULL)
	RETURNS billing.wallet_holds LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_hold_wallet';
COMMENT ON FUNCTION billing.hold_wallet(text, numeric, text, text, text, text, jsonb, bigint, timestamptz) IS
'Sets an amount of the available balance aside, until it is captured or released, or expires_at has come. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, WALLET_NOT_FOUND, INSUFFICIENT_BALANCE, CONCURRENT_MODIFICATION, INCOMPATIBLE_PARAMS, DUPLICATE_REQUEST.';

CREATE FUNCTION billing.capture_hold(hold_id uuid, amount numeric DEFAULT NULL, idempotency_key text DEFAULT NULL)
	RETURNS billing.wallet_movement LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_capture_hold';
COMMENT ON FUNCTION billing.capture_hold(uuid, numeric, text) IS
'Charges a hold, or a part of it (null: all); the rest is released. Errors: INVALID_ARGUMENT, HOLD_NOT_FOUND, ILLEGAL_STATE (it is not OPEN, or has expired), INCOMPATIBLE_PARAMS.';

CREATE FUNCTION billing.release_hold(hold_id uuid, idempotency_key text DEFAULT NULL)
	RETURNS billing.wallet_movement LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_release_hold';
COMMENT ON FUNCTION billing.release_hold(uuid, text) IS
'Makes a held amount available again. Of one that is RELEASED or EXPIRED already it answers the wallet, replayed. Errors: HOLD_NOT_FOUND, ILLEGAL_STATE (it is CAPTURED), INCOMPATIBLE_PARAMS.';

CREATE FUNCTION billing.expire_holds(batch int DEFAULT 200) RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_expire_holds';
COMMENT ON FUNCTION billing.expire_holds(int) IS
'Ends OPEN holds whose expires_at has come, at most batch (1 to 10000), and answers how many; call it until 0. A charge or a hold that needs the money does it by itself. Holds of wallets that another session is changing wait for the next call. Error: INVALID_ARGUMENT.';
