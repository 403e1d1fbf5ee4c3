-- verify(): true after every step of a history, and each check false when one row is damaged. What moves money by
-- itself is in money_proof.sql.
BEGIN;
SELECT plan(100);
SET LOCAL billing.now = '2026-05-20T00:00:00Z';

-- What an aggregator in another session would fold. A fold takes only what is committed, and all that is here
-- is one transaction; so its events get the id of an old one, which the cursor has not seen yet.
CREATE FUNCTION pg_temp.fold() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	-- 0 to 2 are no ids of transactions
	id text := 3 + COALESCE(NULLIF(current_setting('proof.folds', true), ''), '0')::int;
BEGIN
	ALTER TABLE billing.usage_events DISABLE TRIGGER append_only;
	UPDATE billing.usage_events SET xid = id::xid8 WHERE xid = pg_current_xact_id();
	UPDATE billing.window_cursors SET snapshot = format('%s:%s:', id, id)::pg_snapshot WHERE consumer = 'usage' AND era > 0;
	UPDATE billing.usage_events SET row_digest = billing.row_digest(usage_events);
	UPDATE billing.window_cursors SET row_digest = billing.row_digest(window_cursors);
	ALTER TABLE billing.usage_events ENABLE ALWAYS TRIGGER append_only;
	PERFORM set_config('proof.folds', (id::int - 2)::text, true);
	RETURN billing.aggregate_usage();
END;
$$;

CREATE FUNCTION pg_temp.holds(step text) RETURNS text LANGUAGE sql AS $$
	SELECT is_empty('SELECT check_name, detail FROM billing.verify() WHERE NOT ok', step)
$$;

-- the history
SELECT results_eq(
	'SELECT check_name, ok, violations, detail FROM billing.verify()',
	$$SELECT check_name, true, 0::bigint, NULL::jsonb FROM unnest(ARRAY['trial_balance', 'receivable', 'postings',
		'invoice_totals', 'invoice_payments', 'payments', 'collections', 'orders', 'refunds', 'gateway_calls', 'credit_notes', 'wallets', 'credits',
		'credit_applications', 'document_numbers', 'live_invoices', 'folded_usage', 'settled_usage', 'outbox_entities',
		'references', 'windows', 'row_digests']) check_name$$,
	'every check holds in an empty house');
DO $$ BEGIN
	PERFORM billing.register_meter('SEATS', 'seat', NULL, 'LAST');
	PERFORM billing.register_meter('PEAK', 'session', NULL, 'MAX');
	PERFORM billing.register_meter('CALLS', 'call', NULL, 'COUNT');
	PERFORM billing.register_tax_rate('VAT', 10);
	PERFORM billing.register_customer('acme', currency => 'KRW', tax_code => 'VAT', time_zone => 'Asia/Seoul');
	PERFORM billing.register_customer('bolt', currency => 'USD', collection => 'SEND_INVOICE');
	PERFORM billing.register_customer('FAIL_core', currency => 'KRW', tax_code => 'VAT');
	PERFORM billing.create_pricing_plan(currency, currency, format('[{"resourceType":"API_CALL","model":"graduated","tiers":'
		'[{"upTo":100,"unitPrice":0},{"upTo":null,"unitPrice":%1$s}]},'
		'{"resourceType":"SEATS","model":"per_unit","unitPrice":%1$s},'
		'{"resourceType":"PEAK","model":"volume","tiers":[{"upTo":10,"unitPrice":3},{"upTo":null,"unitPrice":1}]},'
		'{"resourceType":"CALLS","model":"per_unit","unitPrice":%1$s,"freeUnits":1}]', price)::jsonb, '2026-01-01T00:00:00Z')
		FROM (VALUES ('KRW', 7), ('USD', 0.123)) p(currency, price);
END $$;
SELECT pg_temp.holds('customers, meters, prices and taxes');
-- four events a meter and customer in May, of several days
SELECT is((SELECT sum((billing.ingest_usage(format('%s-%s-%s', c, r, n), c, r, 50 + n * 10, '2026-05-01T10:00:00Z'::timestamptz
		+ n / 2 * interval '3 days' + n * interval '1 hour'))::int)
	FROM unnest(ARRAY['acme', 'bolt', 'FAIL_core']) c, unnest(ARRAY['API_CALL', 'SEATS', 'PEAK', 'CALLS']) r, generate_series(1, 4) n),
	48::bigint, 'usage of all four aggregations is stored');
