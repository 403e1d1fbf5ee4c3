-- Collection of declined invoices: the schedule, what ends it, dead letters.
BEGIN;
SELECT plan(102);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- a customer's one invoice, of 100 KRW for May
CREATE FUNCTION pg_temp.invoice(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT invoice_id FROM billing.invoice_headers WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.invoice_state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s, paid %s, due %s', status, trim_scale(amount_paid), trim_scale(amount_due)) FROM billing.invoice_headers WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', status, attempts, step, to_char(next_attempt_at AT TIME ZONE 'UTC', 'MM-DD HH24:MI'), stop_reason)
	FROM billing.collections WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.events(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = customer AND type <> 'InvoiceIssued'
$$;
CREATE FUNCTION pg_temp.audit(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(action, ' ' ORDER BY position) FROM billing.audit_entries WHERE customer_id = customer AND action LIKE 'INVOICE_COLLECTION%'
$$;
CREATE FUNCTION pg_temp.letter(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT dead_letter_id FROM billing.dead_letters WHERE customer_id = customer AND status = 'OPEN'
$$;
CREATE FUNCTION pg_temp.payments(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(operation || ' ' || status || ' ' || trim_scale(amount), ', ' ORDER BY created_at, payment_id) FROM billing.payments WHERE customer_id = customer
$$;
CREATE TEMP TABLE customer AS SELECT unnest(string_to_array('FAIL_all FATAL_card gone mended sent paid partly credited cancelled unknown unsure noted late', ' ')) AS name;
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01');
	PERFORM billing.register_customer(name), billing.ingest_usage('e', name, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM customer;
	PERFORM billing.register_payment_method(name, 'CARD', 'mock', 'FAIL_' || name) FROM customer WHERE name !~ '^F';
	PERFORM billing.register_payment_method('gone', 'CARD', 'mock', 'expired', expires_on => '2026-05-31');
	PERFORM billing.run_settlement(name, '2026-05') FROM customer;
END $$;

-- ---- what begins it -------------------------------------------------------------------------------------------
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 1 1 06-03 00:00', 'a declined charge is tried again a day later');
SELECT is(pg_temp.state('gone'), 'EXHAUSTED 1 1', 'one that is declined for good is not');
SELECT is(pg_temp.state('FATAL_card'), 'EXHAUSTED 1 1', 'whatever says so');
SELECT results_eq($$SELECT c.first_failed_at, c.last_payment_id, c.last_failure_code, c.ended_at, c.created_at FROM billing.collections c WHERE customer_id = 'FAIL_all'$$,
	$$SELECT billing.business_now(), p.payment_id, 'CARD_DECLINED', NULL::timestamptz, billing.business_now() FROM billing.payments p WHERE customer_id = 'FAIL_all'$$,
	'it remembers when, by which payment and why');
SELECT is(pg_temp.events('FAIL_all'), 'PaymentRejected InvoiceCollectionScheduled', 'the next try is told');
SELECT is(pg_temp.events('gone'), 'PaymentRejected InvoiceCollectionExhausted', 'and that there is none');
SELECT is((SELECT payload - 'invoiceId' FROM billing.outbox WHERE customer_id = 'FAIL_all' AND type = 'InvoiceCollectionScheduled'),
	jsonb_build_object('number', (SELECT number FROM billing.invoices WHERE customer_id = 'FAIL_all'), 'customerId', 'FAIL_all', 'attempts', 1,
		'failureCode', 'CARD_DECLINED', 'nextAttemptAt', '2026-06-03T00:00:00+00:00', 'occurredAt', '2026-06-02T00:00:00+00:00'), 'with its time');
SELECT is(billing.collect_invoices(), 0::bigint, 'nothing is tried before its time');
SELECT is_empty($$SELECT * FROM billing.collections c JOIN billing.customers u USING (customer_id) WHERE u.collection <> 'AUTOMATIC'$$,
	'who is sent his invoices has none');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('mended'), idempotency_key => 'FAIL_by_hand')), 'FAILED', 'a payment that somebody else asked for and was declined');
SELECT is(pg_temp.state('mended'), 'ACTIVE 1 1 06-03 00:00', 'does not count');

-- ---- the schedule ---------------------------------------------------------------------------------------------
-- these are looked at below, one by one
UPDATE billing.collections SET next_attempt_at = '2026-07-01' WHERE customer_id NOT IN ('FAIL_all', 'mended') AND status = 'ACTIVE';
UPDATE billing.collections SET row_digest = billing.row_digest(collections);
SET LOCAL billing.now = '2026-06-02T23:59:59Z';
SELECT is(billing.collect_invoices(), 0::bigint, 'a second before the day nothing is tried');
SET LOCAL billing.now = '2026-06-03T00:00:00Z';
SELECT is(billing.collect_invoices(), 2::bigint, 'on the day it is');
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 2 2 06-05 00:00', 'the third day is next');
SELECT is(billing.collect_invoices(), 0::bigint, 'once');
SELECT is(pg_temp.payments('FAIL_all'), 'settlement FAILED 100, collection FAILED 100', 'a try is a payment of its own');
SELECT is((SELECT count(DISTINCT provider_key) FROM billing.payments WHERE customer_id = 'FAIL_all'), 2::bigint, 'with its own key at the provider');
DO $$ BEGIN PERFORM billing.register_payment_method('mended', 'CARD', 'mock', 'good'); END $$;
SET LOCAL billing.now = '2026-06-05T08:00:00Z';
SELECT is(billing.collect_invoices(), 2::bigint, 'eight hours late');
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 3 3 06-07 00:00', 'the days are counted from the first decline all the same');
SELECT is(pg_temp.state('mended'), 'COLLECTED 2 2', 'a try is made with the default payment method of then');
SELECT is(pg_temp.invoice_state('mended'), 'PAID, paid 100, due 0', 'and pays the invoice');
SELECT is((SELECT sum(amount) FROM billing.ledger_transfers WHERE customer_id = 'mended' AND debit_account = 'gateway_clearing' AND credit_account = 'receivable'),
	100::numeric, 'its money is posted');
SELECT is((SELECT ended_at FROM billing.collections WHERE customer_id = 'mended'), billing.business_now(), 'the collection has ended then');
SELECT ok(pg_temp.events('mended') LIKE '% PaymentApproved InvoicePaid InvoiceCollectionSucceeded', 'which is told in this order');
SELECT is((SELECT payload ->> 'paymentId' FROM billing.outbox WHERE customer_id = 'mended' AND type = 'InvoiceCollectionSucceeded'),
	(SELECT payment_id::text FROM billing.payments WHERE customer_id = 'mended' AND status = 'APPROVED'), 'with the payment');
SET LOCAL billing.now = '2026-06-07T00:00:00Z';
SELECT is(billing.collect_invoices(), 1::bigint, 'the fifth day');
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 4 4 06-09 00:00', 'the seventh is next');
SET LOCAL billing.now = '2026-06-09T00:00:00Z';
SELECT is(billing.collect_invoices(), 1::bigint, 'the seventh day');
SELECT is(pg_temp.state('FAIL_all'), 'EXHAUSTED 5 5', 'is the last');
SELECT is(pg_temp.audit('FAIL_all'), 'INVOICE_COLLECTION_SCHEDULED INVOICE_COLLECTION_SCHEDULED INVOICE_COLLECTION_SCHEDULED INVOICE_COLLECTION_SCHEDULED INVOICE_COLLECTION_EXHAUSTED',
	'each step is audited');
SET LOCAL billing.now = '2026-06-30T00:00:00Z';
SELECT is(billing.collect_invoices(), 0::bigint, 'nothing is tried after that');
SELECT is(pg_temp.invoice_state('FAIL_all'), 'ISSUED, paid 0, due 100', 'and the invoice is what it was');

-- ---- what stops it --------------------------------------------------------------------------------------------
DO $$ BEGIN
	PERFORM billing.register_customer('sent', collection => 'SEND_INVOICE');
	PERFORM billing.pay_invoice(pg_temp.invoice('paid'), 'BANK_TRANSFER');
	PERFORM billing.record_payment(pg_temp.invoice('partly'), 30);
	PERFORM billing.register_payment_method('partly', 'CARD', 'mock', 'good');
	PERFORM billing.grant_credit('credited', 'PROMO', 100, 'KRW', NULL);
	PERFORM billing.apply_credit('credited', pg_temp.invoice('credited'));
	PERFORM billing.cancel_invoice(pg_temp.invoice('cancelled'), 'wrong', false);
	PERFORM billing.register_payment_method('unknown', 'CARD', 'mock', 'UNKNOWN_1');
	PERFORM billing.register_payment_method('unsure', 'CARD', 'mock', 'UNKNOWN_2');
END $$;
SET LOCAL billing.now = '2026-07-01T00:00:00Z';
SELECT is(billing.collect_invoices(3), 3::bigint, 'at most as many as asked for');
SELECT is(billing.collect_invoices(), (SELECT count(*) - 3 FROM customer WHERE name NOT IN ('FAIL_all', 'mended', 'FATAL_card', 'gone')), 'and then the others');
SELECT is(pg_temp.state(v.customer), v.expected, v.rule)
FROM (VALUES
	('sent', 'STOPPED 1 1 SEND_INVOICE', 'an invoice that is to be sent now is not charged'),
	('paid', 'STOPPED 1 1 PAID', 'nor one that was paid otherwise'),
	('credited', 'STOPPED 1 1 PAID', 'nor one that credits paid'),
	('cancelled', 'STOPPED 1 1 CANCELLED', 'nor one that was cancelled'),
	('partly', 'COLLECTED 1 1', 'of one that is paid in part the rest is'),
	('late', 'ACTIVE 2 2 07-03 00:00', 'a try that comes a month late does not bring the next ones with it')
) AS v(customer, expected, rule);
SELECT is(pg_temp.payments('partly'), 'settlement FAILED 100, record_payment APPROVED 30, collection APPROVED 70', 'what is due then is charged');
SELECT is(pg_temp.events('sent'), 'PaymentRejected InvoiceCollectionScheduled InvoiceCollectionStopped', 'a stop is told');
SELECT is((SELECT payload - 'invoiceId' - 'number' FROM billing.outbox WHERE customer_id = 'sent' AND type = 'InvoiceCollectionStopped'),
	'{"customerId": "sent", "attempts": 1, "reason": "SEND_INVOICE", "occurredAt": "2026-07-01T00:00:00+00:00"}', 'with the reason');
SELECT is(pg_temp.audit('sent'), 'INVOICE_COLLECTION_SCHEDULED INVOICE_COLLECTION_STOPPED', 'and audited');

-- ---- while nobody knows ---------------------------------------------------------------------------------------
SELECT is(pg_temp.state('unknown'), 'ACTIVE 1 1 07-01 01:00', 'while a try is not decided the collection waits');
SELECT is(pg_temp.events('unknown'), 'PaymentRejected InvoiceCollectionScheduled', 'and tells nothing');
SELECT throws_ok($$SELECT billing.cancel_invoice(pg_temp.invoice('unknown'), 'x')$$, 'ZB205', NULL, 'the invoice is being paid');
SET LOCAL billing.now = '2026-07-01T01:00:00Z';
SELECT is(billing.collect_invoices(), 2::bigint, 'an hour later it looks again');
SELECT is(pg_temp.payments('unknown'), 'settlement FAILED 100, collection PENDING 100', 'but does not charge twice');
SELECT is(pg_temp.state('unknown'), 'ACTIVE 1 1 07-01 02:00', 'and waits on');
DO $$ BEGIN
	PERFORM billing.resolve_payment(payment_id, 'FAILED', NULL, 'asked the provider') FROM billing.payments WHERE customer_id = 'unknown' AND status = 'PENDING';
	PERFORM billing.resolve_payment(payment_id, 'APPROVED', 'ref', 'asked the provider') FROM billing.payments WHERE customer_id = 'unsure' AND status = 'PENDING';
END $$;
SELECT is(pg_temp.state('unknown'), 'ACTIVE 2 2 07-03 01:00', 'a try that turns out to be declined counts');
SELECT is(pg_temp.state('unsure'), 'COLLECTED 1 1', 'one that turns out to be approved ends it');
DO $$ BEGIN PERFORM billing.register_payment_method('unknown', 'CARD', 'mock', 'FAIL_again'); END $$;
SELECT is(pg_temp.invoice_state('unsure'), 'PAID, paid 100, due 0', 'and pays');

-- ---- dead letters ---------------------------------------------------------------------------------------------
SELECT results_eq($$SELECT source, subject_type, subject_id, error_class, failure_reason, retry_count, status, created_at, resolved_at FROM billing.dead_letters WHERE customer_id = 'FAIL_all'$$,
	$$SELECT 'PAYMENT', 'INVOICE', pg_temp.invoice('FAIL_all'), 'RETRIES_EXHAUSTED', 'CARD_DECLINED: card declined', 5, 'OPEN', '2026-06-09T00:00:00Z'::timestamptz, NULL::timestamptz$$,
	'what was given up leaves a dead letter');
SELECT results_eq($$SELECT error_class, failure_reason, retry_count FROM billing.dead_letters WHERE customer_id = 'gone'$$,
	$$VALUES ('HARD_DECLINE', 'CARD_EXPIRED: card expired', 1)$$, 'so does what was declined for good');
SELECT is((SELECT payload - 'payments' - 'customer' - 'invoiceId' - 'number' FROM billing.dead_letters WHERE customer_id = 'FAIL_all'),
	'{"period": "2026-05", "status": "ISSUED", "total": 100, "amountDue": 100, "currency": "KRW", "customerId": "FAIL_all", "attempts": 5, "schedule": "1, 3, 5, 7",
	"issuedAt": "2026-06-02T00:00:00+00:00", "dueAt": "2026-06-16T00:00:00+00:00", "firstFailedAt": "2026-06-02T00:00:00+00:00"}', 'which says what it is about');
SELECT is((SELECT payload -> 'customer' ->> 'customerId' FROM billing.dead_letters WHERE customer_id = 'FAIL_all'), 'FAIL_all', 'and whom');
SELECT results_eq($$SELECT p ->> 'operation', p ->> 'status', p ->> 'failureCode', p -> 'attempts' -> 0 ->> 'status', (p ->> 'createdAt')::timestamptz
		FROM billing.dead_letters d, jsonb_array_elements(d.payload -> 'payments') WITH ORDINALITY a(p, n) WHERE customer_id = 'FAIL_all' ORDER BY n$$,
	$$SELECT CASE n WHEN 0 THEN 'settlement' ELSE 'collection' END, 'FAILED', 'CARD_DECLINED', 'DECLINED', '2026-06-02T00:00:00Z'::timestamptz + v.days * interval '1 day' + v.late
		FROM (VALUES (0, 0, interval '0'), (1, 1, '0'), (2, 3, '8 hours'), (3, 5, '0'), (4, 7, '0')) v(n, days, late)$$, 'with every charge and what was answered');
SELECT is((SELECT payload ->> 'deadLetterId' FROM billing.outbox WHERE customer_id = 'FAIL_all' AND type = 'InvoiceCollectionExhausted'), pg_temp.letter('FAIL_all')::text, 'the event names it');
CREATE TEMP TABLE first_letter AS SELECT pg_temp.letter('FAIL_all') AS id;
SELECT results_eq($$SELECT status, resolved_at, resolved_by, resolution FROM billing.replay_dead_letter((SELECT id FROM first_letter), 'the bank was down')$$,
	$$SELECT 'REPLAYED', billing.business_now(), current_user::text COLLATE "default", 'the bank was down'$$, 'an operator replays it');
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 5 0 07-01 01:00', 'it is due at once, from the beginning of the schedule');
SELECT ok(pg_temp.events('FAIL_all') LIKE '% InvoiceCollectionExhausted DeadLetterReplayed InvoiceCollectionScheduled', 'which is told');
SELECT results_eq($$SELECT action, before ->> 'status', after ->> 'status', reason FROM billing.audit_entries WHERE target_type = 'DeadLetter'$$,
	$$VALUES ('DEAD_LETTER_REPLAYED', 'OPEN', 'REPLAYED', 'the bank was down')$$, 'and audited');
SELECT is((SELECT resolution FROM billing.replay_dead_letter((SELECT id FROM first_letter), 'again')), 'the bank was down', 'a second replay answers what the first one did');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE target_type = 'DeadLetter'), 1::bigint, 'and does nothing');
SELECT throws_ok($$SELECT billing.discard_dead_letter((SELECT id FROM first_letter), 'x')$$, 'ZB202', 'dead letter cannot become DISCARDED', 'what was replayed is not discarded');
SELECT is(billing.collect_invoices(), 1::bigint, 'it is tried');
SELECT is(pg_temp.state('FAIL_all'), 'ACTIVE 6 1 07-02 01:00', 'and declined: a day later again');
SELECT is((SELECT count(*) FROM billing.dead_letters WHERE customer_id = 'FAIL_all'), 1::bigint, 'without another letter yet');
SELECT is((SELECT status FROM billing.discard_dead_letter(pg_temp.letter('gone'), 'he left')), 'DISCARDED', 'an operator discards one');
SELECT is((SELECT status FROM billing.discard_dead_letter(dead_letter_id, 'again')), 'DISCARDED', 'a second discard answers the same') FROM billing.dead_letters WHERE customer_id = 'gone';
SELECT is(pg_temp.state('gone'), 'EXHAUSTED 1 1', 'the collection stays given up');
SELECT throws_ok(format('SELECT billing.replay_dead_letter(%L, %L)', dead_letter_id, 'x'), 'ZB202', 'dead letter cannot become REPLAYED', 'what was discarded is not replayed')
	FROM billing.dead_letters WHERE customer_id = 'gone';
