# Calls to the payment gateway: what becomes of them when leases, locks, rows, keys or the provider go wrong. Each
# payment is captured once at most, under one key, and what is wrong with one harms no other.

use strict;
use warnings;

use FindBin;
use HTTP::Tiny;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $tries = 10 * $PostgreSQL::Test::Utils::timeout_default;

# ---- a provider -----------------------------------------------------------------------------------------------

my $port_file = "$PostgreSQL::Test::Utils::tmp_check/provider.port";
my $provider = fork // die "cannot fork: $!";
if ($provider == 0)
{
	exec("$FindBin::Bin/../gateway/provider", '--port-file', $port_file) or die "cannot start the provider: $!";
}
for (1 .. $tries) { last if -s $port_file; Time::HiRes::usleep(100_000) }
my ($port) = slurp_file($port_file) =~ /(\d+)/;
my $http = HTTP::Tiny->new(timeout => 10);

END { local $?; kill 'TERM', $provider if $provider; waitpid $provider, 0 if $provider }

sub control
{
	my ($name) = @_;
	my $answer = $http->get("http://127.0.0.1:$port/_control/$name");
	return decode_json($answer->{content});
}

# What goes wrong from now on, and nothing else.
sub faults
{
	my (%set) = @_;
	my %all = (map({ $_ => 0 } qw(hold_after hold_before reset_before reset_after error_before latency)), hold => 30, %set);
	my $answer = $http->post("http://127.0.0.1:$port/_control/faults", {content => encode_json(\%all)});
	die "faults: $answer->{status} $answer->{content}" unless $answer->{success};
	return;
}

# How often a key was sent and looked up, and how often something was captured for it.
sub requests
{
	my ($key) = @_;
	my $requests = control('requests');
	my $captured = grep { $_->{key} eq $key && $_->{approved} } @{ control('journal') };
	return sprintf 'sent %d, looked up %d, captured %d', $requests->{sent}{$key} // 0, $requests->{looked_up}{$key} // 0, $captured;
}

# ---- the house ------------------------------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('house');
$node->init;
$node->append_conf('postgresql.conf', <<"EOC");
shared_preload_libraries = 'billing'
billing.database = 'house'
billing.gateway_url = 'http://127.0.0.1:$port'
billing.gateway_timeout = '300ms'
billing.gateway_lookup_delays = '100ms, 200ms'
billing.gateway_retry_delay = '20ms'
billing.breaker_minimum_calls = 20
billing.breaker_failure_rate = 100
EOC
system_or_bail('pg_ctl', '--wait', '-D', $node->data_dir, '-l', $node->logfile, '-o',
	'--cluster-name=' . $node->name . ' -c billing.environment=test', 'start');
$node->_update_pid(1);
$node->safe_psql('postgres', 'CREATE DATABASE house');
$node->safe_psql('house', 'CREATE EXTENSION billing; SELECT billing.enable_workers()');

sub sql { return $node->safe_psql('house', $_[0]) }

sub until_true
{
	my ($sql, $name) = @_;
	ok($node->poll_query_until('house', $sql), $name);
	return;
}

# A payment of an order that is asked for, and committed.
sub pay
{
	return sql(q{SELECT p.payment_id FROM billing.place_order('acme', 'USD', '[{"sku": "a", "quantity": 1, "unitPrice": 10}]') o,
		billing.pay_order(o.order_id, 'CARD') p});
}

sub is_status
{
	my ($payment, $status, $name) = @_;
	until_true("SELECT status = '$status' FROM billing.payments WHERE payment_id = '$payment'", $name);
	return;
}

sub attempts
{
	my ($payment) = @_;
	return sql("SELECT string_agg(call || ' ' || status, ', ' ORDER BY attempt_no) FROM billing.payment_attempts WHERE payment_id = '$payment'");
}

sub set_and_reload
{
	my (%settings) = @_;
	$node->append_conf('postgresql.conf', join '', map { "billing.$_ = '$settings{$_}'\n" } sort keys %settings);
	$node->reload;
	return;
}

# ---- the plain way --------------------------------------------------------------------------------------------