SELECT pg_temp.holds('usage that is not folded');
SELECT is(pg_temp.fold(), 48::bigint, 'the fold takes all of it');
SELECT pg_temp.holds('usage that is folded');
DO $$ BEGIN
	-- of each meter and customer the last event, which is the maximum and the last value of its day
	PERFORM billing.correct_usage(c, format('%s-%s-3', c, r), 'meter was wrong')
		FROM unnest(ARRAY['acme', 'bolt']) c, unnest(ARRAY['API_CALL', 'SEATS', 'PEAK', 'CALLS']) r;
END $$;
SELECT pg_temp.holds('corrections that are not folded');
SELECT is(pg_temp.fold(), 8::bigint, 'the fold takes the corrections');
SELECT pg_temp.holds('corrections that are folded');
DO $$ BEGIN
	PERFORM billing.correct_usage('bolt', format('bolt-%s-2', r), 'whole day') FROM unnest(ARRAY['SEATS', 'PEAK']) r;
	PERFORM pg_temp.fold();
END $$;
SELECT pg_temp.holds('a second correction of a day');
DO $$ BEGIN
	SET LOCAL billing.now = '2026-06-02T00:00:00Z';
	PERFORM billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['acme', 'bolt', 'FAIL_core']) c;
END $$;
SELECT results_eq(
	$$SELECT i.customer_id, i.number, i.status, i.tax > 0 FROM billing.invoices i ORDER BY i.number$$,
	$$VALUES ('acme' COLLATE "C", 'INV-2026-000001' COLLATE "C", 'PAID', true), ('bolt', 'INV-2026-000002', 'ISSUED', false),
		('FAIL_core', 'INV-2026-000003', 'ISSUED', true)$$,
	'May is invoiced: one paid, one sent, one declined');
SELECT pg_temp.holds('a settled month, with payments approved and declined');
DO $$ BEGIN
	-- late for May, and June; the day begins earlier in Seoul
	PERFORM billing.ingest_usage('late-' || r, 'acme', r, 400, '2026-05-31T14:30:00Z')
		FROM unnest(ARRAY['API_CALL', 'SEATS', 'PEAK']) r;
	PERFORM billing.ingest_usage('june-' || c, c, 'API_CALL', 300.5, '2026-05-31T15:30:00Z'::timestamptz + interval '9 hours')
		FROM unnest(ARRAY['acme', 'bolt', 'FAIL_core']) c;
	PERFORM billing.correct_usage('acme', 'acme-CALLS-1', 'late correction');
END $$;
SELECT pg_temp.holds('late usage that is not folded');
SELECT is(pg_temp.fold(), 7::bigint, 'the fold takes the late usage');
SELECT pg_temp.holds('late usage that is folded');
DO $$ BEGIN
	SET LOCAL billing.now = '2026-07-01T00:00:00Z';
	PERFORM billing.run_settlement(c, '2026-06') FROM unnest(ARRAY['acme', 'FAIL_core']) c;
END $$;
SELECT is((SELECT count(*) FROM billing.invoice_lines l WHERE l.kind = 'LATE_USAGE' AND l.customer_id = 'acme'), 4::bigint,
	'the late usage has its lines');
SELECT pg_temp.holds('a settled month with late usage');
DO $$ BEGIN
	PERFORM billing.pay_invoice((SELECT i.invoice_id FROM billing.invoices i WHERE i.number = 'INV-2026-000002'),
		idempotency_key => 'FAIL_once');
END $$;
SELECT is((SELECT i.status FROM billing.invoices i WHERE i.number = 'INV-2026-000002'), 'ISSUED', 'a declined payment pays nothing');
SELECT pg_temp.holds('a declined payment');
DO $$ BEGIN
	PERFORM billing.pay_invoice(i.invoice_id, idempotency_key => 'twice') FROM billing.invoices i, generate_series(1, 2)
		WHERE i.number = 'INV-2026-000002';
END $$;
SELECT is((SELECT i.status FROM billing.invoices i WHERE i.number = 'INV-2026-000002'), 'PAID', 'an approved payment pays');
SELECT pg_temp.holds('an approved payment, asked for twice');
DO $$ BEGIN
	PERFORM billing.cancel_invoice((SELECT i.invoice_id FROM billing.invoices i WHERE i.number = 'INV-2026-000003'), 'wrong');
END $$;
SELECT pg_temp.holds('a cancelled invoice');
DO $$ BEGIN
	PERFORM billing.run_settlement('FAIL_core', '2026-05');
END $$;
SELECT is((SELECT i.number FROM billing.invoices i WHERE i.customer_id = 'FAIL_core' AND i.replaces_invoice_id IS NOT NULL)::text,
	'INV-2026-000006', 'a cancelled invoice is replaced');
