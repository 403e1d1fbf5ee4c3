-- verify() over the movement of money: true after every step of a history, and each check false when one row is damaged.
BEGIN;
\ir include/money.sql
SELECT plan(184);
SET LOCAL billing.now = '2026-11-10T00:00:00Z';

CREATE FUNCTION pg_temp.holds_after(rule text, statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	BEGIN
		EXECUTE statement;
	EXCEPTION WHEN OTHERS THEN
		RETURN fail(format('%s: %s', rule, SQLERRM));
	END;
	RETURN is_empty('SELECT check_name, detail FROM billing.verify() WHERE NOT ok', rule);
END;
$$;
SELECT pg_temp.holds_after(rule, statement) FROM (SELECT * FROM money_step ORDER BY n OFFSET 0) s;

-- the history was played as it reads
SELECT results_eq(
	$$SELECT o.idempotency_key COLLATE "default", o.status, o.refunded, o.refunded_tax FROM billing.orders o ORDER BY 1$$,
	$$VALUES ('by-card', 'REFUNDED', 110::numeric, 10::numeric), ('by-wallet', 'PAID', 21, 2), ('cancelled', 'CANCELLED', 0, 0),
		('declined', 'CREATED', 0, 0), ('gateway fails', 'CREATED', 0, 0), ('gateway is late', 'CREATED', 0, 0),
		('gateway waits', 'CREATED', 0, 0), ('given-up', 'FAILED', 0, 0), ('unknown', 'CREATED', 0, 0), ('waiting', 'CREATED', 0, 0)$$,
	'orders are in every state');
SELECT results_eq(
	$$SELECT p.target_type, p.status, p.provider, count(*), sum(p.amount) FROM billing.payments p GROUP BY 1, 2, 3 ORDER BY 1, 2, 3$$,
	$$VALUES ('INVOICE', 'APPROVED', 'manual', 2::bigint, 140::numeric), ('INVOICE', 'APPROVED', 'mock', 3, 330), ('INVOICE', 'APPROVED', 'wallet', 1, 110),
		('ORDER', 'APPROVED', 'mock', 1, 110), ('ORDER', 'APPROVED', 'wallet', 1, 110), ('ORDER', 'FAILED', 'http', 2, 140), ('ORDER', 'FAILED', 'mock', 2, 220),
		('ORDER', 'PENDING', 'http', 1, 70), ('ORDER', 'PENDING', 'mock', 1, 110), ('TOP_UP', 'APPROVED', 'http', 1, 90), ('TOP_UP', 'APPROVED', 'mock', 2, 1000), ('TOP_UP', 'FAILED', 'mock', 1, 500)$$,
	'payments are of every target, state and provider');
SELECT set_eq('SELECT DISTINCT r.status, r.destination FROM billing.refunds r',
	$$VALUES ('COMPLETED', 'SOURCE'), ('COMPLETED', 'WALLET'), ('COMPLETED', 'CREDIT'), ('FAILED', 'SOURCE'), ('REQUESTED', 'SOURCE')$$,
	'refunds of every state and destination');
SELECT set_eq('SELECT DISTINCT c.status FROM billing.credits c', ARRAY['ACTIVE', 'EXHAUSTED', 'EXPIRED', 'REVOKED'], 'credits of every state');
SELECT set_eq('SELECT DISTINCT h.status FROM billing.wallet_holds h', ARRAY['OPEN', 'CAPTURED', 'RELEASED', 'EXPIRED'], 'holds of every state');
SELECT set_eq('SELECT DISTINCT t.kind FROM billing.ledger_transfers t',
	ARRAY['INVOICE_ISSUED', 'CREDIT_NOTE_ISSUED', 'PAYMENT_CAPTURED', 'REFUND_COMPLETED', 'WALLET_TOP_UP', 'WALLET_CHARGE', 'WALLET_CAPTURE', 'PAYMENT_CAPTURED_LATE', 'REFUND_RESERVED', 'REFUND_RETURNED',
		'CREDIT_GRANTED', 'CREDIT_APPLIED', 'CREDIT_EXPIRED', 'CREDIT_REVOKED'],
	'transfers of every kind');
SELECT set_eq('SELECT a.code FROM billing.ledger_accounts a',
	$$SELECT e.account FROM billing.ledger_entries e UNION SELECT 'bad_debt' COLLATE "C"$$, 'and every account but bad_debt moves');
SELECT is_empty($$SELECT since, v.check_name FROM unnest(ARRAY['2020-01-01', '2026-11-10', '2026-12-20', '2030-01-01', '-infinity', 'infinity']::timestamptz[]) since,
	billing.verify(since) v WHERE NOT v.ok$$, 'every check holds since any time');
SELECT pg_temp.holds_after(rule, statement) FROM (VALUES
	('in a currency that only a wallet has', $$SELECT billing.request_top_up('traveller', 0.5, 'EUR')$$),
	('that only a credit has', $$SELECT billing.grant_credit('traveller', 'PROMO', 0.005, 'KWD', NULL)$$),
	('that only an order has', $$SELECT billing.pay_order((billing.place_order('traveller', 'GBP', '[{"sku": "a", "quantity": 1, "unitPrice": 0.5}]')).order_id)$$)) v(rule, statement);

-- the damage
CREATE TEMP TABLE label AS
	SELECT h.invoice_id::text AS id, h.number::text AS name FROM billing.invoice_headers h
	UNION ALL SELECT n.credit_note_id::text, n.number FROM billing.credit_notes n
	UNION ALL SELECT p.payment_id::text, p.idempotency_key FROM billing.payments p
	UNION ALL SELECT o.order_id::text, 'order ' || o.idempotency_key FROM billing.orders o
	UNION ALL SELECT r.refund_id::text, 'refund ' || COALESCE(r.idempotency_key, p.idempotency_key) FROM billing.refunds r JOIN billing.payments p USING (customer_id, payment_id)
	UNION ALL SELECT h.hold_id::text, h.idempotency_key FROM billing.wallet_holds h
	UNION ALL SELECT c.credit_id::text, COALESCE(c.idempotency_key, c.reason) FROM billing.credits c
	UNION ALL SELECT a.application_id::text, 'application ' || a.idempotency_key FROM billing.credit_applications a
	UNION ALL SELECT w.wallet_id::text, 'wallet' FROM billing.wallets w;
\ir include/damage.sql
SELECT is_empty('SELECT pg_temp.damage(''SELECT 1'')', 'without damage nothing is told');

SELECT pg_temp.tells($$UPDATE billing.wallets SET balance = balance + 1 WHERE currency = 'KRW'$$,
	ARRAY['wallets: wallets mover KRW: balance is not that of the ledger'],
	'wallets tells a balance that no transfer moved');
SELECT pg_temp.tells($$UPDATE billing.wallets SET held = held + 1 WHERE currency = 'KRW'$$,
	ARRAY['wallets: wallets mover wallet KRW: held is not the sum of its open holds'],
	'wallets tells a held amount without a hold');
SELECT pg_temp.tells($$UPDATE billing.wallet_holds SET status = 'RELEASED', ended_at = created_at WHERE idempotency_key = 'kept'$$,
	ARRAY['wallets: wallets mover wallet KRW: held is not the sum of its open holds'],
	'wallets tells a hold that was released and still holds');
SELECT pg_temp.tells($$UPDATE billing.wallet_holds SET currency = 'USD' WHERE idempotency_key = 'kept'$$,
	ARRAY['wallets: wallets mover wallet KRW: held in another currency'],
	'wallets tells a hold in another currency');
SELECT pg_temp.tells($$ALTER TABLE billing.wallets DROP CONSTRAINT wallets_held; UPDATE billing.wallets SET balance = 39 WHERE currency = 'KRW'$$,
	ARRAY['wallets: wallets mover KRW: balance is not that of the ledger',
		'wallets: wallets mover wallet KRW: more is held than there is'],
	'wallets tells a wallet that holds more than it has');
SELECT pg_temp.tells($$UPDATE billing.wallet_holds SET captured = 199 WHERE idempotency_key = 'part'$$,
	ARRAY['postings: ledger_transfers mover part WALLET_CAPTURE KRW: posted with another amount'],
	'postings tells a hold that captured another amount');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'WALLET_CAPTURE' AND amount = 60$$,
	ARRAY['wallets: wallets mover KRW: balance is not that of the ledger',
		'postings: ledger_transfers mover whole WALLET_CAPTURE KRW: not posted'],
	'postings tells a capture of a hold that is not booked');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET debit_account = 'bank' WHERE kind = 'WALLET_TOP_UP'$$,
	ARRAY['postings: ledger_transfers mover b-1 WALLET_TOP_UP KRW: posted, but nothing stands for it'],
	'postings tells a top-up from another account');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET kind = 'WALLET_TOP_UP' WHERE kind = 'WALLET_CHARGE'$$,
	ARRAY['postings: ledger_transfers mover r-1 WALLET_TOP_UP KRW: posted, but nothing stands for it'],
	'postings tells a charge that calls itself a top-up');
