-- Events and audit: what each operation publishes, and who is said to have done it.
BEGIN;
SELECT plan(42);
SET LOCAL billing.now = '2026-06-02T00:00:00Z';
SET LOCAL billing.trace_id = 'trace-1';

CREATE ROLE tap_service NOLOGIN IN ROLE billing_service;
CREATE ROLE tap_admin NOLOGIN IN ROLE billing_admin;
CREATE ROLE tap_gateway NOLOGIN IN ROLE billing_authenticator, billing_customer, billing_service;

DO $$ BEGIN
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":1}]', '2026-01-01');
	PERFORM billing.register_customer('sent', net_days => 10, collection => 'SEND_INVOICE');
	PERFORM billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00:00Z') FROM unnest(ARRAY['acme', 'FAIL_acme', 'sent', 'undone']) c;
	PERFORM billing.ingest_usage('e', 'zero', 'API_CALL', 0, '2026-05-10T00:00:00Z'), billing.create_pricing_plan('flat', 'KRW', '[{"resourceType":"API_CALL","model":"per_unit","unitPrice":0},
		{"model":"flat","code":"FREE","amount":0}]', '2026-01-01', 'zero');
	PERFORM billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['acme', 'FAIL_acme', 'sent', 'zero']) c;
END $$;
CREATE TEMP VIEW invoice AS SELECT customer_id, invoice_id::text AS id, number FROM billing.invoices;
CREATE TEMP VIEW payment AS SELECT customer_id, payment_id::text AS id, provider_reference AS reference FROM billing.payments;
CREATE FUNCTION pg_temp.payload(customer text, event text) RETURNS jsonb LANGUAGE sql AS $$
	SELECT payload FROM billing.outbox WHERE customer_id = customer AND type = event
$$;

-- events
SELECT is((SELECT string_agg(type, ' ' ORDER BY position) FROM billing.outbox WHERE customer_id = v.customer), v.expected, v.rule)
FROM (VALUES
	('acme', 'InvoiceIssued PaymentApproved InvoicePaid', 'a paid settlement publishes what happened, in order'),
	('FAIL_acme', 'InvoiceIssued PaymentRejected InvoiceCollectionScheduled', 'a declined one'),
	('sent', 'InvoiceIssued', 'an invoice that is sent'),
	('zero', 'InvoiceIssued InvoicePaid', 'a zero invoice, without a payment')
) AS v(customer, expected, rule);
SELECT is(pg_temp.payload('acme', 'InvoiceIssued'),
	(SELECT jsonb_build_object('invoiceId', id, 'number', number, 'customerId', 'acme', 'period', '2026-05', 'total', 100, 'currency', 'KRW',
		'dueAt', '2026-06-16T00:00:00+00:00', 'occurredAt', '2026-06-02T00:00:00+00:00') FROM invoice WHERE customer_id = 'acme'), 'the payload of InvoiceIssued');
SELECT is(pg_temp.payload('acme', 'InvoicePaid'),
	(SELECT jsonb_build_object('invoiceId', i.id, 'number', number, 'customerId', 'acme', 'amount', 100, 'currency', 'KRW', 'paymentId', p.id,
		'occurredAt', '2026-06-02T00:00:00+00:00') FROM invoice i JOIN payment p USING (customer_id) WHERE customer_id = 'acme'), 'the payload of InvoicePaid');
SELECT is(pg_temp.payload('acme', 'PaymentApproved'),
	(SELECT jsonb_build_object('paymentId', p.id, 'customerId', 'acme', 'targetType', 'INVOICE', 'targetId', i.id, 'amount', 100, 'currency', 'KRW',
		'providerReference', p.reference, 'occurredAt', '2026-06-02T00:00:00+00:00') FROM invoice i JOIN payment p USING (customer_id) WHERE customer_id = 'acme'),
	'the payload of PaymentApproved');
SELECT is(pg_temp.payload('FAIL_acme', 'PaymentRejected'),
	(SELECT jsonb_build_object('paymentId', p.id, 'customerId', 'FAIL_acme', 'targetType', 'INVOICE', 'targetId', i.id, 'amount', 100, 'currency', 'KRW',
		'failureCode', 'CARD_DECLINED', 'occurredAt', '2026-06-02T00:00:00+00:00') FROM invoice i JOIN payment p USING (customer_id) WHERE customer_id = 'FAIL_acme'),
	'the payload of PaymentRejected');