SELECT pg_temp.holds('a replaced invoice');
SELECT ok(billing.mark_overdue_invoices() = 0, 'nothing is overdue yet');
DO $$ BEGIN
	SET LOCAL billing.now = '2026-07-20T00:00:00Z';
	PERFORM billing.mark_overdue_invoices();
END $$;
SELECT is((SELECT count(*) FROM billing.invoices i WHERE i.status = 'OVERDUE'), 2::bigint, 'invoices become overdue');
SELECT pg_temp.holds('overdue invoices');
DO $$ BEGIN
	PERFORM billing.ingest_usage('july-' || c, c, 'API_CALL', 200, '2026-07-10T00:00:00Z') FROM unnest(ARRAY['acme', 'bolt']) c;
	PERFORM billing.run_settlement('bolt', '2026-06');
	-- usage of July is in the month's tail; the correction takes more than June used before
	PERFORM billing.correct_usage('bolt', 'june-bolt', 'not his');
	PERFORM pg_temp.fold();
	SET LOCAL billing.now = '2027-01-05T00:00:00Z';
	PERFORM billing.run_settlement(c, '2026-12') FROM unnest(ARRAY['bolt']) c;
END $$;
SELECT results_eq(
	$$SELECT i.number, i.net FROM billing.invoices i WHERE i.customer_id = 'bolt' AND i.period = '2026-12'$$,
	$$VALUES ('INV-2027-000001' COLLATE "C", 0.00)$$,
	'numbers begin again with the year, and a total below 0 is carried forward');
SELECT pg_temp.holds('another year, and an amount that is carried forward');
SELECT pg_temp.holds('usage that is not billed');
SELECT is((SELECT count(*) FROM billing.unbilled_usage), 1::bigint, 'the usage of acme in July is known to be unbilled');
DO $$ BEGIN
	SET LOCAL billing.now = '2027-06-15T00:00:00Z';
	PERFORM billing.purge_usage('2026-05-10T00:00:00Z');
END $$;
SELECT ok((SELECT min(e.occurred_at) >= '2026-05-10T00:00:00Z' FROM billing.usage_events e), 'old raw events are purged');
SELECT pg_temp.holds('a month of which a part is purged');
DO $$ BEGIN
	PERFORM billing.ingest_usage('now-' || r, 'acme', r, 5, '2027-06-10T00:00:00Z') FROM unnest(ARRAY['API_CALL', 'SEATS', 'PEAK', 'CALLS']) r;
	PERFORM pg_temp.fold();
	PERFORM billing.ingest_usage('tail-acme', 'acme', 'API_CALL', 1, '2027-06-11T00:00:00Z');
END $$;
SELECT pg_temp.holds('a running month');

