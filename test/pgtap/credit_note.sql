-- Credit notes: what they take back of an invoice, their tax, their numbers, where the money goes; cancelling.
BEGIN;
SELECT plan(91);
-- far from the present, so that no number was given in this year before
SET LOCAL billing.now = '2056-06-02T00:00:00Z';
SET LOCAL billing.usage_max_age = '3650d';

-- Settles 2056-05 for a customer: so many of A, B and C at 1 each; the id of the invoice.
CREATE FUNCTION pg_temp.invoice(customer text, quantities int[], tax text DEFAULT 'TEN', code text DEFAULT 'KRW') RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
	run record;
BEGIN
	PERFORM billing.register_customer(customer, currency => code, tax_code => tax, collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage(customer || n, customer, chr(64 + n), quantities[n], '2056-05-10') FROM generate_subscripts(quantities, 1) n;
	SELECT * INTO run FROM billing.run_settlement(customer, '2056-05');
	IF run.invoice_id IS NULL THEN
		RAISE EXCEPTION 'no invoice of %: %', customer, run.message;
	END IF;
	RETURN run.invoice_id;
END;
$$;
CREATE FUNCTION pg_temp.of(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT invoice_id FROM billing.invoices WHERE customer_id = customer ORDER BY number DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.note(customer text, lines text, destination text DEFAULT NULL, key text DEFAULT NULL) RETURNS billing.credit_notes LANGUAGE sql AS $$
	SELECT billing.issue_credit_note(pg_temp.of(customer), lines::jsonb, 'corrected', destination, key)
$$;
-- net + tax of a note
CREATE FUNCTION pg_temp.figures(customer text, lines text, destination text DEFAULT NULL) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s + %s', n.net, n.tax) FROM pg_temp.note(customer, lines, destination) n
$$;
-- status: total = applied + paid + credited + due
CREATE FUNCTION pg_temp.state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s: %s = %s + %s + %s + %s', status, total, applied_credit, amount_paid, amount_credited, amount_due)
	FROM billing.invoices WHERE invoice_id = pg_temp.of(customer)
$$;
CREATE FUNCTION pg_temp.transfers(reference uuid) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', kind, debit_account, credit_account, amount, tax_code), ', ' ORDER BY position)
	FROM billing.ledger_transfers WHERE reference_id = reference::text
$$;
CREATE FUNCTION pg_temp.events(customer text, since bigint DEFAULT 0) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = customer AND position > since
$$;
CREATE FUNCTION pg_temp.last_event() RETURNS bigint LANGUAGE sql AS $$ SELECT COALESCE(max(position), 0) FROM billing.outbox $$;
-- as many units, so that what follows a refusal is the same as before
CREATE FUNCTION pg_temp.counts() RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM billing.credit_notes), (SELECT count(*) FROM billing.refunds), (SELECT count(*) FROM billing.ledger_transfers),
		(SELECT count(*) FROM billing.outbox), (SELECT count(*) FROM billing.audit_entries), (SELECT last_number FROM billing.document_series WHERE series = 'CN'))
$$;

DO $$ BEGIN
	PERFORM billing.register_meter(m, 'unit', m) FROM unnest(ARRAY['A', 'B', 'C']) m;
	PERFORM billing.create_pricing_plan('one', 'KRW', (SELECT jsonb_agg(jsonb_build_object('resourceType', m, 'model', 'per_unit', 'unitPrice', 1))
		FROM unnest(ARRAY['A', 'B', 'C']) m), '2040-01-01');
	PERFORM billing.register_tax_rate('TEN', 10, 'STANDARD', '2040-01-01');
	PERFORM pg_temp.invoice('acme', ARRAY[50, 30, 20]);
END $$;

-- the note
CREATE TEMP TABLE first AS SELECT (pg_temp.note('acme', '[{"lineNo":1,"net":10}]', NULL, 'k1')).*;
SELECT results_eq($$SELECT number COLLATE "default", currency COLLATE "default", net, tax, total, tax_code COLLATE "default", reason, issued_on, issued_at FROM first$$,
	$$VALUES ('CN-2056-000001', 'KRW', 10::numeric, 1::numeric, 11::numeric, 'TEN', 'corrected', '2056-06-02'::date, '2056-06-02T00:00:00Z'::timestamptz)$$,
	'a credit note has a number, a net and the tax on it');
