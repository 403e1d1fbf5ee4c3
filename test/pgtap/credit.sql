-- Credits: grant, application to invoices, revocation, expiry, and what settlement uses of them.
BEGIN;
SELECT plan(126);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- a customer's one invoice, and what is to be seen of him
CREATE FUNCTION pg_temp.invoice(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT invoice_id FROM billing.invoices WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT format('%s, credit %s, paid %s, due %s', status, trim_scale(applied_credit), trim_scale(amount_paid), trim_scale(amount_due))
	FROM billing.invoices WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.credits(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s of %s %s', type, trim_scale(balance), trim_scale(granted), status), ', ' ORDER BY granted DESC)
	FROM billing.credits WHERE customer_id = customer
$$;
CREATE FUNCTION pg_temp.transfers(customer text, wanted text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s > %s %s', debit_account, credit_account, trim_scale(amount)), ', ' ORDER BY amount DESC, position)
	FROM billing.ledger_transfers WHERE customer_id = customer AND kind = wanted
$$;
CREATE FUNCTION pg_temp.events(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = customer AND type <> 'InvoiceIssued'
$$;
CREATE FUNCTION pg_temp.grant_one(customer text, amount numeric, until timestamptz DEFAULT NULL, type text DEFAULT 'PROMO', currency text DEFAULT 'KRW')
RETURNS uuid LANGUAGE sql AS $$
	SELECT credit_id FROM billing.grant_credit(customer, type, amount, currency, '2026-05-01', until)
$$;
-- customers who get an invoice when it is sent, of the quantity used at 1 KRW
CREATE FUNCTION pg_temp.invoiced(VARIADIC customers text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	customer text;
	quantity numeric;
BEGIN
	FOREACH customer IN ARRAY customers LOOP
		quantity := substring(customer FROM '[0-9]+$');
		PERFORM billing.register_customer(customer, collection => 'SEND_INVOICE');
		PERFORM billing.ingest_usage('e', customer, 'API_CALL', quantity, '2026-05-10T00:00:00Z');
		PERFORM billing.run_settlement(customer, '2026-05');
	END LOOP;
END
$$;
DO $$ BEGIN
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01');
END $$;

-- grant
SELECT results_eq(
	$$SELECT type, currency COLLATE "default", granted, balance, valid_from, valid_until, status, reason, metadata, created_at, ended_at
		FROM billing.grant_credit('new', 'PROMO', 10000, 'KRW', '2026-06-01', '2026-07-01', 'welcome', NULL, '{"a":1}')$$,
	$$VALUES ('PROMO', 'KRW', 10000::numeric, 10000::numeric, '2026-06-01'::timestamptz, '2026-07-01'::timestamptz, 'ACTIVE', 'welcome', '{"a":1}'::jsonb, billing.business_now(), NULL::timestamptz)$$,
	'a granted credit is ACTIVE with all of its balance');
SELECT ok(EXISTS (SELECT FROM billing.customers WHERE customer_id = 'new'), 'a customer never registered is created');
SELECT is((SELECT valid_from FROM billing.grant_credit('new', 'PROMO', 1, 'KRW', NULL)), billing.business_now(), 'a null valid_from is now');
SELECT is((SELECT status FROM billing.grant_credit('new', 'PROMO', 1, 'KRW', '2026-05-01', '2026-05-02')), 'ACTIVE', 'valid_until may have come already');
SELECT is((SELECT status FROM billing.grant_credit('new', 'PROMO', 1, 'KRW', '2000-01-01T00:00Z', '2000-01-02T00:00Z')), 'ACTIVE', 'the time 0 is a time');
SELECT is((SELECT valid_until FROM billing.grant_credit('new', 'PROMO', 1, 'KRW', '1999-01-01T00:00Z', '2000-01-01T00:00Z')), '2000-01-01T00:00Z'::timestamptz, 'as an end too');
SELECT throws_ok(format('SELECT billing.grant_credit(%s)', v.arguments), v.code::char(5), v.message, v.rule)
FROM (VALUES
	($$'c', 'PROMO', 0, 'KRW', NULL$$, 'ZB001', 'amount must be above 0', 'an amount of 0'),
	($$'c', 'PROMO', -1, 'KRW', NULL$$, 'ZB001', 'amount must be above 0', 'a negative amount'),
	($$'c', 'PROMO', 0.5, 'KRW', NULL$$, 'ZB001', 'amount has more decimals than KRW', 'more decimals than the currency'),
	($$'c', 'PROMO', 'NaN', 'KRW', NULL$$, 'ZB001', 'amount must be a finite decimal', 'an amount that is none'),
	($$'c', 'GIFT', 1, 'KRW', NULL$$, 'ZB001', 'type is not one of the allowed values', 'an unknown type'),
	($$'c', NULL, 1, 'KRW', NULL$$, 'ZB001', 'type must not be null', 'a null type'),
	($$'c', 'PROMO', 1, 'KRX', NULL$$, 'ZB004', NULL, 'an unknown currency'),
	($$'c', 'PROMO', 1, 'KRW', '2026-06-01', '2026-06-01'$$, 'ZB001', 'valid_until must be after valid_from', 'valid_until = valid_from'),
	($$'c', 'PROMO', 1, 'KRW', '2026-06-01', 'infinity'$$, 'ZB001', 'valid_until must be finite', 'an infinite valid_until'),
	($$'c', 'PROMO', 1, 'KRW', NULL, NULL, repeat('x', 257)$$, 'ZB001', 'reason is too long', 'a long reason')
) AS v(arguments, code, message, rule);
SELECT is((SELECT count(*) FROM billing.customers WHERE customer_id = 'c'), 0::bigint, 'refused arguments store nothing');
SELECT is(pg_temp.transfers(v.type, 'CREDIT_GRANTED'), v.expected, 'where the money of ' || v.type || ' comes from')
FROM (VALUES
	('PROMO', 'promotion > credit 5'), ('COMPENSATION', 'promotion > credit 5'),
	('PREPAID', 'funding_clearing > credit 5'), ('REFUND_TO_CREDIT', 'refund_clearing > credit 5')
) AS v(type, expected), LATERAL pg_temp.grant_one(v.type, 5, type => v.type);
SELECT results_eq(
	$$SELECT aggregatetype, type, aggregateid = payload->>'creditId', payload - '{creditId}'::text[] FROM billing.outbox WHERE customer_id = 'PROMO'$$,
	$$VALUES ('Credit', 'CreditGranted', true, '{"customerId":"PROMO","type":"PROMO","grantedAmount":5,"currency":"KRW","validFrom":"2026-05-01T00:00:00+00:00","validUntil":null,"occurredAt":"2026-06-02T00:00:00+00:00"}'::jsonb)$$,
	'CreditGranted tells of it');
SELECT results_eq(
	$$SELECT action, target_type, reason, after->>'grantedAmount' FROM billing.audit_entries WHERE customer_id = 'new' ORDER BY position LIMIT 1$$,
	$$VALUES ('CREDIT_GRANTED', 'Credit', 'welcome', '10000')$$, 'and the audit log');

-- grant: idempotency
CREATE TEMP TABLE keyed AS SELECT (billing.grant_credit('keyed', 'PROMO', 10, 'USD', NULL, idempotency_key => 'k')).*;
SET LOCAL billing.now = '2027-06-02T00:00:00Z';
SELECT is((SELECT c FROM billing.grant_credit('keyed', 'PROMO', 10.00, 'USD', NULL, idempotency_key => 'k') c), (SELECT c FROM billing.credits c WHERE customer_id = 'keyed'),
	'the same key a year later answers the row');
SELECT is((SELECT count(*) || ' ' || pg_temp.transfers('keyed', 'CREDIT_GRANTED') FROM billing.credits WHERE customer_id = 'keyed'), '1 promotion > credit 10', 'with one effect');
SELECT throws_ok(format('SELECT billing.grant_credit(''keyed'', %s, idempotency_key => ''k'')', v.arguments), 'ZB203', NULL, 'the key with ' || v.rule)
FROM (VALUES
	($$'PROMO', 11, 'USD', NULL$$, 'another amount'), ($$'PREPAID', 10, 'USD', NULL$$, 'another type'), ($$'PROMO', 10, 'KRW', NULL$$, 'another currency'),
	($$'PROMO', 10, 'USD', '2026-06-02T00:00:00Z'$$, 'a valid_from'), ($$'PROMO', 10, 'USD', NULL, '2028-01-01'$$, 'a valid_until'),
	($$'PROMO', 10, 'USD', NULL, NULL, 'null'$$, 'a reason'), ($$'PROMO', 10, 'USD', NULL, metadata => '{}'$$, 'metadata')
) AS v(arguments, rule);
SELECT isnt((SELECT credit_id FROM billing.grant_credit('other', 'PROMO', 10, 'USD', NULL, idempotency_key => 'k')), (SELECT credit_id FROM keyed), 'a key is the customer''s own');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';

-- application: the numbers of the reference
SELECT lives_ok($$SELECT pg_temp.invoiced('capped_100000', 'two_100000', 'small_20000', 'foreign_100', 'none_100', 'times_100', 'order_100', 'full_100000', 'plain_100', 'mine_100', 'yours_100', 'keyed_100', 'back_100', 'paying_100')$$,
	'invoices without credits');
SELECT lives_ok($$SELECT pg_temp.grant_one('capped_100000', 50000)$$, 'a credit of 50 000');
SELECT is(billing.apply_credit('capped_100000', pg_temp.invoice('capped_100000'), 30000), 30000::numeric, 'due 100 000, at most 30 000: 30 000');
SELECT is(pg_temp.state('capped_100000') || '; ' || pg_temp.credits('capped_100000'), 'ISSUED, credit 30000, paid 0, due 70000; PROMO 20000 of 50000 ACTIVE', '70 000 stay due, 20 000 stay in the credit');
SELECT lives_ok($$SELECT pg_temp.grant_one('two_100000', 80000), pg_temp.grant_one('two_100000', 30000, '2026-07-01')$$, 'credits of 80 000, and 30 000 that ends sooner');
SELECT is(billing.apply_credit('two_100000', pg_temp.invoice('two_100000'), 50000), 50000::numeric, 'at most 50 000 of both');
SELECT is((SELECT string_agg(format('%s: %s of %s', u.use_no, trim_scale(u.amount), trim_scale(c.granted)), ', ' ORDER BY u.use_no) FROM billing.credit_uses u JOIN billing.credits c USING (customer_id, credit_id) WHERE customer_id = 'two_100000'),
	'1: 30000 of 30000, 2: 20000 of 80000', 'the one that ends sooner gives all, the other the rest');
SELECT is(pg_temp.credits('two_100000'), 'PROMO 60000 of 80000 ACTIVE, PROMO 0 of 30000 EXHAUSTED', '0 and 60 000 are left');
SELECT is(pg_temp.events('two_100000'), 'CreditGranted CreditGranted CreditConsumed CreditExhausted CreditConsumed', 'CreditConsumed each, CreditExhausted after its own');
SELECT is((SELECT string_agg(format('%s left %s', payload->>'consumedAmount', payload->>'remainingBalance'), ', ' ORDER BY position) FROM billing.outbox WHERE customer_id = 'two_100000' AND type = 'CreditConsumed'),
	'30000 left 0, 20000 left 60000', 'with what each gave and has left');
SELECT is((SELECT payload - '{creditId,consumedAmount,remainingBalance}'::text[] FROM billing.outbox WHERE customer_id = 'two_100000' AND type = 'CreditConsumed' LIMIT 1),
	jsonb_build_object('customerId', 'two_100000', 'currency', 'KRW', 'referenceType', 'ADJUSTMENT', 'referenceId', 'invoice:' || pg_temp.invoice('two_100000'), 'occurredAt', '2026-06-02T00:00:00+00:00'),
	'for an invoice');
SELECT is((SELECT string_agg(format('%s %s %s', count, kind, references_), ', ') FROM (SELECT count(*), kind, count(DISTINCT reference_id) AS references_ FROM billing.ledger_transfers
		WHERE customer_id = 'two_100000' AND journal_id = (SELECT application_id FROM billing.credit_applications WHERE customer_id = 'two_100000') GROUP BY kind) j),
	'2 CREDIT_APPLIED 2', 'one journal, one transfer a credit');
SELECT is(pg_temp.transfers('two_100000', 'CREDIT_APPLIED'), 'credit > receivable 30000, credit > receivable 20000', 'from credit to receivable');
SELECT results_eq($$SELECT before, after FROM billing.audit_entries WHERE customer_id = 'two_100000' AND action = 'INVOICE_CREDIT_APPLIED'$$,
	$$VALUES ('{"amountDue":100000,"currency":"KRW"}'::jsonb, '{"customerId":"two_100000","applied":50000,"currency":"KRW","amountDueAfter":50000}'::jsonb)$$, 'INVOICE_CREDIT_APPLIED in the audit log');
SELECT lives_ok($$SELECT pg_temp.grant_one('small_20000', 100000)$$, 'more credit than is due');
SELECT is(billing.apply_credit('small_20000', pg_temp.invoice('small_20000'), 50000), 20000::numeric, 'due 20 000, at most 50 000: 20 000');
SELECT is(pg_temp.state('small_20000') || '; ' || pg_temp.credits('small_20000'), 'PAID, credit 20000, paid 0, due 0; PROMO 80000 of 100000 ACTIVE', 'nothing due any more: the invoice is PAID');
SELECT results_eq($$SELECT (payload->>'amount')::numeric, payload->>'paymentId', (SELECT paid_at FROM billing.invoices WHERE customer_id = 'small_20000') FROM billing.outbox WHERE customer_id = 'small_20000' AND type = 'InvoicePaid'$$,
	$$VALUES (0::numeric, NULL::text, billing.business_now())$$, 'InvoicePaid, with nothing captured');
SELECT lives_ok($$SELECT pg_temp.grant_one('foreign_100', 100, currency => 'USD')$$, 'a credit of another currency');
SELECT is(billing.apply_credit('foreign_100', pg_temp.invoice('foreign_100')), 0::numeric, 'only a USD credit: 0');
SELECT is(billing.apply_credit('none_100', pg_temp.invoice('none_100')), 0::numeric, 'no credits: 0');
SELECT is(billing.apply_credit('none_100', '00000000-0000-0000-0000-000000000000', 0), 0::numeric, 'at most 0: 0, and the invoice is not looked up');
SELECT is((SELECT count(*) FROM billing.credit_applications WHERE customer_id IN ('foreign_100', 'none_100')), 0::bigint, 'nothing applied, nothing stored');

-- application: which credits, in which order
SELECT lives_ok($$SELECT pg_temp.grant_one('times_100', 1, '2026-06-02T00:00:00Z'), billing.grant_credit('times_100', 'PROMO', 2, 'KRW', '2026-06-02T00:00:01Z'),
	billing.grant_credit('times_100', 'PROMO', 4, 'KRW', '2026-06-02T00:00:00Z'), pg_temp.grant_one('times_100', 8, '2026-06-02T00:00:01Z')$$, 'credits that end now, begin in a second, begin now, end in a second');
SELECT is(billing.apply_credit('times_100', pg_temp.invoice('times_100')), 12::numeric, 'valid_from is the first instant, valid_until the first beyond');
SELECT lives_ok($$SELECT pg_temp.grant_one('order_100', 1)$$, 'a credit that never ends');
SET LOCAL billing.now = '2026-06-01T00:00:00Z';
SELECT lives_ok($$SELECT pg_temp.grant_one('order_100', 2), pg_temp.grant_one('order_100', 4, '2027-01-02'), pg_temp.grant_one('order_100', 8, '2027-01-01')$$, 'an older one, and two that end');
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SELECT is(billing.apply_credit('order_100', pg_temp.invoice('order_100')), 15::numeric, 'all of them');
SELECT is((SELECT string_agg(trim_scale(amount)::text, ' ' ORDER BY use_no) FROM billing.credit_uses WHERE customer_id = 'order_100'), '8 4 2 1', 'soonest end first, those that never end last, then the oldest');

-- application: refusals
SELECT lives_ok($$SELECT pg_temp.grant_one('mine_100', 50), pg_temp.grant_one('yours_100', 50), pg_temp.grant_one('paying_100', 50)$$, 'credits');
SELECT throws_ok($$SELECT billing.apply_credit('mine_100', pg_temp.invoice('yours_100'))$$, 'ZB104', NULL, 'credits never pay the invoice of another customer');
SELECT throws_ok($$SELECT billing.apply_credit('small_20000', pg_temp.invoice('small_20000'))$$, 'ZB202', NULL, 'nor a PAID one');
SELECT throws_ok($$SELECT billing.apply_credit('mine_100', pg_temp.invoice('mine_100'), 0.5)$$, 'ZB001', 'at_most has more decimals than KRW', 'at_most is an amount of the currency');
SELECT is((SELECT status FROM billing.pay_invoice(pg_temp.invoice('paying_100'), idempotency_key => 'UNKNOWN_1')), 'PENDING', 'a charge in flight');
SELECT throws_ok($$SELECT billing.apply_credit('paying_100', pg_temp.invoice('paying_100'))$$, 'ZB205', NULL, 'keeps credits from being applied');
SELECT is(pg_temp.credits('mine_100') || '; ' || pg_temp.credits('paying_100'), 'PROMO 50 of 50 ACTIVE; PROMO 50 of 50 ACTIVE', 'and what is refused uses nothing');

-- application: idempotency
SELECT lives_ok($$SELECT pg_temp.grant_one('keyed_100', 30), pg_temp.grant_one('keyed_100', 70)$$, 'credits');
SELECT is(billing.apply_credit('keyed_100', pg_temp.invoice('keyed_100'), 40, 'k'), 40::numeric, 'a keyed application');
SELECT is(billing.apply_credit('keyed_100', pg_temp.invoice('keyed_100'), NULL, 'rest'), 60::numeric, 'another pays the rest');
SELECT is(billing.apply_credit('keyed_100', pg_temp.invoice('keyed_100'), 40.0, 'k'), 40::numeric, 'its key answers the same, also when the invoice is PAID');
SELECT throws_ok(format('SELECT billing.apply_credit(%s)', v.arguments), 'ZB203', NULL, 'the key with ' || v.rule)
FROM (VALUES ($$'keyed_100', pg_temp.invoice('keyed_100'), 41, 'k'$$, 'another limit'), ($$'keyed_100', pg_temp.invoice('keyed_100'), NULL, 'k'$$, 'no limit')) AS v(arguments, rule);
SELECT is(billing.apply_credit('none_100', pg_temp.invoice('none_100'), NULL, 'k'), 0::numeric, 'a key that applied nothing');
SELECT lives_ok($$SELECT pg_temp.grant_one('none_100', 5)$$, 'and then a credit');
SELECT is(billing.apply_credit('none_100', pg_temp.invoice('none_100'), NULL, 'k'), 0::numeric, 'still answers 0');
SELECT is(billing.apply_credit('none_100', pg_temp.invoice('none_100'), 0, 'zero') + billing.apply_credit('none_100', pg_temp.invoice('none_100'), 0, 'zero'), 0::numeric, 'a limit of 0 keeps its key, too');
SELECT throws_ok($$SELECT billing.apply_credit('none_100', pg_temp.invoice('none_100'), 5, 'zero')$$, 'ZB203', NULL, 'which is used then');

-- revocation
SELECT lives_ok($$SELECT pg_temp.grant_one('revoked', 800), pg_temp.grant_one('revoked', 5, type => 'PREPAID'), pg_temp.grant_one('revoked', 6, type => 'REFUND_TO_CREDIT'), pg_temp.grant_one('revoked', 7, type => 'COMPENSATION')$$, 'credits to revoke');
SELECT is((SELECT string_agg(format('%s %s %s', r.status, trim_scale(r.balance), r.ended_at = billing.business_now()), ', ') FROM billing.credits c, billing.revoke_credit(c.credit_id, 'fraud detected') r WHERE c.customer_id = 'revoked'),
	'REVOKED 0 t, REVOKED 0 t, REVOKED 0 t, REVOKED 0 t', 'a revoked credit has nothing left');
SELECT is(pg_temp.transfers('revoked', 'CREDIT_REVOKED'), 'credit > promotion 800, credit > promotion 7, credit > refund_clearing 6, credit > funding_clearing 5', 'it goes back to the account of its type');
SELECT is((SELECT payload - '{creditId}'::text[] FROM billing.outbox WHERE customer_id = 'revoked' AND type = 'CreditRevoked' AND payload->>'revokedBalance' = '800'),
	'{"customerId":"revoked","currency":"KRW","revokedBalance":800,"reason":"fraud detected","occurredAt":"2026-06-02T00:00:00+00:00"}', 'CreditRevoked');
SELECT results_eq($$SELECT before, after, reason FROM billing.audit_entries WHERE customer_id = 'revoked' AND action = 'CREDIT_REVOKED' AND before->>'balance' = '800'$$,
	$$VALUES ('{"status":"ACTIVE","balance":800,"currency":"KRW"}'::jsonb, '{"status":"REVOKED","balance":0,"currency":"KRW"}'::jsonb, 'fraud detected')$$, 'CREDIT_REVOKED');
SELECT is((SELECT status FROM billing.credits c, LATERAL (SELECT r.status FROM billing.revoke_credit(c.credit_id, 'again') r) r(again) WHERE customer_id = 'revoked' AND granted = 800), 'REVOKED', 'a second call answers the row unchanged');
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'revoked' AND type = 'CreditRevoked'), 4::bigint, 'without another effect');
SELECT throws_ok($$SELECT billing.revoke_credit((SELECT credit_id FROM billing.credits WHERE customer_id = 'two_100000' AND status = 'EXHAUSTED'), 'late')$$, 'ZB202', 'credit cannot become REVOKED', 'an EXHAUSTED credit has nothing to take back');
SELECT throws_ok($$SELECT billing.revoke_credit('00000000-0000-0000-0000-000000000000', 'x')$$, 'ZB112', NULL, 'an unknown credit');

-- expiry
SELECT lives_ok($$SELECT billing.expire_credits()$$, 'what has ended before');
SELECT lives_ok($$SELECT pg_temp.grant_one('ended', 1000, '2026-06-01T23:59:59Z'), pg_temp.grant_one('ended', 5, '2026-06-02', 'PREPAID'), pg_temp.grant_one('ended', 6, '2026-06-02', 'REFUND_TO_CREDIT'),
	pg_temp.grant_one('ended', 7, '2026-05-02', 'COMPENSATION'), pg_temp.grant_one('ended', 8, '2026-06-02T00:00:01Z'), pg_temp.grant_one('ended', 9)$$, 'credits that end');
SELECT is(billing.expire_credits(1), 1::bigint, 'at most as many as are asked for');
SELECT is((SELECT string_agg(trim_scale(granted)::text, ' ') FROM billing.credits WHERE customer_id = 'ended' AND status = 'EXPIRED'), '7', 'soonest first');
SELECT is(billing.expire_credits(), 3::bigint, 'the instant of valid_until has ended already');
SELECT is(billing.expire_credits(), 0::bigint, 'and then none is left');
SELECT is((SELECT string_agg(format('%s %s', trim_scale(granted), status), ', ' ORDER BY granted) FROM billing.credits WHERE customer_id = 'ended'), '5 EXPIRED, 6 EXPIRED, 7 EXPIRED, 8 ACTIVE, 9 ACTIVE, 1000 EXPIRED', 'what has not ended stays');
SELECT is((SELECT string_agg(format('%s %s', t.credit_account, trim_scale(t.amount)), ', ' ORDER BY amount) FROM billing.ledger_transfers t WHERE customer_id = 'ended' AND kind = 'CREDIT_EXPIRED' AND debit_account = 'credit'),
	'breakage_revenue 5, breakage_revenue 6, promotion 7, promotion 1000', 'what was paid for is breakage, what was given away is taken back');
SELECT is((SELECT payload - '{creditId}'::text[] FROM billing.outbox WHERE customer_id = 'ended' AND type = 'CreditExpired' AND payload->>'forfeitedBalance' = '1000'),
	'{"customerId":"ended","currency":"KRW","forfeitedBalance":1000,"occurredAt":"2026-06-02T00:00:00+00:00"}', 'CreditExpired');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE customer_id = 'ended' AND action = 'CREDIT_EXPIRED'), 4::bigint, 'CREDIT_EXPIRED');
SELECT throws_ok(format('SELECT billing.expire_credits(%s)', v.batch), 'ZB001', NULL, 'a batch of ' || v.batch) FROM (VALUES ('0'), ('10001'), ('NULL')) AS v(batch);
-- what is written past the functions is undone again, so that the books stay right
CREATE FUNCTION pg_temp.expired_beside_bad() RETURNS text LANGUAGE plpgsql SET client_min_messages = error AS $$
DECLARE
	ended text;
BEGIN
	INSERT INTO billing.credits (customer_id, credit_id, type, currency, granted, balance, valid_from, valid_until, status, created_at)
		VALUES ('bad', '00000000-0000-0000-0000-000000000001', 'PROMO', 'XXX', 1, 1, '2026-01-01', '2026-01-02', 'ACTIVE', '2026-01-01');
	PERFORM pg_temp.grant_one('behind', 10, '2026-06-01'), pg_temp.grant_one('behind', 20, '2026-06-01'), pg_temp.grant_one('behind', 30, '2026-06-01');
	ended := format('%s %s %s', billing.expire_credits(1), billing.expire_credits(5), billing.expire_credits(5));
	RAISE EXCEPTION USING ERRCODE = 'XX999';
EXCEPTION WHEN SQLSTATE 'XX999' THEN
	RETURN ended;
END
$$;
SELECT is(pg_temp.expired_beside_bad(), '1 2 0', 'a credit that cannot expire does not stand in the way of the others');

-- settlement
DO $$ BEGIN
	PERFORM billing.register_customer(c, auto_apply_credit => c <> 'off', collection => CASE WHEN c = 'sent' THEN 'SEND_INVOICE' ELSE 'AUTOMATIC' END)
		FROM unnest(ARRAY['all', 'part', 'off', 'usd', 'sent', 'FAIL_part']) c;
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['all', 'part', 'off', 'usd', 'sent', 'FAIL_part']) c;
	PERFORM pg_temp.grant_one('all', 300), pg_temp.grant_one('part', 10), pg_temp.grant_one('part', 20), pg_temp.grant_one('off', 300),
		pg_temp.grant_one('usd', 300, currency => 'USD'), pg_temp.grant_one('sent', 300), pg_temp.grant_one('FAIL_part', 30);