-- how it may be called
CREATE FUNCTION pg_temp.checks_read_only(role text, since timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', role);
		SET LOCAL transaction_read_only = on;
		SELECT count(*) FILTER (WHERE v.ok) INTO answer FROM billing.verify(since) v;
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION
		WHEN SQLSTATE 'P0099' THEN NULL;
		WHEN OTHERS THEN answer := SQLSTATE;
	END;
	RETURN answer;
END;
$$;
SELECT is(pg_temp.checks_read_only('billing_service', NULL), '22', 'billing_service may verify in a read-only transaction');
SELECT is(pg_temp.checks_read_only('billing_admin', NULL), '22', 'billing_admin may verify in a read-only transaction');
SELECT is(pg_temp.checks_read_only('billing_customer', NULL), '42501', 'a customer may not verify');
SELECT is(pg_temp.checks_read_only('billing_service', since::timestamptz), '22', 'every check holds since ' || since)
	FROM unnest(ARRAY['2020-01-01', '2026-05-03T12:00:00Z', '2026-06-15', '2027-01-05', '2030-01-01', '-infinity', 'infinity']) since;
SELECT is_empty(
	$$SELECT p.proname FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace AND p.proname LIKE 'verify\_%'
		AND COALESCE(obj_description(p.oid, 'pg_proc'), '') NOT LIKE 'Invariant: %since: %.'$$,
	'the comment of each check states its invariant and what since means');

-- the damage
CREATE TEMP TABLE label AS
	SELECT h.invoice_id::text AS id, h.number::text AS name FROM billing.invoice_headers h
	UNION ALL
	SELECT p.payment_id::text, lower(p.status) || '-payment' FROM billing.payments p
	UNION ALL
	SELECT n.credit_note_id::text, n.number FROM billing.credit_notes n
	UNION ALL
	SELECT id::text, 'outbox-event' FROM billing.outbox;

\ir include/damage.sql

-- an extra transfer that is nobody's
CREATE FUNCTION pg_temp.transfer(debit text, credit text, amount numeric, customer text DEFAULT 'acme') RETURNS void LANGUAGE sql AS $$
	INSERT INTO billing.ledger_transfers (transfer_id, journal_id, customer_id, debit_account, credit_account, amount, currency,
		kind, reference_type, reference_id, effective_on, posted_at, actor_type, actor_id)
	VALUES ('00000000-0000-0000-0000-00000000000a', gen_random_uuid(), customer, debit, credit, amount, 'KRW',
		'TEST', 'TEST', '1', '2027-06-15', '2027-06-15', 'SYSTEM', 'test')
$$;

SELECT is_empty('SELECT pg_temp.damage(''SELECT 1'')', 'without damage nothing is told');

SELECT pg_temp.tells($$SELECT pg_temp.transfer('bank', 'nowhere', 5)$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: unknown credit account',
		'trial_balance: ledger_transfers KRW: debits and credits differ',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells an account that is not in the chart');
SELECT pg_temp.tells($$SELECT pg_temp.transfer('nowhere', 'bank', 5)$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: unknown debit account',
		'trial_balance: ledger_transfers KRW: debits and credits differ',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells a debit of no account');
SELECT pg_temp.tells($$SELECT pg_temp.transfer('bank', 'bad_debt', 0.5)$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: amount has more decimals than its currency',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells an amount that its currency cannot have');
SELECT pg_temp.tells($$ALTER TABLE billing.ledger_transfers DROP CONSTRAINT ledger_transfers_amount;
	SELECT pg_temp.transfer('bank', 'bad_debt', -5)$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: amount is not above 0',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells an amount below 0');
SELECT pg_temp.tells($$ALTER TABLE billing.ledger_transfers DROP CONSTRAINT ledger_transfers_amount;
	SELECT pg_temp.transfer('bank', 'bad_debt', 'NaN')$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: amount is not above 0',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells an amount that is no number');
SELECT pg_temp.tells($$ALTER TABLE billing.ledger_transfers DROP CONSTRAINT ledger_transfers_accounts;
	SELECT pg_temp.transfer('bank', 'bank', 5)$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: debit and credit are one account',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'trial_balance tells a transfer from an account to itself');
SELECT pg_temp.tells($$SELECT pg_temp.transfer('bank', 'bad_debt', 0.5);
	UPDATE billing.ledger_transfers SET currency = 'ZZZ' WHERE kind = 'TEST'$$,
	ARRAY['trial_balance: ledger_transfers acme 00000000-0000-0000-0000-00000000000a: unknown currency',
		'postings: ledger_transfers acme 1 TEST ZZZ: posted, but nothing stands for it'],
	'trial_balance tells a currency that is none');
SELECT pg_temp.tells($$SELECT pg_temp.transfer('receivable', 'bank', 5)$$,
	ARRAY['receivable: ledger_transfers acme KRW: receivable is not what is due',
		'postings: ledger_transfers acme 1 TEST KRW: posted, but nothing stands for it'],
	'receivable tells a posting without an invoice');
SELECT pg_temp.tells($$UPDATE billing.invoice_headers SET amount_credited = 1 WHERE number = 'INV-2026-000006'$$,
	ARRAY['receivable: ledger_transfers FAIL_core KRW: receivable is not what is due',
		'credit_notes: invoice_headers FAIL_core INV-2026-000006: amount_credited is not the sum of its credit notes'],
	'receivable tells a credited amount without a posting');
SELECT pg_temp.tells($$UPDATE billing.invoice_lines l SET net = l.net + 0.01 FROM billing.invoice_headers h
	WHERE h.invoice_id = l.invoice_id AND h.number = 'INV-2026-000002' AND l.line_no = 1$$,
	ARRAY['invoice_totals: invoice_headers bolt INV-2026-000002: net is not the sum of the lines'],
	'invoice_totals tells a line that was changed');
SELECT pg_temp.tells($$UPDATE billing.invoice_lines l SET tax = l.tax + CASE WHEN l.line_no = 1 THEN 1 ELSE 0 END
	FROM billing.invoice_headers h WHERE h.invoice_id = l.invoice_id AND h.number = 'INV-2026-000001'$$,
	ARRAY['invoice_totals: invoice_headers acme INV-2026-000001: tax is not the sum of the lines',
		'invoice_totals: invoice_headers acme INV-2026-000001: invoice_taxes is not the sum of the lines of code VAT'],
	'invoice_totals tells the tax of a line that was changed');
SELECT pg_temp.tells($$UPDATE billing.invoice_lines l SET line_no = 9 FROM billing.invoice_headers h
	WHERE h.invoice_id = l.invoice_id AND h.number = 'INV-2026-000002' AND l.line_no = 2$$,
	ARRAY['invoice_totals: invoice_headers bolt INV-2026-000002: line numbers are not 1 to n'],
	'invoice_totals tells a missing line number');
SELECT pg_temp.tells($$ALTER TABLE billing.invoice_headers DROP CONSTRAINT invoice_headers_total;
	UPDATE billing.invoice_headers SET total = total + 1, amount_credited = 1 WHERE number = 'INV-2026-000006'$$,
	ARRAY['invoice_totals: invoice_headers FAIL_core INV-2026-000006: total is not net plus tax',
		'credit_notes: invoice_headers FAIL_core INV-2026-000006: amount_credited is not the sum of its credit notes'],
	'invoice_totals tells a total that was changed');
SELECT pg_temp.tells($$UPDATE billing.invoice_taxes t SET tax = t.tax + 1 FROM billing.invoice_headers h
	WHERE h.invoice_id = t.invoice_id AND h.number = 'INV-2026-000001'$$,
	ARRAY['invoice_totals: invoice_headers acme INV-2026-000001: tax is not the sum of invoice_taxes',
		'invoice_totals: invoice_headers acme INV-2026-000001: invoice_taxes is not the sum of the lines of code VAT',
		'postings: ledger_transfers acme INV-2026-000001 INVOICE_ISSUED KRW: posted with another amount'],
	'invoice_totals and postings tell a tax that was changed');
SELECT pg_temp.tells($$INSERT INTO billing.invoice_headers (customer_id, invoice_id, number, status, period, period_start, period_end,
		currency, net, tax, total, issued_on, issued_at, due_at, paid_at, snapshot_hash, captured_at, customer_snapshot)
	SELECT h.customer_id, '00000000-0000-0000-0000-00000000000b', 'INV-2026-000099', h.status, '2020-01', h.period_start, h.period_end,
		h.currency, 0, 0, 0, h.issued_on, h.issued_at, h.due_at, h.paid_at, h.snapshot_hash, h.captured_at, h.customer_snapshot
	FROM billing.invoice_headers h WHERE h.number = 'INV-2026-000001'$$,
	ARRAY['invoice_totals: invoice_headers acme 00000000-0000-0000-0000-00000000000b: no lines',
		'document_numbers: invoice_headers acme 00000000-0000-0000-0000-00000000000b: the number is not registered'],
	'invoice_totals tells an invoice without lines');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET tax_code = 'GST' WHERE customer_id = 'acme' AND tax_code = 'VAT'
	AND reference_id = (SELECT invoice_id::text FROM billing.invoice_headers WHERE number = 'INV-2026-000001')$$,
	ARRAY['postings: ledger_transfers acme INV-2026-000001 INVOICE_ISSUED KRW: not posted',
		'postings: ledger_transfers acme INV-2026-000001 INVOICE_ISSUED KRW: posted, but nothing stands for it'],
	'postings tells a tax that was posted under another code');
SELECT pg_temp.tells($$INSERT INTO billing.ledger_transfers OVERRIDING SYSTEM VALUE
	SELECT (jsonb_populate_record(t, jsonb_build_object('transfer_id', gen_random_uuid(), 'position', 999))).*
	FROM billing.ledger_transfers t WHERE t.kind = 'INVOICE_ISSUED' AND t.customer_id = 'bolt'
	AND t.reference_id = (SELECT invoice_id::text FROM billing.invoice_headers WHERE number = 'INV-2026-000002')$$,
	ARRAY['receivable: ledger_transfers bolt USD: receivable is not what is due',
		'postings: ledger_transfers bolt INV-2026-000002 INVOICE_ISSUED USD: posted with another amount'],
	'postings tells an invoice that is posted twice');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'CREDIT_NOTE_ISSUED' AND debit_account = 'revenue'$$,
	ARRAY['receivable: ledger_transfers FAIL_core KRW: receivable is not what is due',
		'postings: ledger_transfers FAIL_core CN-2026-000001 CREDIT_NOTE_ISSUED KRW: not posted'],
	'postings tells a cancelled invoice that is not reversed');
SELECT pg_temp.tells($$UPDATE billing.payment_attempts a SET status = 'UNKNOWN' FROM billing.payments p
	WHERE p.payment_id = a.payment_id AND p.idempotency_key = 'twice'$$,
	ARRAY['payments: payments bolt approved-payment: its attempts do not agree with it'],
	'payments tells an approved payment without an approved attempt');
SELECT pg_temp.tells($$UPDATE billing.payment_attempts a SET status = 'APPROVED' FROM billing.payments p
	WHERE p.payment_id = a.payment_id AND p.idempotency_key = 'FAIL_once'$$,
	ARRAY['payments: payments bolt failed-payment: its attempts do not agree with it'],
	'payments tells a failed payment with an approved attempt');
SELECT pg_temp.tells($$UPDATE billing.payments SET status = 'FAILED' WHERE idempotency_key = 'twice'$$,
	ARRAY['invoice_payments: invoice_headers bolt INV-2026-000002: amount_paid is not the sum of its payments less their refunds',
		'payments: payments bolt approved-payment: its attempts do not agree with it',
		'postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: posted, but nothing stands for it'],
	'invoice_payments tells money that was booked for a failed payment');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET debit_account = 'bank' WHERE kind = 'PAYMENT_CAPTURED' AND customer_id = 'bolt'$$,
	ARRAY['postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: not posted',
		'postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: posted, but nothing stands for it'],
	'postings tells a capture on another account');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'PAYMENT_CAPTURED' AND customer_id = 'bolt'$$,
	ARRAY['receivable: ledger_transfers bolt USD: receivable is not what is due',
		'postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: not posted'],
	'postings tells a capture that is not booked');