my $plain = pay();
is_status($plain, 'APPROVED', 'a payment is captured by the provider');
is(attempts($plain), 'SEND APPROVED', 'at its first call');
is(requests($plain), 'sent 1, looked up 0, captured 1', 'which it heard once');
is(sql('SELECT count(*) FROM billing.gateway_calls'), '0', 'nothing of it is called any more');

# ---- an answer that is lost -----------------------------------------------------------------------------------

faults(reset_after => 1);
my $lost = pay();
until_true("SELECT count(*) > 0 FROM billing.payment_attempts WHERE payment_id = '$lost' AND status = 'UNKNOWN'", 'a lost answer is unknown');
faults();
is_status($lost, 'APPROVED', 'what was captured without an answer is found');
like(requests($lost), qr/^sent [12], looked up \d+, captured 1$/, 'and not captured again');
# (libcurl itself sends again, once, what a connection that was kept open did not take)

faults(reset_before => 1);
my $unheard = pay();
until_true("SELECT count(*) > 0 FROM billing.payment_attempts WHERE payment_id = '$unheard' AND status = 'UNKNOWN'", 'a call that may have been heard is unknown');
faults();
is_status($unheard, 'APPROVED', 'what the provider does not know is sent again');
like(requests($unheard), qr/^sent [2-9], looked up \d+, captured 1$/, 'under the same key');

# ---- nobody there ---------------------------------------------------------------------------------------------

set_and_reload(gateway_url => 'http://127.0.0.1:9');
my $unsent = pay();
until_true("SELECT count(*) > 2 FROM billing.payment_attempts WHERE payment_id = '$unsent' AND status = 'NOT_SENT'", 'what cannot leave is tried on');
is(sql("SELECT sends::text || ' ' || (first_sent_at IS NULL) || ' ' || action FROM billing.gateway_calls WHERE subject_id = '$unsent' AND lease_token IS NULL")
	=~ s/^$/0 true SEND/r, '0 true SEND', 'and counts as never sent');
set_and_reload(gateway_url => "http://127.0.0.1:$port");
is_status($unsent, 'APPROVED', 'until somebody is there');
is(requests($unsent), 'sent 1, looked up 0, captured 1', 'who hears it once');

# ---- a lease that is lost -------------------------------------------------------------------------------------

set_and_reload(gateway_timeout => '20s');
faults(latency => 2);
my $stolen = pay();
until_true("SELECT count(*) = 1 FROM billing.payment_attempts WHERE payment_id = '$stolen' AND status = 'SENT'", 'a call is on its way');
sql("UPDATE billing.gateway_calls SET lease_token = gen_random_uuid(), due_at = clock_timestamp() + interval '1 hour' WHERE subject_id = '$stolen'");
faults();
is_status($stolen, 'APPROVED', 'an answer to a lease that was lost is asked for again');
is(attempts($stolen), 'SEND APPROVED, LOOKUP APPROVED', 'it is recorded, and decides nothing');
is(requests($stolen), 'sent 1, looked up 1, captured 1', 'nothing was sent twice');

# ---- a worker that dies ---------------------------------------------------------------------------------------

set_and_reload(gateway_timeout => '300ms');
faults(hold_after => 1, hold => 3600);
until_true("SELECT current_setting('billing.gateway_timeout') = '300ms'", 'the settings are read');
my $orphan = pay();
until_true("SELECT count(*) = 1 FROM billing.payment_attempts WHERE payment_id = '$orphan'", 'a call is on its way');
sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'billing gateway'");
faults();
my $orphaned = attempts($orphan);
is_status($orphan, 'APPROVED', 'a call that was lost with its worker comes back when its lease is over');
like(requests($orphan), qr/^sent 1, looked up \d+, captured 1$/, 'and is looked up, not sent');
unlike($orphaned, qr/APPROVED/, 'nobody had known');

# ---- somebody who holds what is paid --------------------------------------------------------------------------

