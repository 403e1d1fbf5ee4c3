-- Payments and refunds through a gateway that is outside, without its worker: what is queued, what waits, and what follows
-- when they end. Nothing listens at the address, and nobody calls it.
BEGIN;
SELECT plan(94);
SET LOCAL billing.now = '2056-06-02T00:00:00Z';
SET LOCAL billing.usage_max_age = '3650d';
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';

CREATE FUNCTION pg_temp.order_of(customer text, total numeric DEFAULT 110) RETURNS uuid LANGUAGE sql AS $$
	SELECT order_id FROM billing.place_order(customer, 'KRW', jsonb_build_array(jsonb_build_object('sku', 'x', 'quantity', 1, 'unitPrice', total)))
$$;
CREATE FUNCTION pg_temp.last(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT payment_id FROM billing.payments WHERE customer_id = customer ORDER BY payment_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.last_refund(customer text) RETURNS uuid LANGUAGE sql AS $$
	SELECT refund_id FROM billing.refunds WHERE customer_id = customer ORDER BY refund_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.resolve(customer text, outcome text, reference text DEFAULT 'ch_1') RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', p.status, p.provider_reference, p.late_reference) FROM billing.resolve_payment(pg_temp.last(customer), outcome, reference, 'looked up') p
$$;
CREATE FUNCTION pg_temp.resolve_refund(customer text, outcome text) RETURNS text LANGUAGE sql AS $$
	SELECT r.status FROM billing.resolve_refund(pg_temp.last_refund(customer), outcome, 're_1', 'looked up') r
$$;
-- what of a customer is to be called
CREATE FUNCTION pg_temp.calls(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', g.subject, g.action, g.priority, g.sends, g.attempts), ', ' ORDER BY g.subject) FROM billing.gateway_calls g WHERE g.customer_id = customer
$$;
CREATE FUNCTION pg_temp.order_state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', o.status, o.refunded) FROM billing.orders o WHERE o.customer_id = customer ORDER BY o.order_id DESC LIMIT 1
$$;
CREATE FUNCTION pg_temp.invoice_state(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', i.status, i.amount_paid, i.amount_credited, i.amount_due), ', ' ORDER BY i.number) FROM billing.invoices i WHERE i.customer_id = customer
$$;
CREATE FUNCTION pg_temp.transfers(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(concat_ws(' ', t.kind, t.debit_account, t.credit_account, t.amount), ', ' ORDER BY t.position) FROM billing.ledger_transfers t
	WHERE t.customer_id = customer AND t.kind <> 'INVOICE_ISSUED'
$$;
CREATE FUNCTION pg_temp.events(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(o.type, ' ' ORDER BY o.position) FROM billing.outbox o WHERE o.customer_id = customer AND o.type !~ '^(OrderPlaced|InvoiceIssued)'
$$;
CREATE FUNCTION pg_temp.audit(customer text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(a.action, ' ' ORDER BY a.position) FROM billing.audit_entries a WHERE a.customer_id = customer AND a.action ~ '^(PAYMENT|REFUND|INVOICE_PAID)'
$$;
CREATE FUNCTION pg_temp.balance(customer text) RETURNS numeric LANGUAGE sql AS $$ SELECT balance FROM billing.wallets WHERE customer_id = customer $$;
-- the error of a statement by its name
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	code text;
BEGIN
	EXECUTE statement;
	RETURN 'done';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE;
	RETURN COALESCE((SELECT c.symbol FROM billing.error_codes c WHERE c.sqlstate = code), SQLERRM);
END;
$$;
CREATE FUNCTION pg_temp.books() RETURNS SETOF text LANGUAGE sql AS $$
	SELECT v.check_name || ': ' || v.detail::text FROM billing.verify() v WHERE NOT v.ok
$$;
DO $$ BEGIN
	PERFORM billing.register_meter('A', 'unit', 'A');
	PERFORM billing.create_pricing_plan('one', 'KRW', '[{"resourceType":"A","model":"per_unit","unitPrice":1}]', '2040-01-01');
	PERFORM billing.register_customer(c, currency => 'KRW') FROM unnest(ARRAY['order', 'declined', 'late', 'top', 'purse', 'lost', 'bill', 'paid', 'many', 'old', 'expired', 'refund',
		'hand', 'soft', 'house', 'thousand']) c;
	PERFORM billing.ingest_usage(c, c, 'A', 100, '2056-05-10') FROM unnest(ARRAY['bill', 'paid', 'expired', 'house']) c;
END $$;

-- a payment waits
SELECT is((SELECT concat_ws(' ', p.status, p.provider, p.method, p.provider_key = p.payment_id::text) FROM billing.pay_order(pg_temp.order_of('order'), idempotency_key => 'k') p),
	'PENDING http CARD t', 'a payment through a gateway is PENDING, with a key of its own');
SELECT is(pg_temp.calls('order'), 'PAYMENT SEND 0 0 0', 'and queued for its worker, before the charges of the house');
SELECT is((SELECT count(*) FROM billing.payment_attempts WHERE customer_id = 'order'), 0::bigint, 'nobody has been called');
SELECT is(pg_temp.order_state('order'), 'CREATED 0', 'its order is not paid');
SELECT is(pg_temp.transfers('order'), NULL, 'nothing is booked');
SELECT is(pg_temp.events('order'), NULL, 'nobody is told');
SELECT is((SELECT concat_ws(' ', p.payment_id = pg_temp.last('order'), p.status) FROM billing.pay_order((SELECT order_id FROM billing.orders WHERE customer_id = 'order'),
	idempotency_key => 'k') p), 't PENDING', 'the same key answers the same payment');
SELECT is(pg_temp.calls('order'), 'PAYMENT SEND 0 0 0', 'and queues nothing anew');
SELECT is(pg_temp.refused($$SELECT billing.pay_order((SELECT order_id FROM billing.orders WHERE customer_id = 'order'), 'WALLET')$$), 'PAYMENT_IN_PROGRESS',
	'what waits is not paid in another way');
SELECT is(pg_temp.refused($$SELECT billing.cancel_order((SELECT order_id FROM billing.orders WHERE customer_id = 'order'), 'no')$$), 'PAYMENT_IN_PROGRESS', 'nor cancelled');
SELECT is(pg_temp.refused($$SELECT billing.soft_delete('PAYMENT', pg_temp.last('order'), 'tidy')$$), 'ILLEGAL_STATE', 'nor hidden');
SELECT is(pg_temp.refused($$SELECT billing.refund_payment(pg_temp.last('order'))$$), 'ILLEGAL_STATE', 'nor refunded');
SELECT is_empty('SELECT pg_temp.books()', 'the books agree while it waits');

-- and is approved
INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, call, status, sent_at, finished_at) VALUES
	('order', pg_temp.last('order'), 1, 'SEND', 'UNKNOWN', '2056-06-02', '2056-06-02'), ('order', pg_temp.last('order'), 2, 'LOOKUP', 'SENT', '2056-06-02', NULL);
UPDATE billing.payment_attempts SET row_digest = billing.row_digest(payment_attempts) WHERE customer_id = 'order'; -- as if the worker wrote it
SELECT is(pg_temp.resolve('order', 'APPROVED'), 'APPROVED ch_1', 'a payment that is approved is APPROVED, with the reference of the capture');
SELECT is(pg_temp.calls('order'), NULL, 'nothing is to be called any more');
SELECT is(pg_temp.order_state('order'), 'PAID 0', 'its order is paid');
SELECT is(pg_temp.transfers('order'), 'PAYMENT_CAPTURED gateway_clearing revenue 110', 'its money is booked');
SELECT is(pg_temp.events('order'), 'PaymentApproved OrderPaid', 'payment and order are told');
SELECT is((SELECT o.idempotency_key FROM billing.outbox o WHERE o.customer_id = 'order' AND o.type = 'PaymentApproved'), 'k', 'with the key of who pays');
SELECT is(pg_temp.audit('order'), 'PAYMENT_RECONCILED', 'who ended it by hand is in the audit log');
SELECT is((SELECT string_agg(concat_ws(' ', attempt_no, status, provider_reference, finished_at IS NOT NULL), ', ' ORDER BY attempt_no) FROM billing.payment_attempts WHERE customer_id = 'order'),
	'1 UNKNOWN t, 2 APPROVED ch_1 t', 'an open attempt takes the answer, one that has ended keeps its own');
SELECT is(pg_temp.resolve('order', 'APPROVED', 'ch_2'), 'APPROVED ch_1', 'a second word is no second capture');
SELECT is(pg_temp.refused($$SELECT pg_temp.resolve('order', 'FAILED')$$), 'ILLEGAL_STATE', 'what is captured does not fail any more');
SELECT is(pg_temp.transfers('order'), 'PAYMENT_CAPTURED gateway_clearing revenue 110', 'it is booked once');

-- or declined
SELECT billing.pay_order(pg_temp.order_of('declined')) IS NOT NULL AS done \gset
SELECT is(pg_temp.resolve('declined', 'FAILED', NULL), 'FAILED', 'a payment that is declined is FAILED');
SELECT is(pg_temp.calls('declined'), NULL, 'nothing is to be called for it');
SELECT is(concat_ws(', ', pg_temp.order_state('declined'), pg_temp.transfers('declined')), 'CREATED 0', 'its order is as it was, and nothing is booked');
SELECT is(pg_temp.events('declined'), 'PaymentRejected', 'who listens is told');
SELECT is((SELECT p.status FROM billing.pay_order((SELECT order_id FROM billing.orders WHERE customer_id = 'declined')) p), 'PENDING', 'another card is another payment');
SELECT is((SELECT count(DISTINCT provider_key) FROM billing.payments WHERE customer_id = 'declined'), 2::bigint, 'with another key');

-- captured after all
SELECT billing.pay_order(pg_temp.order_of('late'), idempotency_key => 'first') IS NOT NULL AS done \gset
SELECT is(pg_temp.resolve('late', 'FAILED', NULL), 'FAILED', 'a payment that was given up');
SELECT is(pg_temp.resolve('late', 'APPROVED', 'ch_9'), 'FAILED ch_9', 'and that was captured after all, stays FAILED, with the reference of the capture');
SELECT is((SELECT concat_ws(' ', p.late_captured_at, p.failure_code) FROM billing.payments p WHERE p.customer_id = 'late'), '2056-06-02 00:00:00+00 RESOLVED_FAILED',
	'and the time of the capture, and why it had failed');
SELECT is(pg_temp.order_state('late'), 'CREATED 0', 'what it was for is not paid by it');
SELECT is(pg_temp.transfers('late'), 'PAYMENT_CAPTURED_LATE gateway_clearing refund_clearing 110', 'the money is booked as what is to go back');
SELECT is((SELECT concat_ws(' ', r.status, r.amount, r.tax, r.destination, r.provider_key = r.refund_id::text) FROM billing.refunds r WHERE r.customer_id = 'late'),
	'REQUESTED 110 0 SOURCE t', 'and is asked back by itself, all of it');
SELECT is(pg_temp.calls('late'), 'REFUND SEND 1 0 0', 'by the worker, behind those who wait');
SELECT is(pg_temp.events('late'), 'PaymentRejected PaymentCapturedLate', 'who listens is told');
SELECT is((SELECT concat_ws(' ', o.payload ->> 'providerReference', o.payload ->> 'amount', (o.payload ->> 'refundId')::uuid = pg_temp.last_refund('late')) FROM billing.outbox o
	WHERE o.customer_id = 'late' AND o.type = 'PaymentCapturedLate'), 'ch_9 110 t', 'of the capture and of its refund');
SELECT is(pg_temp.audit('late'), 'PAYMENT_RECONCILED REFUND_REQUESTED PAYMENT_CAPTURED_LATE', 'the audit log has it');
SELECT is(pg_temp.resolve('late', 'APPROVED', 'ch_10'), 'FAILED ch_9', 'a second late word changes nothing');
SELECT is(concat_ws('; ', pg_temp.calls('late'), pg_temp.transfers('late'), (SELECT count(*) FROM billing.refunds WHERE customer_id = 'late')),
	'REFUND SEND 1 0 0; PAYMENT_CAPTURED_LATE gateway_clearing refund_clearing 110; 1', 'nothing is booked or asked back twice');
SELECT is(pg_temp.resolve('late', 'FAILED', NULL), 'FAILED ch_9', 'nor does another word that it failed');
SELECT is_empty('SELECT pg_temp.books()', 'the books agree while it goes back');
SELECT is(pg_temp.refused($$SELECT billing.soft_delete('PAYMENT', pg_temp.last('late'), 'tidy')$$), 'ILLEGAL_STATE', 'what moved money is not hidden');
SELECT is(pg_temp.refused($$SELECT billing.refund_payment(pg_temp.last('late'))$$), 'REFUND_ALREADY_REQUESTED', 'nor refunded again');
SELECT is((SELECT p.status FROM billing.pay_order((SELECT order_id FROM billing.orders WHERE customer_id = 'late'), idempotency_key => 'second') p), 'PENDING',
	'the order is paid in another way meanwhile');
SELECT is(pg_temp.resolve('late', 'APPROVED', 'ch_11'), 'APPROVED ch_11', 'which is approved');
SELECT is((SELECT r.status FROM billing.resolve_refund(pg_temp.last_refund('late'), 'FAILED', 're_8', 'declined') r), 'FAILED', 'the refund may be declined');
SELECT is((SELECT string_agg(t.kind, ' ' ORDER BY t.position) FROM billing.ledger_transfers t WHERE t.customer_id = 'late'), 'PAYMENT_CAPTURED_LATE PAYMENT_CAPTURED',
	'then the money stays where it waits');
SELECT is(pg_temp.refused($$SELECT billing.refund_payment((SELECT payment_id FROM billing.payments WHERE idempotency_key = 'first'), destination => 'WALLET')$$), 'ILLEGAL_STATE',
	'it does not become the customer''s here');
SELECT is((SELECT r.status FROM billing.refund_payment((SELECT payment_id FROM billing.payments WHERE idempotency_key = 'first')) r), 'REQUESTED', 'and is asked back again by hand');
SELECT is(pg_temp.resolve_refund('late', 'COMPLETED'), 'COMPLETED', 'until it is back');
SELECT is((SELECT concat_ws(' ', t.debit_account, t.credit_account, t.amount) FROM billing.ledger_transfers t WHERE t.customer_id = 'late' AND t.kind = 'REFUND_COMPLETED'),
	'refund_clearing gateway_clearing 110', 'which is booked from where it waited');
SELECT is(pg_temp.order_state('late'), 'PAID 0', 'and is no refund of the order');
SELECT is((SELECT count(*) FROM billing.credit_notes WHERE customer_id = 'late'), 0::bigint, 'and writes no credit note');

-- a mock's decline is final
SET LOCAL billing.gateway_url = '';
SELECT is((SELECT concat_ws(' ', p.status, p.provider) FROM billing.pay_order(pg_temp.order_of('hand'), idempotency_key => 'FAIL_1') p), 'FAILED mock', 'without a gateway the mock answers at once');
SELECT is(pg_temp.refused($$SELECT pg_temp.resolve('hand', 'APPROVED')$$), 'ILLEGAL_STATE', 'and nobody learns better of it later');
SELECT is((SELECT p.status FROM billing.pay_order((SELECT order_id FROM billing.orders WHERE customer_id = 'hand')) p), 'APPROVED', 'a payment of before there was a gateway');
SET LOCAL billing.gateway_url = 'http://127.0.0.1:9';
SELECT is((SELECT r.status FROM billing.refund_payment(pg_temp.last('hand'), 10) r), 'COMPLETED', 'goes back where it came from');

-- a refund waits
SELECT is((SELECT concat_ws(' ', r.status, r.amount, r.destination) FROM billing.refund_payment(pg_temp.last('order'), 40, idempotency_key => 'r') r), 'REQUESTED 40 SOURCE',
	'a refund through a gateway is REQUESTED');
SELECT is(pg_temp.calls('order'), 'REFUND SEND 0 0 0', 'and queued');
SELECT is(pg_temp.refused($$SELECT billing.refund_payment(pg_temp.last('order'), 80)$$), 'REFUND_EXCEEDS_PAYMENT', 'it counts against what is left');
SELECT is((SELECT r.status FROM billing.refund_payment(pg_temp.last('order'), 30, destination => 'WALLET') r), 'COMPLETED', 'to the wallet money goes at once');
INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status, sent_at)
	SELECT 'order', r.refund_id, 1, 'SEND', 'SENT', '2056-06-02' FROM billing.refunds r WHERE r.idempotency_key = 'r';
UPDATE billing.refund_attempts SET row_digest = billing.row_digest(refund_attempts); -- likewise
SELECT is((SELECT r.status FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds WHERE idempotency_key = 'r'), 'COMPLETED', 're_1', 'seen') r), 'COMPLETED', 'until the provider has given it back');
SELECT is(concat_ws('; ', pg_temp.calls('order'), pg_temp.order_state('order')), 'PAID 70', 'then nothing is to be called, and the order knows');
SELECT is((SELECT concat_ws(' ', status, provider_reference, finished_at IS NOT NULL) FROM billing.refund_attempts WHERE customer_id = 'order'), 'APPROVED re_1 t', 'its open attempt takes the answer');

-- of a top-up
SELECT is((SELECT concat_ws(' ', p.status, p.provider) FROM billing.request_top_up('top', 500, 'KRW') p), 'PENDING http', 'a top-up through a gateway waits');
SELECT is(concat_ws(' ', pg_temp.calls('top'), pg_temp.balance('top')), 'PAYMENT SEND 0 0 0 0', 'and the wallet with it');
SELECT is(concat_ws(' ', pg_temp.resolve('top', 'APPROVED'), pg_temp.balance('top')), 'APPROVED ch_1 500', 'until it is approved');
SELECT is((SELECT r.status FROM billing.refund_payment(pg_temp.last('top'), 300) r), 'REQUESTED', 'its refund waits too');
SELECT is(pg_temp.balance('top'), 200::numeric, 'but its money is out of the wallet at once');
SELECT is(pg_temp.refused($$SELECT billing.charge_wallet('top', 201, 'KRW', 'X', 'x')$$), 'INSUFFICIENT_BALANCE', 'and cannot be spent');
SELECT is(pg_temp.refused($$SELECT billing.charge_wallet('top', 150, 'KRW', 'X', 'x')$$), 'done', 'the rest can');
SELECT is(pg_temp.refused($$SELECT billing.refund_payment(pg_temp.last('top'), 100)$$), 'INSUFFICIENT_BALANCE', 'what is spent is not asked back');
SELECT is_empty('SELECT pg_temp.books()', 'the books agree while it is on its way');
SELECT is(concat_ws(' ', pg_temp.resolve_refund('top', 'FAILED'), pg_temp.balance('top'), pg_temp.calls('top')), 'FAILED 350', 'when it fails the money is in the wallet again');
SELECT is(concat_ws(' ', (SELECT r.status FROM billing.refund_payment(pg_temp.last('top'), 350) r), pg_temp.resolve_refund('top', 'COMPLETED'), pg_temp.balance('top')), 'REQUESTED COMPLETED 0',
	'and when it is back it has left once');
SELECT is(pg_temp.transfers('top'), 'PAYMENT_CAPTURED gateway_clearing wallet 500, REFUND_RESERVED wallet refund_clearing 300, WALLET_CHARGE wallet revenue 150,'
	' REFUND_RETURNED refund_clearing wallet 300, REFUND_RESERVED wallet refund_clearing 350, REFUND_COMPLETED refund_clearing gateway_clearing 350', 'all of which is booked');

-- a settlement
SELECT is((SELECT concat_ws(' ', s.payment_succeeded, s.payment_status, s.message) FROM billing.run_settlement('bill', '2056-05') s), 'f PENDING invoice issued, payment pending',
	'settlement with a gateway leaves its charge to the worker');
SELECT is(concat_ws('; ', pg_temp.invoice_state('bill'), pg_temp.calls('bill')), 'ISSUED 0 0 100; PAYMENT SEND 1 0 0', 'the invoice is ISSUED, and the charge queued behind those who wait');
SELECT is(pg_temp.refused($$SELECT billing.record_payment((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'bill'), 10)$$), 'PAYMENT_IN_PROGRESS', 'nothing else may pay it meanwhile');
SELECT is(concat_ws('; ', pg_temp.resolve('bill', 'APPROVED'), pg_temp.invoice_state('bill'), pg_temp.calls('bill')), 'APPROVED ch_1; PAID 100 0 0', 'until it is charged');
SELECT is(concat_ws('; ', pg_temp.events('bill'), pg_temp.audit('bill')), 'PaymentApproved InvoicePaid; PAYMENT_RECONCILED INVOICE_PAID', 'and paid is told');
SELECT is(pg_temp.refused($$SELECT billing.issue_credit_note((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'bill'), NULL, 'wrong', 'SOURCE')$$), 'ILLEGAL_STATE',
	'a credit note cannot give back to a source that answers later');
SELECT is((SELECT concat_ws(' ', r.status, r.credit_note_id IS NULL) FROM billing.refund_payment(pg_temp.last('bill'), 60) r), 'REQUESTED t', 'a refund can, and has no note yet');
SELECT is(concat_ws('; ', pg_temp.resolve_refund('bill', 'COMPLETED'), pg_temp.invoice_state('bill')), 'COMPLETED; PAID 40 60 0', 'the invoice is credited when the money is back');
SELECT is((SELECT concat_ws(' ', n.total, r.status) FROM billing.credit_notes n JOIN billing.refunds r USING (customer_id, credit_note_id) WHERE n.customer_id = 'bill'), '60 COMPLETED',
	'by a note that the refund names');
SELECT is(pg_temp.refused($$SELECT billing.issue_credit_note((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'bill'), NULL, 'wrong', 'WALLET')$$), 'done', 'to the wallet a note gives at once');

-- what is not asked
SELECT billing.register_payment_method('expired', 'CARD', 'http', 'tok_old', expires_on => '2056-01-31') IS NOT NULL AS done \gset
SELECT is((SELECT concat_ws(' ', s.payment_status, s.failure_code) FROM billing.run_settlement('expired', '2056-05') s), 'FAILED CARD_EXPIRED', 'an expired card is declined without a call');
SELECT is(pg_temp.calls('expired'), NULL, 'so none is queued');
SELECT is(pg_temp.refused($$SELECT billing.request_top_up('thousand', 1.234, 'KWD')$$), 'INVALID_ARGUMENT', 'an amount that no gateway can carry is refused when it is asked for');
SET LOCAL billing.gateway_url = '';
SELECT is(concat_ws(' ', pg_temp.resolve('declined', 'APPROVED'), (SELECT p.status || ' ' || p.provider FROM billing.pay_order(pg_temp.order_of('purse')) p)), 'APPROVED ch_1 APPROVED mock',
	'without a gateway any more what was asked of it still ends, and what comes is asked of the mock');
SELECT is_empty('SELECT pg_temp.books()', 'the books agree in the end');
SELECT * FROM finish();
ROLLBACK;
