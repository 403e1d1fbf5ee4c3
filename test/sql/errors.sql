-- Every error of the registry can be raised by a caller, with its own SQLSTATE, in PostgreSQL's
-- message style: the primary message begins in lower case and has no full stop, detail and hint are
-- sentences. The checks at the end compare with billing.error_codes.
SET timezone = 'UTC';
SET DateStyle = 'ISO';
SET client_encoding = 'UTF8';
SET billing.now = '2026-06-02T00:00:00Z';
SET client_min_messages = warning;
\pset format unaligned
\pset tuples_only on

-- ---- the registry itself ------------------------------------------------------------------------

SELECT sqlstate, symbol, api_code, http_status, meaning FROM billing.error_codes ORDER BY sqlstate;
\echo symbols or SQLSTATEs that are not unique, or outside of class ZB (none)
SELECT symbol, sqlstate FROM billing.error_codes e
WHERE sqlstate !~ '^ZB[0-9]{3}$' OR symbol !~ '^[A-Z][A-Z_]+$'
OR EXISTS (SELECT FROM billing.error_codes o WHERE (o.symbol = e.symbol) <> (o.sqlstate = e.sqlstate));
\echo statuses that are no errors, codes without a name, meanings without a capital (none)
SELECT symbol FROM billing.error_codes
WHERE http_status NOT BETWEEN 400 AND 599 OR api_code !~ '^[A-Z][A-Z_]+$' OR meaning !~ '^[A-Z].*[^.]$';

-- ---- what the errors are raised with, undone at the end ------------------------------------------

BEGIN;
CREATE ROLE regress_billing_reader NOLOGIN;
GRANT billing_customer TO regress_billing_reader;

SELECT count(billing.register_customer('errors', currency => 'KRW', collection => 'SEND_INVOICE', time_zone => 'UTC'));
SELECT count(billing.create_pricing_plan('plan', 'KRW',
	'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]', '2026-01-01', 'errors',
	idempotency_key => 'used'));
SELECT count(billing.register_tax_rate('ERRORS', 10));
SELECT billing.ingest_usage('april', 'errors', 'API_CALL', 100, '2026-04-10');
SELECT billing.ingest_usage('may', 'errors', 'API_CALL', 100, '2026-05-10');
SELECT message FROM billing.run_settlement('errors', '2026-04');
SELECT message FROM billing.run_settlement('errors', '2026-05');
-- the invoice of May is being paid: the provider has not answered yet
INSERT INTO billing.payments (customer_id, payment_id, operation, target_type, target_id, amount, currency, method, provider,
	provider_key, status, created_at)
SELECT customer_id, '01900000-0000-7000-8000-000000000001', 'pay_invoice', 'INVOICE', invoice_id, total, currency, 'CARD', 'mock',
	'errors', 'PENDING', '2026-06-02'
FROM billing.invoices WHERE customer_id = 'errors' AND period = '2026-05';
-- a customer whose tax code has no rate, and one who has no plan of his own currency
SELECT count(billing.register_customer('errors_tax', currency => 'KRW', tax_code => 'ERRORS_NO_RATE'));
SELECT count(billing.create_pricing_plan('plan', 'KRW',
	'[{"model": "per_unit", "resourceType": "API_CALL", "unitPrice": 1}]', '2026-01-01', 'errors_tax'));
SELECT count(billing.register_customer('errors_plan', currency => 'XAD'));
-- of what moves money one of each: a wallet with 100, a hold, an order, a payment of 100 of which 60 are refunded, a note
SELECT count(billing.top_up_wallet('errors', 100, 'KRW', idempotency_key => 'used'));
SELECT count(billing.place_order('errors', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 100}]', key)) FROM unnest(ARRAY['paid', 'open', 'paying']) key;
SELECT count(billing.refund_payment((billing.pay_order(order_id)).payment_id, 60)) FROM billing.orders WHERE idempotency_key = 'paid';
SELECT count(billing.pay_order(order_id, idempotency_key => 'UNKNOWN_errors')) FROM billing.orders WHERE idempotency_key = 'paying';
-- a secret that webhooks are signed with
\getenv tests PG_ABS_SRCDIR
\set deliveries :tests /sql/include/webhook.sql
\set ECHO none
\i :deliveries
\set ECHO all
CALL pg_temp.write_keys(pg_temp.key_line('k1', '11'));
SET LOCAL billing.secret_key_file = 'billing_tap_keys';
SELECT count(billing.set_secret('gateway_webhook', 'whsec'));
CREATE FUNCTION pg_temp.order_of(key text) RETURNS uuid LANGUAGE sql AS
	$$SELECT order_id FROM billing.orders WHERE customer_id = 'errors' AND idempotency_key = key$$;