SELECT throws_ok($$SELECT billing.replay_dead_letter('00000000-0000-0000-0000-000000000001', 'x')$$, 'ZB114', NULL, 'one that is not there is not found');
DO $$ BEGIN PERFORM billing.replay_dead_letter(pg_temp.letter('FATAL_card'), 'x'), billing.collect_invoices(); END $$;
SELECT results_eq($$SELECT error_class, retry_count, status FROM billing.dead_letters WHERE customer_id = 'FATAL_card' ORDER BY created_at$$,
	$$VALUES ('HARD_DECLINE', 1, 'REPLAYED'), ('HARD_DECLINE', 1, 'OPEN')$$, 'what is given up again leaves another letter');

-- ---- one that cannot be charged -------------------------------------------------------------------------------
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no payment for %', NEW.customer_id; END $$;
CREATE TRIGGER refuse BEFORE INSERT ON billing.payments FOR EACH ROW WHEN (NEW.customer_id = 'noted') EXECUTE FUNCTION pg_temp.refuse();
SET LOCAL billing.now = '2026-07-03T01:00:00Z';
SET LOCAL client_min_messages = error;
SELECT is(billing.collect_invoices(), 4::bigint, 'one that fails does not keep the others back');
SET LOCAL client_min_messages = warning;
SELECT is(pg_temp.state(v.customer), v.expected, v.rule)
FROM (VALUES
	('noted', 'ACTIVE 2 2 07-03 02:00', 'it is tried again an hour later, and no decline is counted'),
	('late', 'ACTIVE 3 3 07-05 01:00', 'the others were charged')
) AS v(customer, expected, rule);
DROP TRIGGER refuse ON billing.payments;

