# The scenarios of what moves money: see FaultScenarios.pm for what a scenario holds.

package FaultMoneyScenarios;

use strict;
use warnings;

# A customer with a wallet of 1 000, and what was made in it.
my $wallet = q{SET billing.now = '2026-06-02T00:00Z';
	SELECT FROM billing.top_up_wallet('acme', 1000, 'KRW');};
my $hold = q{SELECT FROM billing.hold_wallet('acme', 300, 'KRW', expires_at => '2026-06-03T00:00Z');};
my $the_hold = q{(SELECT hold_id FROM billing.wallet_holds)};

# Tax is contained in what is ordered: 1 100 = 1 000 + 100.
my $order = q{SET billing.now = '2026-06-02T00:00Z';
	SELECT billing.register_tax_rate('VAT', 10);
	SELECT FROM billing.register_customer('acme', tax_code => 'VAT', currency => 'KRW');
	SELECT FROM billing.place_order('acme', 'KRW', '[{"sku": "seat", "quantity": 2, "unitPrice": 550}]');};
my $the_order = q{(SELECT order_id FROM billing.orders)};
my $paid_order = "$order SELECT FROM billing.pay_order($the_order);";
my $the_payment = q{(SELECT payment_id FROM billing.payments)};

# An ISSUED invoice of 1 100, tax 100 included.
my $invoice = q{SET billing.now = '2026-06-02T00:00Z';
	SELECT billing.register_tax_rate('VAT', 10);
	SELECT FROM billing.create_pricing_plan('standard', 'KRW',
		'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01T00:00Z');
	SELECT FROM billing.register_customer('acme', tax_code => 'VAT', collection => 'SEND_INVOICE');
	SELECT billing.ingest_usage('may', 'acme', 'API_CALL', 1000, '2026-05-10T00:00Z');
	SELECT billing.aggregate_usage();
	SELECT FROM billing.run_settlement('acme', '2026-05');};
my $the_invoice = q{(SELECT invoice_id FROM billing.invoices)};
my $credits = q{SELECT FROM billing.grant_credit('acme', 'PROMO', 400, 'KRW', '2026-06-01T00:00Z', '2026-07-01T00:00Z');
	SELECT FROM billing.grant_credit('acme', 'PREPAID', 500, 'KRW', '2026-06-01T00:00Z');};

my @wallets = (
	{
		name => 'open_wallet',
		call => q{SELECT FROM billing.open_wallet('acme', 'KRW')},
		done => q{EXISTS (SELECT FROM billing.wallets)},
	},
	{
		name => 'top_up_wallet',
		before => $wallet,
		call => q{SELECT FROM billing.top_up_wallet('acme', 500, 'KRW', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 1500)},
	},
	{
		name => 'top_up_wallet that opens it',
		call => q{SELECT FROM billing.top_up_wallet('acme', 500, 'KRW', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 500)},
	},
	{
		name => 'charge_wallet',
		before => $wallet,
		call => q{SELECT FROM billing.charge_wallet('acme', 400, 'KRW', 'EXTERNAL', 'ride 7', 'k', '{"km": 3}')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 600)},
	},
	{
		name => 'charge_wallet that needs an expired hold',
		before => "$wallet $hold",
		now => '2026-06-04T00:00Z',
		call => q{SELECT FROM billing.charge_wallet('acme', 900, 'KRW', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 100)
			AND EXISTS (SELECT FROM billing.wallet_holds WHERE status = 'EXPIRED')},
	},
	{
		name => 'hold_wallet',
		before => $wallet,
		call => q{SELECT FROM billing.hold_wallet('acme', 400, 'KRW', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE held = 400)},
	},
	{
		name => 'capture_hold in part',
		before => "$wallet $hold",
		call => qq{SELECT FROM billing.capture_hold($the_hold, 200, 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 800 AND held = 0)},
	},
	{
		name => 'release_hold',
		before => "$wallet $hold",
		call => qq{SELECT FROM billing.release_hold($the_hold, 'k')},
		done => q{EXISTS (SELECT FROM billing.wallet_holds WHERE status = 'RELEASED')},
	},
	{
		name => 'expire_holds',
		before => "$wallet $hold $hold",
		now => '2026-06-04T00:00Z',
		call => q{SELECT billing.expire_holds()},
		done => q{(SELECT count(*) FROM billing.wallet_holds WHERE status = 'EXPIRED') = 2},
	},
);

