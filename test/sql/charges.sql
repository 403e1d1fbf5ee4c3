-- Charges: what rate() answers for good documents, and the place that each refusal names in bad ones.
-- The same parser reads the charges of a plan, where the place begins with the index of the charge.
SET timezone = 'UTC';
SET client_encoding = 'UTF8';
SET billing.now = '2026-06-02T00:00:00Z';
\pset format unaligned
\pset tuples_only on

BEGIN;

CREATE FUNCTION pg_temp.attempt(label text, call text, document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
	state text;
	message text;
	detail text;
	hint text;
BEGIN
	EXECUTE call INTO answer USING document;
	RETURN label || ' => ' || answer;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
		hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', label || ' => ' || state, message, detail, hint);
END;
$$;

-- What one charge costs for 15000 units.
CREATE FUNCTION pg_temp.rated(label text, charge jsonb) RETURNS text LANGUAGE sql AS
	$$SELECT pg_temp.attempt(label, 'SELECT billing.rate($1, 15000)', charge)$$;

-- Whether a plan takes the charges. Nothing of it is kept.
CREATE FUNCTION pg_temp.planned(label text, charges jsonb) RETURNS text LANGUAGE sql AS $$
	SELECT pg_temp.attempt(label, 'SELECT CASE WHEN billing.create_pricing_plan(''plan'', ''KRW'', $1, ''2026-07-01'','
		' ''charges'') IS NOT NULL THEN ''stored'' END', charges)
$$;

-- ---- amounts: exact, and never rounded ---------------------------------------------------------

SELECT billing.rate('{"resourceType": "A", "model": "per_unit", "unitPrice": "0.000012"}', 123456789012);
SELECT billing.rate('{"resourceType": "A", "model": "per_unit", "unitPrice": 0.25000000000000000000000000}', 3);
-- the minimum holds when nothing was used
SELECT billing.rate('{"resourceType": "A", "model": "per_unit", "unitPrice": 1, "minimum": 100}', 0);
-- free units first: nothing is left, and the first tier's flat fee remains
SELECT billing.rate('{"resourceType": "A", "model": "graduated", "freeUnits": 10,
	"tiers": [{"upTo": 1000, "unitPrice": 1, "flatFee": 5}, {"upTo": null, "unitPrice": 2}]}', 3);
-- a bound is inclusive, a fraction above it is in the next tier
SELECT q, billing.rate('{"resourceType": "A", "model": "graduated",
	"tiers": [{"upTo": 10, "unitPrice": 1}, {"upTo": null, "unitPrice": 100}]}', q)
FROM unnest(ARRAY[0, 10, 10.01, 11]) q;
SELECT q, billing.rate('{"resourceType": "A", "model": "volume",
	"tiers": [{"upTo": 10, "unitPrice": 1}, {"upTo": null, "unitPrice": 100}]}', q)
FROM unnest(ARRAY[0, 10, 10.01, 11]) q;
-- a package is paid when it is started
SELECT q, billing.rate('{"resourceType": "A", "model": "package", "packageSize": 1000, "unitPrice": 7}', q)
FROM unnest(ARRAY[0, 0.001, 1000, 1000.001]) q;
SELECT q, billing.rate('{"resourceType": "A", "model": "per_unit", "unitPrice": 1, "minimum": 5, "maximum": 20}', q)
FROM unnest(ARRAY[0, 4, 5, 20, 21]) q;

-- ---- one charge ---------------------------------------------------------------------------------

SELECT pg_temp.rated('graduated', '{"resourceType": "A", "model": "graduated", "tiers": [{"upTo": 1000, "unitPrice": 0},
	{"upTo": 10000, "unitPrice": 1}, {"upTo": null, "unitPrice": "2"}]}');
