# One scenario for each way in which a function of the API writes: what was there before, the call,
# and what is true when it is done.
#
#   name        of the function, and what is special in this scenario after a space
#   before      SQL that makes what was there
#   now         business time of the call
#   call        SQL of the call, as often as a client would repeat it
#   done        an SQL condition: false before the call, true after it
#   repeats     false where a second call does something else on purpose
#   retry       where a failure is recorded and not raised: SQL of what makes up for it
#   recorded    the SQL condition after such a failure
#   procedure   true where the call commits by itself

package FaultScenarios;

use strict;
use warnings;

use FaultGatewayScenarios;
use FaultMoneyScenarios;

my $may = '2026-05-10T00:00Z';
my $june_2 = '2026-06-02T00:00Z';
my $july_2 = '2026-07-02T00:00Z';

# Prices of what is used below, taxed.
my $plan = q{
	SELECT billing.register_tax_rate('VAT', 10);
	SELECT FROM billing.create_pricing_plan('standard', 'KRW', '[
		{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1},
		{"resourceType": "PEAK", "model": "per_unit", "unitPrice": 5}]', '2026-01-01T00:00Z');
	SELECT billing.register_meter('PEAK', 'piece', 'the most at once', 'MAX')};

# Customers who pay at once, and one who gets a bill, with usage in May.
sub used
{
	my (@customers) = @_;
	my $sql = "SET billing.now = '$june_2'; $plan;";
	for my $customer (@customers)
	{
		my $collection = $customer =~ /^bill/ ? 'SEND_INVOICE' : 'AUTOMATIC';
		$sql .= "SELECT FROM billing.register_customer('$customer', tax_code => 'VAT', collection => '$collection');"
		  . "SELECT billing.ingest_usage('may', '$customer', 'API_CALL', 1000, '$may');"
		  . "SELECT billing.ingest_usage('peak', '$customer', 'PEAK', 7, '$may');";
	}
	return $sql;
}

my $invoice = q{(SELECT invoice_id FROM billing.invoices WHERE status <> 'CANCELLED')};
my $failed_run = q{(SELECT count(*) FROM billing.settlement_runs WHERE status = 'FAILED' AND failure_reason LIKE 'fault at%')};

my @customers = (
	{
		name => 'register_customer',
		call => q{SELECT FROM billing.register_customer('acme', name => 'Acme', currency => 'USD', email => 'a@acme.test',
			net_days => 30, time_zone => 'Asia/Seoul', collection => 'SEND_INVOICE', metadata => '{"tier": 1}')},
		done => q{EXISTS (SELECT FROM billing.customers WHERE time_zone = 'Asia/Seoul' AND net_days = 30)},
	},
	{
		name => 'register_customer again',
		before => used('acme'),
		call => q{SELECT FROM billing.register_customer('acme', currency => 'KRW', time_zone => 'Asia/Seoul')},
		done => q{EXISTS (SELECT FROM billing.customers WHERE currency = 'KRW')},
	},
	{
		name => 'set_house_time_zone',
		before => q{SELECT billing.set_house_time_zone('UTC')},
		call => q{SELECT billing.set_house_time_zone('Asia/Seoul')},
		done => q{EXISTS (SELECT FROM billing.billing_settings WHERE time_zone = 'Asia/Seoul')},
	},
);

my @workers = (
	{
		name => 'enable_workers',
		call => q{SELECT billing.enable_workers()},
		done => q{EXISTS (SELECT FROM billing.worker_environment)},
	},
	{
		name => 'disable_workers',
		before => q{SELECT billing.enable_workers()},
		call => q{SELECT billing.disable_workers()},
		done => q{NOT EXISTS (SELECT FROM billing.worker_environment)},
	},
	{
		name => 'open_circuit_breaker',
		call => q{SELECT billing.open_circuit_breaker('gateway')},
		repeats => 0,
		done => q{EXISTS (SELECT FROM billing.audit_log WHERE action = 'CIRCUIT_BREAKER_OPENED')},
	},
	{
		name => 'reset_circuit_breaker',
		call => q{SELECT billing.reset_circuit_breaker('gateway')},
		repeats => 0,
		done => q{EXISTS (SELECT FROM billing.audit_log WHERE action = 'CIRCUIT_BREAKER_RESET')},
	},
);