-- ---- settings -------------------------------------------------------------------------------------------------
SELECT throws_ok($$SET billing.collection_retry_days = '3, 1'$$, '22023', NULL, 'days have to rise');
SELECT throws_ok($$SET billing.gateway_hard_declines = 'A B'$$, '22023', NULL, 'codes have to be separated');
SET LOCAL billing.collection_retry_days = '';
SET LOCAL billing.now = '2026-08-02T00:00:00Z';
DO $$ BEGIN PERFORM billing.ingest_usage('july', 'noted', 'API_CALL', 7, '2026-07-10T00:00:00Z'), billing.run_settlement('noted', '2026-07'); END $$;
SELECT is((SELECT c.status FROM billing.collections c JOIN billing.invoice_headers h USING (customer_id, invoice_id) WHERE h.customer_id = 'noted' AND h.period = '2026-07'),
	'EXHAUSTED', 'without days a decline is the end');
SET LOCAL billing.collection_retry_days = '2';
SET LOCAL billing.gateway_hard_declines = 'CARD_DECLINED';
DO $$ BEGIN PERFORM billing.collect_invoices(); END $$;
SELECT is((SELECT count(*) FROM billing.collections WHERE status = 'ACTIVE'), 0::bigint, 'which declines are for good is a setting');

-- ---- by a provider that answers later -------------------------------------------------------------------------
SET LOCAL billing.collection_retry_days = '1, 3';
SET LOCAL billing.gateway_hard_declines = 'FRAUD';
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
SET LOCAL billing.now = '2026-08-03T00:00:00Z';
CREATE FUNCTION pg_temp.decide(outcome text) RETURNS void LANGUAGE sql AS $$
	SELECT billing.resolve_payment(payment_id, outcome, 'ref', 'asked the provider') FROM billing.payments WHERE customer_id = 'remote' AND status = 'PENDING'