SELECT results_eq($$SELECT l.line_no, l.invoice_line_no, l.description, l.net, l.tax FROM billing.credit_note_lines l JOIN first USING (credit_note_id)$$,
	$$VALUES (1, 1, 'A x 50', 10::numeric, 1::numeric)$$, 'its line is described as the line that it corrects');
SELECT is(pg_temp.state('acme'), 'ISSUED: 110 = 0 + 0 + 11 + 99', 'it lowers what is due');
SELECT is(pg_temp.transfers((SELECT credit_note_id FROM first)), 'CREDIT_NOTE_ISSUED revenue receivable 10, CREDIT_NOTE_ISSUED tax_payable receivable 1 TEN',
	'its postings take back revenue and tax');
SELECT results_eq($$SELECT aggregatetype COLLATE "default", type COLLATE "default", idempotency_key COLLATE "default", payload FROM billing.outbox WHERE aggregateid = (SELECT credit_note_id::text FROM first)$$,
	$$SELECT 'CreditNote', 'CreditNoteIssued', 'k1', jsonb_build_object('creditNoteId', credit_note_id, 'number', number, 'invoiceId', invoice_id, 'customerId', 'acme', 'net', 10, 'tax', 1,
		'total', 11, 'currency', 'KRW', 'reason', 'corrected', 'occurredAt', '2056-06-02T00:00:00+00:00') FROM first$$, 'it is told of');
SELECT is((SELECT action || ' ' || reason FROM billing.audit_log WHERE target_id = (SELECT credit_note_id::text FROM first)), 'CREDIT_NOTE_ISSUED corrected', 'and audited');
SELECT is((SELECT total FROM billing.invoices WHERE invoice_id = pg_temp.of('acme')), 110::numeric, 'the invoice stays what it was');
SELECT throws_ok($$UPDATE billing.credit_notes SET net = 0$$, 'ZB208', NULL, 'a credit note is never changed');
SELECT throws_ok($$DELETE FROM billing.credit_note_lines$$, 'ZB208', NULL, 'nor are its lines removed');

-- idempotency
SELECT is((pg_temp.note('acme', '[{"net":"10.0","lineNo":1.0}]', NULL, 'k1')).credit_note_id, (SELECT credit_note_id FROM first), 'the key answers its note, however the lines are written');
SELECT is((SELECT count(*) FROM billing.credit_notes WHERE customer_id = 'acme'), 1::bigint, 'and makes no other');
SELECT throws_ok(format('SELECT pg_temp.note(%s, %L)', v.arguments, 'k1'), 'ZB203', NULL, v.rule)
FROM (VALUES
	($$'acme', '[{"lineNo":1,"net":11}]', NULL$$, 'another net with that key is INCOMPATIBLE_PARAMS'),
	($$'acme', '[{"lineNo":2,"net":10}]', NULL$$, 'another line'),
	($$'acme', '[{"lineNo":1,"net":10,"description":"A x 50"}]', NULL$$, 'a description'),
	($$'acme', NULL, NULL$$, 'all that is left'),
	($$'acme', '[{"lineNo":1,"net":10}]', 'WALLET'$$, 'a destination')
) AS v(arguments, rule);
SELECT is(pg_temp.figures('acme', '[{"lineNo":1,"net":10}]'), '10 + 1', 'without a key each call is a note');

