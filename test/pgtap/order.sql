-- Orders: what they are made of, their tax, their states, and what pays them.
BEGIN;
SELECT plan(87);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

CREATE FUNCTION pg_temp.place(customer text, price text, key text DEFAULT NULL) RETURNS uuid LANGUAGE sql AS $$
	SELECT order_id FROM billing.place_order(customer, 'KRW', jsonb_build_array(jsonb_build_object('sku', 'A-1', 'quantity', 1, 'unitPrice', price)), key)
$$;
CREATE FUNCTION pg_temp.status(the_order uuid) RETURNS text LANGUAGE sql AS $$ SELECT status FROM billing.orders WHERE order_id = the_order $$;
CREATE FUNCTION pg_temp.events(the_order uuid) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE aggregateid = the_order::text
$$;
DO $$ BEGIN
	PERFORM billing.register_tax_rate('VAT', 10, 'STANDARD', '2026-01-01');
	PERFORM billing.register_tax_rate('VAT', 20, 'STANDARD', '2026-06-02T00:00:00Z');
	PERFORM billing.register_tax_rate('NEW', 7, 'REDUCED', '2026-07-01');
	PERFORM billing.register_tax_rate('TEN', 10, 'STANDARD', '2026-01-01');
	PERFORM billing.register_customer(c, tax_code => t) FROM (VALUES ('taxed', 'TEN'), ('dated', 'VAT'), ('early', 'NEW')) v(c, t);
END $$;

-- what an order is made of
CREATE TEMP TABLE placed AS SELECT (billing.place_order('plain', 'USD', '[{"sku":"A-1","quantity":3,"unitPrice":100.50},{"sku":"B","quantity":1.0,"unitPrice":"0.10"}]', 'k1', '{"cart":7}')).*;
SELECT results_eq($$SELECT customer_id COLLATE "default", currency COLLATE "default", total, net, tax, tax_code COLLATE "default", tax_percentage, status, payment_id, refunded, metadata, created_at FROM placed$$,
	$$VALUES ('plain', 'USD', 301.60, 301.60, 0.00, 'NONE', 0::numeric, 'CREATED', NULL::uuid, 0::numeric, '{"cart":7}'::jsonb, '2026-06-02T00:00:00Z'::timestamptz)$$,
	'the total is the exact sum; without a tax code it contains no tax');
SELECT results_eq($$SELECT item_no, sku COLLATE "default", quantity, unit_price, amount FROM billing.order_items JOIN placed USING (customer_id, order_id) ORDER BY 1$$,
	$$VALUES (1, 'A-1', 3, 100.50, 301.50), (2, 'B', 1, 0.10, 0.10)$$, 'the items keep their order; a price may be a number or a text');
SELECT is((SELECT count(*) FROM billing.customers WHERE customer_id = 'plain'), 1::bigint, 'a customer never registered is made');
SELECT results_eq($$SELECT o.aggregatetype COLLATE "default", o.type COLLATE "default", o.idempotency_key COLLATE "default", o.payload FROM billing.outbox o, placed p WHERE o.aggregateid = p.order_id::text$$,
	$$SELECT 'Order', 'OrderPlaced', 'k1', jsonb_build_object('orderId', order_id, 'customerId', 'plain', 'totalAmount', 301.60, 'currency', 'USD', 'occurredAt', '2026-06-02T00:00:00+00:00') FROM placed$$,
	'an order is told of');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE target_id = (SELECT order_id::text FROM placed)), 0::bigint, 'but not audited');

-- idempotency
SELECT is((SELECT order_id FROM billing.place_order('plain', 'USD', '[{"quantity":3.0,"sku":"A-1","unitPrice":"100.5"},{"sku":"B","quantity":1,"unitPrice":0.1}]', 'k1', '{ "cart": 7 }')), (SELECT order_id FROM placed),
	'the key answers its order, however the items are written');