CREATE FUNCTION pg_temp.payment_of(key text) RETURNS uuid LANGUAGE sql AS
	$$SELECT payment_id FROM billing.orders WHERE customer_id = 'errors' AND idempotency_key = key$$;
CREATE FUNCTION pg_temp.invoice_of(month text) RETURNS uuid LANGUAGE sql AS
	$$SELECT invoice_id FROM billing.invoices WHERE customer_id = 'errors' AND period = month$$;

-- ---- each error once ----------------------------------------------------------------------------

CREATE TEMP TABLE raised (position int GENERATED ALWAYS AS IDENTITY, expected text, call text, role text,
	state text, message text, detail text, hint text);

INSERT INTO raised (expected, call) VALUES
('INVALID_ARGUMENT', $$SELECT billing.register_customer('')$$),
('MALFORMED_DOCUMENT', $$SELECT billing.ingest_usage_batch('{}')$$),
('INVALID_CHARGE', $$SELECT billing.rate('{"model": "stair"}', 1)$$),
('UNKNOWN_CURRENCY', $$SELECT billing.round_money(1, 'XXX')$$),
('CURRENCY_MISMATCH', $$SELECT billing.create_pricing_plan('plan', 'USD', '[{"model": "flat", "code": "BASE", "amount": 1}]',
	'2026-07-01', 'errors')$$),
('AMOUNT_OVERFLOW', $$SELECT billing.round_money(9223372036854775808, 'KRW')$$),
('INVALID_PERIOD', $$SELECT billing.usage_of('errors', '2026-13')$$),
('CUSTOMER_NOT_FOUND', $$SELECT billing.run_settlement('nobody', '2026-05')$$),
('METER_NOT_FOUND', $$SELECT billing.ingest_usage('new', 'errors', 'NO_SUCH_METER', 1)$$),
('PLAN_NOT_FOUND', $$SELECT billing.snapshot_pricing('errors_plan', '2026-05')$$),
('INVOICE_NOT_FOUND', $$SELECT billing.pay_invoice('01900000-0000-7000-8000-000000000000')$$),
('EVENT_NOT_FOUND', $$SELECT billing.correct_usage('errors', 'no such event', 'counted twice')$$),
('TAX_RATE_NOT_FOUND', $$SELECT billing.snapshot_pricing('errors_tax', '2026-05')$$),
('PERIOD_NOT_CLOSED', $$SELECT billing.run_settlement('errors', '2026-06')$$),
('ILLEGAL_STATE', $$SELECT billing.register_tax_rate('ERRORS', 11)$$),
('INCOMPATIBLE_PARAMS', $$SELECT billing.create_pricing_plan('other', 'KRW', '[{"model": "flat", "code": "BASE", "amount": 1}]',
	'2026-07-01', 'errors', idempotency_key => 'used')$$),
('PAYMENT_IN_PROGRESS', $$SELECT billing.pay_invoice(pg_temp.invoice_of('2026-05'))$$),
('FROZEN', $$SELECT billing.register_meter('API_CALL', 'call', 'API calls', 'MAX')$$),
('RESOURCE_NOT_PRICED', $$SELECT billing.preview_invoice('errors', '2026-05',
	'[{"model": "flat", "code": "BASE", "amount": 1}]')$$),
('WALLET_NOT_FOUND', $$SELECT billing.charge_wallet('errors', 1, 'USD')$$),
('HOLD_NOT_FOUND', $$SELECT billing.capture_hold('01900000-0000-7000-8000-000000000000')$$),
('ORDER_NOT_FOUND', $$SELECT billing.pay_order('01900000-0000-7000-8000-000000000000')$$),
('PAYMENT_NOT_FOUND', $$SELECT billing.refund_payment('01900000-0000-7000-8000-000000000000')$$),
('REFUND_NOT_FOUND', $$SELECT billing.resolve_refund('01900000-0000-7000-8000-000000000000', 'FAILED', NULL, 'looked up')$$),
('CREDIT_NOT_FOUND', $$SELECT billing.revoke_credit('01900000-0000-7000-8000-000000000000', 'by mistake')$$),
('PAYMENT_METHOD_NOT_FOUND', $$SELECT billing.pay_order(pg_temp.order_of('open'), payment_method_id => '01900000-0000-7000-8000-000000000000')$$),
('DEAD_LETTER_NOT_FOUND', $$SELECT billing.replay_dead_letter('01900000-0000-7000-8000-000000000000', 'try again')$$),
('INSUFFICIENT_BALANCE', $$SELECT billing.charge_wallet('errors', 101, 'KRW')$$),
('CONCURRENT_MODIFICATION', $$SELECT billing.charge_wallet('errors', 1, 'KRW', expected_version => 7)$$),
('REFUND_ALREADY_REQUESTED', $$SELECT billing.refund_payment(r.payment_id, 1) FROM (
	SELECT (billing.refund_payment(pg_temp.payment_of('paid'))).payment_id OFFSET 0) r$$),