-- what is refused, with nothing left behind
CREATE TEMP TABLE before AS SELECT pg_temp.counts() AS counts;
SELECT throws_ok(format('SELECT pg_temp.note(%s)', v.arguments), v.code, v.message, v.rule)
FROM (VALUES
	($$'acme', '[{"lineNo":1,"net":31}]'$$, 'ZB214', 'the credit note is more than what is left of line 1', 'the notes of a line never exceed it'),
	($$'acme', '[{"lineNo":1,"net":20},{"lineNo":1,"net":11}]'$$, 'ZB214', 'the credit note is more than what is left of line 1', 'nor do two of one note'),
	($$'acme', '[{"lineNo":4,"net":1}]'$$, 'ZB001', 'the invoice has no line 4', 'a line that is not there'),
	($$'acme', '[{"lineNo":1,"net":0}]'$$, 'ZB001', 'net must be above 0', 'a net of 0'),
	($$'acme', '[{"lineNo":1,"net":-5}]'$$, 'ZB001', 'net must be above 0', 'a negative net'),
	($$'acme', '[{"lineNo":1,"net":1.5}]'$$, 'ZB001', 'net has more decimals than KRW', 'more decimals than the currency has'),
	($$'acme', '[{"lineNo":1,"net":"NaN"}]'$$, 'ZB001', 'net must be a finite decimal', 'not a number'),
	($$'acme', '[{"lineNo":1.5,"net":1}]'$$, 'ZB001', 'lineNo must be a whole number', 'a fraction of a line'),
	($$'acme', '[{"lineNo":1,"net":1,"description":" "}]'$$, 'ZB001', 'lines[0].description must not be blank', 'a blank description'),
	($$'acme', '[]'$$, 'ZB001', 'lines must not be empty', 'no lines'),
	($$'acme', '{}'$$, 'ZB002', 'lines must be a JSON array', 'an object'),
	($$'acme', '7'$$, 'ZB002', 'lines must be a JSON array', 'a scalar'),
	($$'acme', '[7]'$$, 'ZB002', 'a line must be a JSON object', 'a line that is no object'),
	($$'acme', '[{"net":1}]'$$, 'ZB002', 'required key "lineNo" is missing', 'no line number'),
	($$'acme', '[{"lineNo":1}]'$$, 'ZB002', 'required key "net" is missing', 'no net'),
	($$'acme', '[{"lineNo":"1","net":1}]'$$, 'ZB002', 'lineNo must be a number', 'a line number as a text'),
	($$'acme', '[{"lineNo":1,"net":{"a":1}}]'$$, 'ZB002', 'net must be a number, or the number as a string', 'an object as net'),
	($$'acme', '[{"lineNo":1,"net":1,"tax":1}]'$$, 'ZB002', 'key "tax" does not belong to a line', 'a key that no line has'),
	($$'acme', '[{"lineNo":1,"net":1}]', 'BANK'$$, 'ZB001', 'destination is not one of the allowed values', 'an unknown destination')
) AS v(arguments, code, message, rule);
SELECT throws_ok($$SELECT billing.issue_credit_note('00000000-0000-0000-0000-000000000000', NULL, 'x')$$, 'ZB104', NULL, 'an unknown invoice');
SELECT throws_ok($$SELECT billing.issue_credit_note(pg_temp.of('acme'), NULL, NULL)$$, 'ZB001', 'reason must not be null', 'no reason');
SELECT is(pg_temp.counts(), (SELECT counts FROM before), 'what is refused leaves nothing, not even a number');

-- all that is left
SELECT is(pg_temp.figures('acme', NULL), '80 + 8', 'without lines it is all that is not credited yet');
SELECT is((SELECT string_agg(format('%s: %s + %s', invoice_line_no, l.net, l.tax), ', ' ORDER BY l.line_no) FROM billing.credit_note_lines l JOIN billing.credit_notes n USING (customer_id, credit_note_id)
	WHERE n.number = 'CN-2056-000003'), '1: 30 + 3, 2: 30 + 3, 3: 20 + 2', 'line by line');
SELECT is(pg_temp.state('acme'), 'PAID: 110 = 0 + 0 + 110 + 0', 'nothing due any more: the invoice is PAID');
SELECT is((SELECT payload ->> 'amount' FROM billing.outbox WHERE customer_id = 'acme' AND type = 'InvoicePaid'), '0', 'of which nothing was captured');
SELECT throws_ok($$SELECT pg_temp.note('acme', NULL)$$, 'ZB214', NULL, 'of nothing there is no note');

-- the tax follows the net to date
DO $$ BEGIN PERFORM pg_temp.invoice('thirds', ARRAY[5, 5, 5]); END $$;
SELECT is((SELECT tax FROM billing.invoices WHERE customer_id = 'thirds'), 2::numeric, 'lines 5 + 5 + 5 at 10 %: tax 2');
SELECT is(pg_temp.figures('thirds', '[{"lineNo":3,"net":5}]') || ', ' || pg_temp.figures('thirds', '[{"lineNo":2,"net":5}]') || ', ' || pg_temp.figures('thirds', '[{"lineNo":1,"net":5}]'),
	'5 + 1, 5 + 0, 5 + 1', 'taken back one by one: 1, 0, 1');

