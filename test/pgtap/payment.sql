-- Payments of invoices through the mock provider: approval, decline, idempotency.
BEGIN;
SELECT plan(42);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- a customer's one invoice, of 100 KRW for May
CREATE FUNCTION pg_temp.invoice(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT invoice_id FROM billing.invoices WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s, paid %s, due %s', status, trim_scale(amount_paid), trim_scale(amount_due)) FROM billing.invoices WHERE customer_id = customer
$$;
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01');
	PERFORM billing.register_customer(c, collection => 'SEND_INVOICE') FROM unnest(ARRAY['sent', 'declined', 'keyed', 'other', 'late', 'gone']) c;
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z')
		FROM unnest(ARRAY['auto', 'FAIL_card', 'FATAL_card', 'fail_card', 'sent', 'declined', 'keyed', 'other', 'late', 'gone']) c;
END $$;
CREATE TEMP TABLE run AS SELECT r.* FROM unnest(ARRAY['auto', 'FAIL_card', 'FATAL_card', 'fail_card', 'sent', 'declined', 'keyed', 'other', 'late', 'gone']) c,
	billing.run_settlement(c, '2026-05') r;

-- collection
SELECT is((SELECT format('%s %s %s', message, payment_status, failure_code) FROM run WHERE customer_id = v.customer), v.expected, v.rule)
FROM (VALUES
	('auto', 'paid APPROVED ', 'automatic collection charges when it issues'),
	('sent', 'invoice issued NONE ', 'SEND_INVOICE does not charge'),
	('FAIL_card', 'invoice issued, payment failed FAILED CARD_DECLINED', 'a customer FAIL_... is declined'),
	('FATAL_card', 'invoice issued, payment failed FAILED CARD_EXPIRED', 'a customer FATAL_... has an expired card'),
	('fail_card', 'paid APPROVED ', 'the prefix is in capital letters')
) AS v(customer, expected, rule);
SELECT is(pg_temp.state(v.customer), v.expected, v.rule)
FROM (VALUES
	('auto', 'PAID, paid 100, due 0', 'an approved payment pays the invoice'),
	('sent', 'ISSUED, paid 0, due 100', 'an invoice that is sent stays ISSUED'),
	('FAIL_card', 'ISSUED, paid 0, due 100', 'a declined one leaves it ISSUED'),
	('FATAL_card', 'ISSUED, paid 0, due 100', 'a fatal one too')
) AS v(customer, expected, rule);
SELECT is((SELECT status FROM billing.settlement_runs WHERE customer_id = 'FATAL_card'), 'COMPLETED', 'a decline does not fail the run: the invoice is issued');
SELECT is((SELECT string_agg(payment_succeeded::text, ' ' ORDER BY customer_id) FROM run WHERE customer_id IN ('auto', 'FAIL_card', 'sent')), 'false true false',
	'the answer of the run says whether it was paid');
SELECT results_eq(
	$$SELECT target_type, target_id, amount, currency COLLATE "default", method, provider, status, failure_code, provider_reference IS NOT NULL, completed_at, provider_key = payment_id::text
		FROM billing.payments WHERE customer_id = 'auto'$$,
	$$SELECT 'INVOICE', pg_temp.invoice('auto'), 100::numeric, 'KRW', 'CARD', 'mock', 'APPROVED', NULL, true, billing.business_now(), true$$,
	'the payment of an automatic collection');
SELECT results_eq(
	$$SELECT p.status, p.failure_code, p.failure_message, p.provider_reference, a.attempt_no, a.status FROM billing.payments p JOIN billing.payment_attempts a USING (payment_id)
		WHERE p.customer_id = 'FATAL_card'$$,
	$$VALUES ('FAILED', 'CARD_EXPIRED', 'card expired', NULL, 1, 'DECLINED')$$, 'a declined payment keeps why, and its attempt');

-- pay_invoice
SELECT results_eq($$SELECT status, amount, method, target_id FROM billing.pay_invoice(pg_temp.invoice('sent'))$$,
	$$SELECT 'APPROVED', 100::numeric, 'CARD', pg_temp.invoice('sent')$$, 'pay_invoice captures all that is due');
SELECT is(pg_temp.state('sent'), 'PAID, paid 100, due 0', 'and the invoice is paid');
SELECT is((SELECT paid_at FROM billing.invoices WHERE customer_id = 'sent'), '2026-06-02T00:00:00Z'::timestamptz, 'at that time');
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('sent'))$$, 'ZB202', NULL, 'a paid invoice cannot be paid again');