END $$;
CREATE TEMP TABLE run AS SELECT r.* FROM unnest(ARRAY['all', 'part', 'off', 'usd', 'sent', 'FAIL_part']) c, billing.run_settlement(c, '2026-05') r;
SELECT is((SELECT format('%s %s %s: %s', r.message, r.payment_status, r.payment_succeeded, pg_temp.state(v.customer)) FROM run r WHERE customer_id = v.customer), v.expected, v.rule)
FROM (VALUES
	('all', 'paid NONE t: PAID, credit 100, paid 0, due 0', 'what credits pay is not charged'),
	('part', 'paid APPROVED t: PAID, credit 30, paid 70, due 0', 'the rest is charged'),
	('off', 'paid APPROVED t: PAID, credit 0, paid 100, due 0', 'without auto_apply_credit all is charged'),
	('usd', 'paid APPROVED t: PAID, credit 0, paid 100, due 0', 'credits of another currency pay nothing'),
	('sent', 'paid NONE t: PAID, credit 100, paid 0, due 0', 'an invoice that is sent is paid by credits, too'),
	('FAIL_part', 'invoice issued, payment failed FAILED f: ISSUED, credit 30, paid 0, due 70', 'a declined charge leaves the credits applied')
) AS v(customer, expected, rule);
SELECT is((SELECT string_agg(format('%s %s', customer_id, trim_scale(amount)), ', ' ORDER BY customer_id) FROM billing.payments WHERE operation = 'settlement'),
	'FAIL_part 70, off 100, part 70, usd 100', 'a payment is of what is due');