SELECT is(pg_temp.payload('zero', 'InvoicePaid') -> 'paymentId', 'null'::jsonb, 'InvoicePaid of a zero invoice names no payment');
DO $$ BEGIN SET LOCAL billing.now = '2026-06-12T00:00:00Z'; PERFORM billing.mark_overdue_invoices(); END $$;
SELECT is(pg_temp.payload('sent', 'InvoiceOverdue'),
	(SELECT jsonb_build_object('invoiceId', id, 'number', number, 'customerId', 'sent', 'amountDue', 100, 'currency', 'KRW',
		'dueAt', '2026-06-12T00:00:00+00:00', 'occurredAt', '2026-06-12T00:00:00+00:00') FROM invoice WHERE customer_id = 'sent'), 'the payload of InvoiceOverdue');
DO $$ BEGIN PERFORM billing.cancel_invoice(id::uuid, 'wrong') FROM invoice WHERE customer_id = 'sent'; END $$;
SELECT is(pg_temp.payload('sent', 'InvoiceCancelled'),
	(SELECT jsonb_build_object('invoiceId', id, 'number', number, 'customerId', 'sent', 'reason', 'wrong', 'rebill', true,
		'creditNoteId', (SELECT n.credit_note_id FROM billing.credit_notes n WHERE n.customer_id = 'sent'),
		'occurredAt', '2026-06-12T00:00:00+00:00') FROM invoice WHERE customer_id = 'sent'), 'the payload of InvoiceCancelled');
SELECT results_eq(
	$$SELECT aggregatetype, aggregateid IN (SELECT id FROM invoice UNION SELECT id FROM payment), schema_version::int, trace_id, bucket = billing.bucket_of(customer_id), created_at, idempotency_key
		FROM billing.outbox WHERE customer_id = 'acme' ORDER BY position$$,
	$$VALUES ('Invoice', true, 1, 'trace-1', true, '2026-06-02T00:00:00Z'::timestamptz, NULL::text), ('Payment', true, 1, 'trace-1', true, '2026-06-02T00:00:00Z', NULL),
		('Invoice', true, 1, 'trace-1', true, '2026-06-02T00:00:00Z', NULL)$$,
	'an event names its aggregate, schema version, trace, bucket and time');
SELECT is((SELECT count(DISTINCT id) FROM billing.outbox), (SELECT count(*) FROM billing.outbox), 'each event has an id of its own');
DO $$ BEGIN PERFORM billing.pay_invoice(id::uuid, idempotency_key => 'retry') FROM invoice WHERE customer_id = 'FAIL_acme'; END $$;
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'FAIL_acme' AND type = 'PaymentRejected' AND idempotency_key = 'retry'), 1::bigint,
	'the event of a payment has its idempotency key');
SET LOCAL billing.trace_id = '';
DO $$ BEGIN PERFORM billing.pay_invoice(id::uuid) FROM invoice WHERE customer_id = 'FAIL_acme'; END $$;
SELECT is((SELECT count(*) FROM billing.outbox WHERE customer_id = 'FAIL_acme' AND type = 'PaymentRejected' AND trace_id IS NULL), 1::bigint, 'without a trace there is none');
SET LOCAL billing.trace_id = 'trace-2';
SAVEPOINT before;
DO $$ BEGIN PERFORM billing.run_settlement('undone', '2026-05'); END $$;
ROLLBACK TO SAVEPOINT before;
SELECT is_empty($$SELECT 1 FROM billing.outbox WHERE customer_id = 'undone' UNION ALL SELECT 1 FROM billing.audit_log WHERE customer_id = 'undone'$$,
	'what is rolled back is neither published nor audited');

-- audit
SELECT is((SELECT string_agg(action, ' ' ORDER BY position) FROM billing.audit_log WHERE customer_id = v.customer), v.expected, v.rule)
FROM (VALUES
	('acme', 'INVOICE_ISSUED PAYMENT_AUTHORIZED INVOICE_PAID', 'a paid settlement is audited'),
	('FAIL_acme', 'INVOICE_ISSUED PAYMENT_REJECTED INVOICE_COLLECTION_SCHEDULED PAYMENT_REJECTED PAYMENT_REJECTED', 'so is each declined payment'),
	('sent', 'INVOICE_ISSUED INVOICE_OVERDUE CREDIT_NOTE_ISSUED INVOICE_CANCELLED', 'and what becomes of an invoice')
) AS v(customer, expected, rule);
SELECT is((SELECT after FROM billing.audit_log WHERE customer_id = 'acme' AND action = 'INVOICE_ISSUED'), pg_temp.payload('acme', 'InvoiceIssued'),
	'the audit of an issued invoice says what was published');
