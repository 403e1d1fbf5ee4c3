-- Refunds: what is left of a payment, where its money goes, outcomes that are not known; soft delete.
BEGIN;
SELECT plan(118);
SET LOCAL billing.now = '2056-06-02T00:00:00Z';
SET LOCAL billing.usage_max_age = '3650d';

CREATE FUNCTION pg_temp.order_paid(customer text, total int, method text DEFAULT NULL) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	the_order uuid := (billing.place_order(customer, 'KRW', jsonb_build_array(jsonb_build_object('sku', 'x', 'quantity', 1, 'unitPrice', total)))).order_id;
BEGIN
	RETURN (billing.pay_order(the_order, method)).payment_id;
END;
$$;
CREATE FUNCTION pg_temp.invoice_paid(customer text, quantity int) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	run record;
BEGIN
	PERFORM billing.register_customer(customer, currency => 'KRW', tax_code => 'TEN');
	PERFORM billing.ingest_usage(customer, customer, 'A', quantity, '2056-05-10');
	SELECT * INTO run FROM billing.run_settlement(customer, '2056-05');
	RETURN (SELECT payment_id FROM billing.payments WHERE target_id = run.invoice_id);
END;
$$;
CREATE FUNCTION pg_temp.of(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM billing.payments WHERE customer_id = customer AND status = 'APPROVED' ORDER BY payment_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.refund(customer text, amount numeric DEFAULT NULL, destination text DEFAULT 'SOURCE', key text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s (%s)', r.status, r.amount, r.tax) FROM billing.refund_payment(pg_temp.of(customer), amount, 'back', destination, key) r
$$;
CREATE FUNCTION pg_temp.order_state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s %s (%s)', status, refunded, refunded_tax) FROM billing.orders WHERE customer_id = customer ORDER BY order_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.invoice_state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s: %s = %s + %s + %s + %s', status, total, applied_credit, amount_paid, amount_credited, amount_due) FROM billing.invoices WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.balance(customer text) RETURNS numeric LANGUAGE sql AS $$ SELECT balance FROM billing.wallets WHERE customer_id = customer $$;
-- the transfers of the last refund
CREATE FUNCTION pg_temp.transfers(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', debit_account, credit_account, amount, tax_code), ', ' ORDER BY position) FROM billing.ledger_transfers
	WHERE reference_type = 'REFUND' AND reference_id = (SELECT refund_id::text FROM billing.refunds WHERE customer_id = customer ORDER BY refund_id DESC LIMIT 1)
$$;
CREATE FUNCTION pg_temp.events(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox
	WHERE customer_id = customer AND type ~ '^(Refund|OrderRefunded|CreditNote|CreditGranted|Wallet)'
$$;
CREATE FUNCTION pg_temp.audit(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(action, ' ' ORDER BY position) FROM billing.audit_entries WHERE customer_id = customer AND action ~ '^REFUND'
$$;
CREATE FUNCTION pg_temp.counts() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM billing.credit_notes), (SELECT count(*) FROM billing.refunds), (SELECT count(*) FROM billing.ledger_transfers),
		(SELECT count(*) FROM billing.outbox), (SELECT count(*) FROM billing.audit_entries), (SELECT sum(balance) FROM billing.wallets))
$$;
DO $$ BEGIN
	PERFORM billing.register_meter('A', 'unit', 'A');
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"A","model":"per_unit","unitPrice":1}]', '2040-01-01');
	PERFORM billing.register_tax_rate('TEN', 10, 'STANDARD', '2040-01-01');
	PERFORM billing.register_customer(c, currency => 'KRW', tax_code => 'TEN') FROM unnest(ARRAY['buyer', 'purse', 'keyed', 'open', 'failed', 'order', 'unsure']) c;
END $$;

