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
'True when the caller may read the data of the customer: a member of billing_service or billing_admin, or the customer of the token. Null asks for what is the house''s.';

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

CREATE FUNCTION billing.never_deleted() RETURNS trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_never_deleted';
COMMENT ON FUNCTION billing.never_deleted() IS
'Trigger that refuses DELETE and TRUNCATE, whoever asks; its argument is the hint. Error: APPEND_ONLY.';

CREATE FUNCTION billing.guard_drop() RETURNS event_trigger
	LANGUAGE c AS 'MODULE_PATHNAME', 'billing_guard_drop';
COMMENT ON FUNCTION billing.guard_drop() IS
'Event trigger that loads the library before a command that can drop the extension, so that data is not dropped with it. Error of such a command: DROP_REFUSED.';

CREATE FUNCTION billing.enable_workers() RETURNS text
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_enable_workers';
COMMENT ON FUNCTION billing.enable_workers() IS
'Allows workers of this database to talk to the outside while the server''s billing.environment is what it is now, and answers that name. For billing_admin. Error: ILLEGAL_STATE.';

CREATE FUNCTION billing.disable_workers() RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_disable_workers';
COMMENT ON FUNCTION billing.disable_workers() IS
'Takes back enable_workers(). For billing_admin.';

CREATE FUNCTION billing.workers_allowed(OUT allowed boolean, OUT state text, OUT environment text, OUT enabled_for text,
	OUT reason text)
	RETURNS record LANGUAGE c STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_workers_allowed';
COMMENT ON FUNCTION billing.workers_allowed() IS
'Whether workers of this database may talk to the outside, and why not: the server''s environment, the one of enable_workers(), the state and its reason.';

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
