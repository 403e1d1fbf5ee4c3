-- Who may do what: grants, row-level security, and whose word about himself is believed.
BEGIN;
SELECT plan(73);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

\ir include/callers.sql

-- grants
SELECT is_empty($$SELECT r.name FROM routine r, pg_proc p, aclexplode(COALESCE(p.proacl, acldefault('f', p.proowner))) a WHERE p.oid = r.oid AND a.grantee = 0$$,
	'no function is executable by PUBLIC');
SELECT is_empty($$SELECT name FROM routine WHERE has_function_privilege('tap_nobody', oid, 'EXECUTE')$$, 'a role outside billing may execute nothing');
SELECT is_empty($$SELECT name FROM routine WHERE NOT has_function_privilege('billing_service', oid, 'EXECUTE')$$, 'the service may execute every function');
SELECT is_empty($$SELECT name FROM routine WHERE NOT has_function_privilege('billing_admin', oid, 'EXECUTE')$$, 'and so may the admin');
SELECT is_empty(
	$$SELECT name FROM routine WHERE has_function_privilege('billing_customer', oid, 'EXECUTE') AND name IN ('register_customer', 'set_house_time_zone',
		'register_meter', 'register_tax_rate', 'create_pricing_plan', 'ingest_usage_batch', 'ingest_usage_arrays', 'correct_usage', 'aggregate_usage', 'run_settlement',
		'settle_period', 'settlement_open', 'settlement_chunk', 'settlement_close', 'cancel_invoice', 'mark_overdue_invoices', 'usage_by_month', 'usage_tail',
		'usage_tail_customers', 'usage_day_extreme', 'purge_usage', 'window_snapshot', 'append_only',
		'top_up_wallet', 'charge_wallet', 'hold_wallet', 'capture_hold', 'release_hold', 'expire_holds', 'fail_order', 'record_payment', 'resolve_payment',
		'refund_payment', 'resolve_refund', 'grant_credit', 'revoke_credit', 'expire_credits', 'issue_credit_note', 'soft_delete')$$,
	'a customer may execute nothing that writes for others or reads past row-level security');
SELECT set_has(
	$$SELECT name FROM routine WHERE has_function_privilege('billing_customer', oid, 'EXECUTE')$$,
	$$VALUES ('usage_of'), ('forecast_usage'), ('preview_invoice'), ('snapshot_pricing'), ('invoice_document'), ('pay_invoice'), ('effective_plan'),
		('open_wallet'), ('place_order'), ('cancel_order'), ('pay_order'), ('request_top_up'), ('register_payment_method'), ('apply_credit'), ('wait_for_payment'),
		('aged_receivables'), ('rate'), ('round_money'), ('current_customer'), ('business_now'), ('version')$$,
	'he may execute what is about himself');
SELECT is_empty($$SELECT name FROM relation WHERE relkind IN ('r', 'p', 'v') AND has_table_privilege('tap_nobody', oid, 'SELECT')$$,
	'a role outside billing may read nothing');
SELECT results_eq($$SELECT name FROM relation WHERE relkind IN ('r', 'p', 'v') AND NOT has_table_privilege('billing_service', oid, 'SELECT')$$,
	$$VALUES ('billing.secrets')$$, 'the service may read every table and view, but no secrets');
SELECT is_empty($$SELECT r.name, a.grantee::regrole FROM pg_class c JOIN relation r USING (oid), aclexplode(c.relacl) a WHERE r.name = 'billing.secrets'
	AND a.grantee <> 'billing_owner'::regrole$$, 'of secrets nobody but the owner has any right');
SELECT set_eq(
	$$SELECT name FROM relation WHERE relkind IN ('r', 'p', 'v') AND has_any_column_privilege('billing_customer', oid, 'SELECT') AND name IN ('billing.customers',
		'billing.usage_events', 'billing.aggregated_usage', 'billing.unbilled_usage', 'billing.rejected_usage', 'billing.meter_definitions', 'billing.pricing_plans',
		'billing.pricing_snapshots', 'billing.invoice_headers', 'billing.invoice_lines', 'billing.invoice_taxes', 'billing.payments', 'billing.payment_attempts',
		'billing.settlement_runs', 'billing.ledger_transfers', 'billing.audit_log', 'billing.audit_entries', 'billing.wallets', 'billing.wallet_holds',
		'billing.orders', 'billing.order_items', 'billing.payment_methods', 'billing.refunds', 'billing.credits', 'billing.credit_applications',
		'billing.credit_uses', 'billing.credit_notes', 'billing.credit_note_lines', 'billing.outbox', 'billing.outbox_0', 'billing.usage_events_0',
		'billing.document_numbers', 'billing.document_series', 'billing.job_runs', 'billing.window_cursors')$$,
	$$VALUES ('billing.customers'), ('billing.aggregated_usage'), ('billing.pricing_snapshots'), ('billing.invoice_headers'), ('billing.invoice_lines'),
		('billing.invoice_taxes'), ('billing.payments'), ('billing.ledger_transfers'), ('billing.wallets'), ('billing.wallet_holds'),
		('billing.orders'), ('billing.order_items'), ('billing.payment_methods'), ('billing.refunds'), ('billing.credits'),
		('billing.credit_applications'), ('billing.credit_uses'), ('billing.credit_notes'), ('billing.credit_note_lines')$$,
	'a customer may read tables of his own data only, never a partition or a log');