$$;
DO $$ BEGIN PERFORM billing.ingest_usage('june', 'remote', 'API_CALL', 50, '2026-06-10T00:00:00Z'), billing.run_settlement('remote', '2026-06'); END $$;
SELECT is(pg_temp.state('remote'), NULL, 'a charge that is queued is none that was declined');
DO $$ BEGIN PERFORM pg_temp.decide('FAILED'); END $$;
SELECT is(pg_temp.state('remote'), 'ACTIVE 1 1 08-04 00:00', 'it is once it ends so');
SET LOCAL billing.now = '2026-08-04T00:00:00Z';
DO $$ BEGIN PERFORM billing.collect_invoices(); END $$;
SELECT results_eq($$SELECT p.operation, p.provider, g.priority, g.action FROM billing.gateway_calls g JOIN billing.payments p ON p.payment_id = g.subject_id WHERE g.customer_id = 'remote'$$,
	$$VALUES ('collection', 'http', 1::smallint, 'SEND')$$, 'a try is queued behind those who wait for an answer');
SELECT is(pg_temp.state('remote'), 'ACTIVE 1 1 08-04 01:00', 'and waited for');
DO $$ BEGIN PERFORM pg_temp.decide('FAILED'); END $$;
SELECT is(pg_temp.state('remote'), 'ACTIVE 2 2 08-06 00:00', 'a decline counts once, whoever tells of it');
SET LOCAL billing.now = '2026-08-06T00:00:00Z';
DO $$ BEGIN PERFORM billing.collect_invoices(), pg_temp.decide('APPROVED'); END $$;
SELECT is(pg_temp.state('remote'), 'COLLECTED 2 2', 'an approval ends it');
SELECT is(pg_temp.invoice_state('remote'), 'PAID, paid 50, due 0', 'and pays the invoice');

