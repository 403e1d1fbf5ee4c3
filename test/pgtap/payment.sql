-- Payments of invoices and top-ups: approval, decline, unknown outcomes, idempotency, recorded transfers.
BEGIN;
SELECT plan(125);
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
SELECT results_eq($$SELECT p.* FROM billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k', metadata => '{"order": 7}') p$$, $$SELECT * FROM keyed$$,
	'the same key answers the same payment, also when the invoice is paid');
SET LOCAL billing.now = '2027-06-03T00:00:00Z';
SELECT results_eq($$SELECT p.* FROM billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k', metadata => '{"order": 7}') p$$, $$SELECT * FROM keyed$$,
	'also a year later');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT is((SELECT count(*) FROM billing.payments WHERE customer_id = 'keyed'), 1::bigint, 'and made one payment');
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'keyed' AND type IN ('PaymentApproved', 'InvoicePaid')), 2::bigint, 'and one event of each kind');
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('keyed'), 'CARD', idempotency_key => 'k', metadata => '{"order": 7}')$$, 'ZB203', NULL,
	'the same key with another method is INCOMPATIBLE_PARAMS');
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('keyed'), 'BANK_TRANSFER', idempotency_key => 'k', metadata => '{"a": 1}')$$, 'ZB203', NULL,
	'and so it is with other metadata');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('other'), 'BANK_TRANSFER', idempotency_key => 'k')), 'APPROVED', 'a key belongs to its customer');

-- what is refused
SELECT throws_ok(format('SELECT billing.pay_invoice(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$NULL$$, 'ZB001', 'a null invoice'),
	($$'00000000-0000-0000-0000-000000000000'$$, 'ZB104', 'an unknown invoice'),
	($$pg_temp.invoice('late'), 'CASH'$$, 'ZB001', 'an unknown method'),
	($$pg_temp.invoice('late'), payment_method_id => '00000000-0000-0000-0000-000000000000'$$, 'ZB113', 'an unknown payment method'),
	($$pg_temp.invoice('late'), 'WALLET', '00000000-0000-0000-0000-000000000000'$$, 'ZB001', 'a payment method of a wallet'),
	($$pg_temp.invoice('late'), idempotency_key => ' '$$, 'ZB001', 'a blank key'),
	($$pg_temp.invoice('late'), idempotency_key => repeat('k', 129)$$, 'ZB001', 'a key of more than 128 characters'),
	($$pg_temp.invoice('late'), metadata => '[1]'$$, 'ZB002', 'metadata that is no object')
) AS v(arguments, expected, rule);
DO $$ BEGIN PERFORM billing.cancel_invoice(pg_temp.invoice('gone'), 'wrong'); END $$;
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('gone'))$$, 'ZB202', NULL, 'a cancelled invoice cannot be paid');

-- while the outcome of a payment is unknown
CREATE TEMP TABLE unknown AS SELECT (billing.pay_invoice(pg_temp.invoice('late'), idempotency_key => 'UNKNOWN_1')).*;
CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN SQLSTATE || CASE WHEN detail LIKE '%' || (SELECT payment_id FROM unknown) || '%' THEN ' naming it' ELSE '' END;
END;
$$;
SELECT results_eq($$SELECT u.status, u.completed_at IS NULL, u.failure_code, a.status, a.finished_at IS NULL FROM unknown u JOIN billing.payment_attempts a USING (payment_id)$$,
	$$VALUES ('PENDING', true, NULL, 'UNKNOWN', true)$$, 'a payment of which nothing is known is PENDING, and its attempt UNKNOWN');
SELECT is(pg_temp.state('late'), 'ISSUED, paid 0, due 100', 'its invoice is as it was');
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'late' AND type ~ '^Payment'), 0::bigint, 'and nobody is told anything yet');
SELECT is((SELECT p.payment_id FROM billing.pay_invoice(pg_temp.invoice('late'), idempotency_key => 'UNKNOWN_1') p), (SELECT payment_id FROM unknown),
	'its key answers it, and asks nobody again');