SELECT pg_temp.tells($$UPDATE billing.payments SET method = 'CARD' WHERE idempotency_key = 'order by wallet'$$,
	ARRAY['payments: payments mover order by wallet: its method is not that of its provider'],
	'payments tells a method that its provider does not have');
SELECT pg_temp.tells($$INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at) SELECT customer_id, payment_id, 1, 'APPROVED', created_at FROM billing.payments WHERE idempotency_key = 'wire 1'$$,
	ARRAY['payments: payments mover wire 1: no provider was asked, but it is not APPROVED or has attempts'],
	'payments tells an attempt to capture a transfer');
SELECT pg_temp.tells($$INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at) SELECT customer_id, payment_id, 9, 'SENT', created_at FROM billing.payments WHERE idempotency_key = 'by-card'$$,
	ARRAY['payments: payments mover by-card: it is decided, an attempt of it is not'],
	'payments tells a call to the provider that is open after the decision');
SELECT pg_temp.tells($$UPDATE billing.payment_attempts a SET status = 'APPROVED' FROM billing.payments p WHERE p.payment_id = a.payment_id AND p.idempotency_key = 'UNKNOWN_waiting'$$,
	ARRAY['payments: payments mover UNKNOWN_waiting: its attempts do not agree with it'],
	'payments tells a captured attempt of a payment that waits');
SELECT pg_temp.tells($$DROP INDEX billing.payments_pending; UPDATE billing.payments SET status = 'PENDING', completed_at = NULL, target_id = pg_temp.order_of('waiting') WHERE idempotency_key = 'UNKNOWN_unknown'$$,
	ARRAY['payments: payments mover order waiting: more than one payment of it is PENDING'],
	'payments tells two payments of an order that wait');
SELECT pg_temp.tells($$DELETE FROM billing.gateway_calls g USING billing.payments p WHERE p.payment_id = g.subject_id AND p.idempotency_key = 'gateway waits'$$,
	ARRAY['gateway_calls: gateway_calls mover gateway waits: it is undecided, but not queued'],
	'gateway_calls tells a payment that nobody will ask for');