SELECT is(pg_temp.events('part'), 'CreditGranted CreditGranted CreditConsumed CreditExhausted CreditConsumed CreditExhausted PaymentApproved InvoicePaid', 'the events of a settlement with credits');
SELECT is(pg_temp.credits('all') || '; ' || pg_temp.credits('part') || '; ' || pg_temp.credits('off'), 'PROMO 200 of 300 ACTIVE; PROMO 0 of 20 EXHAUSTED, PROMO 0 of 10 EXHAUSTED; PROMO 300 of 300 ACTIVE', 'what is left of the credits');
SELECT is((SELECT format('%s %s', payload->>'amount', payload->>'paymentId') FROM billing.outbox WHERE customer_id = 'all' AND type = 'InvoicePaid'), '0 ', 'InvoicePaid: nothing was captured');

-- a chunk, one customer of which cannot be written: it is undone whole and done again one by one
DO $$ BEGIN
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['chunk_a', 'chunk_b', 'chunk_c']) c;
	PERFORM pg_temp.grant_one(c, 30) FROM unnest(ARRAY['chunk_a', 'chunk_b', 'chunk_c']) c;
	PERFORM billing.settlement_open('2026-05', 1);
END $$;
CREATE FUNCTION pg_temp.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.customer_id = 'chunk_b' THEN RAISE EXCEPTION 'refused'; END IF;
	RETURN NEW;