SELECT is(pg_temp.refusal(format('SELECT billing.%s', v.call)), 'ZB205 naming it', v.rule)
FROM (VALUES
	($$pay_invoice(pg_temp.invoice('late'))$$, 'an invoice with a pending payment cannot be paid'),
	($$record_payment(pg_temp.invoice('late'), 1)$$, 'no transfer can be recorded for it'),
	($$cancel_invoice(pg_temp.invoice('late'), 'no')$$, 'it cannot be cancelled')
) AS v(call, rule);
SELECT results_eq($$SELECT status, failure_code, failure_message, completed_at FROM billing.resolve_payment((SELECT payment_id FROM unknown), 'FAILED', NULL, 'the gateway knows nothing of it')$$,
	$$VALUES ('FAILED', 'RESOLVED_FAILED', 'the gateway knows nothing of it', billing.business_now())$$, 'an operator ends it');
SELECT results_eq($$SELECT action, before, after, reason FROM billing.audit_entries WHERE target_id = (SELECT payment_id::text FROM unknown)$$,
	$$VALUES ('PAYMENT_RECONCILED', '{"status":"PENDING"}'::jsonb, '{"status":"FAILED","failureCode":"RESOLVED_FAILED"}'::jsonb, 'the gateway knows nothing of it')$$,
	'which the audit log records, with the reason');
SELECT is((SELECT string_agg(type, ' ') FROM billing.outbox WHERE aggregateid = (SELECT payment_id::text FROM unknown)), 'PaymentRejected', 'and an event tells');
SELECT is((SELECT a.status FROM billing.payment_attempts a JOIN unknown USING (payment_id)), 'DECLINED', 'its attempt has ended too');
SELECT is((SELECT status FROM billing.resolve_payment((SELECT payment_id FROM unknown), 'FAILED', NULL, 'again')), 'FAILED', 'ending it so again changes nothing');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE target_id = (SELECT payment_id::text FROM unknown)), 1::bigint, 'and is not audited');
SELECT throws_ok($$SELECT billing.resolve_payment((SELECT payment_id FROM unknown), 'APPROVED', 'pg-1', 'it was captured')$$, 'ZB202', NULL,
	'a payment that has ended does not end otherwise');

-- overdue
DO $$ BEGIN
	PERFORM set_config('billing.now', '2026-07-01T00:00:00Z', true);
	PERFORM billing.mark_overdue_invoices();
END $$;
SELECT is(pg_temp.state('late'), 'OVERDUE, paid 0, due 100', 'an overdue invoice');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('late'))), 'APPROVED', 'can be paid');
SELECT is(pg_temp.state('late'), 'PAID, paid 100, due 0', 'and is PAID then');

-- automatic collection by the default payment method
DO $$ BEGIN
	PERFORM set_config('billing.now', '2026-06-02T00:00:00Z', true);
	PERFORM billing.register_payment_method('unsure', 'CARD', 'mock', 'UNKNOWN_token');
	PERFORM billing.register_payment_method('expired', 'CARD', 'mock', 'token', expires_on => '2026-06-01');
	PERFORM billing.register_payment_method('iap', 'IAP', 'mock', 'token');
	PERFORM billing.register_payment_method('blocked', 'CARD', 'mock', 'FAIL_token');
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['unsure', 'expired', 'iap', 'blocked']) c;
END $$;
CREATE TEMP TABLE collected AS SELECT r.* FROM unnest(ARRAY['unsure', 'expired', 'iap', 'blocked']) c, billing.run_settlement(c, '2026-05') r;
SELECT results_eq($$SELECT r.message, r.payment_status, r.failure_code, p.method, p.status, p.payment_method_id IS NOT NULL
		FROM collected r JOIN billing.payments p USING (customer_id) ORDER BY customer_id COLLATE "C"$$,
	$$VALUES ('invoice issued, payment failed', 'FAILED', 'CARD_DECLINED', 'CARD', 'FAILED', true),
		('invoice issued, payment failed', 'FAILED', 'CARD_EXPIRED', 'CARD', 'FAILED', true),
		('paid', 'APPROVED', NULL, 'IAP', 'APPROVED', true),
		('invoice issued, payment pending', 'PENDING', NULL, 'CARD', 'PENDING', true)$$,
	'automatic collection charges the default payment method of each customer');
