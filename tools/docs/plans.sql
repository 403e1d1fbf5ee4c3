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

-- the next month, by several sessions
SET billing.now = '2026-07-05T00:00:00Z';
CALL billing.settle_period('2026-06', workers => 2);
SET billing.now = '2026-08-30T00:00:00Z';
SELECT billing.mark_overdue_invoices();
SELECT billing.set_house_time_zone('Asia/Seoul');
SET billing.now = '2027-12-01T00:00:00Z';
SELECT billing.purge_usage('2026-05-02T00:00:00Z');