END
$$;
CREATE TRIGGER refuse BEFORE INSERT ON billing.credit_applications FOR EACH ROW EXECUTE FUNCTION pg_temp.refuse();
ALTER TABLE billing.credit_applications ENABLE ALWAYS TRIGGER refuse;
SELECT results_eq($$SELECT claimed, redo FROM billing.settlement_chunk('2026-05', '', 60)$$, $$VALUES (3, true)$$, 'a chunk that cannot be written');
SELECT is((SELECT string_agg(pg_temp.credits(c), '; ') FROM unnest(ARRAY['chunk_a', 'chunk_b', 'chunk_c']) c), 'PROMO 30 of 30 ACTIVE; PROMO 30 of 30 ACTIVE; PROMO 30 of 30 ACTIVE', 'uses no credit');
SELECT results_eq(format('SELECT claimed, redo FROM billing.settlement_chunk(''2026-05'', %L, 1)', v.after), $$VALUES (1, false)$$, 'after ' || v.after) FROM (VALUES (''), ('chunk_a'), ('chunk_b')) AS v(after);
DROP TRIGGER refuse ON billing.credit_applications;
SELECT is((SELECT string_agg(format('%s, %s, %s', pg_temp.state(c), pg_temp.credits(c), pg_temp.transfers(c, 'CREDIT_APPLIED')), '; ') FROM unnest(ARRAY['chunk_a', 'chunk_c']) c),
	'PAID, credit 30, paid 70, due 0, PROMO 0 of 30 EXHAUSTED, credit > receivable 30; PAID, credit 30, paid 70, due 0, PROMO 0 of 30 EXHAUSTED, credit > receivable 30', 'one by one each uses its own, once');