CREATE TEMP TABLE declined AS SELECT (billing.pay_invoice(pg_temp.invoice('declined'), idempotency_key => 'FAIL_1')).*;
SELECT results_eq($$SELECT status, failure_code FROM declined$$, $$VALUES ('FAILED', 'CARD_DECLINED')$$, 'a key FAIL_... is declined');
SELECT is(pg_temp.state('declined'), 'ISSUED, paid 0, due 100', 'the invoice stays as it was');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('declined'), idempotency_key => 'second')), 'APPROVED', 'a second payment succeeds');
SELECT is(pg_temp.state('declined'), 'PAID, paid 100, due 0', 'and pays the invoice');
SELECT results_eq($$SELECT p.payment_id, p.status FROM billing.pay_invoice(pg_temp.invoice('declined'), idempotency_key => 'FAIL_1') p$$,
	$$SELECT payment_id, 'FAILED' FROM declined$$, 'the key of the first still answers the first');

-- idempotency
CREATE TEMP TABLE keyed AS SELECT (billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k', metadata => '{"order":7}')).*;
SELECT results_eq($$SELECT method, metadata, idempotency_key COLLATE "default" FROM keyed$$, $$VALUES ('BANK_TRANSFER', '{"order":7}'::jsonb, 'k')$$,
	'a payment keeps its method, key and metadata');
SELECT results_eq($$SELECT p.* FROM billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k') p$$, $$SELECT * FROM keyed$$,
	'the same key answers the same payment, also when the invoice is paid');
SET LOCAL billing.now = '2027-06-03T00:00:00Z';
SELECT results_eq($$SELECT p.* FROM billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k') p$$, $$SELECT * FROM keyed$$,
	'also a year later');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT is((SELECT count(*) FROM billing.payments WHERE customer_id = 'keyed'), 1::bigint, 'and made one payment');
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'keyed' AND type IN ('PaymentApproved', 'InvoicePaid')), 2::bigint, 'and one event of each kind');
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('keyed'), 'CARD', idempotency_key => 'k')$$, 'ZB203', NULL,
	'the same key with another method is INCOMPATIBLE_PARAMS');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('other'), 'BANK_TRANSFER', idempotency_key => 'k')), 'APPROVED', 'a key belongs to its customer');

-- what is refused
SELECT throws_ok(format('SELECT billing.pay_invoice(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$NULL$$, 'ZB001', 'a null invoice'),
	($$'00000000-0000-0000-0000-000000000000'$$, 'ZB104', 'an unknown invoice'),
	($$pg_temp.invoice('late'), 'CASH'$$, 'ZB001', 'an unknown method'),
	($$pg_temp.invoice('late'), payment_method_id => '00000000-0000-0000-0000-000000000000'$$, 'ZB001', 'an unknown payment method'),
	($$pg_temp.invoice('late'), idempotency_key => ' '$$, 'ZB001', 'a blank key'),
	($$pg_temp.invoice('late'), idempotency_key => repeat('k', 129)$$, 'ZB001', 'a key of more than 128 characters'),
	($$pg_temp.invoice('late'), metadata => '[1]'$$, 'ZB002', 'metadata that is no object')
) AS v(arguments, expected, rule);
DO $$ BEGIN PERFORM billing.cancel_invoice(pg_temp.invoice('gone'), 'wrong'); END $$;
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('gone'))$$, 'ZB202', NULL, 'a cancelled invoice cannot be paid');

-- while a payment is pending
DO $$ BEGIN
	INSERT INTO billing.payments (customer_id, payment_id, target_type, target_id, amount, currency, method, provider, provider_key, status, created_at)
	VALUES ('late', '11111111-1111-1111-1111-111111111111', 'INVOICE', pg_temp.invoice('late'), 100, 'KRW', 'CARD', 'mock', 'p', 'PENDING', now());
END $$;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || CASE WHEN detail LIKE '%11111111-1111-1111-1111-111111111111%' THEN ' naming it' ELSE '' END;
END;
$$;
SELECT is(pg_temp.refusal($$SELECT billing.pay_invoice(pg_temp.invoice('late'))$$), 'ZB205 naming it', 'an invoice with a pending payment cannot be paid');
SELECT is(pg_temp.refusal($$SELECT billing.cancel_invoice(pg_temp.invoice('late'), 'no')$$), 'ZB205 naming it', 'nor cancelled');

-- overdue
DO $$ BEGIN
	UPDATE billing.payments SET status = 'FAILED', completed_at = now() WHERE status = 'PENDING' AND customer_id = 'late';
	PERFORM set_config('billing.now', '2026-07-01T00:00:00Z', true);
	PERFORM billing.mark_overdue_invoices();
END $$;
SELECT is(pg_temp.state('late'), 'OVERDUE, paid 0, due 100', 'an overdue invoice');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('late'))), 'APPROVED', 'can be paid');
SELECT is(pg_temp.state('late'), 'PAID, paid 100, due 0', 'and is PAID then');

SELECT * FROM finish();
ROLLBACK;
