-- What tools/docs/plans runs over the data of the demo, so that each statement runs over tables of some size.
\set QUIET on
SET billing.now = '2026-06-05T00:00:00Z';
\o /dev/null

-- usage
SELECT billing.register_meter('PLANS', 'piece', 'A new meter');
SELECT billing.register_customer('plans', currency => 'KRW', tax_code => 'KR_VAT', time_zone => 'Asia/Seoul');
SELECT billing.register_customer('plans', name => 'A name');
SELECT billing.register_customer('FAIL_plans', currency => 'KRW');
SELECT billing.ingest_usage('plans-' || n, c, 'API_CALL', 30000, '2026-05-20T00:00:00Z')
	FROM generate_series(1, 9) n, unnest(ARRAY['plans', 'FAIL_plans', 'cust-0001']) c;
SELECT billing.ingest_usage('plans-1', 'plans', 'API_CALL', 30000, '2026-05-20T00:00:00Z');
SELECT billing.ingest_usage('plans-1', 'plans', 'API_CALL', 1, '2026-05-20T00:00:00Z');
SELECT billing.ingest_usage_batch('[{"eventId": "plans-b", "customerId": "plans", "resourceType": "API_CALL", "quantity": 1},
	{"eventId": "plans-1", "customerId": "plans", "resourceType": "API_CALL", "quantity": 2},
	{"eventId": "plans-c", "customerId": "plans-new", "resourceType": "SMS", "quantity": -1}]');
SELECT billing.ingest_usage_arrays(ARRAY['plans-d'], ARRAY['plans-other'], ARRAY['PLANS'], ARRAY[1.0], ARRAY['2026-06-01Z'::timestamptz]);
SELECT billing.correct_usage('plans', 'plans-9', 'wrong');
SELECT billing.aggregate_usage();
SELECT billing.usage_of('cust-0001', '2026-05'), billing.forecast_usage('cust-0001');
SELECT billing.correct_usage(e.customer_id, e.event_id, 'wrong') FROM (
	SELECT e.customer_id, e.event_id FROM billing.usage_events e WHERE e.resource_type = 'PEAK_SEATS' ORDER BY e.position LIMIT 1) e;
SELECT billing.aggregate_usage();

-- workers
SELECT billing.disable_workers();

-- prices
SELECT billing.create_pricing_plan('Plans', 'KRW', '[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]',
	'2026-07-01Z', customer_id => 'plans', idempotency_key => 'plans') FROM generate_series(1, 2);
SELECT billing.effective_plan('cust-0001', '2026-05-01Z');
SELECT billing.register_tax_rate('PLANS', 5);
SELECT billing.preview_invoice('cust-0001', '2026-06'), billing.snapshot_pricing('cust-0001', '2026-06');

-- invoices and payments
SELECT billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['plans', 'FAIL_plans']) c;
SELECT billing.run_settlement('plans', '2026-05');
SELECT billing.invoice_document(i.invoice_id) FROM billing.invoices i WHERE i.customer_id = 'plans';
SELECT billing.pay_invoice(i.invoice_id, idempotency_key => 'FAIL_plans') FROM billing.invoices i WHERE i.customer_id = 'FAIL_plans';
SELECT billing.cancel_invoice(i.invoice_id, 'wrong') FROM billing.invoices i WHERE i.customer_id = 'FAIL_plans';
SELECT billing.run_settlement('FAIL_plans', '2026-05');
SELECT billing.pay_invoice(i.invoice_id, idempotency_key => 'plans') FROM billing.invoices i, generate_series(1, 2)
	WHERE i.customer_id = 'FAIL_plans' AND i.status = 'ISSUED';
SELECT billing.aged_receivables();

BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT billing.run_settlement('plans', '2026-05');
COMMIT;