SELECT is_empty(
	$$SELECT r.name, role, privilege FROM relation r, unnest(ARRAY['billing_service', 'billing_admin', 'billing_customer', 'billing_authenticator', 'tap_nobody']) role,
		unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) privilege
		WHERE r.relkind IN ('r', 'p', 'v') AND has_table_privilege(role, r.oid, privilege)$$,
	'nobody but the owner may write a table');
SELECT is_empty(
	$$SELECT r.name, role FROM relation r, unnest(ARRAY['billing_service', 'billing_admin', 'billing_customer', 'tap_nobody']) role
		WHERE r.relkind = 'S' AND has_sequence_privilege(role, r.oid, 'USAGE, UPDATE')$$,
	'nor draw from a sequence');
SELECT is_empty($$SELECT rolname FROM pg_roles WHERE rolname IN ('billing_owner', 'billing_admin', 'billing_service', 'billing_customer', 'billing_authenticator')
	AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb)$$, 'the roles of billing cannot log in and are above nothing');
SELECT is((SELECT count(*) FROM pg_roles WHERE rolname IN ('billing_owner', 'billing_admin', 'billing_service', 'billing_customer', 'billing_authenticator')), 5::bigint,
	'there are five of them');
SELECT is_empty($$SELECT 1 FROM pg_roles r WHERE r.rolname IN ('billing_service', 'billing_customer', 'tap_nobody') AND has_schema_privilege(r.oid, 'billing', 'CREATE')$$,
	'nobody may create in the schema');

CALL pg_temp.make_customers();
SELECT invoice_id AS alice FROM billing.invoices WHERE customer_id = 'alice' \gset
SELECT invoice_id AS bob FROM billing.invoices WHERE customer_id = 'bob' \gset

-- a role outside
SELECT is(pg_temp.as_nobody('SELECT count(*) FROM billing.invoices'), '42501', 'a role outside billing cannot read invoices');
SELECT is(pg_temp.as_nobody($$SELECT billing.rate('{"model":"flat","code":"A","amount":1}', 1)$$), '42501', 'nor call a function');

-- the service
SELECT is(pg_temp.as_service($$SELECT count(*) FROM billing.invoices WHERE customer_id IN ('alice', 'bob')$$), '2', 'the service reads every customer');
SELECT is(pg_temp.as_service($$SELECT customer_id FROM billing.register_customer('carol')$$), 'carol', 'it registers customers');
SELECT is(pg_temp.as_service($$SELECT billing.ingest_usage('e', 'carol', 'API_CALL', 5, '2026-05-10T00:00:00Z')$$), 'true', 'ingests usage');
SELECT is(pg_temp.as_service($$SELECT message FROM billing.run_settlement('carol', '2026-05')$$), 'paid', 'and settles');
SELECT is(pg_temp.as_service($$INSERT INTO billing.customers (customer_id, net_days, time_zone, collection, created_at, updated_at)
	VALUES ('x', 1, 'UTC', 'AUTOMATIC', now(), now()) RETURNING 1$$), '42501', 'it cannot write a table');
SELECT is(pg_temp.as_service($$UPDATE billing.invoice_headers SET total = 0 RETURNING 1$$), '42501', 'not even the total of an invoice');
SELECT is(pg_temp.as_service($$SELECT billing.set_house_time_zone('UTC')$$), 'ZB401', 'the zone of the house is for the admin');
SELECT isnt(pg_temp.act('tap_admin', 'tap_admin', NULL, $$SELECT billing.set_house_time_zone('UTC')$$), 'ZB401', 'who may set it');
SELECT is(pg_temp.as_service($$SET billing.now = '2030-01-01'$$), '42501', 'the service cannot move business time');
SELECT is(pg_temp.as_service($$SET billing.settlement_grace = 0$$), '42501', 'nor change the grace');

-- a customer
SELECT is(pg_temp.as_customer('alice', 'SELECT billing.current_customer()'), 'alice', 'a token names its customer');
SELECT is(pg_temp.as_customer('alice', format('SELECT string_agg(DISTINCT customer_id, %L) FROM billing.%I', ' ', t)), 'alice',
	format('a customer sees his own rows of %s only', t))