-- an order comes back in parts
DO $$ BEGIN PERFORM pg_temp.order_paid('buyer', 110); END $$;
SELECT is(pg_temp.refund('buyer', 37), 'COMPLETED 37 (3)', '110 with a tax of 10 refunded 37: tax 3');
SELECT is(pg_temp.transfers('buyer'), 'revenue gateway_clearing 34, tax_payable gateway_clearing 3 TEN', 'revenue and tax go back to the provider');
SELECT is(pg_temp.order_state('buyer'), 'PAID 37 (3)', 'a part leaves the order PAID');
SELECT results_eq($$SELECT r.destination, r.provider_reference COLLATE "default", r.provider_key = r.refund_id::text COLLATE "C", r.reason, r.requested_at, r.completed_at, r.credit_note_id, r.credit_id FROM billing.refunds r WHERE customer_id = 'buyer'$$,
	$$SELECT 'SOURCE', 'mock_' || refund_id, true, 'back', '2056-06-02T00:00:00Z'::timestamptz, '2056-06-02T00:00:00Z'::timestamptz, NULL::uuid, NULL::uuid FROM billing.refunds WHERE customer_id = 'buyer'$$,
	'the provider knows it by a key of its own');
SELECT is(pg_temp.refund('buyer', 37), 'COMPLETED 37 (4)', 'refunded 37 again: tax 4');
SELECT throws_ok($$SELECT pg_temp.refund('buyer', 37)$$, 'ZB213', 'the refund is more than what is left of payment ' || pg_temp.of('buyer'), 'more than what is left is refused');
SELECT is(pg_temp.refund('buyer'), 'COMPLETED 36 (3)', 'all that is left, 36: tax 3');
SELECT is(pg_temp.order_state('buyer'), 'REFUNDED 110 (10)', 'the order is REFUNDED when all is back');
SELECT throws_ok($$SELECT pg_temp.refund('buyer')$$, 'ZB212', 'nothing is left of payment ' || pg_temp.of('buyer'), 'of nothing there is no refund');
SELECT throws_ok($$SELECT pg_temp.refund('buyer', 1)$$, 'ZB212', NULL, 'not of 1 either');
SELECT is(pg_temp.events('buyer'), 'RefundApproved RefundCompleted RefundApproved RefundCompleted RefundApproved RefundCompleted OrderRefunded', 'each refund is approved, then completed; the order is refunded once');
SELECT is(pg_temp.audit('buyer'), 'REFUND_REQUESTED REFUND_APPROVED REFUND_REQUESTED REFUND_APPROVED REFUND_REQUESTED REFUND_APPROVED', 'and audited');
SELECT results_eq($$SELECT DISTINCT before, after - 'providerReference' FROM billing.audit_entries WHERE action = 'REFUND_APPROVED' AND customer_id = 'buyer' AND (after ->> 'amount')::int = 36$$,
	$$SELECT '{"status":"REQUESTED"}'::jsonb, jsonb_build_object('status', 'COMPLETED', 'paymentId', pg_temp.of('buyer'), 'amount', 36, 'currency', 'KRW', 'destination', 'SOURCE', 'failureCode', NULL, 'failureMessage', NULL)$$,
	'with the states before and after');
SELECT results_eq($$SELECT o.payload FROM billing.outbox o WHERE customer_id = 'buyer' AND type ~ 'Refund(App|Comp)' AND (payload ->> 'amount')::int = 36 ORDER BY position$$,
	$$SELECT b || jsonb_build_object('providerReference', 'mock_' || refund_id) FROM (SELECT r.refund_id, jsonb_build_object('refundId', r.refund_id, 'paymentId', r.payment_id, 'customerId', 'buyer', 'amount', 36,
		'currency', 'KRW', 'occurredAt', '2056-06-02T00:00:00+00:00') AS b FROM billing.refunds r WHERE customer_id = 'buyer' AND amount = 36) x
	UNION ALL SELECT jsonb_build_object('refundId', r.refund_id, 'paymentId', r.payment_id, 'customerId', 'buyer', 'amount', 36, 'currency', 'KRW', 'occurredAt', '2056-06-02T00:00:00+00:00', 'destination', 'SOURCE',
		'creditNoteId', NULL) FROM billing.refunds r WHERE customer_id = 'buyer' AND amount = 36$$, 'the payloads');