SELECT is(pg_temp.credits('chunk_b') || (SELECT status || ' ' || failure_reason FROM billing.settlement_runs WHERE customer_id = 'chunk_b'), 'PROMO 30 of 30 ACTIVEFAILED refused', 'and the one that failed keeps his credit');

-- the currency of a customer who has money
SELECT lives_ok($$SELECT billing.register_customer('moneyed', currency => 'USD'), pg_temp.grant_one('moneyed', 5)$$, 'a customer with a currency, and a credit');
SELECT throws_ok($$SELECT billing.register_customer('moneyed', currency => 'KRW')$$, 'ZB206', NULL, 'keeps the currency');
SELECT lives_ok($$SELECT billing.register_customer('moneyed', currency => 'USD')$$, 'which may be said again');
SELECT lives_ok($$SELECT billing.register_customer('revoked', currency => 'USD')$$, 'one that is not set yet may be set');

-- the table and the code know the same states
SELECT is((SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'credits_status'),
	$$CHECK ((status = ANY (ARRAY['ACTIVE'::text, 'EXHAUSTED'::text, 'EXPIRED'::text, 'REVOKED'::text])))$$, 'the states of a credit');
SELECT is((SELECT string_agg(check_name, ', ') FROM billing.verify() WHERE NOT ok), NULL, 'after all of this the books are right');
SELECT * FROM finish();
ROLLBACK;