SELECT results_eq($$SELECT p.status, p.provider_reference FROM billing.payments o, billing.resolve_payment(o.payment_id, 'APPROVED', 'pg-7', 'found at the gateway') p WHERE o.customer_id = 'unsure'$$,
	$$VALUES ('APPROVED', 'pg-7')$$, 'a capture that was found later');
SELECT is(pg_temp.state('unsure'), 'PAID, paid 100, due 0', 'pays the invoice');
SELECT is((SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = 'unsure' AND type <> 'InvoiceIssued'),
	'PaymentApproved InvoicePaid', 'with the events of any capture');
SELECT throws_ok(format('SELECT billing.resolve_payment(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$NULL, 'FAILED', NULL, 'r'$$, 'ZB001', 'resolve_payment: a null payment'),
	($$'00000000-0000-0000-0000-000000000000', 'FAILED', NULL, 'r'$$, 'ZB110', 'resolve_payment: an unknown payment'),
	($$(SELECT payment_id FROM unknown), 'PENDING', NULL, 'r'$$, 'ZB001', 'resolve_payment: an outcome that ends nothing'),
	($$(SELECT payment_id FROM unknown), NULL, NULL, 'r'$$, 'ZB001', 'resolve_payment: no outcome'),
	($$(SELECT payment_id FROM unknown), 'APPROVED', NULL, 'r'$$, 'ZB001', 'resolve_payment: an approval without the reference of the provider'),
	($$(SELECT payment_id FROM unknown), 'FAILED', NULL, NULL$$, 'ZB001', 'resolve_payment: no reason')
) AS v(arguments, expected, rule);

-- payment methods
CREATE TEMP TABLE card AS SELECT (billing.register_payment_method('holder', 'CARD', 'mock', 'tok_1', brand => 'visa', last4 => '4242', expires_on => '2026-06-02')).*;
CREATE FUNCTION pg_temp.methods() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s%s', token, type, CASE WHEN is_default THEN ' default' END), ', ' ORDER BY token) FROM billing.payment_methods WHERE customer_id = 'holder'
$$;
SELECT is(pg_temp.methods(), 'tok_1 CARD default', 'a payment method is the default unless told otherwise');
SELECT is((SELECT is_default FROM billing.register_payment_method('holder', 'BANK_TRANSFER', 'mock', 'tok_2', false)), false, 'another that is not the default');
SELECT is(pg_temp.methods(), 'tok_1 CARD default, tok_2 BANK_TRANSFER', 'leaves it');
DO $$ BEGIN PERFORM billing.register_payment_method('holder', 'IAP', 'mock', 'tok_3'); END $$;
SELECT is(pg_temp.methods(), 'tok_1 CARD, tok_2 BANK_TRANSFER, tok_3 IAP default', 'a new default takes the place of the old');
SELECT is((SELECT payment_method_id FROM billing.register_payment_method('holder', 'CARD', 'mock', 'tok_1', expires_on => '2026-06-02')), (SELECT payment_method_id FROM card),
	'the same token again is the same payment method');
SELECT is(pg_temp.methods(), 'tok_1 CARD default, tok_2 BANK_TRANSFER, tok_3 IAP', 'with what it was told last');
SELECT throws_ok(format('SELECT billing.register_payment_method(%s)', v.arguments), 'ZB001', NULL, v.rule)
FROM (VALUES
	($$'holder', NULL, 'mock', 't'$$, 'register_payment_method: no type'),
	($$'holder', 'WALLET', 'mock', 't'$$, 'register_payment_method: a wallet'),
	($$'holder', 'CARD', 'mock', ' '$$, 'register_payment_method: a blank token'),
	($$'holder', 'CARD', 'mock', 't', last4 => '42'$$, 'register_payment_method: two of four digits'),
	($$'holder', 'CARD', 'mock', 't', expires_on => 'infinity'$$, 'register_payment_method: an infinite expiry')
) AS v(arguments, rule);

-- top-ups
CREATE FUNCTION pg_temp.wallet() RETURNS numeric LANGUAGE sql AS $$ SELECT balance FROM billing.wallets WHERE customer_id = 'holder' AND currency = 'KRW' $$;
CREATE TEMP TABLE topped AS SELECT (billing.request_top_up('holder', 1000, 'KRW', idempotency_key => 't1')).*;
SELECT results_eq($$SELECT p.status, p.method, p.amount, p.target_type, p.target_id = w.wallet_id, p.payment_method_id = c.payment_method_id
		FROM topped p, billing.wallets w, card c WHERE w.customer_id = 'holder'$$,
	$$VALUES ('APPROVED', 'CARD', 1000::numeric, 'TOP_UP', true, true)$$, 'a top-up is charged to the default card, also on the day it expires');
SELECT is(pg_temp.wallet(), 1000::numeric, 'and fills the wallet');
SELECT is((SELECT payment_id FROM billing.request_top_up('holder', 1000.0, 'KRW', idempotency_key => 't1')), (SELECT payment_id FROM topped), 'its key answers it');
SELECT is(pg_temp.wallet(), 1000::numeric, 'and fills nothing');
SELECT throws_ok($$SELECT billing.request_top_up('holder', 1001, 'KRW', idempotency_key => 't1')$$, 'ZB203', NULL, 'another amount with that key is INCOMPATIBLE_PARAMS');
SELECT is((SELECT status FROM billing.request_top_up('holder', 50, 'KRW', idempotency_key => 'FAIL_t')), 'FAILED', 'a declined top-up');
SELECT is(pg_temp.wallet(), 1000::numeric, 'fills nothing');
SELECT is((SELECT string_agg(p.status, ' ') FROM unnest(ARRAY['UNKNOWN_1', 'UNKNOWN_2']) k, billing.request_top_up('holder', 70, 'KRW', idempotency_key => k) p),
	'PENDING PENDING', 'two top-ups of one wallet may be undecided');
CREATE FUNCTION pg_temp.unsure() RETURNS uuid LANGUAGE sql AS $$ SELECT payment_id FROM billing.payments WHERE idempotency_key = 'UNKNOWN_1' AND customer_id = 'holder' $$;
SELECT is((SELECT status FROM billing.resolve_payment(pg_temp.unsure(), 'APPROVED', 'pg', 'r')), 'APPROVED', 'one of them was captured');
SELECT is((SELECT status FROM billing.resolve_payment(pg_temp.unsure(), 'APPROVED', 'pg', 'r')), 'APPROVED', 'and is said to be captured twice');
SELECT is(pg_temp.wallet(), 1070::numeric, 'it fills the wallet once');
SELECT results_eq($$SELECT debit_account COLLATE "default", kind, sum(amount) FROM billing.ledger_transfers WHERE customer_id = 'holder' AND credit_account = 'wallet' AND reference_type = 'PAYMENT' GROUP BY 1, 2$$,
	$$VALUES ('gateway_clearing', 'PAYMENT_CAPTURED', 1070::numeric)$$, 'as the ledger says');
SELECT throws_ok(format('SELECT billing.request_top_up(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$'holder', 0, 'KRW'$$, 'ZB001', 'request_top_up: nothing'),
	($$'holder', -1, 'KRW'$$, 'ZB001', 'request_top_up: less than nothing'),
	($$'holder', 1.5, 'KRW'$$, 'ZB001', 'request_top_up: more decimals than the currency has'),
	($$'holder', 1, 'KRX'$$, 'ZB004', 'request_top_up: an unknown currency'),
	($$'holder', 1, 'KRW', 'WALLET'$$, 'ZB001', 'request_top_up: from the wallet itself'),
	($$'holder', 1, 'KRW', 'IAP', (SELECT payment_method_id FROM card)$$, 'ZB001', 'request_top_up: a method that contradicts the payment method'),
	($$'auto', 1, 'KRW', NULL, (SELECT payment_method_id FROM card)$$, 'ZB113', 'request_top_up: the payment method of another')
) AS v(arguments, expected, rule);

-- by wallet, and what comes in by itself
DO $$ BEGIN
	PERFORM billing.register_customer(c, collection => 'SEND_INVOICE') FROM unnest(ARRAY['wallet', 'parts', 'much', 'back']) c;
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['wallet', 'parts', 'much', 'back']) c;
	PERFORM billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['wallet', 'parts', 'much', 'back']) c;