-- other destinations
DO $$ BEGIN PERFORM pg_temp.order_paid('purse', 110); END $$;
SELECT is(pg_temp.refund('purse', 30, 'WALLET') || ' ' || pg_temp.balance('purse'), 'COMPLETED 30 (3) 30', 'to the wallet, which is opened');
SELECT is(pg_temp.transfers('purse'), 'revenue wallet 27, tax_payable wallet 3 TEN', 'of which it is a liability again');
SELECT is(pg_temp.refund('purse', 40, 'CREDIT'), 'COMPLETED 40 (3)', 'as a credit');
SELECT is(pg_temp.transfers('purse'), 'revenue refund_clearing 37, tax_payable refund_clearing 3 TEN', 'through the clearing account');
SELECT results_eq($$SELECT c.type, c.granted, c.balance, c.valid_until, c.reason FROM billing.credits c JOIN billing.refunds r USING (customer_id, credit_id) WHERE r.customer_id = 'purse'$$,
	$$VALUES ('REFUND_TO_CREDIT', 40::numeric, 40::numeric, NULL::timestamptz, 'back')$$, 'which the refund names, and which never expires');
SELECT is((SELECT sum(amount) FILTER (WHERE credit_account = 'refund_clearing') - sum(amount) FILTER (WHERE debit_account = 'refund_clearing') FROM billing.ledger_transfers WHERE customer_id = 'purse'), 0::numeric, 'nothing stays in clearing');
SELECT is((SELECT payload ->> 'providerReference' FROM billing.outbox WHERE customer_id = 'purse' AND type = 'RefundApproved' ORDER BY position LIMIT 1), NULL, 'no provider is asked');
DO $$ BEGIN PERFORM billing.top_up_wallet('purse', 80, 'KRW'), pg_temp.order_paid('purse', 110, 'WALLET'); END $$;
SELECT is(pg_temp.balance('purse'), 0::numeric, '(an order paid by the wallet)');
SELECT is(pg_temp.refund('purse', 110) || ' ' || pg_temp.balance('purse'), 'COMPLETED 110 (10) 110', 'the source of what the wallet paid is the wallet');

-- an invoice
DO $$ BEGIN PERFORM pg_temp.invoice_paid('acme', 100); END $$;
SELECT is(pg_temp.refund('acme', 37), 'COMPLETED 37 (3)', 'a refund of an invoice');
SELECT results_eq($$SELECT n.net, n.tax, n.total, n.reason FROM billing.credit_notes n JOIN billing.refunds r USING (customer_id, credit_note_id) WHERE r.customer_id = 'acme'$$,
	$$VALUES (34::numeric, 3::numeric, 37::numeric, 'back')$$, 'has a credit note of its amount');
SELECT is(pg_temp.transfers('acme'), 'receivable gateway_clearing 37', 'which opened what it takes');
SELECT is(pg_temp.invoice_state('acme'), 'PAID: 110 = 0 + 73 + 37 + 0', 'what was paid is credited; nothing is due');
SELECT is((SELECT format('%s %s', r.tax, n.reason) FROM billing.refund_payment(pg_temp.of('acme'), 37) r CROSS JOIN LATERAL (SELECT 'Refund of payment ' || r.payment_id AS reason) n), '4 Refund of payment ' || pg_temp.of('acme'), 'without a reason');
SELECT is((SELECT reason FROM billing.credit_notes WHERE customer_id = 'acme' ORDER BY number DESC LIMIT 1), 'Refund of payment ' || pg_temp.of('acme'), 'the note says which payment it was');
SELECT is(pg_temp.refund('acme', NULL, 'WALLET') || ' ' || pg_temp.invoice_state('acme'), 'COMPLETED 36 (3) PAID: 110 = 0 + 0 + 110 + 0', 'and all of it');
SELECT is(pg_temp.events('acme'), 'CreditNoteIssued RefundApproved RefundCompleted CreditNoteIssued RefundApproved RefundCompleted WalletDeposited CreditNoteIssued RefundApproved RefundCompleted',
	'the note comes before what it allows');