SELECT pg_temp.tells($$DELETE FROM billing.gateway_calls g USING billing.refunds r WHERE r.refund_id = g.subject_id AND r.idempotency_key = 'top-up 40'$$,
	ARRAY['gateway_calls: gateway_calls mover refund top-up 40: it is undecided, but not queued'],
	'gateway_calls tells a refund that nobody will ask for');
SELECT pg_temp.tells($$INSERT INTO billing.gateway_calls (customer_id, subject, subject_id, priority, action, due_at, created_at)
		SELECT customer_id, 'PAYMENT', payment_id, 0, 'SEND', created_at, created_at FROM billing.payments WHERE idempotency_key = 'gateway fails'$$,
	ARRAY['gateway_calls: gateway_calls mover gateway fails: it is queued, but not undecided'],
	'gateway_calls tells a call for what is decided');
SELECT pg_temp.tells($$UPDATE billing.gateway_calls g SET subject = 'REFUND' FROM billing.payments p WHERE p.payment_id = g.subject_id AND p.idempotency_key = 'gateway waits'$$,
	ARRAY['gateway_calls: gateway_calls mover gateway waits: it is undecided, but not queued',
		'gateway_calls: gateway_calls mover gateway waits: it is queued, but not undecided'],
	'gateway_calls tells a call that is for another kind of thing');
SELECT pg_temp.tells($$ALTER TABLE billing.gateway_calls DROP CONSTRAINT gateway_calls_pkey; INSERT INTO billing.gateway_calls SELECT g.* FROM billing.gateway_calls g
		JOIN billing.payments p ON p.payment_id = g.subject_id AND p.idempotency_key = 'gateway waits'$$,
	ARRAY['gateway_calls: gateway_calls mover gateway waits: it is queued more than once'],
	'gateway_calls tells a payment that would be called for twice');
SELECT pg_temp.tells($$INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at, finished_at)
		SELECT customer_id, payment_id, 1, 'APPROVED', created_at, created_at FROM billing.payments WHERE idempotency_key = 'gateway fails'$$,
	ARRAY['payments: payments mover gateway fails: the provider captured it, but it is FAILED'],
	'payments tells a capture that nobody booked');
SELECT pg_temp.tells($$INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at)
		SELECT customer_id, payment_id, 1, 'UNKNOWN', created_at FROM billing.payments WHERE idempotency_key = 'gateway fails'$$,
	ARRAY['payments: payments mover gateway fails: it is decided, an attempt of it is not'],
	'payments tells a call to a gateway that is open after the decision');
SELECT is_empty($$SELECT pg_temp.damage($d$INSERT INTO billing.payment_attempts (customer_id, payment_id, attempt_no, status, sent_at, finished_at)
		SELECT p.customer_id, p.payment_id, n, s, p.created_at, p.created_at FROM billing.payments p,
		(VALUES ('gateway fails', 1, 'UNKNOWN'), ('gateway fails', 2, 'DECLINED'), ('gateway is late', 1, 'DECLINED'), ('gateway is late', 2, 'APPROVED'),
			('gateway top-up', 1, 'UNKNOWN'), ('gateway top-up', 2, 'DECLINED'), ('gateway waits', 1, 'UNKNOWN'), ('gateway waits', 2, 'APPROVED')) v(key, n, s)
		WHERE p.idempotency_key = v.key$d$)$$, 'what a gateway answered too late, or twice, is no violation');
SELECT pg_temp.tells($$DELETE FROM billing.outbox o USING billing.refunds r, billing.payments p WHERE o.aggregateid = r.refund_id::text AND p.payment_id = r.payment_id
		AND p.idempotency_key = 'gateway is late'; DELETE FROM billing.refunds r USING billing.payments p WHERE p.payment_id = r.payment_id AND p.idempotency_key = 'gateway is late'$$,
	ARRAY['payments: payments mover gateway is late: captured late, but never given back',
		'postings: ledger_transfers mover refund gateway is late REFUND_COMPLETED KRW: posted, but nothing stands for it'],
	'payments tells a late capture whose refund is gone');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'PAYMENT_CAPTURED_LATE'$$,
	ARRAY['postings: ledger_transfers mover gateway is late PAYMENT_CAPTURED_LATE KRW: not posted'],
	'postings tells a late capture that is not booked');
SELECT pg_temp.tells($$UPDATE billing.payments SET late_captured_at = NULL, late_reference = NULL WHERE late_captured_at IS NOT NULL$$,
	ARRAY['postings: ledger_transfers mover gateway is late PAYMENT_CAPTURED_LATE KRW: posted, but nothing stands for it',
		'postings: ledger_transfers mover refund gateway is late REFUND_COMPLETED KRW: not posted',
		'postings: ledger_transfers mover refund gateway is late REFUND_COMPLETED KRW: posted, but nothing stands for it',
		'refunds: refunds mover refund gateway is late: its payment was not captured'],
	'refunds tells a refund of what was never captured');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers t USING billing.refunds r WHERE t.kind = 'REFUND_RESERVED' AND t.reference_id = r.refund_id::text AND r.idempotency_key = 'top-up 40'$$,
	ARRAY['postings: ledger_transfers mover refund top-up 40 REFUND_RESERVED KRW: not posted', 'wallets: wallets mover KRW: balance is not that of the ledger'],
	'postings tells a refund on its way that left the money in the wallet');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers t USING billing.refunds r WHERE t.kind = 'REFUND_RESERVED' AND t.reference_id = r.refund_id::text AND r.idempotency_key = 'top-up 30'$$,
	ARRAY['postings: ledger_transfers mover refund top-up 30 REFUND_RETURNED KRW: posted, but nothing stands for it', 'wallets: wallets mover KRW: balance is not that of the ledger'],
	'postings tells money that came back to a wallet it never left');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'REFUND_RETURNED'$$,
	ARRAY['postings: ledger_transfers mover refund top-up 30 REFUND_RETURNED KRW: not posted', 'wallets: wallets mover KRW: balance is not that of the ledger'],
	'postings tells a failed refund whose money is not back in the wallet');