END $$;
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('wallet'), 'WALLET')$$, 'ZB107', NULL, 'a customer without a wallet cannot pay by it');
DO $$ BEGIN PERFORM billing.request_top_up('wallet', 99, 'KRW'); END $$;
SELECT throws_ok($$SELECT billing.pay_invoice(pg_temp.invoice('wallet'), 'WALLET', idempotency_key => 'w')$$, 'ZB210', NULL, 'nor one whose wallet holds less');
SELECT is((SELECT count(*) FROM billing.payments WHERE customer_id = 'wallet' AND target_type = 'INVOICE'), 0::bigint, 'which leaves no payment');
DO $$ BEGIN PERFORM billing.request_top_up('wallet', 2, 'KRW'); END $$;
SELECT results_eq($$SELECT status, method, provider, provider_reference FROM billing.pay_invoice(pg_temp.invoice('wallet'), 'WALLET', idempotency_key => 'w')$$,
	$$VALUES ('APPROVED', 'WALLET', 'wallet', NULL::text)$$, 'a wallet pays at once');
SELECT results_eq($$SELECT pg_temp.state('wallet'), w.balance, (SELECT count(*) FROM billing.payment_attempts a JOIN billing.payments p USING (payment_id) WHERE p.method = 'WALLET' AND p.customer_id = 'wallet')
		FROM billing.wallets w WHERE customer_id = 'wallet'$$,
	$$VALUES ('PAID, paid 100, due 0', 1::numeric, 0::bigint)$$, 'the invoice is paid, the wallet has less, and nobody outside was asked');