my @orders = (
	{
		name => 'place_order',
		call => q{SELECT FROM billing.place_order('acme', 'KRW', '[{"sku": "a", "quantity": 2, "unitPrice": 5},
			{"sku": "b", "quantity": 1, "unitPrice": 7}]', 'k', '{"cart": 1}')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE total = 17) AND (SELECT count(*) FROM billing.order_items) = 2},
	},
	{
		name => 'cancel_order',
		before => $order,
		call => qq{SELECT FROM billing.cancel_order($the_order, 'not wanted')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'CANCELLED')},
	},
	{
		name => 'fail_order',
		before => $order,
		call => qq{SELECT FROM billing.fail_order($the_order, 'sold out')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'FAILED')},
	},
	{
		name => 'register_payment_method',
		before => q{SELECT FROM billing.register_payment_method('acme', 'CARD', 'mock', 'tok_1')},
		call => q{SELECT FROM billing.register_payment_method('acme', 'CARD', 'mock', 'tok_2', brand => 'visa', last4 => '4242')},
		done => q{EXISTS (SELECT FROM billing.payment_methods WHERE token = 'tok_2' AND is_default)},
	},
	{
		name => 'pay_order by card',
		before => $order,
		call => qq{SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'PAID')},
	},
	{
		name => 'pay_order by wallet',
		before => "$order SELECT FROM billing.top_up_wallet('acme', 2000, 'KRW')",
		call => qq{SELECT FROM billing.pay_order($the_order, 'WALLET', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'PAID') AND EXISTS (SELECT FROM billing.wallets WHERE balance = 900)},
	},
	{
		name => 'pay_order that is declined',
		before => $order,
		call => qq{SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'FAIL_k')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'FAILED')},
	},
	{
		name => 'pay_order that is not decided',
		before => $order,
		call => qq{SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'UNKNOWN_k')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'PENDING')},
	},
	{
		name => 'request_top_up',
		before => $wallet,
		call => q{SELECT FROM billing.request_top_up('acme', 500, 'KRW', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 1500)},
	},
	{
		name => 'resolve_payment of an order',
		before => "$order SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'UNKNOWN_k')",
		call => qq{SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'ref-1', 'asked')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'PAID')},
	},
	{
		name => 'resolve_payment of a top-up',
		before => "$wallet SELECT FROM billing.request_top_up('acme', 500, 'KRW', idempotency_key => 'UNKNOWN_k')",
		call => qq{SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'ref-1', 'asked')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 1500)},
	},
	{
		name => 'resolve_payment that failed',
		before => "$order SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'UNKNOWN_k')",
		call => qq{SELECT FROM billing.resolve_payment($the_payment, 'FAILED', 'ref-1', 'asked')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'FAILED')},
	},
	{
		name => 'record_payment in part',
		before => $invoice,
		call => qq{SELECT FROM billing.record_payment($the_invoice, 600, reference => 'wire 7', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE amount_due = 500)},
	},
	{
		name => 'record_payment of too much',
		before => $invoice,
		call => qq{SELECT FROM billing.record_payment($the_invoice, 1500, idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'PAID') AND EXISTS (SELECT FROM billing.credits WHERE balance = 400)},
	},
	{
		name => 'pay_invoice that is not decided',
		before => $invoice,
		call => qq{SELECT FROM billing.pay_invoice($the_invoice, 'CARD', idempotency_key => 'UNKNOWN_k')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'PENDING')},
	},
	{
		name => 'pay_invoice by wallet',
		before => "$invoice SELECT FROM billing.top_up_wallet('acme', 2000, 'KRW')",
		call => qq{SELECT FROM billing.pay_invoice($the_invoice, 'WALLET', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'PAID') AND EXISTS (SELECT FROM billing.wallets WHERE balance = 900)},
	},
);