SELECT pg_temp.tells($$INSERT INTO billing.ledger_transfers OVERRIDING SYSTEM VALUE
	SELECT (jsonb_populate_record(t, jsonb_build_object('transfer_id', gen_random_uuid(), 'position', 999))).*
	FROM billing.ledger_transfers t WHERE t.kind = 'PAYMENT_CAPTURED' AND t.customer_id = 'bolt'$$,
	ARRAY['receivable: ledger_transfers bolt USD: receivable is not what is due',
		'postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: posted with another amount'],
	'postings tells a capture that is booked twice');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET reference_id = '00000000-0000-0000-0000-000000000012'
	WHERE kind = 'PAYMENT_CAPTURED' AND customer_id = 'bolt'$$,
	ARRAY['postings: ledger_transfers bolt approved-payment PAYMENT_CAPTURED USD: not posted',
		'postings: ledger_transfers bolt 00000000-0000-0000-0000-000000000012 PAYMENT_CAPTURED USD: posted, but nothing stands for it'],
	'postings tells a capture for no payment');
SELECT pg_temp.tells($$UPDATE billing.invoice_headers SET status = 'ISSUED', paid_at = NULL WHERE number = 'INV-2026-000002'$$,
	ARRAY['invoice_payments: invoice_headers bolt INV-2026-000002: nothing is due, but not PAID'],
	'invoice_payments tells an invoice that is paid and does not say so');
