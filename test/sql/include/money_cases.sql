-- The cases of what moves money: part of bad_input.sql, in its transaction.

-- ---- what they work on --------------------------------------------------------------------------

SELECT count(billing.top_up_wallet('bad_input', 1000, 'KRW', idempotency_key => 'used'));
SELECT count(billing.charge_wallet('bad_input', 10, 'KRW', idempotency_key => 'used'));
SELECT count(billing.place_order('bad_input', 'KRW', '[{"sku": "seat", "quantity": 1, "unitPrice": 50}]', 'used'));
SELECT count(billing.grant_credit('bad_input', 'PROMO', 30, 'KRW', '2026-06-01', idempotency_key => 'used'));
SELECT count(billing.register_payment_method('bad_input', 'CARD', 'mock', 'tok_1', is_default => false));
CREATE TEMP TABLE the_hold AS SELECT hold_id FROM billing.hold_wallet('bad_input', 100, 'KRW', idempotency_key => 'used');
CREATE TEMP TABLE the_order AS SELECT order_id FROM billing.place_order('bad_input', 'KRW', '[{"sku": "seat", "quantity": 2, "unitPrice": 50}]');
CREATE TEMP TABLE paid_order AS SELECT order_id FROM billing.place_order('bad_input', 'KRW', '[{"sku": "seat", "quantity": 3, "unitPrice": 50}]');
CREATE TEMP TABLE the_payment AS SELECT p.payment_id FROM paid_order o, billing.pay_order(o.order_id, 'CARD', idempotency_key => 'used') p;
CREATE TEMP TABLE the_credit AS SELECT credit_id FROM billing.grant_credit('bad_input', 'PREPAID', 20, 'KRW', '2026-06-01');
CREATE TEMP TABLE the_method AS SELECT payment_method_id FROM billing.payment_methods;
CREATE TEMP TABLE open_payment AS SELECT payment_id FROM billing.request_top_up('bad_input', 70, 'KRW', idempotency_key => 'UNKNOWN_top_up');
CREATE TEMP TABLE open_refund AS SELECT r.refund_id FROM the_payment p, billing.refund_payment(p.payment_id, 10, idempotency_key => 'UNKNOWN_refund') r;
CREATE TEMP TABLE failed_refund AS SELECT r.refund_id FROM the_payment p, billing.refund_payment(p.payment_id, 10, idempotency_key => 'FAIL_refund') r;