('REFUND_EXCEEDS_PAYMENT', $$SELECT billing.refund_payment(pg_temp.payment_of('paid'), 41)$$),
('CREDIT_NOTE_EXCEEDS_INVOICE', $$SELECT billing.issue_credit_note(pg_temp.invoice_of('2026-04'), '[{"lineNo": 1, "net": 101}]', 'slow')$$),
('APPEND_ONLY', $$UPDATE billing.ledger_transfers SET amount = 1$$),
('DROP_REFUSED', $$DROP EXTENSION billing$$),
('LIMIT_EXCEEDED', $$SELECT billing.ingest_usage('new', 'errors', 'API_CALL', 1, properties =>
	jsonb_build_object('a', repeat('x', 4096)))$$),
('BULKHEAD_FULL', $$SET LOCAL billing.gateway_url = 'http://127.0.0.1:9'; SET LOCAL billing.gateway_max_queued = 1;
	SELECT billing.request_top_up('errors', 5, 'KRW') FROM generate_series(1, 2)$$),
('INVALID_SIGNATURE', $$SELECT billing.receive_gateway_webhook('http', '{}', '{}')$$);
INSERT INTO raised (expected, role, call) VALUES
('FORBIDDEN', 'regress_billing_reader', $$SELECT billing.usage_of('errors', '2026-05')$$),

-- more ways to some of them, for their messages
('FORBIDDEN', 'regress_billing_reader', $$SELECT billing.pay_invoice(pg_temp.invoice_of('2026-05'))$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_customer('errors', collection => 'NEVER')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_customer('errors', net_days => 366)$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_customer('errors', country => 'kr')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_customer('errors', time_zone => 'Mars/Base')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_customer(repeat('x', 65))$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.ingest_usage('new', 'errors', 'API_CALL', -1)$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.rate('{"model": "flat", "code": "BASE", "amount": 1}', 'NaN')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_tax_rate('ERRORS', 101)$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.register_tax_rate('NONE', 1)$$),
('UNKNOWN_CURRENCY', NULL, $$SELECT billing.round_money(1, NULL)$$),
('FROZEN', NULL, $$SELECT billing.register_customer('errors', currency => 'USD')$$),
('INCOMPATIBLE_PARAMS', NULL, $$SELECT billing.pay_invoice(i.invoice_id, key.method, idempotency_key => 'used')
	FROM (VALUES (1, 'CARD'), (2, 'IAP')) key(n, method), (SELECT pg_temp.invoice_of('2026-04') AS invoice_id) i ORDER BY n$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.cancel_invoice(pg_temp.invoice_of('2026-05'), 'wrong price')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.cancel_invoice(i.invoice_id, 'wrong price')
	FROM (SELECT (billing.pay_invoice(pg_temp.invoice_of('2026-04'))).target_id AS invoice_id OFFSET 0) i$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.correct_usage('errors',
	(billing.correct_usage('errors', 'may', 'counted twice')).event_id, 'counted twice')$$),