faults(latency => 0.2);
my $held = pay();
my $holder = $node->background_psql('house');
$holder->query_safe("BEGIN; SELECT FROM billing.payments WHERE payment_id = '$held' FOR UPDATE");
until_true("SELECT count(*) > 0 FROM billing.payment_attempts WHERE payment_id = '$held' AND failure_message ~ 'could not be recorded'",
	'an answer that cannot be recorded is told');
my @others = map { pay() } 1 .. 5;
is_status($_, 'APPROVED', 'and keeps no other payment waiting') for @others;
is(sql("SELECT status FROM billing.payments WHERE payment_id = '$held'"), 'PENDING', 'as long as it is held');
$holder->query_safe('COMMIT');
$holder->quit;
sql("SELECT billing.retry_gateway_call('$held')");
is_status($held, 'APPROVED', 'it is decided when it is asked for again');
like(requests($held), qr/^sent 1, looked up \d+, captured 1$/, 'without another capture');

# ---- a row that cannot be read --------------------------------------------------------------------------------

sql('SELECT billing.disable_workers()');
faults();
my $poison = pay();
my $sound = pay();
sql("UPDATE billing.payments SET currency = '???' WHERE payment_id = '$poison'");
is(sql("SELECT count(*) FROM billing.payment_attempts WHERE payment_id IN ('$poison', '$sound')"), '0', 'where workers may not speak nothing is called');
sql('SELECT billing.enable_workers()');
sql("SELECT billing.retry_gateway_call('$sound')");
is_status($sound, 'APPROVED', 'a payment that cannot be read harms no other');
is(requests($poison), 'sent 0, looked up 0, captured 0', 'and is not sent');
sql("UPDATE billing.payments SET currency = 'USD' WHERE payment_id = '$poison'; UPDATE billing.payments p SET row_digest = billing.row_digest(p) WHERE payment_id = '$poison'");
is_status($poison, 'APPROVED', 'once it is mended it is called when its lease is over');

# ---- a key that is too old ------------------------------------------------------------------------------------

set_and_reload(gateway_key_lifetime => '0', gateway_not_found_after => '0');
faults(hold_before => 1, hold => 6);
my $late = pay();
until_true("SELECT count(*) > 0 FROM billing.payment_attempts WHERE payment_id = '$late' AND status = 'UNKNOWN'", 'a call is not answered');
faults(hold => 6);
is_status($late, 'FAILED', 'what is not known when its key may not be sent any more');
is(sql("SELECT failure_code FROM billing.payments WHERE payment_id = '$late'"), 'PG_NOT_FOUND', 'has failed');
like(requests($late), qr/^sent 1, looked up \d+, captured 0$/, 'and was sent once');

# ---- a capture after that -------------------------------------------------------------------------------------

for (1 .. $tries) { last if requests($late) =~ /captured 1/; Time::HiRes::usleep(100_000) }
like(requests($late), qr/captured 1$/, 'the provider captures it all the same');
my ($record) = grep { $_->{key} eq $late } @{ control('journal') };
sql("SELECT billing.resolve_payment('$late', 'APPROVED', '$record->{reference}', 'the provider has it')");
until_true("SELECT status = 'COMPLETED' FROM billing.refunds WHERE payment_id = '$late'", 'and gives it back');
is(sql("SELECT p.status || ' ' || r.amount FROM billing.payments p JOIN billing.refunds r USING (payment_id) WHERE payment_id = '$late'"), 'FAILED 10.00',
	'all of it, of a payment that stays FAILED');

# ---- all in all -----------------------------------------------------------------------------------------------

is(sql('SELECT count(*) FROM billing.gateway_calls'), '0', 'nothing is left to be called');
is(sql('SELECT string_agg(check_name, $$, $$) FROM billing.verify() WHERE NOT ok'), '', 'every invariant holds');
my $charges = grep { $_->{kind} eq 'charge' && $_->{approved} } @{ control('journal') };
is($charges, sql("SELECT count(*) FROM billing.payments WHERE status = 'APPROVED' OR late_captured_at IS NOT NULL"), 'each capture of the provider is known');
is(control('stats')->{'most charges of one order'}, 1, 'no order was captured twice');
$node->stop('fast');
done_testing();