my @back = (
	{
		name => 'refund_payment of an order to its source',
		before => $paid_order,
		call => qq{SELECT FROM billing.refund_payment($the_payment, 370, 'broken', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE refunded = 370 AND refunded_tax = 34)},
	},
	{
		name => 'refund_payment of all of an order to the wallet',
		before => $paid_order,
		call => qq{SELECT FROM billing.refund_payment($the_payment, destination => 'WALLET', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'REFUNDED') AND EXISTS (SELECT FROM billing.wallets WHERE balance = 1100)},
	},
	{
		name => 'refund_payment that is declined',
		before => $paid_order,
		call => qq{SELECT FROM billing.refund_payment($the_payment, 370, idempotency_key => 'FAIL_k')},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE status = 'FAILED')},
	},
	{
		name => 'refund_payment that is not decided',
		before => $paid_order,
		call => qq{SELECT FROM billing.refund_payment($the_payment, 370, idempotency_key => 'UNKNOWN_k')},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE status = 'REQUESTED')},
	},
	{
		name => 'refund_payment of an invoice as credit',
		before => "$invoice SELECT FROM billing.pay_invoice($the_invoice)",
		call => qq{SELECT FROM billing.refund_payment($the_payment, 370, destination => 'CREDIT', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.credit_notes WHERE total = 370) AND EXISTS (SELECT FROM billing.credits WHERE balance = 370)},
	},
	{
		name => 'resolve_refund',
		before => "$paid_order SELECT FROM billing.refund_payment($the_payment, 370, idempotency_key => 'UNKNOWN_k')",
		call => q{SELECT FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds), 'COMPLETED', 'ref-2', 'asked')},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE status = 'COMPLETED')},
	},
	{
		name => 'soft_delete',
		before => "$invoice SELECT FROM billing.cancel_invoice($the_invoice, 'wrong')",
		call => q{SELECT billing.soft_delete('INVOICE', (SELECT invoice_id FROM billing.invoice_headers), 'a test')},
		done => q{EXISTS (SELECT FROM billing.invoice_headers WHERE deleted_at IS NOT NULL)},
	},
	{
		name => 'soft_delete of a payment',
		before => "$order SELECT FROM billing.pay_order($the_order, 'CARD', idempotency_key => 'FAIL_k')",
		call => qq{SELECT billing.soft_delete('PAYMENT', $the_payment, 'a test')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE deleted_at IS NOT NULL)},
	},
	{
		name => 'soft_delete of a refund',
		before => "$paid_order SELECT FROM billing.refund_payment($the_payment, 370, idempotency_key => 'FAIL_k')",
		call => q{SELECT billing.soft_delete('REFUND', (SELECT refund_id FROM billing.refunds), 'a test')},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE deleted_at IS NOT NULL)},
	},
	{
		name => 'issue_credit_note',
		before => $invoice,
		call => qq{SELECT FROM billing.issue_credit_note($the_invoice, '[{"lineNo": 1, "net": 200}]', 'discount', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE amount_credited = 220)},
	},
	{
		name => 'issue_credit_note of what was paid',
		before => "$invoice $credits SELECT billing.apply_credit('acme', $the_invoice, 300); SELECT FROM billing.pay_invoice($the_invoice)",
		call => qq{SELECT FROM billing.issue_credit_note($the_invoice, NULL, 'all wrong', 'SOURCE', 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE amount_credited = 1100 AND applied_credit = 0)
			AND EXISTS (SELECT FROM billing.refunds WHERE amount = 800)},
	},
	{
		name => 'cancel_invoice for good',
		before => "$invoice $credits SELECT billing.apply_credit('acme', $the_invoice, 300)",
		call => qq{SELECT FROM billing.cancel_invoice($the_invoice, 'a gift', rebill => false)},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'CANCELLED')
			AND EXISTS (SELECT FROM billing.credits WHERE type = 'REFUND_TO_CREDIT' AND balance = 300)},
	},
	{
		name => 'grant_credit',
		call => q{SELECT FROM billing.grant_credit('acme', 'COMPENSATION', 400, 'KRW', '2026-06-01T00:00Z', idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.credits WHERE balance = 400)},
	},
	{
		name => 'apply_credit',
		before => "$invoice $credits",
		call => qq{SELECT billing.apply_credit('acme', $the_invoice, 700, 'k')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE applied_credit = 700)
			AND EXISTS (SELECT FROM billing.credits WHERE status = 'EXHAUSTED')},
	},
	{
		name => 'revoke_credit',
		before => q{SET billing.now = '2026-06-02T00:00Z'; SELECT FROM billing.grant_credit('acme', 'PREPAID', 400, 'KRW', NULL)},
		call => q{SELECT FROM billing.revoke_credit((SELECT credit_id FROM billing.credits), 'a mistake')},
		done => q{EXISTS (SELECT FROM billing.credits WHERE status = 'REVOKED')},
	},
	{
		name => 'expire_credits',
		before => "SET billing.now = '2026-06-02T00:00Z'; $credits",
		now => '2026-07-02T00:00Z',
		call => q{SELECT billing.expire_credits()},
		done => q{EXISTS (SELECT FROM billing.credits WHERE status = 'EXPIRED')},
	},
	{
		name => 'run_settlement with credits',
		before => $invoice =~ s/SELECT FROM billing.run_settlement.*//r . $credits,
		call => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE applied_credit = 900 AND amount_due = 200)},
		recorded => q{(SELECT count(*) FROM billing.settlement_runs WHERE status = 'FAILED' AND failure_reason LIKE 'fault at%') = 1
			AND NOT EXISTS (SELECT FROM billing.invoice_headers) AND (SELECT sum(balance) FROM billing.credits) = 900},
		retry => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
	},
);