('INSUFFICIENT_BALANCE', NULL, $$SELECT billing.hold_wallet('errors', 101, 'KRW')$$),
('INSUFFICIENT_BALANCE', NULL, $$SELECT billing.pay_order(pg_temp.order_of('open'), 'WALLET') FROM billing.charge_wallet('errors', 1, 'KRW')$$),
('INCOMPATIBLE_PARAMS', NULL, $$SELECT billing.top_up_wallet('errors', 101, 'KRW', idempotency_key => 'used')$$),
('INCOMPATIBLE_PARAMS', NULL, $$SELECT billing.place_order('errors', 'KRW', '[{"sku": "a", "quantity": 2, "unitPrice": 100}]', 'open')$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.pay_order(pg_temp.order_of('paying'))$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.cancel_order(pg_temp.order_of('paying'), 'not wanted')$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.record_payment(pg_temp.invoice_of('2026-05'), 1)$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.apply_credit('errors', pg_temp.invoice_of('2026-05'))$$),
('PAYMENT_IN_PROGRESS', NULL, $$SELECT billing.issue_credit_note(pg_temp.invoice_of('2026-05'), NULL, 'slow')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.pay_order(pg_temp.order_of('paid'))$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.cancel_order(pg_temp.order_of('paid'), 'not wanted')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.resolve_payment(pg_temp.payment_of('paid'), 'FAILED', NULL, 'looked up')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.soft_delete('PAYMENT', pg_temp.payment_of('paid'), 'tidy')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.soft_delete('INVOICE', pg_temp.invoice_of('2026-04'), 'tidy')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.top_up_wallet('errors', 0, 'KRW')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.top_up_wallet('errors', 0.5, 'KRW')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.grant_credit('errors', 'GIFT', 1, 'KRW', NULL)$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.grant_credit('errors', 'PROMO', 1, 'KRW', '2026-06-02', '2026-06-01')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.refund_payment(pg_temp.payment_of('paid'), destination => 'MOON')$$),
('MALFORMED_DOCUMENT', NULL, $$SELECT billing.place_order('errors', 'KRW', '[{"sku": "a"}]')$$),
('MALFORMED_DOCUMENT', NULL, $$SELECT billing.issue_credit_note(pg_temp.invoice_of('2026-04'), '{}', 'slow')$$),
('UNKNOWN_CURRENCY', NULL, $$SELECT billing.open_wallet('errors', 'XXX')$$),
('FORBIDDEN', 'regress_billing_reader', $$SELECT billing.open_wallet('errors', 'KRW')$$),
('ILLEGAL_STATE', NULL, $$SET LOCAL billing.secret_key_file = ''; SELECT billing.set_secret('a', 'b')$$),
('ILLEGAL_STATE', NULL, $$SET LOCAL billing.secret_key_file = '.'; SELECT billing.set_secret('a', 'b')$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.drop_secret('gateway_webhook'); SELECT billing.receive_gateway_webhook('http', '{}', '{}')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.set_secret('Key', 'b')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.set_secret('key', 'b', '-1 day')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.purge_gateway_webhooks('infinity')$$),
('INVALID_ARGUMENT', NULL, $$SELECT billing.purge_gateway_webhooks(clock_timestamp())$$),
('LIMIT_EXCEEDED', NULL, $$SELECT billing.receive_gateway_webhook('http', '{}', convert_to(repeat('x', 65537), 'UTF8'))$$),
('MALFORMED_DOCUMENT', NULL, $$SELECT billing.receive_gateway_webhook('http', pg_temp.headers('[]'), '[]')$$),
('MALFORMED_DOCUMENT', NULL, $$SELECT billing.receive_gateway_webhook('http', pg_temp.headers('{"id": "a"}'), '{"id": "a"}')$$),
('INVOICE_NOT_FOUND', NULL, $$SELECT billing.invoice_document('01900000-0000-7000-8000-000000000000')$$),
('INVOICE_NOT_FOUND', NULL, $$SELECT billing.cancel_invoice('01900000-0000-7000-8000-000000000000', 'wrong price')$$),
('CUSTOMER_NOT_FOUND', NULL, $$SELECT billing.forecast_usage('nobody')$$),
('PLAN_NOT_FOUND', NULL, $$SELECT billing.forecast_usage('errors_plan')$$),
('MALFORMED_DOCUMENT', NULL, $$SELECT billing.register_customer('errors', metadata => '[]')$$),
('LIMIT_EXCEEDED', NULL, $$SELECT billing.ingest_usage_batch((SELECT jsonb_agg(i) FROM generate_series(1, 10001) i))$$),
('APPEND_ONLY', NULL, $$DELETE FROM billing.audit_entries$$),
('APPEND_ONLY', NULL, $$TRUNCATE billing.tax_rates$$),
('APPEND_ONLY', NULL, $$DELETE FROM billing.payments$$),
('DROP_REFUSED', NULL, $$DROP SCHEMA billing CASCADE$$),
('ILLEGAL_STATE', NULL, $$SELECT billing.enable_workers()$$);

