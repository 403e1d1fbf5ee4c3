-- Roles of a house, what the extension has, and statements that run as one of its callers. For \ir in a test.
CREATE ROLE tap_nobody NOLOGIN;
CREATE ROLE tap_service NOLOGIN IN ROLE billing_service;
CREATE ROLE tap_admin NOLOGIN IN ROLE billing_admin;
CREATE ROLE tap_owner NOLOGIN IN ROLE billing_owner;
CREATE ROLE tap_customer NOLOGIN IN ROLE billing_customer;                                      -- a session of its own
CREATE ROLE tap_gateway NOLOGIN NOINHERIT IN ROLE billing_authenticator, billing_customer;     -- what PostgREST logs in as

-- Runs a statement in a session of `session` that has SET ROLE to `role` and states `claims`; its value, or the
-- SQLSTATE with which it is refused.
CREATE FUNCTION pg_temp.act(session text, role text, claims text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('request.jwt.claims', COALESCE(claims, ''), true);
	EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', session);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE statement INTO result;
	SET LOCAL ROLE NONE;
	SET LOCAL SESSION AUTHORIZATION DEFAULT;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END;
$$;
CREATE FUNCTION pg_temp.token(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT jsonb_build_object('customer_id', customer, 'sub', 'user-' || customer)::text
$$;
CREATE FUNCTION pg_temp.as_service(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.act('tap_service', 'tap_service', NULL, statement)
$$;
CREATE FUNCTION pg_temp.as_nobody(statement text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.act('tap_nobody', 'tap_nobody', NULL, statement)
$$;
-- a customer of the REST face: the token speaks for him
CREATE FUNCTION pg_temp.as_customer(customer text, statement text) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.act('tap_gateway', 'billing_customer', pg_temp.token(customer), statement)
$$;

CREATE TEMP VIEW relation AS
	SELECT c.oid, c.oid::regclass::text AS name, c.relkind, c.relispartition FROM pg_class c
	JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
	JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing';
CREATE TEMP VIEW routine AS
	SELECT p.oid, p.proname::text AS name FROM pg_proc p
	JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
	JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing';

-- Two customers, each with all there is.
CREATE PROCEDURE pg_temp.make_customers() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.register_tax_rate('VAT', 10);
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01', idempotency_key => 'plan-key');
	PERFORM billing.register_customer(c, tax_code => 'VAT', collection => 'SEND_INVOICE'), billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z'),
		billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['alice', 'bob']) c;
	INSERT INTO billing.aggregated_usage (customer_id, day, resource_type, quantity, event_count) SELECT c, '2026-04-01', 'API_CALL', 1, 1 FROM unnest(ARRAY['alice', 'bob']) c;
	PERFORM billing.pay_invoice(invoice_id, idempotency_key => 'FAIL_1') FROM billing.invoices WHERE customer_id IN ('alice', 'bob');
END
$$;
-- And money of theirs that moved.
CREATE PROCEDURE pg_temp.make_money() LANGUAGE plpgsql AS $$
BEGIN
	PERFORM billing.top_up_wallet(c, 1000, 'KRW'), billing.hold_wallet(c, 10, 'KRW', idempotency_key => 'hold-key'),
		billing.register_payment_method(c, 'CARD', 'mock', 'token', last4 => '4242'), billing.grant_credit(c, 'PROMO', 20, 'KRW', NULL),
		billing.place_order(c, 'KRW', '[{"sku":"a","quantity":1,"unitPrice":50}]', 'order-key') FROM unnest(ARRAY['alice', 'bob']) c;
	PERFORM billing.pay_order(order_id) FROM billing.orders;
	PERFORM billing.refund_payment(payment_id, 5) FROM billing.orders;
	PERFORM billing.apply_credit(c, pg_temp.invoice_of(c), 9), billing.issue_credit_note(pg_temp.invoice_of(c), '[{"lineNo":1,"net":10}]', 'slow')
		FROM unnest(ARRAY['alice', 'bob']) c;
END
$$;
CREATE FUNCTION pg_temp.order_of(customer text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$
	SELECT order_id FROM billing.orders WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.invoice_of(customer text) RETURNS uuid LANGUAGE sql SECURITY DEFINER AS $$
	SELECT invoice_id FROM billing.invoice_headers WHERE customer_id = customer
$$;
