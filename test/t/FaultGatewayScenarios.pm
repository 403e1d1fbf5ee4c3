# The scenarios of secrets and of webhooks of the payment provider: see FaultScenarios.pm for what a
# scenario holds. FaultServer.pm writes the files of keys.

package FaultGatewayScenarios;

use strict;
use warnings;

# Deliveries are signed with "whsec", by RFC 2104.
my $june_2 = "SET billing.now = '2026-06-02T00:00Z';";
my $secret = q{SELECT billing.set_secret('gateway_webhook', 'whsec');
	CREATE FUNCTION faults.deliver(type text, reference text, key text) RETURNS text LANGUAGE sql AS $$
		SELECT r.result FROM (SELECT floor(extract(epoch FROM clock_timestamp()))::bigint::text, jsonb_build_object(
			'id', 'e1', 'type', type, 'idempotencyKey', key, 'pgReferenceId', reference, 'errorCode', 'NO')::text) d(at, body),
		LATERAL billing.receive_gateway_webhook('http', jsonb_build_object('X-Webhook-Timestamp', d.at, 'X-Webhook-Signature',
			'sha256=' || encode(sha256(decode('2b342f393f' || repeat('5c', 59), 'hex') || sha256(decode('415e455355'
				|| repeat('36', 59), 'hex') || convert_to(d.at || '.' || d.body, 'UTF8'))), 'hex')), convert_to(d.body, 'UTF8')) r
	$$;};
my $payment = qq{$june_2 $secret SET billing.gateway_url = 'http://127.0.0.1:9';
	SELECT FROM billing.place_order('acme', 'KRW', '[{"sku": "seat", "quantity": 2, "unitPrice": 550}]') o,
		billing.pay_order(o.order_id, 'CARD');};
my $the_payment = q{(SELECT payment_id FROM billing.payments)};
my $payment_key = q{(SELECT provider_key FROM billing.payments)};
my $refund = qq{$payment SELECT FROM billing.resolve_payment($the_payment, 'APPROVED', 'pg-1', 'asked');
	SELECT FROM billing.refund_payment($the_payment, 500);};
my $refund_key = q{(SELECT provider_key FROM billing.refunds)};

our @all = (
	{
		name => 'set_secret',
		call => q{SELECT billing.set_secret('a', 'value')},
		done => q{EXISTS (SELECT FROM billing.secrets)},
		repeats => 0,
	},
	{
		name => 'set_secret again',
		before => q{SELECT billing.set_secret('a', 'oldest'), billing.set_secret('a', 'older')},
		call => q{SELECT billing.set_secret('a', 'value', '1 hour')},
		done => q{EXISTS (SELECT FROM billing.secrets WHERE retires_at < clock_timestamp() + interval '2 hours')
			AND (SELECT count(*) FROM billing.secrets) = 2},
		repeats => 0,
	},
	{
		name => 'drop_secret',
		before => q{SELECT billing.set_secret('a', 'older'), billing.set_secret('a', 'value')},
		call => q{SELECT billing.drop_secret('a')},
		done => q{NOT EXISTS (SELECT FROM billing.secrets)},
	},
	{
		name => 'rotate_secrets',
		before => q{SET billing.secret_key_file = 'billing_fault_keys_old'; SELECT billing.set_secret('a', 'value'), billing.set_secret('b', 'older');
			SELECT billing.set_secret('b', 'value', '1 microsecond')},
		call => q{SELECT billing.rotate_secrets()},
		done => q{(SELECT count(*) FROM billing.secrets WHERE key_id = 'new') = 2 AND (SELECT count(*) FROM billing.secrets) = 2},
	},
	{
		name => 'receive_gateway_webhook that approves a payment',
		before => $payment,
		call => qq{SELECT faults.deliver('payment.approved', 'pg-1', $payment_key)},
		done => q{EXISTS (SELECT FROM billing.orders WHERE status = 'PAID')},
	},
	{
		name => 'receive_gateway_webhook that rejects a payment',
		before => $payment,
		call => qq{SELECT faults.deliver('payment.rejected', NULL, $payment_key)},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'FAILED')},
	},
	{
		name => 'receive_gateway_webhook that approves too late',
		before => "$payment SELECT FROM billing.resolve_payment($the_payment, 'FAILED', NULL, 'asked')",
		call => qq{SELECT faults.deliver('payment.approved', 'pg-1', $payment_key)},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE status = 'REQUESTED' AND amount = 1100)},
	},
	{
		name => 'receive_gateway_webhook that approves a refund',
		before => $refund,
		call => qq{SELECT faults.deliver('refund.approved', 'pg-2', $refund_key)},
		done => q{EXISTS (SELECT FROM billing.refunds WHERE status = 'COMPLETED')},
	},
	{
		name => 'receive_gateway_webhook that approves a refund too late',
		before => "$refund SELECT FROM billing.resolve_refund((SELECT refund_id FROM billing.refunds), 'FAILED', NULL, 'asked')",
		call => qq{SELECT faults.deliver('refund.approved', 'pg-2', $refund_key)},
		done => q{EXISTS (SELECT FROM billing.audit_entries WHERE action = 'REFUND_APPROVED_LATE')},
	},
	{
		name => 'receive_gateway_webhook that is not for us',
		before => $secret,
		call => q{SELECT faults.deliver('account.updated', NULL, NULL)},
		done => q{EXISTS (SELECT FROM billing.gateway_webhooks WHERE result = 'IGNORED')},
	},
	{
		name => 'purge_gateway_webhooks',
		before => qq{$secret SELECT faults.deliver('account.updated', NULL, NULL);
			ALTER TABLE billing.gateway_webhooks DISABLE TRIGGER append_only;
			UPDATE billing.gateway_webhooks SET received_at = '2026-01-01Z';
			UPDATE billing.gateway_webhooks SET row_digest = billing.row_digest(gateway_webhooks);
			ALTER TABLE billing.gateway_webhooks ENABLE ALWAYS TRIGGER append_only},
		call => q{SELECT billing.purge_gateway_webhooks('2026-02-01Z')},
		done => q{NOT EXISTS (SELECT FROM billing.gateway_webhooks)},
	},
);

1;