-- notes by amount and by line stay within both
DO $$ BEGIN PERFORM pg_temp.invoice('mixed', ARRAY[50, 30, 20]); PERFORM billing.record_payment(pg_temp.of('mixed'), 55); END $$;
DO $$ BEGIN PERFORM billing.refund_payment(payment_id) FROM billing.payments WHERE customer_id = 'mixed'; END $$;
SELECT is((SELECT format('%s + %s', net, tax) FROM billing.credit_notes WHERE customer_id = 'mixed'), '50 + 5', 'a refund is a note by amount, tax included');
SELECT is((SELECT count(*) FROM billing.credit_note_lines WHERE customer_id = 'mixed' AND invoice_line_no IS NULL), 1::bigint, 'which corrects no line but the whole');
SELECT is(pg_temp.figures('mixed', '[{"lineNo":1,"net":40}]'), '40 + 4', 'a line can still be corrected');
SELECT throws_ok($$SELECT pg_temp.note('mixed', '[{"lineNo":2,"net":11}]')$$, 'ZB214', NULL, 'within what is left of the invoice');
SELECT is(pg_temp.figures('mixed', NULL), '10 + 1', 'the rest');
SELECT is((SELECT invoice_line_no FROM billing.credit_note_lines WHERE customer_id = 'mixed' ORDER BY credit_note_id DESC LIMIT 1), NULL, 'is by amount then');
SELECT is(pg_temp.state('mixed'), 'PAID: 110 = 0 + 0 + 110 + 0', 'and all is credited');

-- what was paid goes back
DO $$ BEGIN
	PERFORM pg_temp.invoice('payer', ARRAY[50, 30, 20]);
	PERFORM billing.grant_credit('payer', 'PROMO', 20, 'KRW', NULL);
	PERFORM billing.apply_credit('payer', pg_temp.of('payer'));
	PERFORM billing.record_payment(pg_temp.of('payer'), 30);
	PERFORM set_config('billing.now', '2056-06-03T00:00:00Z', true);
	PERFORM billing.pay_invoice(pg_temp.of('payer'), idempotency_key => 'card');
END $$;
SELECT is(pg_temp.state('payer'), 'PAID: 110 = 20 + 90 + 0 + 0', 'paid by credit, bank and card');
SELECT throws_ok($$SELECT pg_temp.note('payer', '[{"lineNo":1,"net":50}]')$$, 'ZB202', 'invoice INV-2056-000004 is paid', 'of a paid invoice the money needs a destination');
CREATE TEMP TABLE mark AS SELECT pg_temp.last_event() AS position;
SELECT is(pg_temp.figures('payer', '[{"lineNo":1,"net":50},{"lineNo":2,"net":10}]', 'SOURCE'), '60 + 6', 'a note of 66');
SELECT is(pg_temp.events('payer', (SELECT position FROM mark)), 'CreditNoteIssued RefundApproved RefundCompleted RefundApproved RefundCompleted', 'gives back by refunds');
SELECT results_eq($$SELECT p.provider, r.amount, r.tax, r.status, r.destination FROM billing.refunds r JOIN billing.payments p USING (customer_id, payment_id)
	JOIN billing.credit_notes n USING (customer_id, credit_note_id) WHERE r.customer_id = 'payer' AND n.total = 66 ORDER BY p.provider DESC$$,
	$$VALUES ('mock', 60::numeric, 5::numeric, 'COMPLETED', 'SOURCE'), ('manual', 6::numeric, 1::numeric, 'COMPLETED', 'SOURCE')$$, 'of the newest payment first, whose tax sums to that of the note');
SELECT is(pg_temp.state('payer'), 'PAID: 110 = 20 + 24 + 66 + 0', 'what was paid is credited');
SELECT is((SELECT string_agg(format('%s %s %s', debit_account, credit_account, amount), ', ' ORDER BY position) FROM billing.ledger_transfers WHERE customer_id = 'payer' AND kind = 'REFUND_COMPLETED'),
	'receivable gateway_clearing 60, receivable bank 6', 'and leaves where it came in');
SELECT is(pg_temp.figures('payer', NULL, 'WALLET'), '40 + 4', 'all the rest');
SELECT is(pg_temp.state('payer'), 'PAID: 110 = 0 + 0 + 110 + 0', 'leaves nothing paid or applied');
SELECT is((SELECT balance FROM billing.wallets WHERE customer_id = 'payer'), 24::numeric, 'what was paid is in the wallet');
SELECT results_eq($$SELECT type, granted, balance, valid_until, reason FROM billing.credits WHERE customer_id = 'payer' ORDER BY type DESC LIMIT 1$$,
	$$VALUES ('REFUND_TO_CREDIT', 20::numeric, 20::numeric, NULL::timestamptz, 'corrected')$$, 'credit comes back as one that never expires, whatever the destination');