SELECT pg_temp.tells($$DELETE FROM billing.document_numbers WHERE number = 2$$,
	ARRAY['document_numbers: document_numbers INV 2026: gap before the number',
		'document_numbers: invoice_headers bolt INV-2026-000002: the number is not registered'],
	'document_numbers tells a gap');
SELECT pg_temp.tells($$ALTER TABLE billing.document_numbers DROP CONSTRAINT document_numbers_pkey;
	UPDATE billing.document_numbers SET number = 1 WHERE number = 2$$,
	ARRAY['document_numbers: document_numbers INV 2026: duplicate number', 'document_numbers: document_numbers INV 2026: gap before the number',
		'document_numbers: invoice_headers bolt INV-2026-000002: the number is not the registered one'],
	'document_numbers tells a duplicate');
SELECT pg_temp.tells($$UPDATE billing.document_numbers SET issued_on = '2026-01-01' WHERE number = 3$$,
	ARRAY['document_numbers: document_numbers INV 2026: issued before the number below it',
		'document_numbers: invoice_headers FAIL_core INV-2026-000003: issued_on is not the registered one'],
	'document_numbers tells an issue date that goes back');
SELECT pg_temp.tells($$UPDATE billing.document_series SET last_number = 7 WHERE series = 'INV'$$,
	ARRAY['document_numbers: document_series INV: the counter is not at the last number'],
	'document_numbers tells a counter that ran ahead');
SELECT pg_temp.tells($$UPDATE billing.document_numbers SET document_id = '00000000-0000-0000-0000-00000000000c' WHERE number = 3$$,
	ARRAY['document_numbers: document_numbers FAIL_core 00000000-0000-0000-0000-00000000000c: the document of the number does not exist',
		'document_numbers: invoice_headers FAIL_core INV-2026-000003: the number is not registered'],
	'document_numbers tells a number without a document');