my @usage = (
	{
		name => 'register_meter',
		call => q{SELECT billing.register_meter('GPU', 'hour', 'GPU hours', 'MAX')},
		done => q{EXISTS (SELECT FROM billing.meter_definitions WHERE aggregation = 'MAX')},
	},
	{
		name => 'register_meter again',
		before => q{SELECT billing.register_meter('GPU', 'hour', 'GPU hours', 'MAX')},
		call => q{SELECT billing.register_meter('GPU', 'second', 'GPU seconds', 'LAST')},
		done => q{EXISTS (SELECT FROM billing.meter_definitions WHERE aggregation = 'LAST' AND unit = 'second')},
	},
	{
		name => 'ingest_usage',
		call => qq{SELECT billing.ingest_usage('e1', 'acme', 'API_CALL', 10, '$may', '{"region": "kr"}')},
		done => q{EXISTS (SELECT FROM billing.usage_events)},
	},
	{
		name => 'ingest_usage with other content',
		before => used('acme'),
		call => qq{SELECT billing.ingest_usage('may', 'acme', 'API_CALL', 10, '$may')},
		done => q{EXISTS (SELECT FROM billing.rejected_usage)},
	},
	{
		name => 'ingest_usage_batch',
		before => used('acme'),
		call => qq{SELECT FROM billing.ingest_usage_batch('[
			{"eventId": "b1", "customerId": "new", "resourceType": "STORAGE_GB_HOUR", "quantity": 2, "occurredAt": "$may"},
			{"eventId": "may", "customerId": "acme", "resourceType": "API_CALL", "quantity": 3, "occurredAt": "$may"},
			{"eventId": "b3", "customerId": "acme", "resourceType": "NO_SUCH", "quantity": 4, "occurredAt": "$may"}]')},
		done => q{(SELECT count(*) FROM billing.rejected_usage) = 2 AND EXISTS (SELECT FROM billing.usage_events WHERE event_id = 'b1')},
	},
	{
		name => 'ingest_usage_arrays',
		before => used('acme'),
		call => qq{SELECT FROM billing.ingest_usage_arrays('{a1,may,a3}', '{new,acme,acme}',
			'{STORAGE_GB_HOUR,API_CALL,NO_SUCH}', '{2,3,4}', ARRAY['$may', '$may', '$may']::timestamptz[])},
		done => q{(SELECT count(*) FROM billing.rejected_usage) = 2 AND EXISTS (SELECT FROM billing.usage_events WHERE event_id = 'a1')},
	},
	{
		name => 'correct_usage',
		before => used('acme'),
		call => q{SELECT FROM billing.correct_usage('acme', 'may', 'wrong')},
		done => q{EXISTS (SELECT FROM billing.usage_events WHERE reverses = 'may')},
	},
	{
		name => 'aggregate_usage',
		before => used('acme', 'globex') . q{
			SELECT billing.aggregate_usage();
			SELECT FROM billing.correct_usage('acme', 'peak', 'wrong');
			SELECT FROM billing.correct_usage('globex', 'may', 'wrong');
			SELECT billing.ingest_usage('more', 'acme', 'API_CALL', 5, '2026-05-11T00:00Z')},
		call => q{SELECT billing.aggregate_usage()},
		done => q{(SELECT count(*) FROM billing.usage_tail_customers()) = 0},
	},
	{
		name => 'aggregate_usage for the first time',
		before => used('acme', 'globex'),
		call => q{SELECT billing.aggregate_usage()},
		done => q{(SELECT count(*) FROM billing.aggregated_usage) = 4 AND (SELECT count(*) FROM billing.window_cursors) = 64},
	},
	{
		name => 'purge_usage',
		before => used('acme') . q{SELECT billing.aggregate_usage(); SELECT FROM billing.run_settlement('acme', '2026-05')},
		now => '2028-06-02T00:00Z',
		call => q{SELECT billing.purge_usage('2026-06-01T00:00Z')},
		done => q{NOT EXISTS (SELECT FROM billing.usage_events)},
	},
);

my @money = (
	{
		name => 'register_tax_rate',
		call => q{SELECT billing.register_tax_rate('VAT', 10, valid_from => '2026-01-01T00:00Z')},
		done => q{EXISTS (SELECT FROM billing.tax_rates WHERE code = 'VAT')},
	},
	{
		name => 'create_pricing_plan',
		call => q{SELECT FROM billing.create_pricing_plan('own', 'KRW',
			'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 2}]', '2026-01-01T00:00Z',
			customer_id => 'acme', idempotency_key => 'plan-1')},
		done => q{EXISTS (SELECT FROM billing.pricing_plans) AND EXISTS (SELECT FROM billing.customers WHERE currency = 'KRW')},
	},
	{
		name => 'run_settlement',
		before => used('acme'),
		call => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'PAID') AND NOT EXISTS (SELECT FROM billing.unbilled_usage)},
		recorded => "$failed_run = 1 AND NOT EXISTS (SELECT FROM billing.invoice_headers)",
		retry => q{SELECT FROM billing.run_settlement('acme', '2026-05')},
	},
	{
		name => 'run_settlement with late usage',
		before => used('FAIL_acme') . qq{
			SELECT billing.aggregate_usage();
			SELECT FROM billing.run_settlement('FAIL_acme', '2026-05');
			SET billing.now = '$july_2';
			SELECT billing.ingest_usage('late', 'FAIL_acme', 'API_CALL', 5, '$may');
			SELECT billing.ingest_usage('june', 'FAIL_acme', 'API_CALL', 50, '2026-06-10T00:00Z');
			SELECT billing.aggregate_usage()},
		now => $july_2,
		call => q{SELECT FROM billing.run_settlement('FAIL_acme', '2026-06')},
		done => q{(SELECT count(*) FROM billing.invoice_lines WHERE kind = 'LATE_USAGE') = 1
			AND (SELECT count(*) FROM billing.payments WHERE status = 'FAILED') = 2
			AND NOT EXISTS (SELECT FROM billing.unbilled_usage)},
		recorded => "$failed_run = 1 AND (SELECT count(*) FROM billing.invoice_headers) = 1",
		retry => q{SELECT FROM billing.run_settlement('FAIL_acme', '2026-06')},
	},
	{
		name => 'settlement_open',
		before => used('acme', 'bill-me') . q{
			SELECT billing.aggregate_usage();
			SELECT FROM billing.run_settlement('acme', '2026-05');
			SELECT billing.ingest_usage('disk', 'failed', 'STORAGE_GB_HOUR', 1, '2026-05-10T00:00Z');
			SELECT FROM billing.run_settlement('failed', '2026-05')},
		call => q{SELECT FROM billing.settlement_open('2026-05', 1)},
		done => q{(SELECT count(*) FROM billing.settlement_runs WHERE status = 'PENDING') = 2
			AND EXISTS (SELECT FROM billing.job_runs)},
		repeats => 0,
	},
	{
		name => 'settlement_chunk',
		before => used('acme', 'bill-me', 'FAIL_me') . q{
			SELECT billing.aggregate_usage();
			SELECT FROM billing.settlement_open('2026-05', 1)},
		call => q{SELECT FROM billing.settlement_chunk('2026-05', '', 60)},
		done => q{(SELECT count(*) FROM billing.invoices) = 3 AND NOT EXISTS (SELECT FROM billing.unbilled_usage)},
		# undone together, to be done again one by one; or two are billed and one has failed
		recorded => "$failed_run + (SELECT count(*) FROM billing.invoice_headers) IN (0, 3)",
		retry => q{SELECT FROM (SELECT customer_id FROM billing.settlement_runs WHERE status <> 'COMPLETED' ORDER BY 1) r
			CROSS JOIN LATERAL billing.run_settlement(r.customer_id, '2026-05')},
	},
	{
		name => 'settlement_close',
		before => used('acme') . q{SELECT FROM billing.settlement_open('2026-05', 1)},
		call => q{SELECT billing.settlement_close((SELECT job_run_id::text FROM billing.job_runs))},
		done => q{EXISTS (SELECT FROM billing.job_runs WHERE status = 'COMPLETED')},
	},
	{
		name => 'settle_period',
		before => "SET billing.now = '$june_2'; $plan;" . qq{
			SELECT billing.ingest_usage('may', 'c-' || lpad(i::text, 3, '0'), 'API_CALL', 1000 + i, '$may')
			FROM generate_series(1, 62) i},
		call => q{CALL billing.settle_period('2026-05')},
		done => q{(SELECT count(*) FROM billing.invoices) = 62},
		procedure => 1,
	},
	{
		name => 'pay_invoice',
		before => used('bill-me') . q{SELECT FROM billing.run_settlement('bill-me', '2026-05')},
		call => qq{SELECT FROM billing.pay_invoice($invoice, idempotency_key => 'pay-1')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'PAID')},
	},
	{
		name => 'pay_invoice that is declined',
		before => used('bill-me') . q{SELECT FROM billing.run_settlement('bill-me', '2026-05')},
		call => qq{SELECT FROM billing.pay_invoice($invoice, idempotency_key => 'FAIL_1')},
		done => q{EXISTS (SELECT FROM billing.payments WHERE status = 'FAILED')},
	},
	{
		name => 'mark_overdue_invoices',
		before => used('bill-me', 'bill-her') . q{
			SELECT FROM billing.run_settlement('bill-me', '2026-05');
			SELECT FROM billing.run_settlement('bill-her', '2026-05')},
		now => $july_2,
		call => q{SELECT billing.mark_overdue_invoices()},
		done => q{(SELECT count(*) FROM billing.invoices WHERE status = 'OVERDUE') = 2},
	},
	{
		name => 'cancel_invoice',
		before => used('bill-me') . q{SELECT billing.aggregate_usage(); SELECT FROM billing.run_settlement('bill-me', '2026-05')},
		call => q{SELECT FROM billing.cancel_invoice((SELECT invoice_id FROM billing.invoices), 'wrong price')},
		done => q{EXISTS (SELECT FROM billing.invoices WHERE status = 'CANCELLED')
			AND EXISTS (SELECT FROM billing.unbilled_usage)},
	},
);

# Statements that take more than one session.
our %by_sessions = (
	put_back_wallet => 'two calls of one key at once: test/isolation/specs/wallet_same_key.spec',
	map { $_ => 'the worker of the gateway runs it; it is killed at random by 092_gateway_proof.pl, and 095_gateway_calls.pl fails it' }
		qw(begin_payment_attempts begin_refund_attempts claim_gateway_calls end_undecided_payment_attempts
		end_undecided_refund_attempts hasten_gateway_calls reschedule_gateway_calls));

# Volatile functions that write nothing.
our %read_only = (
	window_snapshot => 'takes a transaction id and reads the present snapshot',
	wait_for_payment => 'waits, and reads what others have committed',
	worker_states => 'reads shared memory');

our @all = map { { before => '', now => $june_2, repeats => 1, procedure => 0, %$_ } } @customers, @workers, @usage, @money, @FaultMoneyScenarios::all, @FaultGatewayScenarios::all;

1;