# Through a gateway that is outside, whose worker does not run: what waits for it, and what ends it.
my $gateway = q{SET billing.gateway_url = 'http://127.0.0.1:9';};
my $asked = q{set_config('billing.gateway_url', 'http://127.0.0.1:9', false) asked, LATERAL};
my $waits = "$order $gateway SELECT FROM billing.pay_order($the_order);";
my $topped = "$gateway SET billing.now = '2026-06-02T00:00Z'; SELECT FROM billing.request_top_up('acme', 500, 'KRW');
	SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'ref-1', 'asked');";

my @gateway = (
	{
		name => 'pay_order through a gateway',
		before => $order,
		call => qq{SELECT FROM $asked billing.pay_order(CASE WHEN asked <> '' THEN $the_order END, idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.gateway_calls)},
	},
	{
		name => 'resolve_payment of what waits for a gateway',
		before => $waits,
		call => qq{SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'ref-1', 'asked')},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'PAID') AND NOT EXISTS (SELECT FROM billing.gateway_calls)},
	},
	{
		name => 'resolve_payment of what a gateway captured late',
		before => "$waits SELECT FROM billing.resolve_payment($the_payment, 'FAILED', NULL, 'asked')",
		call => qq{SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'ref-1', 'asked')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE late_captured_at IS NOT NULL) AND EXISTS (SELECT FROM billing.refunds)},
	},
	{
		name => 'refund_payment of a top-up through a gateway',
		before => $topped,
		call => qq{SELECT FROM billing.refund_payment($the_payment, 200, idempotency_key => 'k')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 300) AND EXISTS (SELECT FROM billing.gateway_calls)},
	},
	{
		name => 'resolve_refund that failed at a gateway',
		before => "$topped SELECT FROM billing.refund_payment($the_payment, 200)",
		call => q{SELECT FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds), 'FAILED', NULL, 'asked')},
		done => q{EXISTS (SELECT FROM billing.wallets WHERE balance = 500) AND NOT EXISTS (SELECT FROM billing.gateway_calls)},
	},
	{
		name => 'run_settlement through a gateway',
		before => $invoice =~ s/, collection => 'SEND_INVOICE'//r =~ s/SELECT FROM billing.run_settlement.*//r,
		call => qq{SELECT FROM $asked billing.run_settlement(CASE WHEN asked <> '' THEN 'acme' END, '2026-05')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'ISSUED') AND EXISTS (SELECT FROM billing.gateway_calls WHERE priority = 1)},
		recorded => q{(SELECT count(*) FROM billing.settlement_runs WHERE status = 'FAILED' AND failure_reason LIKE 'fault at%') = 1
			AND NOT EXISTS (SELECT FROM billing.invoice_headers) AND NOT EXISTS (SELECT FROM billing.gateway_calls)},
		retry => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
	},
);

