-- One customer's money: wallet, orders, a declined card, a refund, credits, a credit note. Run by demo/run.
\set QUIET on
\pset footer off
\pset null '-'
\set ECHO queries

\echo
SET billing.now = '2026-06-02T00:00:00Z';

\echo
\echo '-- Korea: prices of orders include 10 % of tax.'
SELECT billing.register_tax_rate('KR_VAT', 10);
SELECT customer_id, currency, tax_code, collection, auto_apply_credit
FROM billing.register_customer('globex', currency => 'KRW', tax_code => 'KR_VAT', collection => 'SEND_INVOICE');

\echo '-- Prepaid: 50 000 KRW come in. The call is made twice, since the network hiccups; the money comes once.'
SELECT balance, available, version, replayed
FROM billing.top_up_wallet('globex', 50000, 'KRW', idempotency_key => 'top-up-1');
SELECT balance, available, version, replayed
FROM billing.top_up_wallet('globex', 50000, 'KRW', idempotency_key => 'top-up-1');

\echo '-- An order, paid from the wallet in one transaction: wallet, order, payment, ledger and events.'
SELECT order_id FROM billing.place_order('globex', 'KRW', '[{"sku": "seat", "quantity": 3, "unitPrice": 11000}]', 'order-1') \gset first_
SELECT total, net, tax, status FROM billing.orders WHERE order_id = :'first_order_id';
SELECT method, amount, status FROM billing.pay_order(:'first_order_id', 'WALLET');
SELECT balance, available FROM billing.wallets WHERE customer_id = 'globex';

\echo '-- A second order by card. The card is declined, and the order stays payable.'
SELECT order_id FROM billing.place_order('globex', 'KRW', '[{"sku": "setup", "quantity": 1, "unitPrice": 110}]', 'order-2') \gset second_
SELECT payment_method_id FROM billing.register_payment_method('globex', 'CARD', :'provider', 'FAIL_stolen', brand => 'visa', last4 => '0002') \gset bad_
SELECT method, amount, status, failure_code FROM billing.pay_order(:'second_order_id', payment_method_id => :'bad_payment_method_id');
\if :gateway
\i demo/wait.sql
\endif
SELECT status FROM billing.orders WHERE order_id = :'second_order_id';

\echo '-- Another card pays it.'
SELECT payment_method_id FROM billing.register_payment_method('globex', 'CARD', :'provider', 'tok_good', brand => 'visa', last4 => '4242') \gset good_
SELECT payment_id FROM billing.pay_order(:'second_order_id', payment_method_id => :'good_payment_method_id') \gset paid_
\if :gateway
\i demo/wait.sql
\endif
SELECT o.status AS "order", p.method, p.amount, p.status AS payment
FROM billing.orders o JOIN billing.payments p ON p.target_id = o.order_id WHERE o.order_id = :'second_order_id';

\echo '-- 110 (100 + 10 tax) goes back in three parts: 37, 37, 36. The tax is split to date: 3, 4, 3.'
SELECT amount, tax, status FROM billing.refund_payment(:'paid_payment_id', 37, 'scratched');
\if :gateway
\i demo/wait.sql
\endif
SELECT amount, tax, status FROM billing.refund_payment(:'paid_payment_id', 37, 'scratched again', 'WALLET');
SELECT amount, tax, status FROM billing.refund_payment(:'paid_payment_id', reason => 'returned');
\if :gateway
\i demo/wait.sql
\endif
SELECT status, refunded, refunded_tax FROM billing.orders WHERE order_id = :'second_order_id';

\echo '-- May is settled: 15 000 calls. A promotion of 2 000, soon to expire, and a prepaid credit of 1 000 pay first.'
SELECT count(billing.ingest_usage('globex-' || day, 'globex', 'API_CALL', 3000, make_timestamptz(2026, 5, day, 12, 0, 0, 'UTC'))) AS events
FROM generate_series(11, 15) AS day;
SELECT type, granted, valid_until FROM billing.grant_credit('globex', 'PREPAID', 1000, 'KRW', '2026-06-01T00:00:00Z');
SELECT type, granted, valid_until FROM billing.grant_credit('globex', 'PROMO', 2000, 'KRW', '2026-06-01T00:00:00Z', '2026-07-01T00:00:00Z', 'welcome');
SELECT invoice_id, message FROM billing.run_settlement('globex', '2026-05') \gset may_
SELECT number, status, total, applied_credit, amount_due FROM billing.invoices WHERE invoice_id = :'may_invoice_id';
SELECT type, granted, balance, status FROM billing.credits WHERE customer_id = 'globex' ORDER BY created_at, type DESC;

\echo '-- 1 000 of the net were wrong: a credit note, with the tax that belongs to them.'
SELECT number, net, tax, total, reason
FROM billing.issue_credit_note(:'may_invoice_id', '[{"lineNo": 1, "net": 1000}]', 'calls of a broken client');
SELECT status, total, applied_credit, amount_credited, amount_due FROM billing.invoices WHERE invoice_id = :'may_invoice_id';

\echo '-- The bank transfer brings 400 too much: the invoice is paid, and the rest becomes a credit.'
SELECT amount, excess, status FROM billing.record_payment(:'may_invoice_id', 1800, reference => 'wire 77');
SELECT status, amount_paid, amount_due FROM billing.invoices WHERE invoice_id = :'may_invoice_id';
SELECT type, balance FROM billing.credits WHERE customer_id = 'globex' AND balance > 0;

\echo '-- What nobody can take back: every movement in the ledger.'
SELECT kind, debit_account AS debit, credit_account AS credit, amount
FROM billing.ledger_transfers WHERE customer_id = 'globex' ORDER BY position;

\echo '-- And the balance of it.'
SELECT account, debit, credit, balance
FROM (SELECT account, sum(debit) AS debit, sum(credit) AS credit, sum(debit - credit) AS balance
	FROM billing.ledger_entries WHERE customer_id = 'globex' GROUP BY account) AS e
ORDER BY account;

\set ECHO none
DO $$
BEGIN
	ASSERT (SELECT balance = 17037 AND held = 0 FROM billing.wallets WHERE customer_id = 'globex'), 'the wallet is not 17037';
	ASSERT (SELECT array_agg(tax ORDER BY amount DESC, tax) = '{3,4,3}' FROM billing.refunds), 'the tax of the refunds is not 3, 4, 3';
	ASSERT (SELECT count(*) FILTER (WHERE status = 'PAID') = 1 AND count(*) FILTER (WHERE status = 'REFUNDED') = 1 FROM billing.orders),
		'not one order paid and one refunded';
	ASSERT (SELECT status = 'PAID' AND total = 5500 AND applied_credit = 3000 AND amount_credited = 1100 AND amount_paid = 1400
		FROM billing.invoices WHERE customer_id = 'globex'), 'the invoice is not paid as it should be';
	ASSERT (SELECT sum(debit) = sum(credit) FROM billing.ledger_entries), 'the ledger is not balanced';
	ASSERT (SELECT bool_and(ok) FROM billing.verify()), 'verify() found a violation';
END;
$$;