SELECT results_eq($$SELECT status, amount, excess, method, provider, reference, provider_reference FROM billing.record_payment(pg_temp.invoice('parts'), 30, reference => 'wire 7', idempotency_key => 'r')$$,
	$$VALUES ('APPROVED', 30::numeric, 0::numeric, 'BANK_TRANSFER', 'manual', 'wire 7', NULL::text)$$, 'a transfer of a part is recorded');
SELECT is(pg_temp.state('parts'), 'ISSUED, paid 30, due 70', 'and leaves the rest due');
SELECT is((SELECT amount FROM billing.record_payment(pg_temp.invoice('parts'), 30.0, reference => 'wire 7', idempotency_key => 'r')), 30::numeric, 'its key answers it');
SELECT is(pg_temp.state('parts'), 'ISSUED, paid 30, due 70', 'and books nothing');
SELECT throws_ok($$SELECT billing.record_payment(pg_temp.invoice('parts'), 30, idempotency_key => 'r')$$, 'ZB203', NULL, 'without its reference it is another call');
SELECT throws_ok($$SELECT billing.record_payment(pg_temp.invoice('parts'), 30, reference => 'wire 7', received_at => '2026-06-01', idempotency_key => 'r')$$, 'ZB203', NULL, 'and so it is with another time');
SELECT is((SELECT amount FROM billing.pay_invoice(pg_temp.invoice('parts'))), 70::numeric, 'a payment captures what is still due');
SELECT results_eq($$SELECT debit_account COLLATE "default", amount FROM billing.ledger_transfers WHERE customer_id = 'parts' AND credit_account = 'receivable' ORDER BY position$$,
	$$VALUES ('bank', 30::numeric), ('gateway_clearing', 70)$$, 'the ledger tells where each part came from');
