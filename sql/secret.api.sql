-- Secrets: functions and view.

CREATE FUNCTION billing.set_secret(name text, value text, overlap interval DEFAULT '24 hours') RETURNS void
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_set_secret';
COMMENT ON FUNCTION billing.set_secret(text, text, interval) IS
'Stores a secret, encrypted under the first key of billing.secret_key_file: gateway_api_key, gateway_webhook. name: a-z, 0-9 and _, at most 64; value: at most 4 KiB; what it replaces stays live for overlap, 0 to 366 days, and what that had replaced is gone. A server that logs statements (log_statement, log_min_duration_statement, pg_stat_statements) logs a value that is written into the statement. Give it as a parameter, with SET LOCAL log_statement = ''none'' and log_min_duration_statement = -1 before it; in psql: \set value `cat file`, then SELECT billing.set_secret($1, $2) \bind gateway_api_key :value \g. For billing_admin. Errors: INVALID_ARGUMENT, ILLEGAL_STATE.';

CREATE FUNCTION billing.drop_secret(name text) RETURNS boolean
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_drop_secret';
COMMENT ON FUNCTION billing.drop_secret(text) IS
'Deletes a secret, what it replaced included, and answers whether there was one. For billing_admin. Error: INVALID_ARGUMENT.';

CREATE FUNCTION billing.rotate_secrets() RETURNS bigint
	LANGUAGE c SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'billing_rotate_secrets';
COMMENT ON FUNCTION billing.rotate_secrets() IS
'Encrypts under the first key of billing.secret_key_file every secret that is encrypted under another, and answers how many; after it the other keys can be taken out of the file. What has retired is deleted. For billing_admin. Error: ILLEGAL_STATE.';

CREATE VIEW billing.stored_secrets AS
	SELECT s.name, s.secret_id, s.key_id, s.created_at, s.retires_at FROM billing.secrets s;
COMMENT ON VIEW billing.stored_secrets IS
'Which secrets are stored, under which key, and until when one that was replaced stays live (null: the present one). No values.';
