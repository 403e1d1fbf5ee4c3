-- Customers: functions.

CREATE FUNCTION billing.register_customer(customer_id text, name text DEFAULT NULL, currency text DEFAULT NULL,
	email text DEFAULT NULL, net_days int DEFAULT NULL, tax_code text DEFAULT NULL, legal_name text DEFAULT NULL,
	tax_id text DEFAULT NULL, address jsonb DEFAULT NULL, country text DEFAULT NULL, time_zone text DEFAULT NULL,
	collection text DEFAULT NULL, metadata jsonb DEFAULT NULL, auto_apply_credit boolean DEFAULT NULL)
	RETURNS billing.customers LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_register_customer';
COMMENT ON FUNCTION billing.register_customer(text, text, text, text, int, text, text, text, jsonb, text, text, text, jsonb, boolean) IS
'Makes or changes a customer; a null argument changes nothing. New ones have net_days 14, collection AUTOMATIC (or SEND_INVOICE), auto_apply_credit true (settlement applies credits before it charges) and the zone of the house. Errors: INVALID_ARGUMENT, UNKNOWN_CURRENCY, CURRENCY_MISMATCH, FROZEN.';

CREATE FUNCTION billing.set_house_time_zone(time_zone text) RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_set_house_time_zone';
COMMENT ON FUNCTION billing.set_house_time_zone(text) IS
'Sets the zone of the house: of issue dates, and of customers that are made from now on. For billing_admin. Error: INVALID_ARGUMENT.';