SELECT pg_temp.tells($$DROP INDEX billing.invoice_headers_live;
	UPDATE billing.invoice_headers SET period = '2026-05' WHERE number = 'INV-2026-000004'$$,
	ARRAY['live_invoices: invoice_headers acme 2026-05 KRW: more than one live invoice'],
	'live_invoices tells two live invoices of a month');

SELECT pg_temp.tells($$UPDATE billing.aggregated_usage SET quantity = quantity + 1
	WHERE customer_id = 'acme' AND day = '2027-06-10' AND resource_type = 'API_CALL'$$,
	ARRAY['folded_usage: aggregated_usage acme 2027-06-10 API_CALL: quantity is not the fold of its events'],
	'folded_usage tells a sum that was changed');
SELECT pg_temp.tells($$UPDATE billing.aggregated_usage SET event_count = event_count + 1
	WHERE customer_id = 'acme' AND day = '2026-05-31' AND resource_type = 'PEAK'$$,
	ARRAY['folded_usage: aggregated_usage acme 2026-05-31 PEAK: event_count is not that of its events'],
	'folded_usage tells a count of events that was changed');
SELECT pg_temp.tells($$UPDATE billing.aggregated_usage SET last_position = 0
	WHERE customer_id = 'acme' AND day = '2027-06-10' AND resource_type = 'SEATS'$$,
	ARRAY['folded_usage: aggregated_usage acme 2027-06-10 SEATS: last event is not that of its events'],
	'folded_usage tells a last event that was changed');
SELECT pg_temp.tells($$DELETE FROM billing.aggregated_usage WHERE customer_id = 'acme' AND day = '2027-06-10' AND resource_type = 'CALLS'$$,
	ARRAY['folded_usage: aggregated_usage acme 2027-06-10 CALLS: folded events have no row'],
	'folded_usage tells a day that is lost');
SELECT pg_temp.tells($$DELETE FROM billing.usage_events WHERE event_id = 'now-CALLS'$$,
	ARRAY['folded_usage: aggregated_usage acme 2027-06-10 CALLS: no folded events'],
	'folded_usage tells an event that is lost');
SELECT pg_temp.tells(format($$UPDATE billing.window_cursors SET snapshot = '%1$s:%1$s:' WHERE bucket = billing.bucket_of('acme')$$,
		2 + current_setting('proof.folds')::int),
	(SELECT array_agg(format('folded_usage: aggregated_usage acme 2027-06-10 %s: no folded events', r))
		FROM unnest(ARRAY['API_CALL', 'CALLS', 'PEAK', 'SEATS']) r),
	'folded_usage tells a cursor that would fold events again');
SELECT pg_temp.tells($$DELETE FROM billing.unbilled_usage WHERE month = '2026-07-01'$$,
	ARRAY['settled_usage: invoice_lines acme 2026-07 API_CALL: billed usage is not the folded usage, and the month is not marked as unbilled'],
	'settled_usage tells usage that would never be billed');
SELECT pg_temp.tells($$UPDATE billing.invoice_lines SET quantity = quantity + 1 WHERE customer_id = 'acme' AND service_period = '2026-05'
	AND kind = 'LATE_USAGE' AND resource_type = 'SEATS'$$,
	ARRAY['settled_usage: invoice_lines acme 2026-05 SEATS: billed usage is not the folded usage, and the month is not marked as unbilled'],
	'settled_usage tells a quantity that was billed and not used');
SELECT pg_temp.tells($$UPDATE billing.outbox SET aggregateid = '00000000-0000-0000-0000-00000000000d'
	WHERE type = 'PaymentApproved' AND customer_id = 'bolt'$$,
	ARRAY['outbox_entities: outbox outbox-event 00000000-0000-0000-0000-00000000000d: its entity does not exist'],
	'outbox_entities tells an event of nothing');
SELECT pg_temp.tells($$SELECT pg_temp.transfer('bank', 'bad_debt', 5, 'ghost')$$,
	ARRAY['references: ledger_transfers ghost 00000000-0000-0000-0000-00000000000a: its customer does not exist',
		'postings: ledger_transfers ghost 1 TEST KRW: posted, but nothing stands for it'],
	'references tells a transfer of nobody');
SELECT pg_temp.tells($$INSERT INTO billing.usage_events (customer_id, event_id, resource_type, quantity, occurred_at, received_at,
	era, bucket) SELECT 'ghost', 'e1', 'NOTHING', 1, now(), now(), max(era), billing.bucket_of('ghost') FROM billing.window_eras$$,
	ARRAY['references: usage_events ghost e1: its customer does not exist', 'references: usage_events ghost e1 NOTHING: its meter does not exist'],
	'references tells usage of nobody and of nothing');