INSERT INTO good (fn, arg, expr) VALUES
('open_wallet', 'customer_id', $$'bad_input'$$),
('open_wallet', 'currency', $$'USD'$$),
('top_up_wallet', 'customer_id', $$'bad_input'$$),
('top_up_wallet', 'amount', '5'),
('top_up_wallet', 'currency', $$'KRW'$$),
('charge_wallet', 'customer_id', $$'bad_input'$$),
('charge_wallet', 'amount', '5'),
('charge_wallet', 'currency', $$'KRW'$$),
('hold_wallet', 'customer_id', $$'bad_input'$$),
('hold_wallet', 'amount', '5'),
('hold_wallet', 'currency', $$'KRW'$$),
('capture_hold', 'hold_id', '(SELECT hold_id FROM the_hold)'),
('release_hold', 'hold_id', '(SELECT hold_id FROM the_hold)'),
('expire_holds', 'batch', '10'),
('place_order', 'customer_id', $$'bad_input'$$),
('place_order', 'currency', $$'KRW'$$),
('place_order', 'items', $$'[{"sku": "seat", "quantity": 1, "unitPrice": 5}]'$$),
('cancel_order', 'order_id', '(SELECT order_id FROM the_order)'),
('cancel_order', 'reason', $$'not wanted'$$),
('fail_order', 'order_id', '(SELECT order_id FROM the_order)'),
('fail_order', 'reason', $$'sold out'$$),
('register_payment_method', 'customer_id', $$'bad_input'$$),
('register_payment_method', 'type', $$'CARD'$$),
('register_payment_method', 'provider', $$'mock'$$),
('register_payment_method', 'token', $$'tok_2'$$),
('pay_order', 'order_id', '(SELECT order_id FROM the_order)'),
('request_top_up', 'customer_id', $$'bad_input'$$),
('request_top_up', 'amount', '5'),
('request_top_up', 'currency', $$'KRW'$$),
('record_payment', 'invoice_id', '(SELECT invoice_id FROM the_invoice)'),
('record_payment', 'amount', '5'),
('resolve_payment', 'payment_id', '(SELECT payment_id FROM open_payment)'),
('resolve_payment', 'outcome', $$'APPROVED'$$),
('resolve_payment', 'provider_reference', $$'ref'$$),
('resolve_payment', 'reason', $$'asked the provider'$$),
('refund_payment', 'payment_id', '(SELECT payment_id FROM the_payment)'),
('refund_payment', 'amount', '5'),
('resolve_refund', 'refund_id', '(SELECT refund_id FROM open_refund)'),
('resolve_refund', 'outcome', $$'COMPLETED'$$),
('resolve_refund', 'provider_reference', $$'ref'$$),
('resolve_refund', 'reason', $$'asked the provider'$$),
('soft_delete', 'kind', $$'REFUND'$$),
('soft_delete', 'id', '(SELECT refund_id FROM failed_refund)'),
('soft_delete', 'reason', $$'a test'$$),
('grant_credit', 'customer_id', $$'bad_input'$$),
('grant_credit', 'type', $$'PROMO'$$),
('grant_credit', 'amount', '5'),
('grant_credit', 'currency', $$'KRW'$$),
('grant_credit', 'valid_from', $$'2026-06-01'$$),
('apply_credit', 'customer_id', $$'bad_input'$$),
('apply_credit', 'invoice_id', '(SELECT invoice_id FROM the_invoice)'),
('revoke_credit', 'credit_id', '(SELECT credit_id FROM the_credit)'),
('revoke_credit', 'reason', $$'a mistake'$$),
('expire_credits', 'batch', '10'),
('issue_credit_note', 'invoice_id', '(SELECT invoice_id FROM the_invoice)'),
('issue_credit_note', 'lines', $$'[{"lineNo": 1, "net": 5}]'$$),
('issue_credit_note', 'reason', $$'a discount'$$);
INSERT INTO cases (fn, label, expected)
SELECT fn, 'good arguments', 'OK' FROM good g WHERE NOT EXISTS (SELECT FROM cases c WHERE c.fn = g.fn) GROUP BY fn ORDER BY min(position);

-- ---- kinds of arguments -------------------------------------------------------------------------

-- An amount of KRW above 0. Of null a call may make something of its own.
CREATE PROCEDURE pg_temp.add_amount(fn text, of_null text DEFAULT 'INVALID_ARGUMENT') LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, 'amount', v.label, v.expr, v.expected FROM (VALUES
		('null', 'NULL', of_null),
		('zero', '0', 'INVALID_ARGUMENT'),
		('negative', '-1', 'INVALID_ARGUMENT'),
		('NaN', $q$'NaN'$q$, 'INVALID_ARGUMENT'),
		('infinity', $q$'Infinity'$q$, 'INVALID_ARGUMENT'),
		('minus infinity', $q$'-Infinity'$q$, 'INVALID_ARGUMENT'),
		('more decimals than the currency has', '5.5', 'INVALID_ARGUMENT'),
		('greatest numeric', '1e131071', 'INVALID_ARGUMENT'),
		('least numeric', '1e-16383', 'INVALID_ARGUMENT')) v(label, expr, expected)
$$;

