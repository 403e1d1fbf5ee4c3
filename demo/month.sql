-- A month of 2 000 customers and 200 000 events, the same on every machine. Run by demo/run.
--
-- Raw input lies in schema demo. It is what demo/compare.sql prices again, without the extension.
\set QUIET on
SET billing.now = '2026-06-02T00:00:00Z';

CREATE SCHEMA demo;

-- A number from 0 (inclusive) to 1 for a key and a purpose: a hash, so the order of rows means nothing.
CREATE FUNCTION demo.draw(key bigint, purpose int) RETURNS float8 LANGUAGE sql IMMUTABLE AS
	'SELECT (hashint8extended(key, purpose) & 9007199254740991) / 9007199254740992.0::float8';

-- 60 % pay in KRW, 30 % in USD, 10 % in KWD. One in 40 has negotiated prices of his own.
CREATE TABLE demo.customers AS
SELECT i AS rank, 'cust-' || lpad(i::text, 4, '0') AS customer_id, c.currency,
	CASE c.currency WHEN 'KRW' THEN 'Asia/Seoul' WHEN 'USD' THEN 'America/New_York' ELSE 'Asia/Kuwait' END AS time_zone,
	CASE WHEN c.currency = 'KRW' THEN 'KR_VAT'
		WHEN c.currency = 'KWD' THEN 'KW_EXEMPT'
		WHEN demo.draw(i, 2) < 0.5 THEN 'US_NYC' END AS tax_code,
	i % 40 = 7 AS negotiated
FROM generate_series(1, 2000) AS i,
	LATERAL (SELECT CASE WHEN demo.draw(i, 1) < 0.6 THEN 'KRW' WHEN demo.draw(i, 1) < 0.9 THEN 'USD' ELSE 'KWD' END
		AS currency) AS c;

-- Heavy tail: the cube of a uniform number picks the customer, the first one gets 8 % of all events.
-- Times are local, from 1 May to 6 o'clock on 1 June: the last hours belong to the next month.
CREATE TABLE demo.events AS
SELECT 'evt-' || n AS event_id, c.customer_id, r.resource_type,
	CASE r.resource_type
		WHEN 'API_CALL' THEN 1 + floor(2000 * demo.draw(n, 5))
		WHEN 'PEAK_SEATS' THEN 1 + floor(60 * demo.draw(n, 5))
		WHEN 'SMS' THEN 1 + floor(90 * demo.draw(n, 5))
		ELSE floor(40000 * demo.draw(n, 5)) / 1000
	END::numeric(12, 3) AS quantity,
	('2026-05-01'::timestamp + floor(2700000 * demo.draw(n, 6)) * interval '1 second') AT TIME ZONE c.time_zone
		AS occurred_at
FROM generate_series(1, 200000) AS n
JOIN demo.customers c
	ON c.rank = 1 + floor(2000 * demo.draw(n, 3) * demo.draw(n, 3) * demo.draw(n, 3))::int,
	LATERAL (SELECT CASE
		WHEN demo.draw(n, 4) < 0.70 THEN 'API_CALL'
		WHEN demo.draw(n, 4) < 0.80 THEN 'STORAGE_GB_HOUR'
		WHEN demo.draw(n, 4) < 0.90 THEN 'DATA_TRANSFER_GB'
		WHEN demo.draw(n, 4) < 0.97 THEN 'SMS'
		ELSE 'PEAK_SEATS' END AS resource_type) AS r;

-- ---- prices ------------------------------------------------------------------------------------

-- answers of calls that are made for their effect
\o /dev/null

SELECT billing.register_meter('SMS', 'message', 'Text messages');
SELECT billing.register_meter('PEAK_SEATS', 'seat', 'Most seats at a time', 'MAX');
SELECT billing.register_tax_rate('KR_VAT', 10, 'STANDARD');
SELECT billing.register_tax_rate('US_NYC', 8.875, 'STANDARD');
SELECT billing.register_tax_rate('KW_EXEMPT', 0, 'EXEMPT');

