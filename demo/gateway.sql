-- What the provider wrote down by itself, beside what the ledger says of it. Run by demo/run when GATEWAY=http.
\set QUIET on
\pset footer off
\pset null '-'

CREATE TABLE demo.journal (entry jsonb);
-- a line is one value: these two characters stand in none
\set copy '\\copy demo.journal FROM ' :'journal' ' WITH (FORMAT csv, DELIMITER E''\\x01'', QUOTE E''\\x02'')'
:copy

\echo 'Each line of its journal is a decision under one key:'
SELECT entry ->> 'kind' AS kind, (entry ->> 'approved')::boolean AS approved, entry ->> 'code' AS code, count(*) AS decisions,
	count(DISTINCT entry ->> 'key') AS keys
FROM demo.journal GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

CREATE TEMP VIEW provider AS
SELECT entry ->> 'currency' AS currency,
	coalesce(sum((entry ->> 'amount')::numeric) FILTER (WHERE entry ->> 'kind' = 'charge'), 0) AS charged,
	coalesce(sum((entry ->> 'amount')::numeric) FILTER (WHERE entry ->> 'kind' = 'refund'), 0) AS refunded
FROM demo.journal WHERE (entry ->> 'approved')::boolean GROUP BY 1;

CREATE TEMP VIEW clearing AS
SELECT currency, sum(debit) AS captured, sum(credit) AS refunded, sum(debit - credit) AS balance
FROM billing.ledger_entries WHERE account = 'gateway_clearing' GROUP BY 1;

SELECT currency, p.charged, p.refunded AS "given back", p.charged - p.refunded AS "the provider has",
	c.balance AS gateway_clearing, p.charged - p.refunded - c.balance AS difference
FROM provider p FULL JOIN clearing c USING (currency) ORDER BY currency;

\echo 'What became of the payments. A gateway takes no third decimal of a dinar but 0: the invoice stays open.'
SELECT currency, target_type, status, failure_code, count(*) AS payments, sum(amount) AS amount
FROM billing.payments WHERE provider = 'http' GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;

DO $$
BEGIN
	ASSERT (SELECT bool_and(p.charged - p.refunded IS NOT DISTINCT FROM c.balance) AND count(*) > 0
		FROM provider p FULL JOIN clearing c USING (currency)), 'journal and ledger differ';
	ASSERT (SELECT count(*) = count(DISTINCT entry ->> 'key') FROM demo.journal), 'a key was decided twice';
	ASSERT NOT EXISTS (SELECT FROM billing.payments WHERE status = 'PENDING'), 'a payment is not decided';
	ASSERT (SELECT count(*) FROM billing.payments p JOIN demo.journal j ON j.entry ->> 'key' = p.provider_key
		WHERE (p.status = 'APPROVED') = (j.entry ->> 'approved')::boolean AND p.amount = (j.entry ->> 'amount')::numeric)
		= (SELECT count(*) FROM demo.journal WHERE entry ->> 'kind' = 'charge'), 'a charge is not known as it is';
END;
$$;