CREATE PROCEDURE pg_temp.add_id(fn text, arg text, not_found text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, arg, v.label, v.expr, v.expected FROM (VALUES
		('null', 'NULL', 'INVALID_ARGUMENT'),
		('unknown', $q$'01900000-0000-7000-8000-000000000000'$q$, not_found),
		('all zeros', $q$'00000000-0000-0000-0000-000000000000'$q$, not_found),
		('all ones', $q$'ffffffff-ffff-ffff-ffff-ffffffffffff'$q$, not_found)) v(label, expr, expected)
$$;

CREATE PROCEDURE pg_temp.add_batch(fn text) LANGUAGE sql AS $$
	INSERT INTO cases (fn, arg, label, expr, expected)
	SELECT fn, 'batch', v.label, v.expr, v.expected FROM (VALUES
		('null', 'NULL', 'INVALID_ARGUMENT'), ('zero', '0', 'INVALID_ARGUMENT'), ('negative', '-1', 'INVALID_ARGUMENT'),
		('at the limit', '10000', 'OK'), ('one too many', '10001', 'INVALID_ARGUMENT'),
		('greatest integer', '2147483647', 'INVALID_ARGUMENT')) v(label, expr, expected)
$$;

-- ---- wallets ------------------------------------------------------------------------------------

CALL pg_temp.add_text('open_wallet', 'customer_id', 64, true);
CALL pg_temp.add_currency('open_wallet', 'currency');

-- what the three movements of a wallet have in common
INSERT INTO cases (fn, arg, label, expr, expected)
SELECT m.fn, v.arg, v.label, v.expr, v.expected FROM unnest(ARRAY['top_up_wallet', 'charge_wallet', 'hold_wallet']) m(fn)
CROSS JOIN (VALUES
	('reference_type', 'without an id', $$'ORDER'$$, 'INVALID_ARGUMENT'),
	('reference_id', 'without a type', $$'1'$$, 'INVALID_ARGUMENT'),
	('idempotency_key', 'used for another amount', $$'used'$$, 'INCOMPATIBLE_PARAMS'),
	('expected_version', 'negative', '-1', 'CONCURRENT_MODIFICATION'),
	('expected_version', 'another', '1000000', 'CONCURRENT_MODIFICATION')) v(arg, label, expr, expected);
CALL pg_temp.add_text('top_up_wallet', 'customer_id', 64, true);
CALL pg_temp.add_amount('top_up_wallet');
CALL pg_temp.add_currency('top_up_wallet', 'currency');
CALL pg_temp.add_text('top_up_wallet', 'reference_type', 32, false);
CALL pg_temp.add_text('top_up_wallet', 'reference_id', 128, false);
CALL pg_temp.add_text('top_up_wallet', 'idempotency_key', 128, false);
CALL pg_temp.add_object('top_up_wallet', 'metadata', 16384);
CALL pg_temp.add_text('charge_wallet', 'customer_id', 64, true);
CALL pg_temp.add_amount('charge_wallet');
CALL pg_temp.add_currency('charge_wallet', 'currency');
CALL pg_temp.add_text('charge_wallet', 'reference_type', 32, false);
CALL pg_temp.add_text('charge_wallet', 'reference_id', 128, false);
CALL pg_temp.add_text('charge_wallet', 'idempotency_key', 128, false);
CALL pg_temp.add_object('charge_wallet', 'metadata', 16384);
CALL pg_temp.add_text('hold_wallet', 'customer_id', 64, true);
CALL pg_temp.add_amount('hold_wallet');
CALL pg_temp.add_currency('hold_wallet', 'currency');
CALL pg_temp.add_text('hold_wallet', 'reference_type', 32, false);
CALL pg_temp.add_text('hold_wallet', 'reference_id', 128, false);
CALL pg_temp.add_text('hold_wallet', 'idempotency_key', 128, false);
CALL pg_temp.add_object('hold_wallet', 'metadata', 16384);
CALL pg_temp.add('top_up_wallet', 'amount',
	'beyond the range of money', '9223372036854775808', 'AMOUNT_OVERFLOW',
	'beyond it with the balance', '9223372036854775807', 'AMOUNT_OVERFLOW');
CALL pg_temp.add('top_up_wallet', 'customer_id', 'new', $$'somebody'$$, 'OK');
CALL pg_temp.add('top_up_wallet', 'currency', 'another', $$'USD'$$, 'OK');
CALL pg_temp.add('charge_wallet', 'amount', 'more than is available', '1000', 'INSUFFICIENT_BALANCE');
CALL pg_temp.add('charge_wallet', 'customer_id', 'without a wallet', $$'bad_input_west'$$, 'WALLET_NOT_FOUND', 'unknown', $$'nobody'$$, 'WALLET_NOT_FOUND');
CALL pg_temp.add('charge_wallet', 'currency', 'without a wallet', $$'USD'$$, 'WALLET_NOT_FOUND');
CALL pg_temp.add('hold_wallet', 'amount', 'more than is available', '1000', 'INSUFFICIENT_BALANCE');
CALL pg_temp.add('hold_wallet', 'customer_id', 'without a wallet', $$'bad_input_west'$$, 'WALLET_NOT_FOUND');
CALL pg_temp.add('hold_wallet', 'expires_at',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'now', $$'2026-06-02'$$, 'INVALID_ARGUMENT',
	'beginning of time', $$'4714-11-24 BC'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');
CALL pg_temp.add_id('capture_hold', 'hold_id', 'HOLD_NOT_FOUND');
CALL pg_temp.add_amount('capture_hold', 'OK');
CALL pg_temp.add('capture_hold', 'amount', 'more than is held', '101', 'INVALID_ARGUMENT');
CALL pg_temp.add_text('capture_hold', 'idempotency_key', 128, false);
CALL pg_temp.add_id('release_hold', 'hold_id', 'HOLD_NOT_FOUND');
CALL pg_temp.add_text('release_hold', 'idempotency_key', 128, false);
CALL pg_temp.add_batch('expire_holds');

-- ---- orders -------------------------------------------------------------------------------------

CALL pg_temp.add_text('place_order', 'customer_id', 64, true);
CALL pg_temp.add_currency('place_order', 'currency');
CALL pg_temp.add('place_order', 'items',
	'null', 'NULL', 'INVALID_ARGUMENT',
	'JSON null', $$'null'$$, 'MALFORMED_DOCUMENT',
	'JSON number', $$'5'$$, 'MALFORMED_DOCUMENT',
	'JSON text', $$'"x"'$$, 'MALFORMED_DOCUMENT',
	'object', $$'{"sku": "a", "quantity": 1, "unitPrice": 1}'$$, 'MALFORMED_DOCUMENT',
	'empty array', $$'[]'$$, 'INVALID_ARGUMENT',
	'array of null', $$'[null]'$$, 'MALFORMED_DOCUMENT',
	'array of an array', $$'[[]]'$$, 'MALFORMED_DOCUMENT',
	'empty item', $$'[{}]'$$, 'MALFORMED_DOCUMENT',
	'one item too many', $$(SELECT jsonb_agg('{"sku": "a", "quantity": 1, "unitPrice": 1}'::jsonb) FROM generate_series(1, 101))$$, 'LIMIT_EXCEEDED');
INSERT INTO cases (fn, arg, label, expr, expected)
SELECT 'place_order', 'items', 'item: ' || v.label, quote_literal(jsonb_build_array('{"sku": "a", "quantity": 1, "unitPrice": 1}'::jsonb,
	'{"sku": "a", "quantity": 1, "unitPrice": 1}'::jsonb || v.item)), v.expected
FROM (VALUES
	('sku null', '{"sku": null}'::jsonb, 'MALFORMED_DOCUMENT'),
	('sku empty', '{"sku": ""}', 'INVALID_ARGUMENT'),
	('sku blank', '{"sku": " "}', 'INVALID_ARGUMENT'),
	('sku too long', jsonb_build_object('sku', repeat('x', 129)), 'INVALID_ARGUMENT'),
	('sku a number', '{"sku": 5}', 'MALFORMED_DOCUMENT'),
	('quantity null', '{"quantity": null}', 'MALFORMED_DOCUMENT'),
	('quantity zero', '{"quantity": 0}', 'INVALID_ARGUMENT'),
	('quantity negative', '{"quantity": -1}', 'INVALID_ARGUMENT'),
	('quantity with decimals', '{"quantity": 1.5}', 'INVALID_ARGUMENT'),
	('quantity a word', '{"quantity": "many"}', 'MALFORMED_DOCUMENT'),
	('quantity beyond the limit', '{"quantity": 2147483648}', 'INVALID_ARGUMENT'),
	('quantity boolean', '{"quantity": true}', 'MALFORMED_DOCUMENT'),
	('unitPrice null', '{"unitPrice": null}', 'MALFORMED_DOCUMENT'),
	('unitPrice zero', '{"unitPrice": 0}', 'INVALID_ARGUMENT'),
	('unitPrice negative', '{"unitPrice": -1}', 'INVALID_ARGUMENT'),
	('unitPrice NaN', '{"unitPrice": "NaN"}', 'INVALID_ARGUMENT'),
	('unitPrice with more decimals than the currency', '{"unitPrice": 1.5}', 'INVALID_ARGUMENT'),
	('unitPrice huge', '{"unitPrice": 1e400}', 'INVALID_ARGUMENT'),
	('total beyond the range of money', '{"unitPrice": 9000000000000000000, "quantity": 2}', 'AMOUNT_OVERFLOW'),
	('an unknown key', '{"colour": "red"}', 'MALFORMED_DOCUMENT')) v(label, item, expected);
CALL pg_temp.add_text('place_order', 'idempotency_key', 128, false);
CALL pg_temp.add('place_order', 'idempotency_key', 'used for another order', $$'used'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('place_order', 'metadata', 16384);
CALL pg_temp.add_id('cancel_order', 'order_id', 'ORDER_NOT_FOUND');
CALL pg_temp.add('cancel_order', 'order_id', 'paid', '(SELECT order_id FROM paid_order)', 'ILLEGAL_STATE');
CALL pg_temp.add_text('cancel_order', 'reason', 512, true);
CALL pg_temp.add_id('fail_order', 'order_id', 'ORDER_NOT_FOUND');
CALL pg_temp.add('fail_order', 'order_id', 'paid', '(SELECT order_id FROM paid_order)', 'ILLEGAL_STATE');
CALL pg_temp.add_text('fail_order', 'reason', 512, true);

-- ---- payments -----------------------------------------------------------------------------------

CALL pg_temp.add_text('register_payment_method', 'customer_id', 64, true);
CALL pg_temp.add_choice('register_payment_method', 'type', true, 'CARD');
CALL pg_temp.add('register_payment_method', 'type', 'what is no means of a provider', $$'WALLET'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_text('register_payment_method', 'provider', 64, true);
CALL pg_temp.add_text('register_payment_method', 'token', 256, true);
CALL pg_temp.add('register_payment_method', 'is_default', 'null', 'NULL', 'INVALID_ARGUMENT');
CALL pg_temp.add_text('register_payment_method', 'brand', 64, false);
CALL pg_temp.add('register_payment_method', 'last4',
	'empty', $$''$$, 'INVALID_ARGUMENT', 'three digits', $$'123'$$, 'INVALID_ARGUMENT', 'a letter', $$'123x'$$, 'INVALID_ARGUMENT',
	'a card number', $$'4242424242424242'$$, 'INVALID_ARGUMENT', 'wide digits', $$U&'\FF11\FF12\FF13\FF14'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('register_payment_method', 'expires_on',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT', 'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT', 'past', $$'2020-01-01'$$, 'OK');
CALL pg_temp.add_object('register_payment_method', 'metadata', 16384);
CALL pg_temp.add_id('pay_order', 'order_id', 'ORDER_NOT_FOUND');
CALL pg_temp.add('pay_order', 'order_id', 'paid', '(SELECT order_id FROM paid_order)', 'ILLEGAL_STATE');
CALL pg_temp.add_choice('pay_order', 'method', false, 'CARD');
CALL pg_temp.add('pay_order', 'payment_method_id',
	'unknown', $$'01900000-0000-7000-8000-000000000000'$$, 'PAYMENT_METHOD_NOT_FOUND',
	'his own', '(SELECT payment_method_id FROM the_method)', 'OK');
INSERT INTO cases (fn, arg, label, expected, call) VALUES
('pay_order', 'method', 'other than that of the payment method', 'INVALID_ARGUMENT',
 $$billing.pay_order((SELECT order_id FROM the_order), 'IAP', (SELECT payment_method_id FROM the_method))$$),
('pay_order', 'payment_method_id', 'with method WALLET', 'INVALID_ARGUMENT',
 $$billing.pay_order((SELECT order_id FROM the_order), 'WALLET', (SELECT payment_method_id FROM the_method))$$);
CALL pg_temp.add_text('pay_order', 'idempotency_key', 128, false);
CALL pg_temp.add('pay_order', 'idempotency_key', 'used for another order', $$'used'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('pay_order', 'metadata', 16384);
CALL pg_temp.add_text('request_top_up', 'customer_id', 64, true);
CALL pg_temp.add_amount('request_top_up');
CALL pg_temp.add_currency('request_top_up', 'currency');
CALL pg_temp.add_choice('request_top_up', 'method', false, 'CARD');
CALL pg_temp.add('request_top_up', 'method', 'from the wallet', $$'WALLET'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add('request_top_up', 'payment_method_id', 'unknown', $$'01900000-0000-7000-8000-000000000000'$$, 'PAYMENT_METHOD_NOT_FOUND');
CALL pg_temp.add_text('request_top_up', 'idempotency_key', 128, false);
CALL pg_temp.add('request_top_up', 'idempotency_key', 'used for another amount', $$'UNKNOWN_top_up'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('request_top_up', 'metadata', 16384);
CALL pg_temp.add_invoice('record_payment');
CALL pg_temp.add_amount('record_payment');
CALL pg_temp.add_choice('record_payment', 'method', false, 'BANK_TRANSFER');
CALL pg_temp.add('record_payment', 'method', 'what does not come in by itself', $$'CARD'$$, 'INVALID_ARGUMENT');
CALL pg_temp.add_text('record_payment', 'reference', 256, false);
CALL pg_temp.add('record_payment', 'received_at',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'tomorrow', $$'2026-06-03'$$, 'INVALID_ARGUMENT',
	'yesterday', $$'2026-06-01'$$, 'OK');
CALL pg_temp.add_text('record_payment', 'idempotency_key', 128, false);
CALL pg_temp.add_id('resolve_payment', 'payment_id', 'PAYMENT_NOT_FOUND');
CALL pg_temp.add_choice('resolve_payment', 'outcome', true, 'APPROVED');
CALL pg_temp.add('resolve_payment', 'outcome', 'failed', $$'FAILED'$$, 'OK');
CALL pg_temp.add_text('resolve_payment', 'provider_reference', 256, true);
CALL pg_temp.add_text('resolve_payment', 'reason', 512, true);

-- ---- refunds, credit notes, soft delete ---------------------------------------------------------

CALL pg_temp.add_id('refund_payment', 'payment_id', 'PAYMENT_NOT_FOUND');
CALL pg_temp.add('refund_payment', 'payment_id', 'not captured', '(SELECT payment_id FROM open_payment)', 'ILLEGAL_STATE');
CALL pg_temp.add_amount('refund_payment', 'OK');
CALL pg_temp.add('refund_payment', 'amount', 'more than is left', '141', 'REFUND_EXCEEDS_PAYMENT', 'all that is left', '140', 'OK');
CALL pg_temp.add_text('refund_payment', 'reason', 512, false);
CALL pg_temp.add_choice('refund_payment', 'destination', false, 'SOURCE');
CALL pg_temp.add_text('refund_payment', 'idempotency_key', 128, false);
CALL pg_temp.add('refund_payment', 'idempotency_key', 'used for another amount', $$'UNKNOWN_refund'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('refund_payment', 'metadata', 16384);
CALL pg_temp.add_id('resolve_refund', 'refund_id', 'REFUND_NOT_FOUND');
CALL pg_temp.add('resolve_refund', 'refund_id', 'failed already', '(SELECT refund_id FROM failed_refund)', 'ILLEGAL_STATE');
CALL pg_temp.add_choice('resolve_refund', 'outcome', true, 'COMPLETED');
CALL pg_temp.add_text('resolve_refund', 'provider_reference', 256, true);
CALL pg_temp.add_text('resolve_refund', 'reason', 512, true);
CALL pg_temp.add_choice('soft_delete', 'kind', true, 'REFUND');
CALL pg_temp.add_id('soft_delete', 'id', 'REFUND_NOT_FOUND');
CALL pg_temp.add('soft_delete', 'id', 'not failed', '(SELECT refund_id FROM open_refund)', 'ILLEGAL_STATE');
CALL pg_temp.add_text('soft_delete', 'reason', 512, true);
CALL pg_temp.add_invoice('issue_credit_note');
CALL pg_temp.add('issue_credit_note', 'lines',
	'null: all of it', 'NULL', 'OK',
	'JSON null', $$'null'$$, 'MALFORMED_DOCUMENT',
	'JSON number', $$'5'$$, 'MALFORMED_DOCUMENT',
	'JSON text', $$'"x"'$$, 'MALFORMED_DOCUMENT',
	'object', $$'{"lineNo": 1, "net": 5}'$$, 'MALFORMED_DOCUMENT',
	'empty array', $$'[]'$$, 'INVALID_ARGUMENT',
	'array of null', $$'[null]'$$, 'MALFORMED_DOCUMENT',
	'array of an array', $$'[[]]'$$, 'MALFORMED_DOCUMENT',
	'empty line', $$'[{}]'$$, 'MALFORMED_DOCUMENT',
	'one line too many', $$(SELECT jsonb_agg('{"lineNo": 1, "net": 1}'::jsonb) FROM generate_series(1, 20001))$$, 'LIMIT_EXCEEDED');
INSERT INTO cases (fn, arg, label, expr, expected)
SELECT 'issue_credit_note', 'lines', 'line: ' || v.label, quote_literal(jsonb_build_array('{"lineNo": 1, "net": 1}'::jsonb || v.line)), v.expected
FROM (VALUES
	('lineNo null', '{"lineNo": null}'::jsonb, 'MALFORMED_DOCUMENT'),
	('lineNo that is not there', '{"lineNo": 99}', 'INVALID_ARGUMENT'),
	('lineNo zero', '{"lineNo": 0}', 'INVALID_ARGUMENT'),
	('lineNo with decimals', '{"lineNo": 1.5}', 'INVALID_ARGUMENT'),
	('lineNo a word', '{"lineNo": "one"}', 'MALFORMED_DOCUMENT'),
	('net null', '{"net": null}', 'MALFORMED_DOCUMENT'),
	('net zero', '{"net": 0}', 'INVALID_ARGUMENT'),
	('net negative', '{"net": -1}', 'INVALID_ARGUMENT'),
	('net with more decimals than the currency', '{"net": 0.5}', 'INVALID_ARGUMENT'),
	('net more than the line', '{"net": 1000000}', 'CREDIT_NOTE_EXCEEDS_INVOICE'),
	('description empty', '{"description": ""}', 'INVALID_ARGUMENT'),
	('description too long', jsonb_build_object('description', repeat('x', 513)), 'INVALID_ARGUMENT'),
	('description a number', '{"description": 5}', 'MALFORMED_DOCUMENT'),
	('an unknown key', '{"colour": "red"}', 'MALFORMED_DOCUMENT')) v(label, line, expected);
CALL pg_temp.add_text('issue_credit_note', 'reason', 512, true);
CALL pg_temp.add_choice('issue_credit_note', 'destination', false, 'SOURCE');
CALL pg_temp.add_text('issue_credit_note', 'idempotency_key', 128, false);

-- ---- credits ------------------------------------------------------------------------------------

CALL pg_temp.add_text('grant_credit', 'customer_id', 64, true);
CALL pg_temp.add_choice('grant_credit', 'type', true, 'PROMO');
CALL pg_temp.add_amount('grant_credit');
CALL pg_temp.add_currency('grant_credit', 'currency');
CALL pg_temp.add('grant_credit', 'valid_from',
	'null: now', 'NULL', 'OK',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'end of time', $$'294276-12-31 23:59:59.999999'$$, 'OK');
CALL pg_temp.add('grant_credit', 'valid_until',
	'infinity', $$'infinity'$$, 'INVALID_ARGUMENT',
	'minus infinity', $$'-infinity'$$, 'INVALID_ARGUMENT',
	'at valid_from', $$'2026-06-01'$$, 'INVALID_ARGUMENT',
	'before valid_from', $$'2026-05-31'$$, 'INVALID_ARGUMENT',
	'past, after valid_from', $$'2026-06-01 12:00'$$, 'OK');
CALL pg_temp.add_text('grant_credit', 'reason', 256, false);
CALL pg_temp.add_text('grant_credit', 'idempotency_key', 128, false);
CALL pg_temp.add('grant_credit', 'idempotency_key', 'used for another amount', $$'used'$$, 'INCOMPATIBLE_PARAMS');
CALL pg_temp.add_object('grant_credit', 'metadata', 16384);
CALL pg_temp.add_text('apply_credit', 'customer_id', 64, true);
CALL pg_temp.add('apply_credit', 'customer_id', 'not of the invoice', $$'bad_input_west'$$, 'INVOICE_NOT_FOUND');
CALL pg_temp.add_invoice('apply_credit');
CALL pg_temp.add('apply_credit', 'at_most',
	'zero', '0', 'OK', 'negative', '-1', 'OK',
	'NaN', $$'NaN'$$, 'INVALID_ARGUMENT', 'infinity', $$'Infinity'$$, 'INVALID_ARGUMENT',
	'more decimals than the currency has', '5.5', 'INVALID_ARGUMENT', 'greatest numeric', '1e131071', 'INVALID_ARGUMENT');
CALL pg_temp.add_text('apply_credit', 'idempotency_key', 128, false);
CALL pg_temp.add_id('revoke_credit', 'credit_id', 'CREDIT_NOT_FOUND');
CALL pg_temp.add_text('revoke_credit', 'reason', 512, true);
CALL pg_temp.add_batch('expire_credits');

-- ---- the switch of a customer -------------------------------------------------------------------

CALL pg_temp.add('register_customer', 'auto_apply_credit', 'null: unchanged', 'NULL', 'OK', 'off', 'false', 'OK');