SELECT pg_temp.tells($$INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status, sent_at, finished_at)
		SELECT customer_id, refund_id, 1, 'SEND', 'APPROVED', requested_at, requested_at FROM billing.refunds WHERE idempotency_key = 'top-up 30'$$,
	ARRAY['refunds: refunds mover refund top-up 30: the provider gave it back, but it is FAILED'],
	'refunds tells money that went back after its refund had failed');
SELECT pg_temp.tells($$INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status, sent_at)
		SELECT customer_id, refund_id, 1, 'SEND', 'SENT', requested_at FROM billing.refunds WHERE idempotency_key = 'top-up 20'$$,
	ARRAY['refunds: refunds mover refund top-up 20: it is decided, an attempt of it is not'],
	'refunds tells a call that is open after the decision');
SELECT pg_temp.tells($$INSERT INTO billing.refund_attempts (customer_id, refund_id, attempt_no, call, status, sent_at, finished_at)
		SELECT customer_id, '00000000-0000-0000-0000-00000000000a', 1, 'SEND', 'UNKNOWN', requested_at, requested_at FROM billing.refunds WHERE idempotency_key = 'top-up 20'$$,
	ARRAY['references: refund_attempts mover 00000000-0000-0000-0000-00000000000a: its refund does not exist'],
	'references tells an attempt of a refund that is not there');
SELECT pg_temp.tells($$UPDATE billing.payments SET excess = 31 WHERE idempotency_key = 'wire 2'$$,
	ARRAY['payments: payments mover wire 2: its credit is not what was too much',
		'invoice_payments: invoice_headers mover INV-2026-000004: amount_paid is not the sum of its payments less their refunds',
		'postings: ledger_transfers mover wire 2 PAYMENT_CAPTURED KRW: posted with another amount'],
	'payments tells an excess that is not its credit');
SELECT pg_temp.tells($$UPDATE billing.payments SET amount = 501 WHERE idempotency_key = 'by-card'$$,
	ARRAY['postings: ledger_transfers mover by-card PAYMENT_CAPTURED KRW: posted with another amount'],
	'postings tells a top-up that captured another amount');
SELECT pg_temp.tells($$UPDATE billing.payments SET currency = 'USD' WHERE idempotency_key = 'by-card'$$,
	ARRAY['payments: payments mover by-card: paid in another currency',
		'postings: ledger_transfers mover by-card PAYMENT_CAPTURED USD: not posted',
		'postings: ledger_transfers mover by-card PAYMENT_CAPTURED KRW: posted, but nothing stands for it'],
	'payments tells a payment in another currency than its target');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET tax_code = NULL WHERE kind = 'PAYMENT_CAPTURED' AND debit_account = 'wallet' AND credit_account = 'tax_payable'$$,
	ARRAY['postings: ledger_transfers mover order by wallet PAYMENT_CAPTURED KRW: not posted',
		'postings: ledger_transfers mover order by wallet PAYMENT_CAPTURED KRW: posted, but nothing stands for it'],
	'postings tells the tax of an order under no code');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET debit_account = 'gateway_clearing' WHERE kind = 'PAYMENT_CAPTURED' AND debit_account = 'bank'$$,
	ARRAY['postings: ledger_transfers mover wire 1 PAYMENT_CAPTURED KRW: not posted',
		'postings: ledger_transfers mover wire 1 PAYMENT_CAPTURED KRW: posted, but nothing stands for it',
		'postings: ledger_transfers mover wire 2 PAYMENT_CAPTURED KRW: not posted',
		'postings: ledger_transfers mover wire 2 PAYMENT_CAPTURED KRW: posted, but nothing stands for it'],
	'postings tells a transfer that did not come through the bank');
SELECT pg_temp.tells($$ALTER TABLE billing.order_items DROP CONSTRAINT order_items_amount; UPDATE billing.order_items SET amount = amount + 1 WHERE order_id = pg_temp.order_of('waiting') AND item_no = 1$$,
	ARRAY['orders: orders mover order waiting: an amount is not unit price times quantity'],
	'orders tells an item that was changed');
SELECT pg_temp.tells($$DELETE FROM billing.order_items WHERE order_id = pg_temp.order_of('waiting') AND item_no = 2$$,
	ARRAY['orders: orders mover order waiting: total is not the sum of the items'],
	'orders tells an item that is lost');
SELECT pg_temp.tells($$DELETE FROM billing.order_items WHERE order_id = pg_temp.order_of('waiting')$$,
	ARRAY['orders: orders mover order waiting: no items'],
	'orders tells an order of nothing');
SELECT pg_temp.tells($$UPDATE billing.order_items SET item_no = 3 WHERE order_id = pg_temp.order_of('waiting') AND item_no = 2$$,
	ARRAY['orders: orders mover order waiting: item numbers are not 1 to n'],
	'orders tells a missing item number');
SELECT pg_temp.tells($$ALTER TABLE billing.orders DROP CONSTRAINT orders_total; UPDATE billing.orders SET net = net + 1 WHERE idempotency_key = 'waiting'$$,
	ARRAY['orders: orders mover order waiting: total is not net plus tax'],
	'orders tells a net that was changed');