SELECT billing.create_pricing_plan('Standard KRW', 'KRW', '[
	{"model": "flat", "code": "BASE", "amount": 9900},
	{"resourceType": "API_CALL", "model": "graduated",
	 "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": 100000, "unitPrice": "0.7"},
	           {"upTo": null, "unitPrice": "0.35", "flatFee": 5000}]},
	{"resourceType": "STORAGE_GB_HOUR", "model": "volume",
	 "tiers": [{"upTo": 100, "unitPrice": "31.7"}, {"upTo": 500, "unitPrice": "27.25", "flatFee": 300},
	           {"upTo": null, "unitPrice": "22.125", "flatFee": 900}]},
	{"resourceType": "DATA_TRANSFER_GB", "model": "per_unit", "unitPrice": "118.5", "freeUnits": 10},
	{"resourceType": "SMS", "model": "package", "packageSize": 100, "unitPrice": 2200},
	{"resourceType": "PEAK_SEATS", "model": "per_unit", "unitPrice": 7700}]', '2026-04-01T00:00:00Z');
SELECT billing.create_pricing_plan('Standard USD', 'USD', '[
	{"model": "flat", "code": "BASE", "amount": "9.99"},
	{"resourceType": "API_CALL", "model": "graduated",
	 "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": 100000, "unitPrice": "0.000512"},
	           {"upTo": null, "unitPrice": "0.000255", "flatFee": 4}]},
	{"resourceType": "STORAGE_GB_HOUR", "model": "volume",
	 "tiers": [{"upTo": 100, "unitPrice": "0.0231"}, {"upTo": 500, "unitPrice": "0.0197", "flatFee": "0.2"},
	           {"upTo": null, "unitPrice": "0.0166", "flatFee": "0.65"}]},
	{"resourceType": "DATA_TRANSFER_GB", "model": "per_unit", "unitPrice": "0.085", "freeUnits": 10},
	{"resourceType": "SMS", "model": "package", "packageSize": 100, "unitPrice": "1.6"},
	{"resourceType": "PEAK_SEATS", "model": "per_unit", "unitPrice": "5.5"}]', '2026-04-01T00:00:00Z');
SELECT billing.create_pricing_plan('Standard KWD', 'KWD', '[
	{"model": "flat", "code": "BASE", "amount": "2.995"},
	{"resourceType": "API_CALL", "model": "graduated",
	 "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": 100000, "unitPrice": "0.000157"},
	           {"upTo": null, "unitPrice": "0.000078", "flatFee": "1.2"}]},
	{"resourceType": "STORAGE_GB_HOUR", "model": "volume",
	 "tiers": [{"upTo": 100, "unitPrice": "0.0071"}, {"upTo": 500, "unitPrice": "0.0061", "flatFee": "0.05"},
	           {"upTo": null, "unitPrice": "0.0051", "flatFee": "0.2"}]},
	{"resourceType": "DATA_TRANSFER_GB", "model": "per_unit", "unitPrice": "0.0262", "freeUnits": 10},
	{"resourceType": "SMS", "model": "package", "packageSize": 100, "unitPrice": "0.49"},
	{"resourceType": "PEAK_SEATS", "model": "per_unit", "unitPrice": "1.695"}]', '2026-04-01T00:00:00Z');

SELECT billing.register_customer(customer_id, currency => currency, time_zone => time_zone, tax_code => tax_code)
FROM demo.customers;

-- Negotiated: no base fee, every call priced alike, with a minimum and a maximum.
SELECT billing.create_pricing_plan('Negotiated', c.currency, format('[
	{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": "%1$s", "freeUnits": 500, "maximum": %2$s},
	{"resourceType": "STORAGE_GB_HOUR", "model": "per_unit", "unitPrice": "%3$s", "minimum": %4$s},
	{"resourceType": "DATA_TRANSFER_GB", "model": "package", "packageSize": 50, "unitPrice": %4$s},
	{"resourceType": "SMS", "model": "per_unit", "unitPrice": "%3$s"},
	{"resourceType": "PEAK_SEATS", "model": "per_unit", "unitPrice": 0}]',
	p.call, p.cap, p.unit, p.step)::jsonb, '2026-04-01T00:00:00Z', customer_id => c.customer_id)
FROM demo.customers c
JOIN (VALUES ('KRW', 0.31, 40000, 17.35, 3000), ('USD', 0.000223, 30, 0.0125, 2.25),
	('KWD', 0.0000687, 9.25, 0.00385, 0.695)) AS p(currency, call, cap, unit, step) USING (currency)
WHERE c.negotiated;
\o