SELECT is((SELECT string_agg(format('%s %s %s', debit_account, credit_account, amount), ', ') FROM billing.ledger_transfers WHERE customer_id = 'payer' AND kind = 'CREDIT_GRANTED' AND debit_account = 'receivable'),
	'receivable credit 20', 'posted from the receivable');

-- what is due first, then what was paid
DO $$ BEGIN PERFORM pg_temp.invoice('partly', ARRAY[100]); PERFORM billing.record_payment(pg_temp.of('partly'), 80); END $$;
SELECT is(pg_temp.figures('partly', '[{"lineNo":1,"net":20}]') || ' ' || pg_temp.state('partly'), '20 + 2 ISSUED: 110 = 0 + 80 + 22 + 8', 'a note within what is due needs no destination');
SELECT is(pg_temp.figures('partly', '[{"lineNo":1,"net":20}]', 'CREDIT') || ' ' || pg_temp.state('partly'), '20 + 2 PAID: 110 = 0 + 66 + 44 + 0', 'one beyond it pays the invoice and gives the rest back');
SELECT is((SELECT status || ' ' || amount || ' ' || destination FROM billing.refunds WHERE customer_id = 'partly'), 'COMPLETED 14 CREDIT', 'as it was told');
SELECT is((SELECT granted FROM billing.credits c JOIN billing.refunds r USING (customer_id, credit_id) WHERE r.customer_id = 'partly'), 14::numeric, 'here as a credit that the refund names');

-- what is not decided
DO $$ BEGIN
	PERFORM pg_temp.invoice('waiting', ARRAY[100]);
	PERFORM billing.pay_invoice(pg_temp.of('waiting'), idempotency_key => 'UNKNOWN_1');
	PERFORM pg_temp.invoice('refunding', ARRAY[100]);
	PERFORM billing.refund_payment(p.payment_id, 60, idempotency_key => 'UNKNOWN_1') FROM billing.pay_invoice(pg_temp.of('refunding')) p;
END $$;
SELECT throws_ok($$SELECT pg_temp.note('waiting', NULL)$$, 'ZB205', NULL, 'an invoice that is being paid gets no note');
SELECT throws_ok($$SELECT billing.cancel_invoice(pg_temp.of('waiting'), 'x')$$, 'ZB205', NULL, 'nor is it cancelled');
SELECT throws_ok($$SELECT pg_temp.note('refunding', NULL, 'SOURCE')$$, 'ZB202', NULL, 'what is on its way back does not go back again');
SELECT is(pg_temp.figures('refunding', '[{"lineNo":1,"net":45}]', 'WALLET'), '45 + 5', 'what is not can');
DO $$ BEGIN PERFORM billing.resolve_refund(refund_id, 'COMPLETED', 'r', 'x') FROM billing.refunds WHERE customer_id = 'refunding' AND status = 'REQUESTED'; END $$;
SELECT is(pg_temp.state('refunding'), 'PAID: 110 = 0 + 0 + 110 + 0', 'and both together are all of it');

-- cancelling
DO $$ BEGIN
	PERFORM pg_temp.invoice('wrong', ARRAY[50, 30, 20]);
	PERFORM pg_temp.note('wrong', '[{"lineNo":1,"net":10}]');
	PERFORM billing.grant_credit('wrong', 'PROMO', 20, 'KRW', NULL);
	PERFORM billing.apply_credit('wrong', pg_temp.of('wrong'));
	UPDATE mark SET position = pg_temp.last_event();
	PERFORM billing.cancel_invoice(pg_temp.of('wrong'), 'wrong customer', false);
END $$;
SELECT is(pg_temp.state('wrong'), 'CANCELLED: 110 = 0 + 0 + 110 + 0', 'a cancelled invoice is credited whole');
SELECT is((SELECT string_agg(format('%s + %s %s', net, tax, reason), ', ' ORDER BY number) FROM billing.credit_notes WHERE customer_id = 'wrong'), '10 + 1 corrected, 90 + 9 wrong customer',
	'by a note of what was left');