-- wallets
SELECT billing.open_wallet('plans', 'USD');
SELECT billing.top_up_wallet('plans-wallet', 1000, 'KRW', idempotency_key => 'plans') FROM generate_series(1, 2);
SELECT billing.charge_wallet('plans-wallet', 10, 'KRW', idempotency_key => 'plans') FROM generate_series(1, 2);
SELECT billing.hold_wallet('plans-wallet', 50, 'KRW', idempotency_key => 'plans-' || n % 4, expires_at => '2026-06-05T01:00:00Z') FROM generate_series(1, 8) n;
SELECT billing.capture_hold(h.hold_id, 20, 'plans') FROM billing.wallet_holds h, generate_series(1, 2) WHERE h.idempotency_key = 'plans-1';
SELECT billing.release_hold(h.hold_id, 'plans') FROM billing.wallet_holds h, generate_series(1, 2) WHERE h.idempotency_key = 'plans-2';
SET billing.now = '2026-06-05T02:00:00Z';
SELECT billing.charge_wallet('plans-wallet', 900, 'KRW');
SELECT billing.top_up_wallet('plans-wallet', 1000, 'KRW');
SELECT billing.hold_wallet('plans-wallet', 50, 'KRW', expires_at => '2026-06-05T03:00:00Z');
SET billing.now = '2026-06-05T04:00:00Z';
SELECT billing.expire_holds();

-- orders, payments, refunds
SELECT billing.register_payment_method('plans-wallet', 'CARD', 'mock', 'tok', last4 => '4242') FROM generate_series(1, 2);
SELECT billing.place_order('plans-wallet', 'KRW', '[{"sku": "a", "quantity": 2, "unitPrice": 55}]', 'plans-' || n % 5) FROM generate_series(1, 10) n;
SELECT billing.pay_order(o.order_id, 'CARD', idempotency_key => 'plans') FROM billing.orders o, generate_series(1, 2) WHERE o.idempotency_key = 'plans-0';
SELECT billing.pay_order(o.order_id, 'WALLET') FROM billing.orders o WHERE o.idempotency_key = 'plans-1';
SELECT billing.pay_order(o.order_id, payment_method_id => m.payment_method_id, idempotency_key => 'UNKNOWN_plans')
	FROM billing.orders o, billing.payment_methods m WHERE o.idempotency_key = 'plans-2' AND m.token = 'tok';
SELECT billing.cancel_order(o.order_id, 'wrong') FROM billing.orders o WHERE o.idempotency_key = 'plans-3';
SELECT billing.fail_order(o.order_id, 'wrong') FROM billing.orders o WHERE o.idempotency_key = 'plans-4';
SELECT billing.resolve_payment(p.payment_id, 'APPROVED', 'ref', 'asked') FROM billing.payments p WHERE p.status = 'PENDING';
SELECT billing.request_top_up('plans-wallet', 100, 'KRW', idempotency_key => 'UNKNOWN_plans') FROM generate_series(1, 2);
SELECT billing.resolve_payment(p.payment_id, 'APPROVED', 'ref', 'asked') FROM billing.payments p WHERE p.status = 'PENDING';
SELECT billing.refund_payment(p.payment_id, 10, 'wrong', d, 'plans-' || d || p.payment_id) FROM billing.payments p, unnest(ARRAY['SOURCE', 'WALLET', 'CREDIT']) d,
	generate_series(1, 2) WHERE p.customer_id = 'plans-wallet' AND p.target_type = 'ORDER' AND p.status = 'APPROVED';
SELECT billing.refund_payment(p.payment_id, 10, idempotency_key => 'UNKNOWN_plans') FROM billing.payments p, billing.orders o
	WHERE p.target_id = o.order_id AND p.status = 'APPROVED' AND o.idempotency_key = 'plans-0';
SELECT billing.resolve_refund(r.refund_id, 'COMPLETED', 'ref', 'asked') FROM billing.refunds r WHERE r.status = 'REQUESTED';
SELECT billing.refund_payment(p.payment_id, 10, idempotency_key => 'FAIL_plans') FROM billing.payments p, billing.orders o
	WHERE p.target_id = o.order_id AND p.status = 'APPROVED' AND o.idempotency_key = 'plans-0';
SELECT billing.soft_delete('REFUND', r.refund_id, 'a test') FROM billing.refunds r WHERE r.status = 'FAILED';

