-- A history that moves money in every way there is: a row in every table of it, an event of every type. For \ir in a
-- test, which runs the steps in order; each is one statement.
CREATE FUNCTION pg_temp.invoice_in(month text) RETURNS uuid LANGUAGE sql AS $$
	SELECT invoice_id FROM billing.invoice_headers WHERE customer_id = 'mover' AND period = month AND replaces_invoice_id IS NULL
$$;
CREATE FUNCTION pg_temp.order_of(key text) RETURNS uuid LANGUAGE sql AS $$
	SELECT order_id FROM billing.orders WHERE customer_id = 'mover' AND idempotency_key = key
$$;
CREATE FUNCTION pg_temp.payment_of(key text) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM billing.payments WHERE customer_id = 'mover' AND idempotency_key = key
$$;
CREATE FUNCTION pg_temp.refund_of(key text) RETURNS uuid LANGUAGE sql AS $$
	SELECT refund_id FROM billing.refunds WHERE customer_id = 'mover' AND idempotency_key = key
$$;
CREATE FUNCTION pg_temp.hold_of(key text) RETURNS uuid LANGUAGE sql AS $$
	SELECT hold_id FROM billing.wallet_holds WHERE customer_id = 'mover' AND idempotency_key = key
$$;
CREATE FUNCTION pg_temp.credit_of(key text) RETURNS uuid LANGUAGE sql AS $$
	SELECT credit_id FROM billing.credits WHERE customer_id = 'mover' AND idempotency_key = key
$$;