-- what was recorded
DO $$ BEGIN
	PERFORM billing.register_customer('bank', currency => 'KRW', tax_code => 'TEN', collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage('b', 'bank', 'A', 100, '2056-05-10'), billing.run_settlement('bank', '2056-05');
	PERFORM billing.record_payment(invoice_id, 150) FROM billing.invoices WHERE customer_id = 'bank';
END $$;
SELECT throws_ok($$SELECT pg_temp.refund('bank', 111)$$, 'ZB213', NULL, 'what was too much is a credit already');
SELECT is(pg_temp.refund('bank'), 'COMPLETED 110 (10)', 'the rest');
SELECT is(pg_temp.transfers('bank'), 'receivable bank 110', 'goes back to the bank');

-- a top-up
DO $$ BEGIN PERFORM billing.request_top_up('filler', 500, 'KRW'); END $$;
SELECT is(pg_temp.refund('filler', 200) || ' ' || pg_temp.balance('filler'), 'COMPLETED 200 (0) 300', 'a top-up goes back out of the wallet');
SELECT is(pg_temp.transfers('filler'), 'wallet gateway_clearing 200', 'to the provider');
SELECT throws_ok(format('SELECT pg_temp.refund(''filler'', 100, %L)', d), 'ZB202', NULL, 'not to ' || d) FROM unnest(ARRAY['WALLET', 'CREDIT']) d;
DO $$ BEGIN PERFORM billing.charge_wallet('filler', 250, 'KRW'); END $$;
SELECT throws_ok($$SELECT pg_temp.refund('filler')$$, 'ZB210', NULL, 'what is spent does not go back');
SELECT is(pg_temp.refund('filler', 50), 'COMPLETED 50 (0)', 'what is not does');

-- idempotency
DO $$ BEGIN PERFORM pg_temp.order_paid('keyed', 110); END $$;
CREATE TEMP TABLE keyed AS SELECT (billing.refund_payment(pg_temp.of('keyed'), 10, 'back', 'SOURCE', 'k1', '{"a":1}')).*;
SELECT is((billing.refund_payment(pg_temp.of('keyed'), 10.0, 'back', NULL, 'k1', '{"a": 1}')).refund_id, (SELECT refund_id FROM keyed), 'the key answers its refund');
SELECT is(pg_temp.order_state('keyed'), 'PAID 10 (1)', 'with one effect');
SELECT is((SELECT metadata FROM keyed), '{"a":1}', 'which keeps its metadata');
SELECT throws_ok(format('SELECT billing.refund_payment(pg_temp.of(''keyed''), %s)', v.arguments), 'ZB203', NULL, v.rule)
FROM (VALUES
	($$11, 'back', 'SOURCE', 'k1', '{"a":1}'$$, 'another amount with that key is INCOMPATIBLE_PARAMS'),
	($$NULL, 'back', 'SOURCE', 'k1', '{"a":1}'$$, 'no amount'),
	($$10, 'other', 'SOURCE', 'k1', '{"a":1}'$$, 'another reason'),
	($$10, NULL, 'SOURCE', 'k1', '{"a":1}'$$, 'no reason'),
	($$10, 'back', 'WALLET', 'k1', '{"a":1}'$$, 'another destination'),
	($$10, 'back', 'SOURCE', 'k1', NULL$$, 'no metadata')
) AS v(arguments, rule);
DO $$ BEGIN PERFORM pg_temp.order_paid('keyed', 20); END $$;
SELECT throws_ok($$SELECT billing.refund_payment(pg_temp.of('keyed'), 10, 'back', 'SOURCE', 'k1', '{"a":1}')$$, 'ZB203', NULL, 'another payment');
SELECT is(pg_temp.refund('keyed', NULL, 'SOURCE', 'all') || ', ' || pg_temp.refund('keyed', NULL, 'SOURCE', 'all'), 'COMPLETED 20 (2), COMPLETED 20 (2)', 'all that is left, repeated, answers what it was');

-- declined
DO $$ BEGIN PERFORM pg_temp.order_paid('failed', 110); END $$;
SELECT is(pg_temp.refund('failed', 60, 'SOURCE', 'FAIL_1'), 'FAILED 60 (5)', 'a refund may be declined');
SELECT results_eq($$SELECT failure_code, failure_message, completed_at IS NOT NULL, provider_reference FROM billing.refunds WHERE customer_id = 'failed'$$, $$VALUES ('REFUND_DECLINED', 'refund declined', true, NULL::text)$$, 'it says why');
SELECT is(pg_temp.transfers('failed'), NULL, 'and books nothing');
SELECT is(pg_temp.events('failed') || ' ' || pg_temp.audit('failed'), 'RefundFailed REFUND_REQUESTED REFUND_FAILED', 'but is told of and audited');
SELECT is((SELECT payload - 'refundId' - 'paymentId' FROM billing.outbox WHERE customer_id = 'failed' AND type = 'RefundFailed'),
	'{"customerId":"failed","amount":60,"currency":"KRW","failureCode":"REFUND_DECLINED","reason":"refund declined","occurredAt":"2056-06-02T00:00:00+00:00"}'::jsonb, 'with the reason');
SELECT is(pg_temp.refund('failed', 60, 'SOURCE', 'FAIL_1'), 'FAILED 60 (5)', 'the key answers the same');
SELECT is(pg_temp.refund('failed', 60, 'WALLET', 'FAIL_2'), 'COMPLETED 60 (5)', 'nobody declines what stays in the house');
SELECT is(pg_temp.refund('failed'), 'COMPLETED 50 (5)', 'what failed counts no more');

-- not known
DO $$ BEGIN PERFORM pg_temp.order_paid('unsure', 110); END $$;
SELECT is(pg_temp.refund('unsure', 60, 'SOURCE', 'UNKNOWN_1') || ' ' || pg_temp.order_state('unsure'), 'REQUESTED 60 (5) PAID 0 (0)', 'what is not known is REQUESTED, and not booked');
SELECT is((SELECT completed_at FROM billing.refunds WHERE customer_id = 'unsure'), NULL, 'it is not at its end');
SELECT throws_ok($$SELECT pg_temp.refund('unsure', 60)$$, 'ZB213', NULL, 'but counts against what is left');
SELECT is(pg_temp.refund('unsure', 50), 'COMPLETED 50 (5)', 'of which a part can go meanwhile');
SELECT throws_ok($$SELECT pg_temp.refund('unsure', 60)$$, 'ZB212', NULL, 'all of it is being refunded');
SELECT throws_ok(format('SELECT billing.resolve_refund(%s)', v.arguments), v.code, NULL, v.rule)
FROM (VALUES
	($$'00000000-0000-0000-0000-000000000000', 'FAILED', NULL, 'x'$$, 'ZB111', 'an unknown refund'),
	($$NULL, 'FAILED', NULL, 'x'$$, 'ZB001', 'no refund'),
	($$(SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'APPROVED', 'r', 'x'$$, 'ZB001', 'an outcome that is none'),
	($$(SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), NULL, 'r', 'x'$$, 'ZB001', 'no outcome'),
	($$(SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'COMPLETED', NULL, 'x'$$, 'ZB001', 'completed without a reference'),
	($$(SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'FAILED', NULL, NULL$$, 'ZB001', 'no reason')
) AS v(arguments, code, rule);
SELECT is((SELECT status || ' ' || tax FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'COMPLETED', 'seen', 'the provider says so')), 'COMPLETED 5', 'an operator completes it');
SELECT is(pg_temp.order_state('unsure'), 'REFUNDED 110 (10)', 'as the provider would have, the order too');
SELECT is(pg_temp.audit('unsure'), 'REFUND_REQUESTED REFUND_REQUESTED REFUND_APPROVED REFUND_RECONCILED', 'audited as what it is');
SELECT results_eq($$SELECT reason, after ->> 'providerReference' FROM billing.audit_entries WHERE action = 'REFUND_RECONCILED'$$, $$VALUES ('the provider says so', 'seen')$$, 'with the reason of the operator');
CREATE TEMP TABLE before AS SELECT pg_temp.counts() AS counts;
SELECT is((SELECT status FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'COMPLETED', 'other', 'again')), 'COMPLETED', 'the same outcome again');
SELECT throws_ok($$SELECT billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_1'), 'FAILED', NULL, 'no')$$, 'ZB202', NULL, 'another one is ILLEGAL_STATE');
SELECT is(pg_temp.counts(), (SELECT counts FROM before), 'neither changes anything');
DO $$ BEGIN PERFORM pg_temp.invoice_paid('doubt', 100); PERFORM pg_temp.refund('doubt', 60, 'SOURCE', 'UNKNOWN_2'), pg_temp.refund('doubt', 25); END $$;
SELECT is(pg_temp.invoice_state('doubt'), 'PAID: 110 = 0 + 85 + 25 + 0', 'of an invoice likewise');
SELECT is((SELECT status || ' ' || failure_code || ': ' || failure_message FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_2'), 'FAILED', NULL, 'never arrived')),
	'FAILED RESOLVED_FAILED: never arrived', 'one that never arrived is FAILED');
SELECT is(pg_temp.refund('doubt'), 'COMPLETED 85 (8)', 'and left again');

-- what cannot be refunded
DO $$ BEGIN
	PERFORM billing.pay_order((billing.place_order('open', 'KRW', '[{"sku":"x","quantity":1,"unitPrice":5}]')).order_id, idempotency_key => 'FAIL_p');
	PERFORM billing.pay_order((billing.place_order('open', 'KRW', '[{"sku":"x","quantity":1,"unitPrice":5}]')).order_id, idempotency_key => 'UNKNOWN_p');
	PERFORM billing.register_customer('two', currency => 'KRW', tax_code => 'TEN', collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage('t', 'two', 'A', 100, '2056-05-10'), billing.run_settlement('two', '2056-05');
	PERFORM billing.record_payment(invoice_id, 50) FROM billing.invoices WHERE customer_id = 'two';
	PERFORM billing.pay_invoice(invoice_id, idempotency_key => 'UNKNOWN_two') FROM billing.invoices WHERE customer_id = 'two';
	PERFORM pg_temp.order_paid('order', 110);
END $$;
UPDATE before SET counts = pg_temp.counts();
SELECT throws_ok(format('SELECT billing.refund_payment(%s)', v.arguments), v.code, NULL, v.rule)
FROM (VALUES
	($$'00000000-0000-0000-0000-000000000000'$$, 'ZB110', 'an unknown payment'),
	($$NULL$$, 'ZB001', 'no payment'),
	($$(SELECT payment_id FROM billing.payments WHERE idempotency_key = 'FAIL_p')$$, 'ZB202', 'a declined payment'),
	($$(SELECT payment_id FROM billing.payments WHERE idempotency_key = 'UNKNOWN_p')$$, 'ZB202', 'one that is not decided'),
	($$pg_temp.of('two')$$, 'ZB205', 'a payment of an invoice that is being paid'),
	($$pg_temp.of('order'), 0$$, 'ZB001', 'an amount of 0'),
	($$pg_temp.of('order'), -1$$, 'ZB001', 'a negative amount'),
	($$pg_temp.of('order'), 0.5$$, 'ZB001', 'more decimals than the currency has'),
	($$pg_temp.of('order'), 'NaN'$$, 'ZB001', 'not a number'),
	($$pg_temp.of('order'), 1, destination => 'BANK'$$, 'ZB001', 'an unknown destination')
) AS v(arguments, code, rule);
SELECT is(pg_temp.counts(), (SELECT counts FROM before), 'what is refused leaves nothing');

-- soft delete
SELECT throws_ok(format('SELECT billing.soft_delete(%s)', v.arguments), v.code, NULL, v.rule)
FROM (VALUES
	($$'INVOICE', '00000000-0000-0000-0000-000000000000', 'x'$$, 'ZB104', 'an unknown invoice'),
	($$'PAYMENT', '00000000-0000-0000-0000-000000000000', 'x'$$, 'ZB110', 'an unknown payment'),
	($$'REFUND', '00000000-0000-0000-0000-000000000000', 'x'$$, 'ZB111', 'an unknown refund'),
	($$'ORDER', pg_temp.of('order'), 'x'$$, 'ZB001', 'an order is not deleted'),
	($$NULL, pg_temp.of('order'), 'x'$$, 'ZB001', 'no kind'),
	($$'PAYMENT', NULL, 'x'$$, 'ZB001', 'no id'),
	($$'PAYMENT', pg_temp.of('order'), NULL$$, 'ZB001', 'no reason'),
	($$'PAYMENT', pg_temp.of('order'), 'x'$$, 'ZB202', 'an APPROVED payment'),
	($$'PAYMENT', (SELECT payment_id FROM billing.payments WHERE idempotency_key = 'UNKNOWN_p'), 'x'$$, 'ZB202', 'a PENDING payment'),
	($$'REFUND', (SELECT refund_id FROM keyed), 'x'$$, 'ZB202', 'a COMPLETED refund'),
	($$'INVOICE', (SELECT invoice_id FROM billing.invoices WHERE customer_id = 'acme'), 'x'$$, 'ZB202', 'a PAID invoice'),
	($$'INVOICE', (SELECT invoice_id FROM billing.invoices WHERE customer_id = 'two'), 'x'$$, 'ZB205', 'an invoice that is being paid')
) AS v(arguments, code, rule);
SET LOCAL billing.actor = 'OPERATOR:ann';
SELECT ok(billing.soft_delete('PAYMENT', payment_id, 'test'), 'a FAILED payment is deleted once') FROM billing.payments WHERE idempotency_key = 'FAIL_p';
SELECT ok(NOT billing.soft_delete('PAYMENT', payment_id, 'test'), 'and not again') FROM billing.payments WHERE idempotency_key = 'FAIL_p';
SELECT ok(billing.soft_delete('REFUND', refund_id, 'test'), 'so is a FAILED refund') FROM billing.refunds WHERE idempotency_key = 'FAIL_1';
SELECT results_eq($$SELECT target_type, before, after, reason FROM billing.audit_entries WHERE action = 'SOFT_DELETED' ORDER BY position$$,
	$$SELECT 'Payment', jsonb_build_object('id', payment_id, 'targetType', 'ORDER', 'targetId', target_id, 'amount', 5, 'currency', 'KRW', 'status', 'FAILED', 'providerReference', NULL), NULL::jsonb, 'test'
	FROM billing.payments WHERE idempotency_key = 'FAIL_p'
	UNION ALL SELECT 'Refund', jsonb_build_object('id', refund_id, 'paymentId', payment_id, 'amount', 60, 'currency', 'KRW', 'status', 'FAILED', 'providerReference', NULL), NULL, 'test'
	FROM billing.refunds WHERE idempotency_key = 'FAIL_1'$$, 'audited with what it was');
SELECT results_eq($$SELECT deleted_at, deleted_by FROM billing.payments WHERE idempotency_key = 'FAIL_p'$$, $$SELECT '2056-06-02T00:00:00Z'::timestamptz, actor_id FROM billing.audit_entries WHERE action = 'SOFT_DELETED' LIMIT 1$$, 'the row says when and by whom');
SELECT throws_ok($$SELECT billing.refund_payment((SELECT payment_id FROM billing.payments WHERE idempotency_key = 'FAIL_p'))$$, 'ZB110', NULL, 'a deleted payment does not exist for a refund');
SELECT throws_ok($$SELECT billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'FAIL_1'), 'FAILED', NULL, 'x')$$, 'ZB111', NULL, 'nor a deleted refund for an operator');
SELECT is(pg_temp.refund('failed', 60, 'SOURCE', 'FAIL_1'), 'FAILED 60 (5)', 'but its key still answers');
DO $$ BEGIN
	PERFORM billing.register_customer('gone', currency => 'KRW', collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage('g', 'gone', 'A', 100, '2056-05-10'), billing.run_settlement('gone', '2056-05');
	PERFORM billing.cancel_invoice(invoice_id, 'x', false) FROM billing.invoices WHERE customer_id = 'gone';
END $$;
CREATE TEMP TABLE gone AS SELECT invoice_id FROM billing.invoices WHERE customer_id = 'gone';
SELECT ok(billing.soft_delete('INVOICE', invoice_id, 'test'), 'a CANCELLED invoice is deleted') FROM gone;
SELECT is((SELECT count(*) FROM billing.invoices WHERE customer_id = 'gone'), 0::bigint, 'the view does not show it');
SELECT throws_ok($$SELECT billing.invoice_document(invoice_id) FROM gone$$, 'ZB104', NULL, 'nor has it a document');
SELECT is((SELECT message FROM billing.run_settlement('gone', '2056-05')), 'no usage', 'what it billed stays billed');
SELECT is((SELECT before - 'id' FROM billing.audit_entries WHERE action = 'SOFT_DELETED' AND target_type = 'Invoice'),
	(SELECT jsonb_build_object('customerId', 'gone', 'number', number, 'period', '2056-05', 'status', 'CANCELLED', 'total', 100, 'currency', 'KRW') FROM billing.invoice_headers WHERE customer_id = 'gone'), 'it too is audited');

SELECT is((SELECT string_agg(s[1], ' ' ORDER BY s[1]) FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), $$'([A-Z]+)'::text$$, 'g') s WHERE conname = 'refunds_status'),
	'APPROVED COMPLETED FAILED REQUESTED', 'the table knows the states of a refund');
SELECT is_empty('SELECT * FROM billing.verify() WHERE NOT ok', 'everything agrees with the ledger');
SELECT finish();
ROLLBACK;