SELECT results_eq($$SELECT before, after, reason, trace_id, target_type, occurred_at FROM billing.audit_log WHERE customer_id = 'sent' AND action = 'INVOICE_CANCELLED'$$,
	$$VALUES ('{"status":"OVERDUE"}'::jsonb, '{"status":"CANCELLED","rebill":true}'::jsonb, 'wrong', 'trace-1', 'Invoice', '2026-06-12T00:00:00Z'::timestamptz)$$,
	'the audit of a cancellation has the states, the reason, the trace and the time');
SELECT is((SELECT count(*) FROM billing.audit_log WHERE action = 'PRICING_PLAN_CREATED' AND after ->> 'name' = 'flat' AND customer_id = 'zero'), 1::bigint, 'a new plan is audited');

-- Who is said to have done it. Makes a plan in a session and a role, and answers 'TYPE id' of its audit entry.
CREATE FUNCTION pg_temp.actor(session text, role text, actor text, claims text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	plan uuid;
BEGIN
	PERFORM set_config('request.jwt.claims', COALESCE(claims, ''), true), set_config('billing.actor', COALESCE(actor, ''), true);
	EXECUTE format('SET LOCAL SESSION AUTHORIZATION %I', session);
	EXECUTE format('SET LOCAL ROLE %I', role);
	SELECT billing.create_pricing_plan('audited', 'KRW', '[{"model":"flat","code":"A","amount":1}]', '2026-01-01', 'audited') INTO plan;
	SET LOCAL ROLE NONE;
	SET LOCAL SESSION AUTHORIZATION DEFAULT;
	PERFORM set_config('request.jwt.claims', '', true), set_config('billing.actor', '', true);
	RETURN (SELECT format('%s %s', actor_type, actor_id) FROM billing.audit_log WHERE target_id = plan::text);
END;
$$;
SELECT is(pg_temp.actor(v.session, v.role, v.actor, v.claims), v.expected, v.rule)
FROM (VALUES
	('postgres', 'tap_service', NULL, NULL, 'SYSTEM tap_service', 'the actor is the role that SET ROLE gave, not the owner of the function'),
	('tap_service', 'tap_service', NULL, NULL, 'SYSTEM tap_service', 'or the role that logged in'),
	('tap_admin', 'tap_admin', NULL, NULL, 'OPERATOR tap_admin', 'an admin is an operator'),
	('tap_service', 'tap_service', 'USER:u-1', NULL, 'USER u-1', 'the service says for whom it acts: a user'),
	('tap_service', 'tap_service', 'OPERATOR:kim', NULL, 'OPERATOR kim', 'an operator'),
	('tap_service', 'tap_service', 'SYSTEM:batch', NULL, 'SYSTEM batch', 'a system'),
	('tap_service', 'tap_service', 'EXTERNAL:partner', NULL, 'EXTERNAL partner', 'an external party'),
	('tap_service', 'tap_service', 'somebody', NULL, 'USER somebody', 'without a type it is a user'),
	('tap_service', 'tap_service', 'USER:' || repeat('x', 200), NULL, 'USER ' || repeat('x', 128), 'an actor is cut at 128 bytes'),
	('tap_gateway', 'billing_service', NULL, '{"sub":"kim"}', 'OPERATOR kim', 'the subject of a token with the role of the house is an operator'),
	('tap_gateway', 'billing_service', 'USER:u-1', '{"sub":"kim"}', 'OPERATOR kim', 'a token is believed before billing.actor'),
	('tap_service', 'tap_service', NULL, '{"sub":"kim"}', 'SYSTEM tap_service', 'claims of a session that did not come through the gateway are not believed')
) AS v(session, role, actor, claims, expected, rule);

-- a customer who pays says nothing about himself
CREATE FUNCTION pg_temp.payer(claims text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	invoice uuid := (SELECT invoice_id FROM billing.invoices WHERE customer_id = 'FAIL_acme');
	payment uuid;
BEGIN
	PERFORM set_config('request.jwt.claims', claims, true), set_config('billing.actor', 'OPERATOR:boss', true);
	SET LOCAL SESSION AUTHORIZATION tap_gateway;
	SET LOCAL ROLE billing_customer;
	SELECT payment_id INTO payment FROM billing.pay_invoice(invoice);
	SET LOCAL ROLE NONE;
	SET LOCAL SESSION AUTHORIZATION DEFAULT;
	PERFORM set_config('request.jwt.claims', '', true), set_config('billing.actor', '', true);
	RETURN (SELECT format('%s %s', actor_type, actor_id) FROM billing.audit_log WHERE target_id = payment::text);
END;
$$;
SELECT is(pg_temp.payer('{"customer_id":"FAIL_acme","sub":"user-7"}'), 'USER user-7', 'a customer is the subject of his token, whatever billing.actor says');
SELECT isnt(pg_temp.payer('{"customer_id":"FAIL_acme"}'), 'OPERATOR boss', 'without a subject billing.actor is still not believed');
SELECT is((SELECT count(DISTINCT actor_id) FROM billing.ledger_transfers WHERE customer_id = 'acme'), 1::bigint, 'transfers carry their actor');

-- the movements of a wallet: its transfers are their audit
SET LOCAL billing.trace_id = 'trace-3';
DO $$ BEGIN
	PERFORM set_config('billing.actor', 'USER:clerk', true);
	SET LOCAL ROLE tap_service;
	PERFORM billing.top_up_wallet('acme', 500, 'KRW', 'PAYOUT', 'p-1', 'key');
	PERFORM billing.top_up_wallet('acme', 500, 'KRW', 'PAYOUT', 'p-1', 'key');
	PERFORM billing.charge_wallet('acme', 120, 'KRW');
	SET LOCAL ROLE NONE;
	PERFORM set_config('billing.actor', '', true);
END $$;
SELECT results_eq(
	$$SELECT action, actor_type, actor_id, target_type, target_id = (SELECT wallet_id::text FROM billing.wallets), trace_id, occurred_at, before, after - 'transferId' - 'referenceId'
		FROM billing.audit_log WHERE customer_id = 'acme' AND target_type = 'Wallet' ORDER BY position$$,
	$$VALUES ('WALLET_DEPOSIT', 'USER', 'clerk', 'Wallet', true, 'trace-3', '2026-06-12T00:00:00Z'::timestamptz, NULL::jsonb,
			'{"amount": 500, "currency": "KRW", "kind": "WALLET_TOP_UP", "referenceType": "PAYOUT"}'::jsonb),
		('WALLET_WITHDRAWAL', 'USER', 'clerk', 'Wallet', true, 'trace-3', '2026-06-12T00:00:00Z', NULL,
			'{"amount": 120, "currency": "KRW", "kind": "WALLET_CHARGE", "referenceType": "WALLET"}')$$,
	'the audit log tells each movement of a wallet once: who, in which trace, how much and why');
SELECT results_eq($$SELECT audit_id, after ->> 'transferId', after ->> 'referenceId' FROM billing.audit_log WHERE action = 'WALLET_DEPOSIT'$$,
	$$SELECT transfer_id, transfer_id::text, 'p-1' FROM billing.ledger_transfers WHERE kind = 'WALLET_TOP_UP'$$, 'by the transfer in the ledger');
SELECT is((SELECT count(*) FROM billing.audit_entries WHERE target_type = 'Wallet' AND action IN ('WALLET_DEPOSIT', 'WALLET_WITHDRAWAL')), 0::bigint, 'and by no second row');
SELECT is_empty('(SELECT * FROM billing.audit_log EXCEPT SELECT * FROM billing.audit_log WHERE target_type = ''Wallet'')
	EXCEPT SELECT position, audit_id, customer_id, actor_type, actor_id, action, target_type, target_id, before, after, reason, trace_id, occurred_at FROM billing.audit_entries',
	'everything else in it is an audit entry');
SELECT throws_ok($$UPDATE billing.audit_entries SET actor_id = 'other'$$, 'ZB208', NULL, 'an audit entry is never changed');

SELECT * FROM finish();
ROLLBACK;
