-- Invoices: numbers, dates, documents, previews, overdue, cancelling, aged receivables.
BEGIN;
SELECT plan(63);
-- far from the present, so that no number was given in these years before
SET LOCAL billing.now = '2046-06-02T00:00:00Z';
SET LOCAL billing.usage_max_age = '3650d';

-- Runs a settlement at a time; the id of its invoice.
CREATE FUNCTION pg_temp.settle(customer text, month text, at text) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	run record;
BEGIN
	PERFORM set_config('billing.now', at, true);
	SELECT * INTO run FROM billing.run_settlement(customer, month);
	IF run.failure_code IS NOT NULL THEN
		RAISE EXCEPTION 'run of % % failed: %', customer, month, run.message;
	END IF;
	RETURN run.invoice_id;
END;
$$;
-- So many calls in a month, 1 KRW each; leaves the clock at the end of that month.
CREATE SEQUENCE pg_temp.event;
CREATE FUNCTION pg_temp.use(customer text, month text, quantity numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('billing.now', ((month || '-01T00:00:00Z')::timestamptz + interval '1 month')::text, true);
	PERFORM billing.ingest_usage('e' || nextval('pg_temp.event'), customer, 'API_CALL', quantity, (month || '-10T00:00:00Z')::timestamptz);
END;
$$;
CREATE FUNCTION pg_temp.numbers(VARIADIC customers text[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s of %s', number, issued_on), ', ' ORDER BY array_position(customers, customer_id), number)
	FROM billing.invoices WHERE customer_id = ANY (customers)
$$;

DO $$ BEGIN
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2040-01-01');
	PERFORM billing.register_tax_rate('KR_VAT', 10);
END $$;

-- numbers and dates
DO $$ BEGIN
	PERFORM billing.register_customer(c, net_days => d, collection => 'SEND_INVOICE') FROM (VALUES ('n1', 14), ('n2', 0), ('n3', 30), ('n4', 14), ('n5', 14)) v(c, d);
	PERFORM pg_temp.use(c, '2046-05', 100) FROM unnest(ARRAY['n1', 'n2', 'n3', 'n4', 'n5']) c;
	PERFORM pg_temp.settle('n1', '2046-05', '2046-06-02T10:00:00Z'), pg_temp.settle('n2', '2046-05', '2046-06-02T11:00:00Z'),
		pg_temp.settle('n3', '2046-05', '2046-06-01T10:00:00Z'), pg_temp.settle('n4', '2046-05', '2047-01-01T00:00:00Z'),
		pg_temp.settle('n5', '2046-05', '2046-12-31T23:00:00Z');
END $$;
SELECT is(pg_temp.numbers('n1', 'n2'), 'INV-2046-000001 of 2046-06-02, INV-2046-000002 of 2046-06-02', 'numbers are 1, 2, 3 ...');
SELECT is(pg_temp.numbers('n3'), 'INV-2046-000003 of 2046-06-02', 'when the clock goes back, number and issue date do not');
SELECT is(pg_temp.numbers('n4'), 'INV-2047-000001 of 2047-01-01', 'a new year begins at 000001');
SELECT is(pg_temp.numbers('n5'), 'INV-2047-000002 of 2047-01-01', 'and the old year never comes back');
SELECT results_eq($$SELECT year, number, issued_on FROM billing.document_numbers WHERE series = 'INV' AND year >= 2046 ORDER BY year, number$$,
	$$VALUES (2046, 1::bigint, '2046-06-02'::date), (2046, 2, '2046-06-02'), (2046, 3, '2046-06-02'), (2047, 1, '2047-01-01'), (2047, 2, '2047-01-01')$$,
	'every number is in the register, without a gap');
SAVEPOINT undone;
DO $$ BEGIN PERFORM pg_temp.use('n1', '2046-07', 1); PERFORM pg_temp.settle('n1', '2046-07', '2047-01-02T00:00:00Z'); END $$;
ROLLBACK TO SAVEPOINT undone;
DO $$ BEGIN PERFORM pg_temp.use('n2', '2046-07', 1); PERFORM pg_temp.settle('n2', '2046-07', '2047-01-02T00:00:00Z'); END $$;
SELECT is((SELECT max(number) FROM billing.document_numbers WHERE series = 'INV' AND year = 2047), 3::bigint, 'the number of an invoice that was rolled back is given to the next');
SELECT throws_ok($$DELETE FROM billing.document_numbers$$, 'ZB208', NULL, 'a number is never given back');
SELECT results_eq($$SELECT customer_id COLLATE "default", due_at - issued_at FROM billing.invoices WHERE customer_id IN ('n1', 'n2', 'n3') AND period = '2046-05' ORDER BY 1$$,
	$$VALUES ('n1', '14 days'::interval), ('n2', '00:00'), ('n3', '30 days')$$, 'an invoice is due net_days after it is issued');
DO $$ BEGIN
	PERFORM billing.set_house_time_zone('Asia/Seoul');
	PERFORM pg_temp.use('n6', '2047-01', 1);
	PERFORM pg_temp.settle('n6', '2047-01', '2047-02-28T15:30:00Z');
	PERFORM billing.set_house_time_zone('UTC');
END $$;
SELECT is(pg_temp.numbers('n6'), 'INV-2047-000004 of 2047-03-01', 'the issue date is the day in the zone of the house');

-- the row
DO $$ BEGIN
	PERFORM billing.register_customer('acme', 'Acme', 'KRW', 'pay@acme.example', 14, 'KR_VAT', 'Acme Ltd', '123-45', '{"city":"Seoul"}', 'KR',
		collection => 'SEND_INVOICE');
	PERFORM pg_temp.use('acme', '2047-03', 1000);
	PERFORM pg_temp.settle('acme', '2047-03', '2047-04-02T00:00:00Z');
	PERFORM billing.register_customer('acme', 'Renamed', email => 'new@acme.example', legal_name => 'New Ltd', tax_id => '9', address => '{}', country => 'DE');
END $$;
SELECT results_eq(
	$$SELECT status, period COLLATE "default", period_start, period_end, currency COLLATE "default", net::int, tax::int, total::int, applied_credit::int, amount_paid::int,
		amount_credited::int, amount_due::int, issued_on, issued_at, due_at, paid_at, replaces_invoice_id, metadata FROM billing.invoices WHERE customer_id = 'acme'$$,
	$$VALUES ('ISSUED', '2047-03', '2047-03-01T00:00:00Z'::timestamptz, '2047-04-01T00:00:00Z'::timestamptz, 'KRW', 1000, 100, 1100, 0, 0, 0, 1100,
		'2047-04-02'::date, '2047-04-02T00:00:00Z'::timestamptz, '2047-04-16T00:00:00Z'::timestamptz, NULL::timestamptz, NULL::uuid, NULL::jsonb)$$,
	'an invoice of a customer who pays by himself stays ISSUED, all of it due');
SELECT is((SELECT customer_snapshot FROM billing.invoices WHERE customer_id = 'acme'),
	'{"customerId":"acme","name":"Acme","legalName":"Acme Ltd","taxId":"123-45","email":"pay@acme.example","address":{"city":"Seoul"},"country":"KR"}'::jsonb,
	'an invoice keeps its customer as he was');
SELECT throws_ok($$UPDATE billing.invoice_lines SET net = 0$$, 'ZB208', NULL, 'lines are never changed');
SELECT throws_ok($$DELETE FROM billing.invoice_taxes$$, 'ZB208', NULL, 'nor are taxes removed');

-- the document
CREATE TEMP TABLE document AS SELECT billing.invoice_document(invoice_id) AS d FROM billing.invoices WHERE customer_id = 'acme';
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM document, jsonb_object_keys(d) k),
	'amountCredited amountDue amountPaid appliedCredit currency customer dueAt invoiceId issuedAt issuedOn lines metadata net number paidAt period '
	'periodEnd periodStart pricingSnapshot replacesInvoiceId status tax taxes total', 'a document has all that a printed invoice needs');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM document, jsonb_object_keys(d #> '{lines,0}') k),
	'code description kind lineNo net planId quantity resourceType servicePeriod tax taxCode', 'and so have its lines');
SELECT is((SELECT (d #> '{lines,0}') - 'planId' FROM document),
	'{"lineNo":1,"kind":"USAGE","code":"API_CALL","resourceType":"API_CALL","description":"API_CALL x 1000","servicePeriod":"2047-03",
		"quantity":1000,"net":1000,"taxCode":"KR_VAT","tax":100}'::jsonb, 'with the figures of the line');
SELECT is((SELECT d -> 'taxes' FROM document),
	'[{"code":"KR_VAT","category":"STANDARD","percentage":10,"net":1000,"tax":100}]'::jsonb, 'and the taxes by code');
SELECT is((SELECT d #>> '{customer,legalName}' FROM document), 'Acme Ltd', 'and the customer as he was');
SELECT results_eq($$SELECT d ->> 'number', d ->> 'status', (d ->> 'total')::int, (d ->> 'amountDue')::int, d ->> 'issuedOn' FROM document$$,
	$$SELECT number COLLATE "default", status, total::int, amount_due::int, issued_on::text FROM billing.invoices WHERE customer_id = 'acme'$$,
	'and what the row says');
SELECT is((SELECT d -> 'pricingSnapshot' FROM document), (SELECT pricing_snapshot FROM billing.invoices WHERE customer_id = 'acme'),
	'and the prices that it was made with');
SELECT throws_ok($$SELECT billing.invoice_document('00000000-0000-0000-0000-000000000000')$$, 'ZB104', NULL, 'an unknown invoice is INVOICE_NOT_FOUND');
SELECT throws_ok($$SELECT billing.invoice_document(NULL)$$, 'ZB001', NULL, 'a null invoice is refused');

-- previews: what of a document does not depend on its being issued
CREATE FUNCTION pg_temp.figures(document jsonb) RETURNS jsonb LANGUAGE sql AS $$
	SELECT jsonb_build_object('lines', document -> 'lines', 'taxes', document -> 'taxes', 'net', document -> 'net', 'tax', document -> 'tax',
		'total', document -> 'total', 'currency', document -> 'currency', 'customer', document -> 'customer', 'period', document -> 'period',
		'periodStart', document -> 'periodStart', 'periodEnd', document -> 'periodEnd', 'prices', document -> 'pricingSnapshot' -> 'segments')
$$;
DO $$ BEGIN
	PERFORM set_config('billing.now', '2047-04-20T00:00:00Z', true);
	PERFORM billing.register_meter('A', 'unit', 'A'), billing.register_meter('B', 'unit', 'B');
	PERFORM billing.create_pricing_plan('rich', 'USD', '[{"resourceType":"A","model":"graduated","tiers":[{"upTo":5,"unitPrice":"0.333"},{"upTo":null,"unitPrice":"0.1"}]},
		{"resourceType":"B","model":"package","packageSize":10,"unitPrice":"1.5"},{"model":"flat","code":"BASE","amount":"9.99"}]', '2040-01-01', 'rich');
	PERFORM billing.register_customer('rich', 'Rich', 'USD', tax_code => 'KR_VAT', collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage('a' || m, 'rich', 'A', 7.5, m::timestamptz), billing.ingest_usage('b' || m, 'rich', 'B', 11, m::timestamptz)
		FROM unnest(ARRAY['2047-03-10', '2047-04-10']) m;
END $$;
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM billing.invoices) AS invoices, (SELECT count(*) FROM billing.settlement_runs) AS runs,
	(SELECT count(*) FROM billing.audit_log) AS audits, (SELECT count(*) FROM billing.outbox) AS events, (SELECT last_number FROM billing.document_series WHERE series = 'INV') AS last;
CREATE TEMP TABLE preview AS SELECT billing.preview_invoice('rich', '2047-03') AS march, billing.preview_invoice('rich', '2047-04') AS april;
SELECT results_eq(
	$$SELECT (SELECT count(*) FROM billing.invoices), (SELECT count(*) FROM billing.settlement_runs), (SELECT count(*) FROM billing.audit_log),
		(SELECT count(*) FROM billing.outbox), (SELECT last_number FROM billing.document_series WHERE series = 'INV')$$,
	$$SELECT * FROM before$$, 'a preview writes nothing');
SELECT is((SELECT string_agg(k, ' ' ORDER BY k) FROM preview, jsonb_object_keys(march) k), (SELECT string_agg(k, ' ' ORDER BY k) FROM document, jsonb_object_keys(d) k),
	'a preview has the shape of a document');
SELECT results_eq($$SELECT march ->> 'status', march -> 'number', march -> 'invoiceId', march -> 'issuedAt', march -> 'total' FROM preview$$,
	$$VALUES ('PREVIEW', 'null'::jsonb, 'null'::jsonb, 'null'::jsonb, '16.40'::jsonb)$$, 'without what only an issued invoice has');
DO $$ BEGIN PERFORM pg_temp.settle('rich', '2047-03', '2047-04-20T00:00:00Z'); END $$;
SELECT is((SELECT pg_temp.figures(billing.invoice_document(invoice_id)) FROM billing.invoices WHERE customer_id = 'rich'), (SELECT pg_temp.figures(march) FROM preview),
	'the invoice has the lines, taxes and totals of its preview');
SELECT is(pg_temp.figures(billing.preview_invoice('rich', '2047-03')), (SELECT pg_temp.figures(march) FROM preview), 'an invoiced month is previewed whole');
SELECT is((SELECT april #> '{lines,0,quantity}' FROM preview), '7.5', 'a running month can be previewed');
SELECT is(billing.preview_invoice('rich', '2047-03', '[{"resourceType":"A","model":"per_unit","unitPrice":2},{"resourceType":"B","model":"per_unit","unitPrice":1}]') -> 'lines',
	'[{"lineNo":1,"kind":"USAGE","code":"A","resourceType":"A","description":"A x 7.5","servicePeriod":"2047-03","quantity":7.5,"net":15.00,"taxCode":"KR_VAT","tax":1.50,"planId":null},
	  {"lineNo":2,"kind":"USAGE","code":"B","resourceType":"B","description":"B x 11","servicePeriod":"2047-03","quantity":11,"net":11.00,"taxCode":"KR_VAT","tax":1.10,"planId":null}]'::jsonb,
	'with charges a preview is what another price would have made');
SELECT throws_ok($$SELECT billing.preview_invoice('rich', '2047-03', '[{"resourceType":"A","model":"per_unit","unitPrice":-2}]')$$, 'ZB003', NULL,
	'charges of a preview are validated');
SELECT throws_ok($$SELECT billing.preview_invoice('rich', '2047-03', '[{"resourceType":"A","model":"per_unit","unitPrice":2}]')$$, 'ZB207', NULL,
	'and must price all that was used');
SELECT results_eq($$SELECT p -> 'lines', p -> 'total', p -> 'currency' FROM billing.preview_invoice('acme', '2047-01') p$$,
	$$VALUES ('[]'::jsonb, '0'::jsonb, '"KRW"'::jsonb)$$, 'a month without usage has a preview without lines');
SELECT throws_ok($$SELECT billing.preview_invoice('acme', '2030-01')$$, 'ZB103', NULL, 'a month without a plan has no preview');
DO $$ BEGIN
	PERFORM billing.ingest_usage('late', 'rich', 'A', 2.5, '2047-03-31T00:00:00Z');
	UPDATE preview SET april = billing.preview_invoice('rich', '2047-04');
	PERFORM pg_temp.settle('rich', '2047-04', '2047-05-02T00:00:00Z');
END $$;
SELECT is((SELECT pg_temp.figures(billing.invoice_document(invoice_id)) FROM billing.invoices WHERE customer_id = 'rich' AND period = '2047-04'),
	(SELECT pg_temp.figures(april) FROM preview), 'a preview shows late usage of earlier months as the invoice will');
SELECT is((SELECT string_agg(format('%s %s', l ->> 'kind', l ->> 'net'), ', ') FROM preview, jsonb_array_elements(april -> 'lines') l),
	'USAGE 1.92, USAGE 3.00, RECURRING 9.99, LATE_USAGE 0.25', 'with its price');
DO $$ BEGIN PERFORM billing.ingest_usage('later', 'rich', 'A', 10, '2047-03-31T00:00:00Z'); END $$;
SELECT cmp_ok((SELECT COALESCE(sum((l ->> 'net')::numeric), 0) FROM jsonb_array_elements(billing.preview_invoice('rich', '2047-04') -> 'lines') l
		WHERE l ->> 'servicePeriod' = '2047-03'), '<=', 1.25, 'a preview of an invoiced month shows late usage of an earlier one, and not all of it again');

-- overdue
DO $$ BEGIN
	PERFORM billing.mark_overdue_invoices();
	PERFORM billing.register_customer('slow', net_days => 10, collection => 'SEND_INVOICE');
	PERFORM pg_temp.use('slow', '2047-05', 100), pg_temp.use('paid', '2047-05', 100);
	PERFORM pg_temp.settle('slow', '2047-05', '2047-06-02T00:00:00Z'), pg_temp.settle('paid', '2047-05', '2047-06-02T00:00:00Z');
	PERFORM billing.mark_overdue_invoices();
	PERFORM set_config('billing.now', '2047-06-11T23:59:59Z', true);
END $$;
SELECT is(billing.mark_overdue_invoices(), 0::bigint, 'before its due date no invoice is overdue');
DO $$ BEGIN PERFORM set_config('billing.now', '2047-06-12T00:00:00Z', true); END $$;
SELECT is(billing.mark_overdue_invoices(), 1::bigint, 'at its due date it is');
SELECT is(billing.mark_overdue_invoices(), 0::bigint, 'once');
SELECT is((SELECT string_agg(customer_id || ' ' || status, ', ' ORDER BY customer_id) FROM billing.invoices WHERE period = '2047-05'), 'paid PAID, slow OVERDUE',
	'a paid invoice stays paid');
SELECT results_eq(
	$$SELECT payload - 'invoiceId', payload ->> 'invoiceId' = aggregateid FROM billing.outbox WHERE type = 'InvoiceOverdue' AND customer_id = 'slow'$$,
	$$SELECT jsonb_build_object('number', number, 'customerId', 'slow', 'amountDue', 100, 'currency', 'KRW', 'dueAt', '2047-06-12T00:00:00+00:00',
		'occurredAt', '2047-06-12T00:00:00+00:00'), true FROM billing.invoices WHERE customer_id = 'slow'$$,
	'it is published');
SELECT results_eq($$SELECT action, before, after FROM billing.audit_log WHERE customer_id = 'slow' AND action = 'INVOICE_OVERDUE'$$,
	$$VALUES ('INVOICE_OVERDUE', '{"status":"ISSUED"}'::jsonb, '{"status":"OVERDUE"}'::jsonb)$$, 'and audited');

-- cancelling
CREATE TEMP TABLE cancelled AS SELECT (billing.cancel_invoice(invoice_id, 'wrong price')).* FROM billing.invoices WHERE customer_id = 'slow';
SELECT results_eq($$SELECT status, total::int, amount_credited::int, amount_due::int FROM cancelled$$, $$VALUES ('CANCELLED', 100, 100, 0)$$,
	'an OVERDUE invoice can be cancelled; nothing of it is due any more');
DO $$ BEGIN PERFORM set_config('billing.now', '2047-06-13T00:00:00Z', true); END $$;
SELECT results_eq($$SELECT c.* FROM cancelled, billing.cancel_invoice(invoice_id, 'again') c$$, $$SELECT * FROM cancelled$$,
	'cancelling it again answers the row unchanged');
SELECT is((SELECT count(*) FROM billing.audit_log WHERE customer_id = 'slow' AND action = 'INVOICE_CANCELLED' AND reason = 'wrong price'
		AND before = '{"status":"OVERDUE"}'), 1::bigint, 'it is audited once, with the reason');
SELECT is((SELECT count(*) FROM billing.audit_log WHERE customer_id = 'slow' AND reason = 'again'), 0::bigint, 'the second call is not');
SELECT is((SELECT balance FROM (SELECT sum(debit - credit) AS balance FROM billing.ledger_entries WHERE customer_id = 'slow' AND account = 'receivable') b), 0::numeric,
	'its postings are reversed');
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('dearer', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":7}]', '2047-05-01', 'slow');
END $$;
SELECT is((billing.preview_invoice('slow', '2047-05') ->> 'total')::int, 700, 'the preview of the cancelled month is what the next run will bill');
DO $$ BEGIN PERFORM pg_temp.settle('slow', '2047-05', '2047-06-13T00:00:00Z'); END $$;
SELECT results_eq(
	$$SELECT i.status, i.total::int, i.replaces_invoice_id, i.number > c.number COLLATE "C" FROM billing.invoices i, cancelled c
		WHERE i.customer_id = 'slow' AND i.status <> 'CANCELLED'$$,
	$$SELECT 'ISSUED', 700, invoice_id, true FROM cancelled$$, 'the next run bills the usage at the new price, and names the invoice that it replaces');
SELECT is((SELECT billing.invoice_document(i.invoice_id) ->> 'replacesInvoiceId' FROM billing.invoices i WHERE customer_id = 'slow' AND status = 'ISSUED'),
	(SELECT invoice_id::text FROM cancelled), 'so does its document');
SELECT throws_ok($$SELECT billing.cancel_invoice((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'paid'), 'no')$$, 'ZB202', NULL,
	'a PAID invoice cannot be cancelled');
DO $$ BEGIN PERFORM pg_temp.use('nothing', '2047-05', 0); PERFORM billing.create_pricing_plan('min', 'KRW',
	'[{"resourceType":"API_CALL","model":"per_unit","unitPrice":0},{"model":"flat","code":"BASE","amount":0}]', '2047-01-01', 'nothing');
	PERFORM pg_temp.settle('nothing', '2047-05', '2047-06-13T00:00:00Z'); END $$;
SELECT throws_ok($$SELECT billing.cancel_invoice((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'nothing'), 'no')$$, 'ZB202', NULL,
	'not even one of 0, which was PAID without a payment');
SELECT throws_ok($$SELECT billing.cancel_invoice('00000000-0000-0000-0000-000000000000', 'no')$$, 'ZB104', NULL, 'an unknown invoice is INVOICE_NOT_FOUND');
SELECT throws_ok($$SELECT billing.cancel_invoice((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'acme'), NULL)$$, 'ZB001', NULL,
	'cancelling has a reason');
DO $$ BEGIN
	PERFORM billing.register_customer('again', collection => 'SEND_INVOICE');
	PERFORM billing.create_pricing_plan('tiers', 'KRW', '[{"resourceType":"API_CALL","model":"graduated","tiers":[{"upTo":10,"unitPrice":0},{"upTo":null,"unitPrice":1}]}]',
		'2047-01-01', 'again');
	PERFORM pg_temp.use('again', '2047-04', 15); PERFORM pg_temp.settle('again', '2047-04', '2047-06-14T00:00:00Z');
	PERFORM pg_temp.use('again', '2047-04', 2); PERFORM pg_temp.settle('again', '2047-05', '2047-06-14T00:00:00Z');
	PERFORM billing.cancel_invoice(invoice_id, 'anew') FROM billing.invoices WHERE customer_id = 'again' AND period = '2047-04';
	PERFORM pg_temp.settle('again', '2047-04', '2047-06-15T00:00:00Z');
END $$;
SELECT is((SELECT string_agg(format('%s %s %s', period, status, trim_scale(total)), ', ' ORDER BY number) FROM billing.invoices WHERE customer_id = 'again'),
	'2047-04 CANCELLED 5, 2047-05 ISSUED 2, 2047-04 ISSUED 5', 'a month is billed anew without what a later invoice billed of it');

-- aged receivables as of 2047-12-01, of invoices that were due 0 to 120 days before
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('dollar', 'USD', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2040-01-01');
	PERFORM billing.register_customer('aged', currency => 'KRW', net_days => 0, collection => 'SEND_INVOICE'),
		billing.register_customer('edges', currency => 'KRW', net_days => 0, collection => 'SEND_INVOICE'),
		billing.register_customer('dollar', currency => 'USD', net_days => 0, collection => 'SEND_INVOICE'),
		billing.register_customer('future', currency => 'KRW', net_days => 30, collection => 'SEND_INVOICE'),
		billing.register_customer('settled', currency => 'KRW', net_days => 0);
	PERFORM pg_temp.use('aged', '2047-01', 4000), pg_temp.settle('aged', '2047-01', '2047-08-03T00:00:00Z');
	PERFORM pg_temp.use('aged', '2047-02', 3000), pg_temp.settle('aged', '2047-02', '2047-09-17T00:00:00Z');
	PERFORM pg_temp.use('aged', '2047-03', 2000), pg_temp.settle('aged', '2047-03', '2047-10-17T00:00:00Z');
	PERFORM pg_temp.use('aged', '2047-04', 1000), pg_temp.settle('aged', '2047-04', '2047-11-16T00:00:00Z');
	PERFORM pg_temp.use('edges', m, q), pg_temp.settle('edges', m, at) FROM (VALUES ('2047-01', 100, '2047-09-02T00:00:00Z'), ('2047-02', 20, '2047-10-01T23:59:59Z'),
		('2047-03', 3, '2047-11-01T00:00:00Z')) v(m, q, at);
	PERFORM pg_temp.use('dollar', '2047-01', 50), pg_temp.settle('dollar', '2047-01', '2047-10-22T00:00:00Z');
	PERFORM pg_temp.use('future', '2047-01', 10), pg_temp.settle('future', '2047-01', '2047-11-20T00:00:00Z');
	PERFORM pg_temp.use('settled', '2047-01', 10), pg_temp.settle('settled', '2047-01', '2047-11-20T00:00:00Z');
	PERFORM set_config('billing.now', '2047-12-01T00:00:00Z', true);
END $$;
CREATE FUNCTION pg_temp.aged(customer text, at timestamptz DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s: %s | %s %s %s %s | %s', currency, trim_scale(COALESCE(not_due, 0)), trim_scale(COALESCE(days_1_30, 0)),
		trim_scale(COALESCE(days_31_60, 0)), trim_scale(COALESCE(days_61_90, 0)), trim_scale(COALESCE(over_90, 0)), trim_scale(total)), '; ')
	FROM billing.aged_receivables(at) WHERE customer_id = customer
$$;
SELECT is(pg_temp.aged('aged'), 'KRW: 0 | 1000 2000 3000 4000 | 10000', '15, 45, 75 and 120 days fall into four buckets, together 10 000');
SELECT is(pg_temp.aged('edges'), 'KRW: 0 | 3 0 120 0 | 123', 'day 30 ends the first bucket, days 61 and 90 are in the third');
SELECT is(pg_temp.aged('dollar'), 'USD: 0 | 0 50 0 0 | 50', 'each currency is a row of its own');
SELECT is(pg_temp.aged('future'), 'KRW: 10 | 0 0 0 0 | 10', 'what is not due yet is listed as such');
SELECT is(pg_temp.aged('settled'), NULL, 'what is paid is not listed');
SELECT is(pg_temp.aged('future', '2047-12-20T00:00:00Z'), 'KRW: 10 | 0 0 0 0 | 10', 'at the due date itself nothing is late');
SELECT is(pg_temp.aged('future', '2047-12-20T00:00:01Z'), 'KRW: 0 | 10 0 0 0 | 10', 'day 1 begins with it, at whatever time it is asked as of');
DO $$ BEGIN PERFORM billing.pay_invoice(invoice_id) FROM billing.invoices WHERE customer_id = 'aged' AND period = '2047-01'; END $$;
SELECT is(pg_temp.aged('aged'), 'KRW: 0 | 1000 2000 3000 0 | 6000', 'a payment takes its invoice out');

SELECT * FROM finish();
ROLLBACK;