SELECT is_empty($$SELECT check_name, detail FROM billing.verify() WHERE NOT ok$$, 'the proof holds');
-- ---- what the proof tells -------------------------------------------------------------------------------------
CREATE TEMP TABLE label AS
	SELECT invoice_id::text AS id, 'invoice' AS name FROM billing.invoice_headers UNION ALL SELECT payment_id::text, 'payment' FROM billing.payments;
\ir include/damage.sql
SELECT pg_temp.tells(v.statement, ARRAY[v.told], 'collections tells ' || v.what)
FROM (VALUES
	($$UPDATE billing.collections SET attempts = attempts + 1 WHERE customer_id = 'mended'$$,
		'collections: collections mended invoice: attempts is not the number of charges that were declined', 'a decline too many'),
	($$UPDATE billing.payments SET operation = 'pay_invoice' WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: attempts is not the number of charges that were declined', 'one that is none'),
	($$DELETE FROM billing.collections WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: a charge was declined, but nobody collects it', 'a decline that nobody collects'),
	($$DELETE FROM billing.dead_letters WHERE customer_id = 'FAIL_all' AND status = 'OPEN'$$,
		'collections: collections FAIL_all invoice: EXHAUSTED, but without its dead letter', 'a lost dead letter'),
	($$UPDATE billing.collections SET status = 'COLLECTED' WHERE customer_id = 'gone'$$,
		'collections: collections gone invoice: COLLECTED, but not by one charge', 'what nobody collected'),
	($$UPDATE billing.collections SET status = 'STOPPED', stop_reason = 'PAID' WHERE customer_id = 'gone'$$,
		'collections: collections gone invoice: a dead letter stands for it, but it is not EXHAUSTED', 'a letter of what goes on'),
	($$UPDATE billing.payments SET operation = 'settlement' WHERE customer_id = 'mended' AND status = 'APPROVED'$$,
		'collections: collections mended invoice: COLLECTED, but not by one charge', 'a collection without its charge')
) AS v(statement, told, what);
-- these a CHECK refuses before
ALTER TABLE billing.collections DROP CONSTRAINT collections_counts, DROP CONSTRAINT collections_active, DROP CONSTRAINT collections_stopped;
ALTER TABLE billing.dead_letters DROP CONSTRAINT dead_letters_resolved;
SELECT pg_temp.tells(v.statement, ARRAY[v.told], 'collections tells ' || v.what)
FROM (VALUES
	($$UPDATE billing.collections SET next_attempt_at = '2026-09-01' WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: status and next_attempt_at disagree', 'a try of what has ended'),
	($$UPDATE billing.collections SET ended_at = NULL WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: status and ended_at disagree', 'an end without a time'),
	($$UPDATE billing.collections SET stop_reason = NULL WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: status and stop_reason disagree', 'a stop without a reason'),
	($$UPDATE billing.collections SET step = attempts + 1 WHERE customer_id = 'sent'$$,
		'collections: collections sent invoice: more steps than attempts', 'steps that nobody made'),
	($$UPDATE billing.dead_letters SET resolution = NULL WHERE customer_id = 'gone'$$,
		'collections: dead_letters gone: status and resolution disagree', 'a letter that ended without a reason')
) AS v(statement, told, what);
SELECT * FROM finish();
ROLLBACK;
