-- Prices the raw month again in plain SQL, by no function of the extension, and compares. Run by demo/run.
\set QUIET on
\pset footer off
\pset null '-'

-- What everybody used: sums, but for seats the most at a time; only what is May in the customer's zone.
CREATE TEMP TABLE used AS
SELECT c.customer_id, e.resource_type,
	CASE e.resource_type WHEN 'PEAK_SEATS' THEN max(e.quantity) ELSE sum(e.quantity) END AS quantity
FROM demo.events e JOIN demo.customers c USING (customer_id)
WHERE (e.occurred_at AT TIME ZONE c.time_zone) >= '2026-05-01'
AND (e.occurred_at AT TIME ZONE c.time_zone) < '2026-06-01'
GROUP BY c.customer_id, e.resource_type;

-- The price list, a second time and by hand: one row a currency.
CREATE TEMP TABLE prices (currency, digits, base, call_1, call_2, call_fee, gb_1, gb_2, gb_3, gb_fee_2, gb_fee_3,
	transfer, sms_pack, seat, own_call, own_cap, own_unit, own_step) AS
VALUES ('KRW', 0, 9900, 0.7, 0.35, 5000, 31.7, 27.25, 22.125, 300, 900,
		118.5, 2200, 7700, 0.31, 40000, 17.35, 3000),
	('USD', 2, 9.99, 0.000512, 0.000255, 4, 0.0231, 0.0197, 0.0166, 0.2, 0.65,
		0.085, 1.6, 5.5, 0.000223, 30, 0.0125, 2.25),
	('KWD', 3, 2.995, 0.000157, 0.000078, 1.2, 0.0071, 0.0061, 0.0051, 0.05, 0.2,
		0.0262, 0.49, 1.695, 0.0000687, 9.25, 0.00385, 0.695);

-- One line a charge, rounded once; no usage counts as 0. Half of the smallest unit rounds up.
CREATE TEMP TABLE lines AS
SELECT c.customer_id, l.charge, round(l.exact, p.digits) AS net
FROM demo.customers c
JOIN prices p USING (currency)
CROSS JOIN LATERAL (
	SELECT coalesce(max(quantity) FILTER (WHERE resource_type = 'API_CALL'), 0) AS calls,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'STORAGE_GB_HOUR'), 0) AS gb,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'DATA_TRANSFER_GB'), 0) AS transfer,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'SMS'), 0) AS sms,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'PEAK_SEATS'), 0) AS seats
	FROM used u WHERE u.customer_id = c.customer_id
) AS u
CROSS JOIN LATERAL (
	SELECT 'flat' AS charge, p.base AS exact
	UNION ALL SELECT 'graduated', CASE
		WHEN u.calls <= 10000 THEN 0
		WHEN u.calls <= 100000 THEN (u.calls - 10000) * p.call_1
		ELSE 90000 * p.call_1 + (u.calls - 100000) * p.call_2 + p.call_fee END
	UNION ALL SELECT 'volume', CASE
		WHEN u.gb <= 100 THEN u.gb * p.gb_1
		WHEN u.gb <= 500 THEN u.gb * p.gb_2 + p.gb_fee_2
		ELSE u.gb * p.gb_3 + p.gb_fee_3 END
	UNION ALL SELECT 'per_unit', greatest(u.transfer - 10, 0) * p.transfer
	UNION ALL SELECT 'package', ceil(u.sms / 100) * p.sms_pack
	UNION ALL SELECT 'per_unit seats', u.seats * p.seat
) AS l
WHERE NOT c.negotiated
UNION ALL
SELECT c.customer_id, l.charge, round(l.exact, p.digits)
FROM demo.customers c
JOIN prices p USING (currency)
CROSS JOIN LATERAL (
	SELECT coalesce(max(quantity) FILTER (WHERE resource_type = 'API_CALL'), 0) AS calls,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'STORAGE_GB_HOUR'), 0) AS gb,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'DATA_TRANSFER_GB'), 0) AS transfer,
		coalesce(max(quantity) FILTER (WHERE resource_type = 'SMS'), 0) AS sms
	FROM used u WHERE u.customer_id = c.customer_id
) AS u
CROSS JOIN LATERAL (
	SELECT 'own calls' AS charge, least(greatest(u.calls - 500, 0) * p.own_call, p.own_cap) AS exact
	UNION ALL SELECT 'own storage', greatest(u.gb * p.own_unit, p.own_step)
	UNION ALL SELECT 'own transfer', ceil(u.transfer / 50) * p.own_step
	UNION ALL SELECT 'own sms', u.sms * p.own_unit
) AS l
WHERE c.negotiated;

-- Tax once an invoice, on its summed net.
CREATE TEMP TABLE expected AS
SELECT c.customer_id, c.currency, sum(l.net) AS net,
	round(sum(l.net) * CASE c.tax_code WHEN 'KR_VAT' THEN 10 WHEN 'US_NYC' THEN 8.875 ELSE 0 END / 100, p.digits) AS tax
FROM demo.customers c JOIN lines l USING (customer_id) JOIN prices p USING (currency)
GROUP BY c.customer_id, c.currency, c.tax_code, p.digits;

CREATE TEMP TABLE compared AS
SELECT coalesce(x.currency, i.currency) AS currency, x.customer_id AS expected_id, i.invoice_id,
	i.net, i.tax, i.total, x.net + x.tax AS expected,
	(i.net, i.tax) IS DISTINCT FROM (x.net, x.tax) AS differs
FROM expected x
FULL JOIN (SELECT * FROM billing.invoices WHERE period = '2026-05' AND customer_id LIKE 'cust-%') i
	USING (customer_id);

SELECT currency, count(invoice_id) AS invoices, sum(net) AS net, sum(tax) AS tax, sum(total) AS billed,
	sum(expected) AS "plain SQL", coalesce(sum(total), 0) - coalesce(sum(expected), 0) AS difference,
	count(*) FILTER (WHERE differs) AS "invoices that differ"
FROM compared GROUP BY currency ORDER BY currency;

DO $$
BEGIN
	ASSERT (SELECT count(*) = 2000 AND count(invoice_id) = 2000 AND count(expected_id) = 2000
		AND count(*) FILTER (WHERE differs) = 0 FROM compared), 'billed and expected amounts differ';
	ASSERT (SELECT count(*) = 0 FROM billing.settlement_runs WHERE status <> 'COMPLETED'), 'a settlement failed';
	ASSERT (SELECT count(DISTINCT issued_on) = 1 AND min(issued_on) = '2026-06-02' FROM billing.invoices),
		'invoices have another issue date than the test clock';
	ASSERT (SELECT count(*) = max(number) AND count(*) = 2002 FROM billing.document_numbers WHERE series = 'INV'),
		'the invoice numbers have a gap';
END;
$$;
\echo 'Compared 2000 invoices with plain SQL: difference zero in net and tax of each.'