SELECT results_eq($$SELECT amount, excess, credit_id IS NOT NULL FROM billing.record_payment(pg_temp.invoice('much'), 250, received_at => '2026-06-01T23:59:59Z')$$,
	$$VALUES (250::numeric, 150::numeric, true)$$, 'of a transfer of more than is due the rest is excess');
SELECT is(pg_temp.state('much'), 'PAID, paid 100, due 0', 'the invoice is paid');
SELECT results_eq($$SELECT c.type, c.balance, c.valid_until, c.status FROM billing.credits c JOIN billing.payments p USING (customer_id, credit_id) WHERE customer_id = 'much'$$,
	$$VALUES ('REFUND_TO_CREDIT', 150::numeric, NULL::timestamptz, 'ACTIVE')$$, 'and the excess a credit that never expires');
SELECT results_eq($$SELECT credit_account COLLATE "default", amount, effective_on FROM billing.ledger_transfers WHERE customer_id = 'much' AND debit_account = 'bank' ORDER BY 1 DESC$$,
	$$VALUES ('receivable', 100::numeric, '2026-06-01'::date), ('credit', 150, '2026-06-01')$$, 'both booked on the day on which it came');
SELECT results_eq($$SELECT amount, excess FROM billing.record_payment(pg_temp.invoice('much'), 5)$$, $$VALUES (5::numeric, 5::numeric)$$, 'for a paid invoice all of it is excess');
DO $$ BEGIN PERFORM billing.cancel_invoice(pg_temp.invoice('back'), 'wrong'); END $$;
SELECT results_eq($$SELECT amount, excess FROM billing.record_payment(pg_temp.invoice('back'), 5)$$, $$VALUES (5::numeric, 5::numeric)$$, 'and for a cancelled one');
SELECT throws_ok(format('SELECT billing.record_payment(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$NULL, 1$$, 'ZB001', 'record_payment: a null invoice'),
	($$'00000000-0000-0000-0000-000000000000', 1$$, 'ZB104', 'record_payment: an unknown invoice'),
	($$pg_temp.invoice('much'), 0$$, 'ZB001', 'record_payment: nothing'),
	($$pg_temp.invoice('much'), 1.5$$, 'ZB001', 'record_payment: more decimals than the currency has'),
	($$pg_temp.invoice('much'), 1, 'CARD'$$, 'ZB001', 'record_payment: another method'),
	($$pg_temp.invoice('much'), 1, reference => repeat('r', 257)$$, 'ZB001', 'record_payment: a reference of more than 256 characters'),
	($$pg_temp.invoice('much'), 1, received_at => '2026-06-02T00:00:01Z'$$, 'ZB001', 'record_payment: in the future'),
	($$pg_temp.invoice('much'), 1, received_at => '-infinity'$$, 'ZB001', 'record_payment: at an infinite time')
) AS v(arguments, expected, rule);

-- the states
SELECT is((SELECT string_agg(s[1], ' ' ORDER BY s[1]) FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), $$'([A-Z]+)'::text$$, 'g') s WHERE conname = 'payments_status'),
	'APPROVED FAILED PENDING', 'the table allows the states of payment_state.c');
SELECT is((SELECT count(*) FROM billing.verify() WHERE NOT ok), 0::bigint, 'and verify() finds nothing wrong with all of this');

SELECT * FROM finish();
ROLLBACK;