SELECT pg_temp.tells($$UPDATE billing.payments SET target_id = '00000000-0000-0000-0000-00000000000e' WHERE idempotency_key = 'FAIL_once'$$,
	ARRAY['references: payments bolt failed-payment: its invoice does not exist'],
	'references tells a payment of no invoice');
SELECT pg_temp.tells($$DELETE FROM billing.payment_attempts a USING billing.payments p WHERE p.payment_id = a.payment_id
		AND p.idempotency_key = 'FAIL_once';
	UPDATE billing.payments SET payment_id = '00000000-0000-0000-0000-00000000000f' WHERE idempotency_key = 'FAIL_once';
	INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at)
		VALUES ('bolt', '00000000-0000-0000-0000-000000000010', 1, 'DECLINED', now());
	UPDATE billing.outbox SET aggregateid = '00000000-0000-0000-0000-00000000000f' WHERE idempotency_key = 'FAIL_once'$$,
	ARRAY['references: payment_attempts bolt 00000000-0000-0000-0000-000000000010: its payment does not exist'],
	'references tells an attempt of no payment');
SELECT pg_temp.tells($$DELETE FROM billing.pricing_snapshots s USING billing.invoice_headers h
	WHERE h.number = 'INV-2027-000001' AND s.content_hash = h.snapshot_hash$$,
	ARRAY['references: invoice_headers bolt INV-2027-000001: its pricing snapshot does not exist'],
	'references tells an invoice without its prices');
SELECT pg_temp.tells($$INSERT INTO billing.invoice_lines VALUES ('acme', '00000000-0000-0000-0000-000000000011', 1, 'ONE_OFF', 'X', NULL,
	'x', '2026-05', 1, 0, 'NONE', 0)$$,
	ARRAY['references: invoice_lines acme 00000000-0000-0000-0000-000000000011: its invoice does not exist'],
	'references tells a line of no invoice');
SELECT pg_temp.tells($$UPDATE billing.usage_events SET bucket = (bucket + 1) % 64 WHERE event_id = 'tail-acme'$$,
	ARRAY[format('windows: usage_events %s acme tail-acme: not in the bucket of its customer', (billing.bucket_of('acme') + 1) % 64)],
	'windows tells an event that its consumer would not look for');
SELECT pg_temp.tells($$UPDATE billing.outbox SET era = 9 WHERE type = 'PaymentApproved' AND customer_id = 'bolt'$$,
	ARRAY[format('windows: outbox %s bolt outbox-event: its era does not exist', billing.bucket_of('bolt'))],
	'windows tells an event of an unknown era');
SELECT pg_temp.tells($$UPDATE billing.window_cursors SET era = 9 WHERE bucket = billing.bucket_of('acme')$$,
	ARRAY[format('windows: window_cursors usage %s: its era does not exist', billing.bucket_of('acme')),
		'folded_usage: aggregated_usage acme 2027-06-11 API_CALL: folded events have no row'],
	'windows tells a cursor of an unknown era');
SELECT pg_temp.tells($$DELETE FROM billing.window_cursors WHERE bucket = (billing.bucket_of('acme') + 1) % 64$$,
	ARRAY['windows: window_cursors usage: not one cursor a bucket'],
	'windows tells a bucket that nobody consumes');

-- how much is told
CREATE FUNCTION pg_temp.told(statement text, since timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	answer text;
BEGIN
	BEGIN
		EXECUTE statement;
		SELECT string_agg(format('%s: %s violations, %s told', v.check_name, v.violations, jsonb_array_length(v.detail)), '; ')
			INTO answer FROM billing.verify(since) v WHERE NOT v.ok AND v.check_name <> 'row_digests';
		RAISE EXCEPTION USING ERRCODE = 'P0099';
	EXCEPTION WHEN SQLSTATE 'P0099' THEN NULL;
	END;
	RETURN answer;
END;
$$;
SELECT is(pg_temp.told($$UPDATE billing.outbox SET aggregateid = 'lost' WHERE position IN
	(SELECT o.position FROM billing.outbox o ORDER BY o.position LIMIT 7)$$, NULL), 'outbox_entities: 7 violations, 5 told',
	'all violations are counted, five are told');
SELECT is(pg_temp.told($$SELECT pg_temp.transfer('bank', 'bad_debt', 0.5)$$, '2027-06-15'),
	'trial_balance: 1 violations, 1 told; postings: 1 violations, 1 told',
	'since takes what was written from then on');
SELECT is(pg_temp.told($$SELECT pg_temp.transfer('bank', 'bad_debt', 0.5)$$, '2027-06-16'), NULL,
	'since leaves out what was written before');

SELECT * FROM finish();
ROLLBACK;