SELECT is((SELECT string_agg(type || ' ' || balance, ', ' ORDER BY type) FROM billing.credits WHERE customer_id = 'wrong'), 'PROMO 0, REFUND_TO_CREDIT 20', 'credit that was applied comes back as another');
SELECT is(pg_temp.events('wrong', (SELECT position FROM mark)), 'CreditGranted CreditNoteIssued InvoiceCancelled', 'all of which is told');
SELECT results_eq($$SELECT (payload ->> 'rebill')::boolean, payload ->> 'creditNoteId' FROM billing.outbox WHERE customer_id = 'wrong' AND type = 'InvoiceCancelled'$$,
	$$SELECT false, credit_note_id::text FROM billing.credit_notes WHERE customer_id = 'wrong' ORDER BY number DESC LIMIT 1$$, 'the cancellation with its note');
SELECT is((SELECT COALESCE(sum(balance), 0) FROM (SELECT sum(amount) FILTER (WHERE debit_account = 'receivable') - sum(amount) FILTER (WHERE credit_account = 'receivable') FROM billing.ledger_transfers
	WHERE customer_id = 'wrong') b(balance)), 0::numeric, 'nothing is receivable');
SELECT throws_ok($$SELECT pg_temp.note('wrong', NULL)$$, 'ZB202', NULL, 'and no note follows');
DO $$ BEGIN PERFORM pg_temp.invoice('final', ARRAY[100]); PERFORM billing.cancel_invoice(pg_temp.of('final'), 'x', false); END $$;
SELECT is((SELECT message FROM billing.run_settlement('final', '2056-05')), 'no usage', 'cancelled for good its usage is not billed again');
DO $$ BEGIN PERFORM billing.ingest_usage('late', 'final', 'A', 7, '2056-05-20'), billing.run_settlement('final', '2056-05'); END $$;
SELECT is(pg_temp.state('final'), 'ISSUED: 8 = 0 + 0 + 0 + 8', 'what comes late is billed alone');
DO $$ BEGIN PERFORM billing.cancel_invoice(pg_temp.of('final'), 'price'), billing.run_settlement('final', '2056-05'); END $$;
SELECT is(pg_temp.state('final'), 'ISSUED: 8 = 0 + 0 + 0 + 8', 'and cancelled to be rebilled, again only that');
DO $$ BEGIN
	PERFORM billing.register_customer('flat', currency => 'KRW', collection => 'SEND_INVOICE');
	PERFORM billing.create_pricing_plan('fee', 'KRW', '[{"code":"BASE","model":"flat","amount":500}]', '2056-01-01', 'flat');
	PERFORM billing.run_settlement('flat', '2056-05');
	PERFORM billing.cancel_invoice(pg_temp.of('flat'), 'x', false);
END $$;
SELECT is((SELECT message FROM billing.run_settlement('flat', '2056-05')), 'no usage', 'nor is a flat fee charged again');
DO $$ BEGIN PERFORM set_config('billing.now', '2056-07-02', true), billing.run_settlement('flat', '2056-06'); END $$;
SELECT is(pg_temp.state('flat'), 'ISSUED: 500 = 0 + 0 + 0 + 500', 'but that of the next month is');
DO $$ BEGIN
	PERFORM pg_temp.invoice('refunded', ARRAY[100]);
	PERFORM billing.record_payment(pg_temp.of('refunded'), 50);
END $$;
SELECT throws_ok($$SELECT billing.cancel_invoice(pg_temp.of('refunded'), 'x')$$, 'ZB202', NULL, 'an invoice that is partly paid is not cancelled');
DO $$ BEGIN PERFORM billing.refund_payment(payment_id) FROM billing.payments WHERE customer_id = 'refunded'; END $$;
SELECT is((SELECT status || ' ' || amount_credited FROM billing.cancel_invoice(pg_temp.of('refunded'), 'x')), 'CANCELLED 110', 'once that is back, it is');
DO $$ BEGIN PERFORM billing.cancel_invoice(pg_temp.of('refunded'), 'y'); END $$;
SELECT is((SELECT count(*) FROM billing.credit_notes WHERE customer_id = 'refunded'), 2::bigint, 'a second call writes no other note');

SELECT is((SELECT array_agg(number::text ORDER BY number) FROM billing.credit_notes), (SELECT array_agg(format('CN-2056-%s', lpad(n::text, 6, '0')) ORDER BY n) FROM generate_series(1, (SELECT count(*) FROM billing.credit_notes)) n),
	'the numbers of credit notes have no gap');
SELECT is_empty('SELECT * FROM billing.verify() WHERE NOT ok', 'everything agrees with the ledger');
SELECT finish();
ROLLBACK;
