-- Roles, and how this script is run. Comes first.
\echo Use "CREATE EXTENSION billing" to load this file. \quit

SET LOCAL search_path TO pg_catalog, pg_temp;

-- Roles belong to the cluster: they stay when the extension goes, and are there when it comes back.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['billing_owner', 'billing_admin', 'billing_service', 'billing_customer',
								'billing_authenticator']
	LOOP
		IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.rolname OPERATOR(pg_catalog.=) name) THEN
			EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN NOINHERIT', name);
		END IF;
	END LOOP;
END;
$$;

GRANT USAGE ON SCHEMA billing TO billing_owner, billing_admin, billing_service, billing_customer;