SELECT pg_temp.rated('flat', '{"model": "flat", "code": "BASE", "amount": 1e3, "description": "x"}');
SELECT pg_temp.rated(label, document::jsonb) FROM (VALUES
('an array for the charge', '[]'),
('a number for the charge', '5'),
('null for the charge', 'null'),
('no model', '{}'),
('model a number', '{"model":3}'),
('model empty', '{"model":""}'),
('model unknown', '{"model":"stair"}'),
('unknown key', '{"model":"per_unit","resourceType":"A","unitPrice":1,"fo":1}'),
('key of another model', '{"model":"per_unit","resourceType":"A","unitPrice":1,"tiers":[]}'),
('unitPrice beside tiers', '{"model":"graduated","resourceType":"A","unitPrice":1,"tiers":[]}'),
('flat with a resource type', '{"model":"flat","code":"B","amount":1,"resourceType":"A"}'),
('flat without a code', '{"model":"flat","amount":1}'),
('flat without an amount', '{"model":"flat","code":"B"}'),
('no price', '{"model":"per_unit","resourceType":"A"}'),
('no resource type', '{"model":"per_unit","unitPrice":1}'),
('resource type empty', '{"model":"per_unit","unitPrice":1,"resourceType":""}'),
('resource type null', '{"model":"per_unit","unitPrice":1,"resourceType":null}'),
('resource type blank', '{"model":"per_unit","unitPrice":1,"resourceType":" "}'),
('code blank', '{"model":"per_unit","unitPrice":1,"resourceType":"A","code":"\t"}'),
('code empty', '{"model":"per_unit","unitPrice":1,"resourceType":"A","code":""}'),
('price a boolean', '{"model":"per_unit","unitPrice":true,"resourceType":"A"}'),
('price an object', '{"model":"per_unit","unitPrice":{},"resourceType":"A"}'),
('price NaN', '{"model":"per_unit","unitPrice":"NaN","resourceType":"A"}'),
('price infinity', '{"model":"per_unit","unitPrice":"Infinity","resourceType":"A"}'),
('price an empty text', '{"model":"per_unit","unitPrice":"","resourceType":"A"}'),
('price with a space before', '{"model":"per_unit","unitPrice":" 1","resourceType":"A"}'),
('price negative', '{"model":"per_unit","unitPrice":-0.1,"resourceType":"A"}'),
('price minus zero', '{"model":"per_unit","unitPrice":-0.0,"resourceType":"A"}'),
('minimum negative', '{"model":"per_unit","unitPrice":1,"minimum":-1,"resourceType":"A"}'),
('maximum negative', '{"model":"per_unit","unitPrice":1,"maximum":"-1","resourceType":"A"}'),
('freeUnits negative', '{"model":"per_unit","unitPrice":1,"freeUnits":-1,"resourceType":"A"}'),
('amount negative', '{"model":"flat","code":"B","amount":-1}'),
('price of 15 and 18 digits', '{"model":"per_unit","unitPrice":999999999999999.999999999999999999,"resourceType":"A"}'),
('price of 16 digits', '{"model":"per_unit","unitPrice":1000000000000000,"resourceType":"A"}'),
('price of 19 decimals', '{"model":"per_unit","unitPrice":"0.0000000000000000001","resourceType":"A"}'),
('price of 401 digits', '{"model":"per_unit","unitPrice":1e400,"resourceType":"A"}'),
('minimum above maximum', '{"model":"per_unit","unitPrice":1,"minimum":2,"maximum":1.99,"resourceType":"A"}'),
('packageSize zero', '{"model":"package","unitPrice":1,"packageSize":0,"resourceType":"A"}'),
('packageSize negative', '{"model":"package","unitPrice":1,"packageSize":-1,"resourceType":"A"}'),
('no packageSize', '{"model":"package","unitPrice":1,"resourceType":"A"}'),
('package of 1000', '{"model":"package","unitPrice":1,"packageSize":1000,"resourceType":"A"}'),
('no tiers', '{"model":"volume","resourceType":"A"}'),
('tiers empty', '{"model":"volume","resourceType":"A","tiers":[]}'),
('tiers an object', '{"model":"volume","resourceType":"A","tiers":{}}'),
('tiers a text', '{"model":"volume","resourceType":"A","tiers":"x"}'),
('tier a number', '{"model":"volume","resourceType":"A","tiers":[1]}'),
('tier with an unknown key', '{"model":"volume","resourceType":"A","tiers":[{"upTo":null,"unitPrice":1,"fee":1}]}'),
('tier without upTo', '{"model":"volume","resourceType":"A","tiers":[{"unitPrice":1}]}'),
('tier without a price', '{"model":"volume","resourceType":"A","tiers":[{"upTo":null}]}'),
('tier with a negative fee', '{"model":"volume","resourceType":"A","tiers":[{"upTo":null,"unitPrice":1,"flatFee":-1}]}'),
('bound a boolean', '{"model":"volume","resourceType":"A","tiers":[{"upTo":false,"unitPrice":1}]}'),
('bound zero', '{"model":"volume","resourceType":"A","tiers":[{"upTo":0,"unitPrice":1},{"upTo":null,"unitPrice":1}]}'),
('bound negative', '{"model":"volume","resourceType":"A","tiers":[{"upTo":-1,"unitPrice":1},{"upTo":null,"unitPrice":1}]}'),
('bounds equal', '{"model":"volume","resourceType":"A","tiers":[{"upTo":5,"unitPrice":1},{"upTo":"5.0","unitPrice":1},{"upTo":null,"unitPrice":1}]}'),
('bounds falling', '{"model":"graduated","resourceType":"A","tiers":[{"upTo":5,"unitPrice":1},{"upTo":4,"unitPrice":1},{"upTo":null,"unitPrice":1}]}'),
('unbounded tier before the last', '{"model":"graduated","resourceType":"A","tiers":[{"upTo":null,"unitPrice":1},{"upTo":4,"unitPrice":1}]}'),
('last tier bounded', '{"model":"graduated","resourceType":"A","tiers":[{"upTo":4,"unitPrice":1}]}')
) v(label, document);
SELECT pg_temp.rated('resource type of 64 wide characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', repeat(U&'\D55C', 64)));
SELECT pg_temp.rated('resource type of 65 wide characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', repeat(U&'\D55C', 65)));
SELECT pg_temp.rated('code of 65 characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'A', 'code', repeat('x', 65)));
SELECT pg_temp.rated('description of 256 characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'A', 'description', repeat('x', 256)));
SELECT pg_temp.rated('description of 257 characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'A', 'description', repeat('x', 257)));
SELECT pg_temp.rated('unknown key of 100000 wide characters',
	jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'A', repeat(U&'\D55C', 100000), 1));
SELECT pg_temp.rated('100 tiers', jsonb_build_object('model', 'volume', 'resourceType', 'A', 'tiers', (
	SELECT jsonb_agg(jsonb_build_object('upTo', CASE WHEN i < 100 THEN i END, 'unitPrice', 1) ORDER BY i)
	FROM generate_series(1, 100) i)));
SELECT pg_temp.rated('101 tiers', jsonb_build_object('model', 'volume', 'resourceType', 'A', 'tiers', (
	SELECT jsonb_agg(jsonb_build_object('upTo', CASE WHEN i < 101 THEN i END, 'unitPrice', 1) ORDER BY i)
	FROM generate_series(1, 101) i)));

-- ---- the charges of a plan ----------------------------------------------------------------------

SELECT pg_temp.planned(label, document::jsonb) FROM (VALUES
('an object for the charges', '{}'),
('a text for the charges', '"x"'),
('no charges', '[]'),
('charge a number', '[1]'),
('charge an array', '[[]]'),
('three charges', '[{"model":"per_unit","resourceType":"A","unitPrice":1},{"model":"flat","code":"BASE","amount":1},{"model":"flat","code":"B2","amount":1}]'),
('two charges of one resource type', '[{"model":"per_unit","resourceType":"A","unitPrice":1},{"model":"volume","resourceType":"A","code":"X","tiers":[{"upTo":null,"unitPrice":1}]}]'),
('two charges of one code', '[{"model":"per_unit","resourceType":"A","unitPrice":1},{"model":"flat","code":"A","amount":1}]'),
('a code that is the resource type of another', '[{"model":"flat","code":"A","amount":1},{"model":"per_unit","resourceType":"A","unitPrice":1}]'),
('the third charge is refused at its second tier', '[{"model":"per_unit","resourceType":"A","unitPrice":1},{"model":"flat","code":"B","amount":1},{"model":"volume","resourceType":"C","tiers":[{"upTo":1,"unitPrice":1},{"upTo":"x","unitPrice":1}]}]')
) v(label, document);
SELECT pg_temp.planned('200 charges', (
	SELECT jsonb_agg(jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'R' || i) ORDER BY i)
	FROM generate_series(1, 200) i));
SELECT pg_temp.planned('201 charges', (
	SELECT jsonb_agg(jsonb_build_object('model', 'per_unit', 'unitPrice', 1, 'resourceType', 'R' || i) ORDER BY i)
	FROM generate_series(1, 201) i));

-- a refused plan is not stored
SELECT name, jsonb_array_length(charges) FROM billing.pricing_plans WHERE customer_id = 'charges' ORDER BY position;

ROLLBACK;