CREATE TEMP TABLE money_step (n int GENERATED ALWAYS AS IDENTITY, rule text, statement text);
INSERT INTO money_step (rule, statement) VALUES
	('a house with a tax and a price', $$SELECT billing.register_tax_rate('MOVED', 10), billing.register_customer('mover', currency => 'KRW', tax_code => 'MOVED',
		collection => 'SEND_INVOICE'), billing.create_pricing_plan('moved', 'KRW', '[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]',
		'2025-12-01T00:00:00Z', 'mover')$$),
	('usage of eleven months', $$SELECT billing.ingest_usage('moved-' || n, 'mover', 'API_CALL', 100, '2025-12-10T00:00:00Z'::timestamptz + n * interval '1 month')
		FROM generate_series(0, 10) n$$),
	('an invoice that nobody pays, and ten more', $$SELECT billing.run_settlement('mover', to_char(month, 'YYYY-MM'))
		FROM generate_series('2025-12-01'::timestamp, '2026-10-01', '1 month') month$$),

	('a wallet', $$SELECT billing.open_wallet('mover', 'KRW'), billing.open_wallet('mover', 'USD')$$),
	('top-ups, one of them asked for twice', $$SELECT billing.top_up_wallet('mover', 3000, 'KRW', 'BANK', 'b-1', 'top-up') FROM generate_series(1, 2)$$),
	('a charge', $$SELECT billing.charge_wallet('mover', 100, 'KRW', 'RIDE', 'r-1', 'charge')$$),
	('holds', $$SELECT billing.hold_wallet('mover', amount, 'KRW', 'RIDE', key, key, expires_at => expiry) FROM (VALUES ('part', 300, NULL), ('whole', 60, NULL),
		('released', 50, NULL), ('kept', 40, NULL), ('expired', 10, '2026-11-10T01:00:00Z'::timestamptz)) v(key, amount, expiry)$$),
	('a hold that is captured in part', $$SELECT billing.capture_hold(pg_temp.hold_of('part'), 200, 'capture')$$),
	('a hold that is captured', $$SELECT billing.capture_hold(pg_temp.hold_of('whole'))$$),
	('a hold that is released', $$SELECT billing.release_hold(pg_temp.hold_of('released'), 'release')$$),

	('payment methods', $$SELECT billing.register_payment_method('mover', 'CARD', 'mock', token, brand => 'visa', last4 => '4242', expires_on => '2030-12-31')
		FROM unnest(ARRAY['FAIL_card', 'card']) token$$),
	('a top-up through the provider', $$SELECT billing.request_top_up('mover', 500, 'KRW', idempotency_key => 'by-card')$$),
	('one that is declined', $$SELECT billing.request_top_up('mover', 500, 'KRW', idempotency_key => 'FAIL_top-up')$$),
	('one whose outcome is not known', $$SELECT billing.request_top_up('mover', 500, 'KRW', idempotency_key => 'UNKNOWN_top-up')$$),
	('and then approved', $$SELECT billing.resolve_payment(pg_temp.payment_of('UNKNOWN_top-up'), 'APPROVED', 'ref-1', 'looked up')$$),

	('orders', $$SELECT billing.place_order('mover', 'KRW', items, key) FROM (VALUES ('by-card'), ('by-wallet'), ('cancelled'), ('given-up'), ('declined'), ('unknown'),
		('waiting')) k(key), (SELECT '[{"sku": "a", "quantity": 1, "unitPrice": 60}, {"sku": "b", "quantity": 5, "unitPrice": 10}]'::jsonb) i(items)$$),
	('an order paid by card', $$SELECT billing.pay_order(pg_temp.order_of('by-card'), idempotency_key => 'order by card')$$),
	('an order paid from the wallet', $$SELECT billing.pay_order(pg_temp.order_of('by-wallet'), 'WALLET', idempotency_key => 'order by wallet')$$),
	('an order that is cancelled', $$SELECT billing.cancel_order(pg_temp.order_of('cancelled'), 'not wanted')$$),
	('an order that is given up', $$SELECT billing.fail_order(pg_temp.order_of('given-up'), 'out of stock')$$),
	('an order whose payment is declined', $$SELECT billing.pay_order(pg_temp.order_of('declined'), idempotency_key => 'FAIL_order')$$),
	('orders whose payment is not known', $$SELECT billing.pay_order(pg_temp.order_of(key), idempotency_key => 'UNKNOWN_' || key) FROM unnest(ARRAY['unknown', 'waiting']) key$$),
	('and then has failed', $$SELECT billing.resolve_payment(pg_temp.payment_of('UNKNOWN_unknown'), 'FAILED', 'ref-2', 'looked up')$$),

	('invoices paid by card and from the wallet', $$SELECT billing.pay_invoice(pg_temp.invoice_in('2026-01'), idempotency_key => 'invoice by card'),
		billing.pay_invoice(pg_temp.invoice_in('2026-02'), 'WALLET', idempotency_key => 'invoice by wallet')$$),
	('a transfer of a part', $$SELECT billing.record_payment(pg_temp.invoice_in('2026-03'), 40, reference => 'wire 1', idempotency_key => 'wire 1')$$),
	('a transfer of too much', $$SELECT billing.record_payment(pg_temp.invoice_in('2026-03'), 100, reference => 'wire 2', received_at => '2026-11-08T00:00:00Z',
		idempotency_key => 'wire 2')$$),
	('a payment whose outcome is not known', $$SELECT billing.pay_invoice(pg_temp.invoice_in('2026-04'), idempotency_key => 'UNKNOWN_invoice')$$),
	('and that is then captured', $$SELECT billing.resolve_payment(pg_temp.payment_of('UNKNOWN_invoice'), 'APPROVED', 'ref-3', 'looked up')$$),

	('refunds of an order in three parts', $$SELECT billing.refund_payment(pg_temp.payment_of('order by card'), amount, 'returned', destination, 'part ' || n)
		FROM (VALUES (1, 37, 'SOURCE'), (2, 37, 'WALLET'), (3, NULL::int, 'CREDIT')) v(n, amount, destination)$$),
	('a refund to the wallet that paid', $$SELECT billing.refund_payment(pg_temp.payment_of('order by wallet'), 10, idempotency_key => 'back')$$),
	('a refund to the credit of who paid from the wallet', $$SELECT billing.refund_payment(pg_temp.payment_of('order by wallet'), 11, 'late', 'CREDIT', 'to credit')$$),
	('a refund of an invoice', $$SELECT billing.refund_payment(pg_temp.payment_of('invoice by card'), 37, 'too much', idempotency_key => 'invoice 1')$$),
	('a refund that is declined', $$SELECT billing.refund_payment(pg_temp.payment_of('invoice by card'), 5, 'too much', idempotency_key => 'FAIL_refund')$$),
	('refunds whose outcome is not known', $$SELECT billing.refund_payment(pg_temp.payment_of('invoice by card'), amount, 'too much', idempotency_key => 'UNKNOWN_' || amount)
		FROM unnest(ARRAY[6, 7, 8]) amount$$),
	('and that are then completed and failed', $$SELECT billing.resolve_refund(pg_temp.refund_of('UNKNOWN_6'), 'COMPLETED', 'ref-4', 'looked up'),
		billing.resolve_refund(pg_temp.refund_of('UNKNOWN_7'), 'FAILED', 'ref-5', 'looked up')$$),
	('a refund of a transfer to its bank', $$SELECT billing.refund_payment(pg_temp.payment_of('wire 1'), NULL, 'by mistake', idempotency_key => 'bank')$$),
	('a refund of an invoice as a credit', $$SELECT billing.refund_payment(pg_temp.payment_of('invoice by wallet'), 50, 'late', 'CREDIT', 'invoice 2')$$),

	('credits of every type', $$SELECT billing.grant_credit('mover', type, amount, 'KRW', NULL, valid_until, 'for the test', type) FROM (VALUES
		('PROMO', 50, '2026-11-20T00:00:00Z'::timestamptz), ('PREPAID', 400, '2027-01-01T00:00:00Z'), ('COMPENSATION', 20, NULL), ('REFUND_TO_CREDIT', 10, NULL)) v(type, amount, valid_until)$$),
	('credits that will expire', $$SELECT billing.grant_credit('mover', type, 25, 'USD', '2026-11-10', '2026-11-12', 'for the test', type || ' USD')
		FROM unnest(ARRAY['PROMO', 'PREPAID']) type$$),
	('a credit that is revoked', $$SELECT billing.revoke_credit(pg_temp.credit_of('COMPENSATION'), 'by mistake')$$),
	('credits that pay a part of an invoice, asked for twice', $$SELECT billing.apply_credit('mover', pg_temp.invoice_in('2026-05'), 60, 'apply') FROM generate_series(1, 2)$$),
	('credits that pay the rest', $$SELECT billing.apply_credit('mover', pg_temp.invoice_in('2026-05'))$$),
	('credits that pay a part of another', $$SELECT billing.apply_credit('mover', pg_temp.invoice_in('2026-06'), 33)$$),
	('an invoice with applied credits that is cancelled', $$SELECT billing.cancel_invoice(pg_temp.invoice_in('2026-06'), 'wrong')$$),
	('and replaced, with the credits applied by settlement', $$SELECT billing.run_settlement('mover', '2026-06')$$),

	('a credit note of a line', $$SELECT billing.issue_credit_note(pg_temp.invoice_in('2026-07'), '[{"lineNo": 1, "net": 33, "description": "too slow"}]', 'slow', idempotency_key => 'note')$$),
	('a credit note of the rest', $$SELECT billing.issue_credit_note(pg_temp.invoice_in('2026-07'), NULL, 'slow')$$),
	('an invoice that is paid and then credited to the wallet', $$SELECT billing.pay_invoice(pg_temp.invoice_in('2026-08'), idempotency_key => 'credited'),
		billing.issue_credit_note(pg_temp.invoice_in('2026-08'), '[{"lineNo": 1, "net": 20}]', 'slow', 'WALLET')$$),
	('an invoice paid by credit and then credited', $$SELECT billing.apply_credit('mover', pg_temp.invoice_in('2026-09')),
		billing.issue_credit_note(pg_temp.invoice_in('2026-09'), NULL, 'slow', 'CREDIT')$$),
	('an invoice that is cancelled without another', $$SELECT billing.cancel_invoice(pg_temp.invoice_in('2026-10'), 'wrong', false)$$),

	('a gateway that is outside', $$SELECT set_config('billing.gateway_url', 'http://127.0.0.1:9', false)$$),
	('orders and a top-up that wait for it', $$SELECT billing.pay_order((billing.place_order('mover', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 70}]', key)).order_id,
		idempotency_key => key) FROM unnest(ARRAY['gateway waits', 'gateway fails', 'gateway is late']) key
		UNION ALL SELECT billing.request_top_up('mover', 90, 'KRW', idempotency_key => 'gateway top-up')$$),
	('one that has failed', $$SELECT billing.resolve_payment(pg_temp.payment_of('gateway fails'), 'FAILED', NULL, 'looked up')$$),
	('one that was captured after that', $$SELECT billing.resolve_payment(pg_temp.payment_of('gateway is late'), outcome, 'ch-1', 'looked up')
		FROM (VALUES (1, 'FAILED'), (2, 'APPROVED'), (3, 'APPROVED')) v(n, outcome) ORDER BY n$$),
	('and is back', $$SELECT billing.resolve_refund(r.refund_id, 'COMPLETED', 're-1', 'looked up') FROM billing.refunds r
		WHERE r.payment_id = pg_temp.payment_of('gateway is late')$$),
	('a top-up that is approved', $$SELECT billing.resolve_payment(pg_temp.payment_of('gateway top-up'), 'APPROVED', 'ch-2', 'looked up')$$),
	('and goes back in parts', $$SELECT billing.refund_payment(pg_temp.payment_of('gateway top-up'), amount, 'back', idempotency_key => 'top-up ' || amount)
		FROM unnest(ARRAY[20, 30, 40]) amount$$),
	('one of which arrives, and one does not', $$SELECT billing.resolve_refund(pg_temp.refund_of('top-up 20'), 'COMPLETED', 're-2', 'looked up'),
		billing.resolve_refund(pg_temp.refund_of('top-up 30'), 'FAILED', 're-3', 'looked up')$$),
	('no gateway any more', $$SELECT set_config('billing.gateway_url', '', false)$$),

	('soft delete of what failed', $$SELECT billing.soft_delete('PAYMENT', pg_temp.payment_of('FAIL_order'), 'tidy'), billing.soft_delete('REFUND', pg_temp.refund_of('FAIL_refund'), 'tidy'),
		billing.soft_delete('INVOICE', pg_temp.invoice_in('2026-10'), 'tidy')$$),
	('invoices that are overdue', $$SELECT set_config('billing.now', '2026-12-20T00:00:00Z', false), billing.mark_overdue_invoices()$$),
	('credits and holds that expire', $$SELECT billing.expire_credits(), billing.expire_holds()$$);

CREATE PROCEDURE pg_temp.move_money() LANGUAGE plpgsql AS $$
DECLARE
	step text;
BEGIN
	PERFORM set_config('billing.now', '2026-11-10T00:00:00Z', false);
	FOR step IN SELECT statement FROM money_step ORDER BY n LOOP
		EXECUTE step;
	END LOOP;
END;
$$;