SELECT is((SELECT count(*) FROM billing.orders WHERE customer_id = 'plain'), 1::bigint, 'and makes no other');
SELECT throws_ok(format('SELECT billing.place_order(%s, %L, %L)', v.arguments, 'k1', '{"cart":7}'), 'ZB203', NULL, v.rule)
FROM (VALUES
	($$'plain', 'USD', '[{"sku":"A-1","quantity":3,"unitPrice":100.51},{"sku":"B","quantity":1,"unitPrice":0.1}]'$$, 'another price with that key is INCOMPATIBLE_PARAMS'),
	($$'plain', 'USD', '[{"sku":"A-1","quantity":2,"unitPrice":100.5},{"sku":"B","quantity":1,"unitPrice":0.1}]'$$, 'another quantity'),
	($$'plain', 'USD', '[{"sku":"A-2","quantity":3,"unitPrice":100.5},{"sku":"B","quantity":1,"unitPrice":0.1}]'$$, 'another sku'),
	($$'plain', 'EUR', '[{"sku":"A-1","quantity":3,"unitPrice":100.5},{"sku":"B","quantity":1,"unitPrice":0.1}]'$$, 'another currency'),
	($$'plain', 'USD', '[{"sku":"A-1","quantity":3,"unitPrice":100.5}]'$$, 'other items')
) AS v(arguments, rule);
SELECT throws_ok($$SELECT billing.place_order('plain', 'USD', '[{"sku":"A-1","quantity":3,"unitPrice":100.5},{"sku":"B","quantity":1,"unitPrice":0.1}]', 'k1', '{"cart": 2}')$$,
	'ZB203', NULL, 'other metadata');
SELECT isnt(pg_temp.place('other', '5', 'k1'), (SELECT order_id FROM placed), 'a key belongs to its customer');
SELECT isnt(pg_temp.place('plain', '5'), pg_temp.place('plain', '5'), 'without a key each call is an order');

-- tax is contained in the total
SELECT results_eq(format($$SELECT net, tax, tax_code COLLATE "default", tax_percentage FROM billing.place_order(%L, 'KRW', '[{"sku":"a","quantity":1,"unitPrice":%s}]')$$, v.customer, v.total),
	format('VALUES (%s::numeric, %s::numeric, %L, %s::numeric)', v.net, v.tax, v.code, v.percentage), v.rule)
FROM (VALUES
	('taxed', '110', 100, 10, 'TEN', 10, '110 at 10 % are 100 and 10'),
	('taxed', '37', 34, 3, 'TEN', 10, '37 at 10 % are 34 and 3: the net is rounded half up'),
	('taxed', '1', 1, 0, 'TEN', 10, '1 at 10 % is 1 and 0'),
	('dated', '110', 92, 18, 'VAT', 20, 'a rate holds from its first moment on')
) AS v(customer, total, net, tax, code, percentage, rule);
SELECT throws_ok($$SELECT pg_temp.place('early', '1')$$, 'ZB106', NULL, 'a tax code without a rate in force is refused');

