-- One customer, one month: from the first event to the paid invoice. Run by demo/run.
\set QUIET on
\pset footer off
\pset null '-'
\set ECHO queries

\echo
\echo '-- May 2026 is over on 2 June. billing.now is a test clock: it makes this true on any day.'
SET billing.now = '2026-06-02T00:00:00Z';

\echo
\echo '-- A price for everybody: 10 000 calls a month are free, each further call costs 1 KRW.'
SELECT billing.create_pricing_plan(
	name => 'Starter', currency => 'KRW', effective_from => '2026-01-01T00:00:00Z',
	charges => '[{"resourceType": "API_CALL", "model": "graduated",
	              "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": null, "unitPrice": 1}]}]') AS plan_id;

\echo '-- acme-corp makes 3000 calls on each of five days. It becomes a customer with its first event.'
SELECT day, billing.ingest_usage('evt-' || day, 'acme-corp', 'API_CALL', 3000,
	make_timestamptz(2026, 5, day, 12, 0, 0, 'UTC')) AS stored
FROM generate_series(11, 15) AS day;

\echo '-- The network hiccups and the last event is sent again: false, it is known and counts once.'
SELECT billing.ingest_usage('evt-15', 'acme-corp', 'API_CALL', 3000, '2026-05-15T12:00:00Z') AS stored;

\set ECHO none
DO $$
BEGIN
	ASSERT NOT billing.ingest_usage('evt-15', 'acme-corp', 'API_CALL', 3000, '2026-05-15T12:00:00Z'),
		'a repeated event was stored again';
END;
$$;
\set ECHO queries

\echo '-- Usage is readable at once, before anything was aggregated.'
SELECT * FROM billing.usage_of('acme-corp', '2026-05');

\echo '-- Aggregation folds the events by day, each exactly once, and changes no answer.'
SELECT billing.aggregate_usage() AS events_folded;

SELECT * FROM billing.usage_of('acme-corp', '2026-05');

\echo '-- What would the invoice be? (15 000 - 10 000) x 1 KRW.'
SELECT p ->> 'status' AS status, p ->> 'currency' AS currency, p ->> 'total' AS total
FROM billing.preview_invoice('acme-corp', '2026-05') AS p;

\set ECHO none
DO $$
BEGIN
	ASSERT (billing.preview_invoice('acme-corp', '2026-05') ->> 'total')::numeric = 5000,
		'the preview is not 5000 KRW';
END;
$$;
\set ECHO queries

\echo '-- Settle the month: one transaction rates, numbers, issues, charges and books the invoice.'
SELECT customer_id, period, already_processed, payment_succeeded, payment_status, message
FROM billing.run_settlement('acme-corp', '2026-05');
\if :gateway
\i demo/wait.sql
\endif

\echo '-- Once more: a month is never billed twice.'
SELECT customer_id, period, already_processed, message
FROM billing.run_settlement('acme-corp', '2026-05');

\echo '-- The invoice.'
SELECT number, status, currency, net, tax, total, amount_paid, amount_due, issued_on, due_at::date AS due_on
FROM billing.invoices WHERE customer_id = 'acme-corp';

\echo '-- Its lines.'
SELECT line_no, kind, code, description, quantity, net, tax_code, tax
FROM billing.invoice_lines WHERE customer_id = 'acme-corp' ORDER BY line_no;

\echo '-- The prices it was made with stay with it, whatever the plan becomes.'
\pset format unaligned
\pset tuples_only on
SELECT jsonb_pretty(pricing_snapshot) FROM billing.invoices WHERE customer_id = 'acme-corp';
\pset tuples_only off
\pset format aligned

\echo
\echo '-- The books: every transfer debits one account and credits another.'
SELECT * FROM billing.trial_balance ORDER BY currency, account;

\echo '-- Every invariant of the house, proved over all data.'
SELECT check_name, ok, violations FROM billing.verify();

\set ECHO none
DO $$
DECLARE
	invoice billing.invoices;
BEGIN
	SELECT * INTO STRICT invoice FROM billing.invoices WHERE customer_id = 'acme-corp';
	ASSERT invoice.number = 'INV-2026-000001' AND invoice.status = 'PAID' AND invoice.total = 5000
		AND invoice.amount_due = 0, 'the invoice is not INV-2026-000001, PAID, 5000 KRW';
	ASSERT (SELECT count(*) = 1 AND sum(net) = 5000 AND sum(quantity) = 15000 FROM billing.invoice_lines
		WHERE customer_id = 'acme-corp'), 'the lines are not one of 15 000 calls and 5000 KRW';
	ASSERT (SELECT invoice.pricing_snapshot -> 'segments' -> 0 ->> 'planName') = 'Starter',
		'the snapshot does not hold the plan';
	ASSERT (SELECT sum(debit) = sum(credit) AND sum(debit) = 10000 FROM billing.trial_balance),
		'the trial balance is not 10 000 on both sides';
	ASSERT (SELECT count(*) > 0 AND bool_and(ok) FROM billing.verify()), 'verify() found a violation';
END;
$$;
