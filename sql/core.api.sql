-- Clock, identity, errors: functions and views.

CREATE FUNCTION billing.business_now() RETURNS timestamptz
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_business_now';
COMMENT ON FUNCTION billing.business_now() IS
'Business time: the start of the transaction, or the superuser setting billing.now in tests.';

CREATE FUNCTION billing.current_customer() RETURNS text
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_current_customer';
COMMENT ON FUNCTION billing.current_customer() IS
'The customer_id claim of the session''s JWT, believed only when the session logged in as a member of billing_authenticator; null otherwise.';

CREATE FUNCTION billing.may_read(customer_id text) RETURNS boolean
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_may_read';
COMMENT ON FUNCTION billing.may_read(text) IS
'True when the caller may read the data of the customer: a member of billing_service or billing_admin, or the customer of the token.';

CREATE FUNCTION billing.checked_time(value timestamptz, name text, required boolean) RETURNS timestamptz
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_checked_time';
COMMENT ON FUNCTION billing.checked_time(timestamptz, text, boolean) IS
'The value, if it is finite, or null where it is not required. Error: INVALID_ARGUMENT, which names the argument.';

CREATE FUNCTION billing.checked_customer(customer_id text) RETURNS text
	LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'billing_checked_customer';
COMMENT ON FUNCTION billing.checked_customer(text) IS
'The value, if it may be the id of a customer. Error: INVALID_ARGUMENT.';

CREATE FUNCTION billing.append_only() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_append_only';
COMMENT ON FUNCTION billing.append_only() IS
'Trigger that refuses UPDATE, DELETE and TRUNCATE, whoever asks. Error: APPEND_ONLY.';

CREATE FUNCTION billing.error_registry(OUT symbol text, OUT sqlstate text, OUT api_code text, OUT http_status int,
	OUT meaning text)
	RETURNS SETOF record LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'billing_error_registry';
COMMENT ON FUNCTION billing.error_registry() IS
'The registry of errors, from the library.';

CREATE VIEW billing.error_codes AS
	SELECT r.symbol, r.sqlstate, r.api_code, r.http_status, r.meaning FROM billing.error_registry() r;
COMMENT ON VIEW billing.error_codes IS
'Every error that billing raises: SQLSTATE, the code and HTTP status of the REST face, and its meaning.';

CREATE FUNCTION billing.version() RETURNS text
	LANGUAGE c IMMUTABLE AS 'MODULE_PATHNAME', 'billing_version';
COMMENT ON FUNCTION billing.version() IS
'The version of the loaded library.';