-- through a gateway that is outside
SET billing.gateway_url = 'http://127.0.0.1:9';
SELECT billing.pay_order(o.order_id, 'CARD', idempotency_key => 'plans-gateway')
	FROM billing.place_order('plans-wallet', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 55}]') o;
SELECT billing.resolve_payment(p.payment_id, r, 'ref', 'asked') FROM billing.payments p, unnest(ARRAY['FAILED', 'APPROVED']) r WHERE p.idempotency_key = 'plans-gateway';
SELECT billing.request_top_up('plans-wallet', 100, 'KRW', idempotency_key => 'plans-gateway');
SELECT billing.resolve_payment(p.payment_id, 'APPROVED', 'ref', 'asked') FROM billing.payments p WHERE p.status = 'PENDING';
SELECT billing.refund_payment(p.payment_id, 10, idempotency_key => 'plans-gateway') FROM billing.payments p
	WHERE p.idempotency_key = 'plans-gateway' AND p.target_type = 'TOP_UP';
SELECT billing.resolve_refund(r.refund_id, 'FAILED', NULL, 'asked') FROM billing.refunds r WHERE r.idempotency_key = 'plans-gateway';
SELECT billing.register_customer('plans-gateway', currency => 'KRW', tax_code => 'KR_VAT');
SELECT billing.ingest_usage('plans-gateway', 'plans-gateway', 'API_CALL', 30000, '2026-05-20T00:00:00Z');
SELECT billing.run_settlement('plans-gateway', '2026-05');
SELECT billing.resolve_payment(p.payment_id, 'APPROVED', 'ref', 'asked') FROM billing.payments p WHERE p.status = 'PENDING';
RESET billing.gateway_url;

-- credits, credit notes
SELECT billing.register_customer('plans-credit', currency => 'KRW', tax_code => 'KR_VAT', collection => 'SEND_INVOICE');
SELECT billing.ingest_usage('plans-credit', 'plans-credit', 'API_CALL', 30000, '2026-05-20T00:00:00Z');
SELECT billing.grant_credit('plans-credit', t, 1000, 'KRW', NULL, idempotency_key => 'plans-' || t)
	FROM unnest(ARRAY['PROMO', 'PREPAID', 'COMPENSATION', 'REFUND_TO_CREDIT']) t, generate_series(1, 2);
SELECT billing.revoke_credit(c.credit_id, 'wrong') FROM billing.credits c WHERE c.idempotency_key = 'plans-COMPENSATION';
SELECT billing.run_settlement('plans-credit', '2026-05');
SELECT billing.grant_credit('plans-credit', 'PROMO', 1000, 'KRW', NULL, valid_until => '2026-06-06T00:00:00Z');
SELECT billing.apply_credit('plans-credit', i.invoice_id, 500, 'plans') FROM billing.invoices i, generate_series(1, 2) WHERE i.customer_id = 'plans-credit';
SELECT billing.record_payment(i.invoice_id, 10, reference => 'wire', idempotency_key => 'plans') FROM billing.invoices i, generate_series(1, 2) WHERE i.customer_id = 'plans-credit';
SELECT billing.issue_credit_note(i.invoice_id, '[{"lineNo": 1, "net": 100}]', 'wrong', idempotency_key => 'plans') FROM billing.invoices i, generate_series(1, 2) WHERE i.customer_id = 'plans-credit';
SELECT billing.record_payment(i.invoice_id, i.amount_due + 100) FROM billing.invoices i WHERE i.customer_id = 'plans-credit';
SELECT billing.refund_payment(p.payment_id, 5) FROM billing.payments p WHERE p.customer_id = 'plans-credit' AND p.excess = 0;
SELECT billing.issue_credit_note(i.invoice_id, NULL, 'all wrong', 'WALLET') FROM billing.invoices i WHERE i.customer_id = 'plans-credit';
SELECT billing.cancel_invoice(i.invoice_id, 'wrong', rebill => false) FROM billing.invoices i WHERE i.customer_id = 'FAIL_plans' AND i.status = 'ISSUED';
SELECT billing.soft_delete('INVOICE', i.invoice_id, 'a test') FROM billing.invoices i WHERE i.status = 'CANCELLED' LIMIT 1;
SELECT billing.soft_delete('PAYMENT', p.payment_id, 'a test') FROM billing.payments p WHERE p.status = 'FAILED' LIMIT 1;
SET billing.now = '2026-06-07T00:00:00Z';
SELECT billing.expire_credits();