SELECT pg_temp.tells($$UPDATE billing.orders SET net = net + 1, tax = tax - 1 WHERE idempotency_key = 'by-wallet'$$,
	ARRAY['postings: ledger_transfers mover order by wallet PAYMENT_CAPTURED KRW: posted with another amount',
		'postings: ledger_transfers mover order by wallet PAYMENT_CAPTURED KRW: posted with another amount'],
	'postings tells an order whose tax was changed');
SELECT pg_temp.tells($$UPDATE billing.orders SET status = 'CREATED', payment_id = NULL, refunded = 0, refunded_tax = 0 WHERE idempotency_key = 'by-wallet'$$,
	ARRAY['orders: orders mover order by-wallet: status and payments disagree'],
	'orders tells an order that was paid and does not say so');
SELECT pg_temp.tells($$UPDATE billing.orders SET payment_id = pg_temp.payment_of('order by card') WHERE idempotency_key = 'by-wallet'$$,
	ARRAY['orders: orders mover order by-wallet: another payment paid it'],
	'orders tells an order that names another payment');
SELECT pg_temp.tells($$DROP INDEX billing.payments_order; UPDATE billing.payments SET target_id = pg_temp.order_of('by-wallet') WHERE idempotency_key = 'order by card'$$,
	ARRAY['orders: orders mover order by-card: status and payments disagree',
		'orders: orders mover order by-wallet: paid more than once'],
	'orders tells an order that was paid twice');
SELECT pg_temp.tells($$UPDATE billing.payments SET amount = 109 WHERE idempotency_key = 'order by wallet'$$,
	ARRAY['orders: orders mover order by-wallet: paid with another amount'],
	'orders tells a payment of another amount than its order');
SELECT pg_temp.tells($$UPDATE billing.orders SET refunded = refunded - 1 WHERE idempotency_key = 'by-wallet'$$,
	ARRAY['orders: orders mover order by-wallet: refunded is not the sum of its refunds'],
	'orders tells a refund that the order does not know');
SELECT pg_temp.tells($$ALTER TABLE billing.orders DROP CONSTRAINT orders_refunded; UPDATE billing.orders SET status = 'PAID' WHERE idempotency_key = 'by-card'$$,
	ARRAY['orders: orders mover order by-card: status and refunded disagree'],
	'orders tells an order that is all refunded and does not say so');
SELECT pg_temp.tells($$UPDATE billing.refunds SET amount = 74 WHERE idempotency_key = 'UNKNOWN_8'$$,
	ARRAY['refunds: payments mover invoice by card: more is refunded than was captured'],
	'refunds tells more than was captured, also of refunds that wait');
SELECT pg_temp.tells($$UPDATE billing.refunds SET amount = 9 WHERE idempotency_key = 'back'$$,
	ARRAY['orders: orders mover order by-wallet: refunded is not the sum of its refunds',
		'postings: ledger_transfers mover refund back REFUND_COMPLETED KRW: posted with another amount'],
	'postings tells a refund of another amount');
SELECT pg_temp.tells($$UPDATE billing.refunds SET tax = 2 WHERE idempotency_key = 'back'$$,
	ARRAY['orders: orders mover order by-wallet: refunded is not the sum of its refunds',
		'postings: ledger_transfers mover refund back REFUND_COMPLETED KRW: posted with another amount',
		'postings: ledger_transfers mover refund back REFUND_COMPLETED KRW: posted with another amount'],
	'postings tells a refund of another tax');
SELECT pg_temp.tells($$UPDATE billing.refunds SET status = 'REQUESTED', completed_at = NULL WHERE idempotency_key = 'back'$$,
	ARRAY['orders: orders mover order by-wallet: refunded is not the sum of its refunds',
		'postings: ledger_transfers mover refund back REFUND_COMPLETED KRW: posted, but nothing stands for it',
		'postings: ledger_transfers mover refund back REFUND_COMPLETED KRW: posted, but nothing stands for it'],
	'postings tells a refund that is booked before its outcome is known');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'REFUND_COMPLETED' AND credit_account = 'bank'$$,
	ARRAY['receivable: ledger_transfers mover KRW: receivable is not what is due',
		'postings: ledger_transfers mover refund bank REFUND_COMPLETED KRW: not posted'],
	'postings tells a refund that is not booked');
SELECT pg_temp.tells($$UPDATE billing.payments SET status = 'FAILED' WHERE idempotency_key = 'wire 1'$$,
	ARRAY['payments: payments mover wire 1: no provider was asked, but it is not APPROVED or has attempts',
		'postings: ledger_transfers mover wire 1 PAYMENT_CAPTURED KRW: posted, but nothing stands for it',
		'refunds: refunds mover refund bank: its payment was not captured'],
	'refunds tells a refund of what was not captured');
SELECT pg_temp.tells($$UPDATE billing.refunds SET currency = 'USD' WHERE idempotency_key = 'FAIL_refund'$$,
	ARRAY['refunds: refunds mover refund FAIL_refund: refunded in another currency'],
	'refunds tells a refund in another currency');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_note_id = NULL WHERE idempotency_key = 'bank'$$,
	ARRAY['refunds: refunds mover refund bank: target and credit note disagree'],
	'refunds tells the refund of an invoice that it does not correct');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_note_id = (SELECT credit_note_id FROM billing.refunds WHERE idempotency_key = 'invoice 1') WHERE idempotency_key = 'bank'$$,
	ARRAY['refunds: refunds mover refund bank: its credit note is of another invoice',
		'refunds: refunds mover refund invoice 1: more than its credit note'],
	'refunds tells a credit note of another invoice');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_note_id = (SELECT credit_note_id FROM billing.refunds WHERE idempotency_key = 'UNKNOWN_6') WHERE idempotency_key = 'invoice 1'$$,
	ARRAY['refunds: refunds mover refund UNKNOWN_6: more than its credit note',
		'refunds: refunds mover refund invoice 1: more than its credit note'],
	'refunds tells more than the credit note');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_id = NULL WHERE idempotency_key = 'to credit'$$,
	ARRAY['refunds: refunds mover refund to credit: destination and credit disagree'],
	'refunds tells a refund as a credit that names none');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_id = pg_temp.credit_of('REFUND_TO_CREDIT') WHERE idempotency_key = 'to credit'$$,
	ARRAY['refunds: refunds mover refund to credit: its credit is not what was refunded'],
	'refunds tells a credit of another amount');