-- what is refused
SELECT throws_ok(format('SELECT billing.place_order(%s)', v.arguments), v.expected, NULL, v.rule)
FROM (VALUES
	($$NULL, 'KRW', '[]'$$, 'ZB001', 'no customer'),
	($$' ', 'KRW', '[]'$$, 'ZB001', 'a blank customer'),
	($$'c', NULL, '[]'$$, 'ZB004', 'no currency'),
	($$'c', 'XXX', '[]'$$, 'ZB004', 'an unknown currency'),
	($$'c', 'KRW', NULL$$, 'ZB001', 'no items'),
	($$'c', 'KRW', '[]'$$, 'ZB001', 'an empty list of items'),
	($$'c', 'KRW', '{}'$$, 'ZB002', 'an object of items'),
	($$'c', 'KRW', '"x"'$$, 'ZB002', 'a text of items'),
	($$'c', 'KRW', '[1]'$$, 'ZB002', 'an item that is a number'),
	($$'c', 'KRW', '[[]]'$$, 'ZB002', 'an item that is a list'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1}]'$$, 'ZB002', 'an item without a price'),
	($$'c', 'KRW', '[{"sku":"a","unitPrice":1}]'$$, 'ZB002', 'an item without a quantity'),
	($$'c', 'KRW', '[{"quantity":1,"unitPrice":1}]'$$, 'ZB002', 'an item without a sku'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":1,"discount":1}]'$$, 'ZB002', 'an unknown key'),
	($$'c', 'KRW', '[{"sku":1,"quantity":1,"unitPrice":1}]'$$, 'ZB002', 'a sku that is a number'),
	($$'c', 'KRW', '[{"sku":" ","quantity":1,"unitPrice":1}]'$$, 'ZB001', 'a blank sku'),
	($$'c', 'KRW', jsonb_build_array(jsonb_build_object('sku', repeat('s', 129), 'quantity', 1, 'unitPrice', 1))$$, 'ZB001', 'a sku of more than 128 characters'),
	($$'c', 'KRW', '[{"sku":"a","quantity":"1","unitPrice":1}]'$$, 'ZB002', 'a quantity that is a text'),
	($$'c', 'KRW', '[{"sku":"a","quantity":0,"unitPrice":1}]'$$, 'ZB001', 'a quantity of 0'),
	($$'c', 'KRW', '[{"sku":"a","quantity":-1,"unitPrice":1}]'$$, 'ZB001', 'a negative quantity'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1.5,"unitPrice":1}]'$$, 'ZB001', 'half a quantity'),
	($$'c', 'KRW', '[{"sku":"a","quantity":2147483648,"unitPrice":1}]'$$, 'ZB001', 'a quantity of 2^31'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1e300,"unitPrice":1}]'$$, 'ZB001', 'a quantity beyond any range'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":true}]'$$, 'ZB002', 'a price that is a boolean'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":0}]'$$, 'ZB001', 'a price of 0'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":"-1"}]'$$, 'ZB001', 'a negative price'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":1.5}]'$$, 'ZB001', 'a price with more decimals than the currency has'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":"NaN"}]'$$, 'ZB001', 'a price that is not a number'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":9223372036854775808}]'$$, 'ZB006', 'a price beyond the range of amounts'),
	($$'c', 'KRW', '[{"sku":"a","quantity":2,"unitPrice":9223372036854775807}]'$$, 'ZB006', 'an amount beyond it'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":9223372036854775807},{"sku":"b","quantity":1,"unitPrice":1}]'$$, 'ZB006', 'a total beyond it'),
	($$'c', 'KRW', (SELECT jsonb_agg('{"sku":"a","quantity":1,"unitPrice":1}'::jsonb) FROM generate_series(1, 101))$$, 'ZB301', '101 items'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":1}]', ' '$$, 'ZB001', 'a blank key'),
	($$'c', 'KRW', '[{"sku":"a","quantity":1,"unitPrice":1}]', NULL, '[]'$$, 'ZB002', 'metadata that is no object')
) AS v(arguments, expected, rule);
SELECT is((SELECT count(*) FROM billing.customers WHERE customer_id = 'c'), 0::bigint, 'what is refused leaves nothing behind');
CREATE FUNCTION pg_temp.place_of(items jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
BEGIN
	PERFORM billing.place_order('c', 'KRW', items);
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
	RETURN detail;
END;
$$;
SELECT is(pg_temp.place_of('[{"sku":"a","quantity":1,"unitPrice":1},{"sku":"a","quantity":0,"unitPrice":1}]'), 'The problem is at items[1].quantity.', 'an error names the place');
SELECT is((SELECT total FROM billing.place_order('many', 'KRW', (SELECT jsonb_agg('{"sku":"a","quantity":1,"unitPrice":1}'::jsonb) FROM generate_series(1, 100)))), 100::numeric, '100 items are an order');

-- the end of an order that is not paid
CREATE TEMP TABLE ends AS SELECT pg_temp.place('ends', '110') AS cancelled, pg_temp.place('ends', '110') AS failed, pg_temp.place('ends', '110') AS unsure;
SELECT is((SELECT status FROM billing.cancel_order((SELECT cancelled FROM ends), 'too late')), 'CANCELLED', 'a CREATED order can be cancelled');
SELECT is((SELECT status FROM billing.cancel_order((SELECT cancelled FROM ends), 'again')), 'CANCELLED', 'a second time answers the row');
SELECT is(pg_temp.events((SELECT cancelled FROM ends)), 'OrderPlaced OrderCancelled', 'with one event');
SELECT results_eq($$SELECT action, before, after, reason FROM billing.audit_entries WHERE target_id = (SELECT cancelled::text FROM ends)$$,
	$$VALUES ('ORDER_CANCELLED', '{"status":"CREATED"}'::jsonb, '{"status":"CANCELLED"}'::jsonb, 'too late')$$, 'and one entry of the audit log');
SELECT is((SELECT status FROM billing.fail_order((SELECT failed FROM ends), 'no stock')), 'FAILED', 'and given up');
SELECT is(pg_temp.events((SELECT failed FROM ends)), 'OrderPlaced OrderFailed', 'with its event');
SELECT throws_ok(format('SELECT billing.%s', v.call), 'ZB202', NULL, v.rule)
FROM (VALUES
	($$cancel_order((SELECT failed FROM ends), 'r')$$, 'a FAILED order cannot be cancelled'),
	($$fail_order((SELECT cancelled FROM ends), 'r')$$, 'a CANCELLED order cannot fail'),
	($$pay_order((SELECT cancelled FROM ends))$$, 'a CANCELLED order cannot be paid'),
	($$pay_order((SELECT failed FROM ends))$$, 'a FAILED order cannot be paid')
) AS v(call, rule);

-- what pays an order
CREATE TEMP TABLE pays AS SELECT pg_temp.place('taxed', '110') AS card, pg_temp.place('taxed', '110') AS wallet;
SELECT is((SELECT status FROM billing.pay_order((SELECT card FROM pays), idempotency_key => 'FAIL_1')), 'FAILED', 'a declined payment');
SELECT is(pg_temp.status((SELECT card FROM pays)), 'CREATED', 'leaves the order CREATED');
SELECT is((SELECT status FROM billing.pay_order((SELECT card FROM pays), idempotency_key => 'p1')), 'APPROVED', 'for a second card');
SELECT results_eq($$SELECT o.status, o.payment_id = p.payment_id FROM billing.orders o JOIN billing.payments p ON p.target_id = o.order_id AND p.status = 'APPROVED' WHERE o.order_id = (SELECT card FROM pays)$$,
	$$VALUES ('PAID', true)$$, 'which pays it');
SELECT is(pg_temp.events((SELECT card FROM pays)), 'OrderPlaced OrderPaid', 'with its event');
SELECT results_eq($$SELECT debit_account COLLATE "default", credit_account COLLATE "default", t.amount, tax_code COLLATE "default" FROM billing.ledger_transfers t JOIN billing.payments p ON p.payment_id::text = t.reference_id
		WHERE p.target_id = (SELECT card FROM pays) ORDER BY t.position$$,
	$$VALUES ('gateway_clearing', 'revenue', 100::numeric, NULL), ('gateway_clearing', 'tax_payable', 10, 'TEN')$$, 'the ledger has its net and its tax');
SELECT throws_ok($$SELECT billing.pay_order((SELECT card FROM pays), idempotency_key => 'p2')$$, 'ZB202', NULL, 'a PAID order is not charged again, whatever the key');
SELECT throws_ok($$SELECT billing.cancel_order((SELECT card FROM pays), 'r')$$, 'ZB202', NULL, 'nor cancelled');
SELECT is((SELECT status FROM billing.pay_order((SELECT card FROM pays), idempotency_key => 'FAIL_1')), 'FAILED', 'each key answers its own payment');
SELECT throws_ok($$SELECT billing.pay_order((SELECT wallet FROM pays), idempotency_key => 'p1')$$, 'ZB203', NULL, 'which is of its own order');
DO $$ BEGIN PERFORM billing.request_top_up('taxed', 150, 'KRW'); END $$;
SELECT is((SELECT provider FROM billing.pay_order((SELECT wallet FROM pays), 'WALLET', idempotency_key => 'w1')), 'wallet', 'a wallet pays');
SELECT results_eq($$SELECT pg_temp.status((SELECT wallet FROM pays)), balance FROM billing.wallets WHERE customer_id = 'taxed'$$, $$VALUES ('PAID', 40::numeric)$$, 'at once');
SELECT throws_ok($$SELECT billing.pay_order(pg_temp.place('taxed', '110'), 'WALLET')$$, 'ZB210', NULL, 'but no more than it holds');
SELECT throws_ok($$SELECT billing.pay_order('00000000-0000-0000-0000-000000000000')$$, 'ZB109', NULL, 'an unknown order cannot be paid');

-- while the outcome of its payment is unknown
DO $$ BEGIN PERFORM billing.pay_order((SELECT unsure FROM ends), idempotency_key => 'UNKNOWN_1'); END $$;
SELECT throws_ok(format('SELECT billing.%s', v.call), 'ZB205', NULL, v.rule)
FROM (VALUES
	($$pay_order((SELECT unsure FROM ends))$$, 'an order with a pending payment is not paid again'),
	($$cancel_order((SELECT unsure FROM ends), 'r')$$, 'not cancelled'),
	($$fail_order((SELECT unsure FROM ends), 'r')$$, 'and not given up')
) AS v(call, rule);
DO $$ BEGIN PERFORM billing.resolve_payment((SELECT payment_id FROM billing.payments WHERE target_id = (SELECT unsure FROM ends)), 'APPROVED', 'pg-1', 'it was captured'); END $$;
SELECT is(pg_temp.events((SELECT unsure FROM ends)), 'OrderPlaced OrderPaid', 'an approval that is known later pays it');

-- the states
SELECT is((SELECT string_agg(s[1], ' ' ORDER BY s[1]) FROM pg_constraint, regexp_matches(pg_get_constraintdef(oid), $$'([A-Z]+)'::text$$, 'g') s WHERE conname = 'orders_status'),
	'CANCELLED CREATED FAILED PAID REFUNDED', 'the table allows the states of order_state.c');
SELECT is((SELECT count(*) FROM billing.verify() WHERE NOT ok), 0::bigint, 'and verify() finds nothing wrong with all of this');

SELECT * FROM finish();
ROLLBACK;