# An invoice whose charge was declined, of a customer whose next card is good; and one that is given up.
my $declined = $invoice =~ s/, collection => 'SEND_INVOICE'//r
  =~ s/SELECT FROM billing.run_settlement/SELECT FROM billing.register_payment_method('acme', 'CARD', 'mock', 'FAIL_1'); $&/r;
my $letter = $declined =~ s/'FAIL_1'\)/'old', expires_on => '2026-05-31')/r;
my $the_letter = q{(SELECT dead_letter_id FROM billing.dead_letters)};

my @declined = (
	{
		name => 'run_settlement that is declined',
		before => $declined =~ s/SELECT FROM billing.run_settlement.*//r,
		call => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
		done => q{EXISTS (SELECT FROM billing.collections WHERE status = 'ACTIVE')},
		recorded => q{(SELECT count(*) FROM billing.settlement_runs WHERE status = 'FAILED' AND failure_reason LIKE 'fault at%') = 1
			AND NOT EXISTS (SELECT FROM billing.invoice_headers)},
		retry => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
	},
	{
		name => 'retry_gateway_call',
		before => "$wallet SET billing.gateway_url = 'http://127.0.0.1:9'; SELECT FROM billing.request_top_up('acme', 500, 'KRW');"
		  . q{ UPDATE billing.gateway_calls SET due_at = 'infinity'; UPDATE billing.gateway_calls g SET row_digest = billing.row_digest(g)},
		call => qq{SELECT billing.retry_gateway_call($the_payment)},
		done => q{EXISTS (SELECT FROM billing.gateway_calls WHERE due_at <= clock_timestamp())},
	},
	{
		name => 'report_stuck_payments',
		before => "$wallet SET billing.gateway_url = 'http://127.0.0.1:9'; SELECT FROM billing.request_top_up('acme', 500, 'KRW')",
		call => q{SET billing.gateway_stuck_after = 0; SELECT billing.report_stuck_payments()},
		done => q{EXISTS (SELECT FROM billing.gateway_calls WHERE stuck_since IS NOT NULL)},
	},
	{
		name => 'collect_invoices',
		before => "$declined SELECT FROM billing.register_payment_method('acme', 'CARD', 'mock', 'good')",
		now => '2026-06-03T00:00Z',
		call => q{SELECT billing.collect_invoices()},
		done => q{EXISTS (SELECT FROM billing.collections WHERE status = 'COLLECTED') AND EXISTS (SELECT FROM billing.invoices WHERE status = 'PAID')},
	},
	{
		name => 'collect_invoices for the last time',
		before => "$declined SET billing.collection_retry_days = '1'",
		now => '2026-06-03T00:00Z',
		call => q{SET billing.collection_retry_days = '1'; SELECT billing.collect_invoices()},
		done => q{EXISTS (SELECT FROM billing.dead_letters WHERE status = 'OPEN')},
	},
	{
		name => 'collect_invoices that nobody decides',
		before => "$declined SELECT FROM billing.register_payment_method('acme', 'CARD', 'mock', 'UNKNOWN_1')",
		now => '2026-06-03T00:00Z',
		call => q{SELECT billing.collect_invoices()},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'PENDING')},
	},
	{
		name => 'replay_dead_letter',
		before => $letter,
		call => qq{SELECT FROM billing.replay_dead_letter($the_letter, 'another card')},
		done => q{EXISTS (SELECT FROM billing.dead_letters WHERE status = 'REPLAYED') AND EXISTS (SELECT FROM billing.collections WHERE status = 'ACTIVE')},
	},
	{
		name => 'discard_dead_letter',
		before => $letter,
		call => qq{SELECT FROM billing.discard_dead_letter($the_letter, 'no other card')},
		done => q{EXISTS (SELECT FROM billing.dead_letters WHERE status = 'DISCARDED')},
	},
);

our @all = (@wallets, @orders, @back, @gateway, @declined);

1;