SELECT pg_temp.tells($$UPDATE billing.refunds SET credit_id = pg_temp.credit_of('PROMO') WHERE idempotency_key = 'FAIL_refund'$$,
	ARRAY['refunds: refunds mover refund FAIL_refund: it failed, but has a credit'],
	'refunds tells a credit for a refund that failed');
SELECT pg_temp.tells($$UPDATE billing.credit_note_lines SET net = net + 1 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000003: net is not the sum of the lines'],
	'credit_notes tells a line that was changed');
SELECT pg_temp.tells($$UPDATE billing.credit_note_lines SET tax = tax + 1 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000003: tax is not the sum of the lines'],
	'credit_notes tells the tax of a line that was changed');
SELECT pg_temp.tells($$DELETE FROM billing.credit_note_lines WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000003: no lines'],
	'credit_notes tells a note without lines');
SELECT pg_temp.tells($$UPDATE billing.credit_note_lines SET line_no = 2 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000003: line numbers are not 1 to n'],
	'credit_notes tells a missing line number');
SELECT pg_temp.tells($$ALTER TABLE billing.credit_notes DROP CONSTRAINT credit_notes_total; UPDATE billing.credit_notes SET total = total + 1 WHERE number = 'CN-2026-000003'$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000003: total is not net plus tax',
		'credit_notes: invoice_headers mover INV-2026-000004: amount_credited is not the sum of its credit notes'],
	'credit_notes tells a total that was changed');
SELECT pg_temp.tells($$UPDATE billing.credit_notes SET net = net - 1, tax = tax + 1 WHERE number = 'CN-2026-000003'; UPDATE billing.credit_note_lines SET net = net - 1, tax = tax + 1 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted with another amount',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted with another amount'],
	'postings tells a note whose tax was changed');
SELECT pg_temp.tells($$UPDATE billing.credit_notes SET net = net + 1, tax = tax - 1 WHERE number = 'CN-2026-000005'$$,
	ARRAY['credit_notes: credit_notes mover CN-2026-000005: net is not the sum of the lines',
		'credit_notes: invoice_headers mover INV-2026-000007: its credit notes exceed it',
		'postings: ledger_transfers mover CN-2026-000005 CREDIT_NOTE_ISSUED KRW: posted with another amount',
		'postings: ledger_transfers mover CN-2026-000005 CREDIT_NOTE_ISSUED KRW: posted with another amount'],
	'credit_notes tells notes that exceed their invoice');
SELECT pg_temp.tells($$UPDATE billing.credit_notes SET currency = 'USD' WHERE number = 'CN-2026-000003'$$,
	ARRAY['credit_notes: invoice_headers mover INV-2026-000004: corrected in another currency',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED USD: not posted',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted, but nothing stands for it',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED USD: not posted',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted, but nothing stands for it'],
	'credit_notes tells a note in another currency');
SELECT pg_temp.tells($$UPDATE billing.invoice_headers SET status = 'CANCELLED', amount_paid = 0, paid_at = NULL, cancelled_at = issued_at WHERE number = 'INV-2026-000004'$$,
	ARRAY['credit_notes: invoice_headers mover INV-2026-000004: CANCELLED, but its credit notes do not sum to it',
		'invoice_payments: invoice_headers mover INV-2026-000004: amount_paid is not the sum of its payments less their refunds'],
	'credit_notes tells a cancelled invoice that is not credited');
SELECT pg_temp.tells($$UPDATE billing.credit_note_lines SET invoice_line_no = 2 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: invoice_lines mover INV-2026-000004 2: a credit note corrects it, but it does not exist'],
	'credit_notes tells the correction of a line that there is not');
SELECT pg_temp.tells($$UPDATE billing.invoice_lines l SET net = 35 FROM billing.credit_notes n, billing.credit_note_lines c WHERE n.number = 'CN-2026-000003' AND c.credit_note_id = n.credit_note_id AND l.invoice_id = n.invoice_id; UPDATE billing.credit_note_lines SET invoice_line_no = 1 WHERE credit_note_id = (SELECT credit_note_id FROM billing.credit_notes WHERE number = 'CN-2026-000003')$$,
	ARRAY['credit_notes: invoice_lines mover INV-2026-000004 1: its credit notes exceed it',
		'invoice_totals: invoice_headers mover INV-2026-000004: net is not the sum of the lines',
		'invoice_totals: invoice_headers mover INV-2026-000004: invoice_taxes is not the sum of the lines of code MOVED'],
	'credit_notes tells a line that is credited beyond what it was');
SELECT pg_temp.tells($$DELETE FROM billing.document_numbers WHERE series = 'CN' AND number = 3$$,
	ARRAY['document_numbers: credit_notes mover CN-2026-000003: the number is not registered',
		'document_numbers: document_numbers CN 2026: gap before the number'],
	'document_numbers tells a gap in the credit notes');