FROM unnest(ARRAY['customers', 'aggregated_usage', 'invoices', 'invoice_headers', 'invoice_lines', 'invoice_taxes', 'payments', 'ledger_transfers', 'ledger_entries']) t;
SELECT is(pg_temp.as_customer('alice', 'SELECT count(*) FROM billing.pricing_snapshots'), '1', 'and the snapshots of his invoices');
SELECT is(pg_temp.as_customer('dave', 'SELECT count(*) FROM billing.pricing_snapshots'), '0', 'a customer without invoices sees none');
SELECT is(pg_temp.as_customer('alice', format('SELECT count(*) FROM billing.%I', t)), '42501', format('a customer cannot read %s', t))
FROM unnest(ARRAY['usage_events', 'usage_events_0', 'audit_log', 'audit_entries', 'outbox', 'outbox_0', 'pricing_plans', 'rejected_usage']) t;
SELECT is(pg_temp.as_customer('alice', $$SELECT quantity FROM billing.usage_of('alice', '2026-05')$$), '100', 'he asks for his usage');
SELECT is(pg_temp.as_customer('alice', format('SELECT billing.invoice_document(%L) ->> %L', :'alice', 'total')), '110', 'his invoice');
SELECT is(pg_temp.as_customer('alice', $$SELECT billing.preview_invoice('alice', '2026-05') ->> 'total'$$), '110', 'his preview');
SELECT is(pg_temp.as_customer('alice', $$SELECT name FROM billing.effective_plan('alice', '2026-05-01')$$), 'one', 'his plan');
SELECT is(pg_temp.as_customer('alice', 'SELECT string_agg(customer_id, $$ $$) FROM billing.aged_receivables()'), 'alice', 'what he owes');
SELECT is(pg_temp.as_customer('alice', statement), 'ZB401', 'FORBIDDEN: ' || statement)
FROM unnest(ARRAY[$$SELECT quantity FROM billing.usage_of('bob', '2026-05')$$, $$SELECT billing.preview_invoice('bob', '2026-05')$$,
	$$SELECT billing.snapshot_pricing('bob', '2026-05')$$, $$SELECT quantity FROM billing.forecast_usage('bob')$$]) statement;
SELECT is(pg_temp.as_customer('alice', format('SELECT billing.invoice_document(%L)', :'bob')), 'ZB401', 'the invoice of another customer is FORBIDDEN');
SELECT is(pg_temp.as_customer('alice', format('SELECT billing.pay_invoice(%L)', :'bob')), 'ZB401', 'paying it too');
SELECT is(pg_temp.as_customer('alice', $$SELECT name FROM billing.effective_plan('bob', '2026-05-01')$$), NULL, 'another customer''s plan is not shown');
SELECT is(pg_temp.as_customer('alice', $$SELECT billing.register_customer('alice', net_days => 365)$$), '42501', 'he cannot change his own terms');
SELECT is(pg_temp.as_customer('alice', format('SELECT status FROM billing.pay_invoice(%L)', :'alice')), 'APPROVED', 'he pays his own invoice');

-- whose word is believed
SELECT is(pg_temp.act('tap_gateway', 'billing_customer', claims, 'SELECT count(*) FROM billing.invoices'), '0', 'no invoice is shown with the claims ' || COALESCE(claims, 'left out'))
FROM unnest(ARRAY[NULL, '{}', '{"sub":"alice"}', '{"customer_id":null}', '{"customer_id":["alice"]}', '"alice"']) claims;
SELECT is(pg_temp.act('tap_customer', 'tap_customer', '{"customer_id":"alice"}', 'SELECT count(*) FROM billing.invoices'), '0',
	'a direct session that states claims sees nothing');
SELECT is(pg_temp.act('tap_customer', 'billing_customer', '{"customer_id":"alice"}', $$SELECT quantity FROM billing.usage_of('alice', '2026-05')$$), 'ZB401',
	'and may do nothing');
SELECT is(pg_temp.act('tap_customer', 'billing_customer', '{"customer_id":"alice"}', 'SELECT billing.current_customer()'), NULL, 'its claims name no customer');
SELECT is(pg_temp.act('postgres', 'billing_customer', '{"customer_id":"alice"}', 'SELECT count(*) FROM billing.invoices'), '0',
	'the claims of a superuser who became a customer are not believed either');
SELECT is(pg_temp.act('postgres', 'tap_service', NULL, $$SELECT count(*) FROM billing.invoices WHERE customer_id IN ('alice', 'bob')$$), '2',
	'a superuser who became the service is the service');
SELECT is(pg_temp.act('postgres', 'tap_nobody', NULL, $$SELECT count(*) FROM billing.invoices$$), '42501', 'and one who became nobody is nobody');

SELECT * FROM finish();
ROLLBACK;