-- Runs a call that must fail; that it does not is an error of the test.
CREATE PROCEDURE pg_temp.raise(number int) LANGUAGE plpgsql AS $$
DECLARE
	r raised;
BEGIN
	SELECT * INTO r FROM raised WHERE position = number;
	BEGIN
		IF r.role IS NOT NULL THEN
			-- what the role may not look up itself
			r.call := replace(r.call, 'pg_temp.invoice_of(''2026-05'')', quote_literal(pg_temp.invoice_of('2026-05')));
			EXECUTE format('SET LOCAL ROLE %I', r.role);
		END IF;
		EXECUTE r.call;
		RAISE SQLSTATE '00001' USING MESSAGE = 'nothing was raised';
	EXCEPTION WHEN OTHERS THEN
		GET STACKED DIAGNOSTICS r.state = RETURNED_SQLSTATE, r.message = MESSAGE_TEXT,
			r.detail = PG_EXCEPTION_DETAIL, r.hint = PG_EXCEPTION_HINT;
	END;
	UPDATE raised SET state = r.state, message = r.message, detail = r.detail, hint = r.hint WHERE position = number;
END;
$$;

DO $$
DECLARE
	last int := (SELECT max(position) FROM raised);
BEGIN
	FOR i IN 1 .. last LOOP
		CALL pg_temp.raise(i);
	END LOOP;
END;
$$;

CREATE FUNCTION pg_temp.masked(value text) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(regexp_replace(value,
		'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', '<uuid>', 'g'),
		'(INV|CN)-\d{4}-\d+', '<number>', 'g')
$$;

SELECT COALESCE(e.symbol, '-') || ' ' || r.state || E'\n  ' || pg_temp.masked(r.message)
	|| COALESCE(E'\n  DETAIL: ' || NULLIF(pg_temp.masked(r.detail), ''), '')
	|| COALESCE(E'\n  HINT: ' || NULLIF(r.hint, ''), '')
FROM raised r LEFT JOIN billing.error_codes e ON e.sqlstate = r.state ORDER BY r.position;

-- ---- what holds of all of them ------------------------------------------------------------------

\echo calls that raised another error (none)
SELECT r.expected, r.state, r.message FROM raised r
LEFT JOIN billing.error_codes e ON e.sqlstate = r.state
WHERE e.symbol IS DISTINCT FROM r.expected ORDER BY r.position;

CREATE TEMP TABLE not_raised (symbol text, reason text);
INSERT INTO not_raised VALUES
('DUPLICATE_REQUEST', 'kept for two calls of one key that run at once');

\echo symbols of the registry that were not raised (none)
SELECT e.symbol FROM billing.error_codes e
WHERE NOT EXISTS (SELECT FROM raised r WHERE r.state = e.sqlstate)
AND NOT EXISTS (SELECT FROM not_raised n WHERE n.symbol = e.symbol) ORDER BY e.sqlstate;

\echo exceptions that are not in the registry, or that were raised after all (none)
SELECT n.symbol FROM not_raised n LEFT JOIN billing.error_codes e ON e.symbol = n.symbol
WHERE e.symbol IS NULL OR EXISTS (SELECT FROM raised r WHERE r.state = e.sqlstate);

-- A primary message begins with a small letter, the name of a key in quotes, or a word that is
-- spelt in capitals wherever it stands.
\echo primary messages that are sentences (none)
SELECT message FROM raised WHERE message !~ '^("|[a-z]|[A-Z]{2})' OR message ~ '[.!]$' OR message ~ '[\n\r]';

-- A sentence begins with a capital, or with the name of an argument or a setting.
\echo details and hints that are not sentences (none)
SELECT s FROM raised CROSS JOIN LATERAL (VALUES (detail), (hint)) v(s)
WHERE s <> '' AND (s !~ '[.]$' OR NOT (s ~ '^["A-Z]' OR s ~ '^billing\.[a-z_]+ ' OR EXISTS (
	SELECT FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace
	AND split_part(s, ' ', 1) = ANY (p.proargnames))));

\echo refusals of a document without the place, which the registry promises in the detail (none)
SELECT e.symbol, r.message FROM raised r JOIN billing.error_codes e ON e.sqlstate = r.state
WHERE e.meaning LIKE '%the detail names the place%' AND COALESCE(r.detail, '') = '';

\echo words that the style of messages avoids (none)
SELECT message FROM raised
WHERE concat_ws(' ', message, detail, hint) ~* '\m(you|your|sorry|please|illegal|bad|oops)\M';

ROLLBACK;