SELECT pg_temp.tells($$DELETE FROM billing.outbox WHERE aggregatetype = 'CreditNote';
		DELETE FROM billing.credit_note_lines l USING billing.credit_notes n WHERE n.credit_note_id = l.credit_note_id AND n.number = 'CN-2026-000003';
		DELETE FROM billing.credit_notes WHERE number = 'CN-2026-000003'$$,
	ARRAY['credit_notes: invoice_headers mover INV-2026-000004: amount_credited is not the sum of its credit notes',
		'document_numbers: document_numbers mover CN-2026-000003: the document of the number does not exist',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted, but nothing stands for it',
		'postings: ledger_transfers mover CN-2026-000003 CREDIT_NOTE_ISSUED KRW: posted, but nothing stands for it',
		'references: refunds mover refund bank: its credit note does not exist'],
	'document_numbers tells a credit note that is lost');
SELECT pg_temp.tells($$UPDATE billing.credits SET balance = balance - 1 WHERE idempotency_key = 'REFUND_TO_CREDIT'$$,
	ARRAY['credits: credits mover KRW: balances are not that of the ledger',
		'credits: credits mover REFUND_TO_CREDIT: balance is not what was granted and not used'],
	'credits tells a balance that was changed');
SELECT pg_temp.tells($$UPDATE billing.credits SET granted = granted + 1 WHERE idempotency_key = 'PROMO'$$,
	ARRAY['credits: credits mover PROMO: EXHAUSTED, but not used up',
		'postings: ledger_transfers mover PROMO CREDIT_GRANTED KRW: posted with another amount'],
	'credits tells a grant that was changed');
SELECT pg_temp.tells($$UPDATE billing.credits SET status = 'EXPIRED' WHERE idempotency_key = 'PROMO'$$,
	ARRAY['credits: credits mover PROMO: it has ended with nothing left to end'],
	'credits tells a used credit that calls itself expired');
SELECT pg_temp.tells($$ALTER TABLE billing.credits DROP CONSTRAINT credits_active; UPDATE billing.credits SET ended_at = created_at, status = 'EXHAUSTED' WHERE idempotency_key = 'REFUND_TO_CREDIT'$$,
	ARRAY['credits: credits mover REFUND_TO_CREDIT: it has ended with a balance'],
	'credits tells a credit that ended too soon');
SELECT pg_temp.tells($$UPDATE billing.credits SET type = 'COMPENSATION' WHERE idempotency_key = 'PREPAID USD'$$,
	ARRAY['postings: ledger_transfers mover PREPAID USD CREDIT_EXPIRED USD: not posted',
		'postings: ledger_transfers mover PREPAID USD CREDIT_EXPIRED USD: posted, but nothing stands for it',
		'postings: ledger_transfers mover PREPAID USD CREDIT_GRANTED USD: not posted',
		'postings: ledger_transfers mover PREPAID USD CREDIT_GRANTED USD: posted, but nothing stands for it'],
	'postings tells a prepaid credit that was given away');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'CREDIT_REVOKED'$$,
	ARRAY['credits: credits mover KRW: balances are not that of the ledger',
		'postings: ledger_transfers mover COMPENSATION CREDIT_REVOKED KRW: not posted'],
	'postings tells a revocation that is not booked');
SELECT pg_temp.tells($$UPDATE billing.credits SET status = 'REVOKED' WHERE idempotency_key = 'PROMO USD'$$,
	ARRAY['postings: ledger_transfers mover PROMO USD CREDIT_REVOKED USD: not posted',
		'postings: ledger_transfers mover PROMO USD CREDIT_EXPIRED USD: posted, but nothing stands for it'],
	'postings tells a revoked credit that was booked as expired');
SELECT pg_temp.tells($$UPDATE billing.credit_uses u SET amount = u.amount - 1 FROM billing.credits c WHERE c.credit_id = u.credit_id AND c.idempotency_key = 'PROMO'$$,
	ARRAY['credits: credits mover PROMO: EXHAUSTED, but not used up',
		'credit_applications: credit_applications mover application apply: amount is not the sum of its uses',
		'postings: ledger_transfers mover PROMO CREDIT_APPLIED KRW: posted with another amount'],
	'credits tells a use that was changed');
SELECT pg_temp.tells($$DELETE FROM billing.ledger_transfers WHERE kind = 'CREDIT_APPLIED' AND reference_id = pg_temp.credit_of('PROMO')::text$$,
	ARRAY['credits: credits mover KRW: balances are not that of the ledger',
		'receivable: ledger_transfers mover KRW: receivable is not what is due',
		'postings: ledger_transfers mover PROMO CREDIT_APPLIED KRW: not posted'],
	'postings tells a use that is not booked');
SELECT pg_temp.tells($$UPDATE billing.credit_applications SET currency = 'USD' WHERE idempotency_key = 'apply'$$,
	ARRAY['credits: credits mover PROMO: used in another currency',
		'credits: credits mover PREPAID: used in another currency',
		'credit_applications: invoice_headers mover INV-2026-000006: credit of another currency was applied'],
	'credits tells a use in another currency');
SELECT pg_temp.tells($$UPDATE billing.credit_applications SET amount = amount + 1 WHERE idempotency_key = 'apply'$$,
	ARRAY['credit_applications: credit_applications mover KRW: what is not applied any more has not come back',
		'credit_applications: credit_applications mover application apply: amount is not the sum of its uses'],
	'credit_applications tells an application that was changed');