-- secrets, webhooks of the payment provider: signed with "whsec", by RFC 2104
COPY (SELECT 'k1 ' || repeat('11', 32)) TO PROGRAM 'umask 077; cat > billing_plans_keys';
SET billing.secret_key_file = 'billing_plans_keys';
SELECT billing.set_secret(n, 'whsec') FROM unnest(ARRAY['gateway_webhook', 'gateway_webhook', 'plans']) n;
UPDATE billing.secrets SET key_id = 'k0' WHERE name = 'plans';
COPY (SELECT k || repeat('11', 32) FROM unnest(ARRAY['k1 ', 'k0 ']) k) TO PROGRAM 'umask 077; cat > billing_plans_keys';
SELECT billing.rotate_secrets();
SELECT billing.drop_secret('plans');
CREATE FUNCTION pg_temp.deliver(id text, type text, key text) RETURNS text LANGUAGE sql AS $$
	SELECT r.result FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint::text, jsonb_build_object(
		'id', id, 'type', type, 'idempotencyKey', key, 'pgReferenceId', 'plans')::text) d(at, body),
	LATERAL billing.receive_gateway_webhook('http', jsonb_build_object('X-Webhook-Timestamp', d.at, 'X-Webhook-Signature',
		'sha256=' || encode(sha256(decode('2b342f393f' || repeat('5c', 59), 'hex') || sha256(decode('415e455355'
			|| repeat('36', 59), 'hex') || convert_to(d.at || '.' || d.body, 'UTF8'))), 'hex')), convert_to(d.body, 'UTF8')) r
$$;
SET billing.gateway_url = 'http://127.0.0.1:9';
SELECT billing.request_top_up('plans-wallet', 50, 'KRW', idempotency_key => 'plans-webhook');
SELECT pg_temp.deliver('plans', 'payment.approved', p.provider_key) FROM billing.payments p, generate_series(1, 2) WHERE p.idempotency_key = 'plans-webhook';
SELECT billing.refund_payment(p.payment_id, 5, idempotency_key => 'plans-webhook') FROM billing.payments p WHERE p.idempotency_key = 'plans-webhook';
SELECT pg_temp.deliver('plans-refund', 'refund.approved', r.provider_key) FROM billing.refunds r WHERE r.idempotency_key = 'plans-webhook';
RESET billing.gateway_url;
SELECT billing.purge_gateway_webhooks('2026-01-01Z');

-- the next month, by several sessions
SET billing.now = '2026-07-05T00:00:00Z';
CALL billing.settle_period('2026-06', workers => 2);
SET billing.now = '2026-08-30T00:00:00Z';
SELECT billing.mark_overdue_invoices();
SELECT billing.set_house_time_zone('Asia/Seoul');

-- declined charges
SELECT billing.register_customer(c, currency => 'KRW'), billing.ingest_usage('plans-declined', c, 'API_CALL', 30000, '2026-07-20T00:00:00Z'),
	billing.register_payment_method(c, 'CARD', 'mock', 'UNKNOWN_plans') FROM unnest(ARRAY['FAIL_collect', 'FATAL_collect', 'collect']) c;
SELECT billing.register_payment_method('collect', 'CARD', 'mock', 'FAIL_plans');
SELECT billing.run_settlement(c, '2026-07') FROM unnest(ARRAY['FAIL_collect', 'FATAL_collect', 'collect']) c;
SELECT billing.register_payment_method('collect', 'CARD', 'mock', 'UNKNOWN_plans');
SET billing.now = '2026-09-10T00:00:00Z';
SELECT billing.collect_invoices();
SELECT billing.replay_dead_letter(d.dead_letter_id, 'try again') FROM billing.dead_letters d WHERE d.customer_id = 'FATAL_collect';

-- long after
SET billing.now = '2027-12-01T00:00:00Z';
SELECT billing.purge_usage('2026-05-02T00:00:00Z');
