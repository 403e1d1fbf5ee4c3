-- Tax: rates, the tax point, tax of an invoice and how it is spread over the lines.
BEGIN;
SELECT plan(35);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

CREATE FUNCTION pg_temp.refusal(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END;
$$;

-- rates
SELECT is(pg_temp.refusal('SELECT billing.register_tax_rate(' || v.arguments || ')'), v.expected, v.rule)
FROM (VALUES
	($$'T1', 0$$, 'accepted', '0 % is a rate'),
	($$'T2', 100$$, 'accepted', '100 % is a rate'),
	($$'T3', -1$$, 'ZB001', '-1 % is refused'),
	($$'T3', 101$$, 'ZB001', '101 % is refused'),
	($$'T3', 8.875001$$, 'accepted', 'a percentage may have 6 decimals'),
	($$'T4', 8.8750001$$, 'ZB001', 'a percentage with 7 decimals is refused'),
	($$'T4', 'NaN'$$, 'ZB001', 'NaN is refused'),
	($$'T4', NULL$$, 'ZB001', 'a null percentage is refused'),
	($$NULL, 10$$, 'ZB001', 'a null code is refused'),
	($$'NONE', 10$$, 'ZB001', 'the code NONE stands for no tax at all'),
	($$'T4', 10, 'LUXURY'$$, 'ZB001', 'an unknown category is refused'),
	($$'T4', 10, 'EXEMPT'$$, 'ZB001', 'an exempt rate is 0'),
	($$'T4', 10, 'REDUCED'$$, 'accepted', 'a reduced rate need not be 0'),
	($$'T4', 10, 'REDUCED'$$, 'accepted', 'the same rate may be registered again'),
	($$'T4', 11, 'REDUCED'$$, 'ZB202', 'another rate from the same time on is refused'),
	($$'T4', 11, 'STANDARD', '2026-01-01'$$, 'accepted', 'a new rate has a later valid_from'),
	($$'T5', 10, 'STANDARD', 'infinity'$$, 'ZB001', 'a rate that never comes is refused')
) AS v(arguments, expected, rule);
SELECT is((SELECT count(*) FROM billing.tax_rates WHERE code = 'T4'), 2::bigint, 'the same rate again made no row');
SELECT throws_ok($$UPDATE billing.tax_rates SET percentage = 1$$, 'ZB208', NULL, 'a rate is never changed');

-- invoices
DO $$ BEGIN
	PERFORM billing.register_tax_rate('KR_VAT', 10);
	PERFORM billing.register_tax_rate('NYC', 8.875);
	PERFORM billing.register_tax_rate('NOTHING', 0, 'EXEMPT');
	PERFORM billing.register_tax_rate('MOVED', 10), billing.register_tax_rate('MOVED', 20, valid_from => '2026-05-20'),
		billing.register_tax_rate('MOVED', 30, valid_from => '2026-06-01');
	PERFORM billing.register_tax_rate('LATER', 10, valid_from => '2026-06-02');
	PERFORM billing.register_meter(m, 'unit', m) FROM unnest(ARRAY['A', 'B', 'C']) m;
	PERFORM billing.create_pricing_plan(currency, currency, '[{"resourceType":"A","model":"per_unit","unitPrice":1},
		{"resourceType":"B","model":"per_unit","unitPrice":1},{"resourceType":"C","model":"per_unit","unitPrice":1}]', '2026-01-01')
		FROM unnest(ARRAY['KRW', 'USD']) currency;
	PERFORM billing.register_customer(c, currency => m, tax_code => t), billing.ingest_usage('a', c, 'A', q, '2026-05-10T00:00:00Z')
		FROM (VALUES ('vat', 'KRW', 'KR_VAT', 100000), ('exempt', 'KRW', 'NOTHING', 50000), ('none', 'KRW', NULL, 50000),
			('nyc', 'USD', 'NYC', 100), ('three', 'KRW', 'KR_VAT', 5), ('moved', 'KRW', 'MOVED', 1000),
			('later', 'KRW', 'LATER', 1000), ('unknown', 'KRW', 'NOWHERE', 1000)) v(c, m, t, q);
	PERFORM billing.ingest_usage(lower(m), 'three', m, 5, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['B', 'C']) m;
END $$;
CREATE TEMP TABLE run AS SELECT r.* FROM unnest(ARRAY['vat', 'exempt', 'none', 'nyc', 'three', 'moved', 'later', 'unknown']) c,
	billing.run_settlement(c, '2026-05') r;
CREATE FUNCTION pg_temp.totals(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s + %s = %s', trim_scale(net), trim_scale(tax), trim_scale(total)) FROM billing.invoices
	WHERE customer_id = customer AND status <> 'CANCELLED'
$$;
SELECT is(pg_temp.totals(v.customer), v.expected, v.rule)
FROM (VALUES
	('vat', '100000 + 10000 = 110000', '10 % of 100 000 KRW is 10 000'),
	('exempt', '50000 + 0 = 50000', '0 % of 50 000 KRW is 0'),
	('nyc', '100 + 8.88 = 108.88', '8.875 % of 100 USD is 8.88'),
	('none', '50000 + 0 = 50000', 'without a tax code there is no tax'),
	('three', '15 + 2 = 17', '10 % of 5 + 5 + 5 KRW is 2, computed once on the sum')
) AS v(customer, expected, rule);
SELECT is((SELECT string_agg(trim_scale(tax)::text, ' ' ORDER BY tax DESC) FROM billing.invoice_lines WHERE customer_id = 'three'), '1 1 0',
	'the tax of 2 is spread over three equal lines by largest remainder');
SELECT results_eq(
	$$SELECT customer_id COLLATE "default", tax_code COLLATE "default", category, trim_scale(percentage)::text, trim_scale(net)::text, trim_scale(tax)::text
		FROM billing.invoice_taxes WHERE customer_id IN ('vat', 'exempt', 'nyc', 'none', 'three') ORDER BY customer_id$$,
	$$VALUES ('exempt', 'NOTHING', 'EXEMPT', '0', '50000', '0'), ('nyc', 'NYC', 'STANDARD', '8.875', '100', '8.88'),
		('three', 'KR_VAT', 'STANDARD', '10', '15', '2'), ('vat', 'KR_VAT', 'STANDARD', '10', '100000', '10000')$$,
	'an invoice has one row of tax a code, and none without a code');
SELECT is((SELECT string_agg(DISTINCT l.tax_code, ' ') FROM billing.invoice_lines l WHERE customer_id = 'none'), 'NONE',
	'a line without tax has the code NONE');
SELECT is(pg_temp.totals('moved'), '1000 + 200 = 1200', 'the tax point is the end of the month: the rate from 1 June is not for May');
SELECT is((SELECT sum(amount)::numeric FROM billing.ledger_transfers WHERE customer_id = 'vat' AND credit_account = 'tax_payable' AND tax_code = 'KR_VAT'),
	10000::numeric, 'the tax is posted to tax_payable under its code');

-- a code without a rate
SELECT is((SELECT string_agg(format('%s %s %s', customer_id, COALESCE(invoice_id::text, 'no invoice'), failure_code), ', ' ORDER BY customer_id) FROM run
		WHERE customer_id IN ('later', 'unknown')),
	'later no invoice TAX_RATE_NOT_FOUND, unknown no invoice TAX_RATE_NOT_FOUND', 'a tax code without a rate at the tax point fails the run');
SELECT results_eq($$SELECT status, failure_code FROM billing.settlement_runs WHERE customer_id = 'unknown'$$,
	$$VALUES ('FAILED', 'TAX_RATE_NOT_FOUND')$$, 'the failure is recorded');
SELECT throws_ok($$SELECT billing.preview_invoice('unknown', '2026-05')$$, 'ZB106', NULL, 'a preview raises it');
DO $$ BEGIN PERFORM billing.register_tax_rate('NOWHERE', 10); PERFORM billing.run_settlement('unknown', '2026-05'); END $$;
SELECT is(pg_temp.totals('unknown'), '1000 + 100 = 1100', 'with the rate registered the next run succeeds');

-- an issued invoice keeps its tax
DO $$ BEGIN PERFORM billing.register_customer('vat', tax_code => 'NOTHING'); END $$;
SELECT is(billing.invoice_document((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'vat')) #>> '{taxes,0,tax}', '10000',
	'a later change of the tax code leaves issued invoices');
SELECT is((SELECT pricing_snapshot #> '{taxes,0}' FROM billing.invoices WHERE customer_id = 'vat'),
	'{"code":"KR_VAT","category":"STANDARD","percentage":10}'::jsonb, 'the pricing snapshot has the tax rate');

SELECT * FROM finish();
ROLLBACK;