SELECT pg_temp.tells($$UPDATE billing.credit_uses u SET use_no = use_no + 1 FROM billing.credit_applications a WHERE a.application_id = u.application_id AND a.idempotency_key = 'apply' AND u.use_no = (SELECT max(m.use_no) FROM billing.credit_uses m WHERE m.application_id = a.application_id)$$,
	ARRAY['credit_applications: credit_applications mover application apply: use numbers are not 1 to n'],
	'credit_applications tells a missing use number');
SELECT pg_temp.tells($$ALTER TABLE billing.invoice_headers DROP CONSTRAINT invoice_headers_due, DROP CONSTRAINT invoice_headers_paid; UPDATE billing.invoice_headers SET applied_credit = 111, amount_paid = 0, amount_credited = 0 WHERE number = 'INV-2026-000006'$$,
	ARRAY['credit_applications: credit_applications mover KRW: what is not applied any more has not come back',
		'credit_applications: invoice_headers mover INV-2026-000006: applied_credit is more than its applications',
		'invoice_payments: invoice_headers mover INV-2026-000006: PAID, but something is due',
		'receivable: ledger_transfers mover KRW: receivable is not what is due'],
	'credit_applications tells an invoice that has more credit than was applied');
SELECT pg_temp.tells($$UPDATE billing.invoice_headers SET applied_credit = 33, amount_credited = 77 WHERE number = 'INV-2026-000007'$$,
	ARRAY['credit_applications: credit_applications mover KRW: what is not applied any more has not come back',
		'credit_applications: invoice_headers mover INV-2026-000007: CANCELLED, but credit is applied',
		'credit_notes: invoice_headers mover INV-2026-000007: amount_credited is not the sum of its credit notes'],
	'credit_applications tells a cancelled invoice that keeps its credit');
SELECT pg_temp.tells($$UPDATE billing.ledger_transfers SET debit_account = 'refund_clearing' WHERE kind = 'CREDIT_GRANTED' AND debit_account = 'receivable'$$,
	ARRAY['credit_applications: credit_applications mover KRW: what is not applied any more has not come back',
		'receivable: ledger_transfers mover KRW: receivable is not what is due'],
	'credit_applications tells applied credit that did not come back');

-- references and events
SELECT pg_temp.tells(format('UPDATE billing.%I SET %s = %L WHERE %s', v.holder, v.field, '00000000-0000-0000-0000-00000000000a', v.row),
	(SELECT array_agg(told) || ARRAY[v.expected] FROM pg_temp.damage(format('UPDATE billing.%I SET %s = %L WHERE %s', v.holder, v.field,
		'00000000-0000-0000-0000-00000000000a', v.row)) told WHERE told NOT LIKE 'references: %'),
	replace(v.expected, 'references: ', 'references tells '))
FROM (VALUES
	('payments', 'payment_method_id', $$idempotency_key = 'by-card'$$, 'references: payments mover by-card: its payment method does not exist'),
	('payments', 'target_id', $$idempotency_key = 'FAIL_top-up'$$, 'references: payments mover FAIL_top-up: its wallet does not exist'),
	('payments', 'target_id', $$idempotency_key = 'FAIL_order'$$, 'references: payments mover FAIL_order: its order does not exist'),
	('payments', 'credit_id', $$idempotency_key = 'wire 2'$$, 'references: payments mover wire 2: its credit does not exist'),
	('orders', 'payment_id', $$idempotency_key = 'by-wallet'$$, 'references: orders mover order by-wallet: its payment does not exist'),
	('order_items', 'order_id', $$item_no = 2 AND order_id = pg_temp.order_of('waiting')$$,
		'references: order_items mover 00000000-0000-0000-0000-00000000000a: its order does not exist'),
	('refunds', 'payment_id', $$idempotency_key = 'FAIL_refund'$$, 'references: refunds mover refund FAIL_refund: its payment does not exist'),
	('refunds', 'credit_note_id', $$idempotency_key = 'bank'$$, 'references: refunds mover refund bank: its credit note does not exist'),
	('refunds', 'credit_id', $$idempotency_key = 'to credit'$$, 'references: refunds mover refund to credit: its credit does not exist'),
	('credit_notes', 'invoice_id', $$number = 'CN-2026-000003'$$, 'references: credit_notes mover CN-2026-000003: its invoice does not exist'),
	('wallet_holds', 'wallet_id', $$idempotency_key = 'kept'$$, 'references: wallet_holds mover kept: its wallet does not exist'),
	('credit_applications', 'invoice_id', $$idempotency_key = 'apply'$$, 'references: credit_applications mover application apply: its invoice does not exist'),
	('credit_uses', 'credit_id', $$credit_id = pg_temp.credit_of('PROMO')$$, 'references: credit_uses mover application apply: its credit does not exist'),
	('invoice_headers', 'replaces_invoice_id', $$replaces_invoice_id IS NOT NULL$$, 'references: invoice_headers mover INV-2026-000012: its invoice does not exist')
) v(holder, field, row, expected);
SELECT pg_temp.tells(format('UPDATE billing.outbox SET aggregateid = %L WHERE position = (SELECT min(o.position) FROM billing.outbox o WHERE o.aggregatetype = %L)',
		'lost', a.aggregatetype), ARRAY[format('outbox_entities: outbox %s lost: its entity does not exist',
		(SELECT o.id FROM billing.outbox o WHERE o.aggregatetype = a.aggregatetype ORDER BY o.position LIMIT 1))],
	'outbox_entities tells an event of no ' || a.aggregatetype)
FROM (SELECT DISTINCT o.aggregatetype FROM billing.outbox o) a ORDER BY a.aggregatetype;

SELECT * FROM finish();
ROLLBACK;
