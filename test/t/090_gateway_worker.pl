# The life of the payment gateway's worker: it is there where it should be, goes when it is told to, with 64 calls in
# flight as well, hinders nobody, and what it left is finished by the next one under the same key. And sessions that
# wait for a payment.

use strict;
use warnings;

use FindBin;
use HTTP::Tiny;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes;

my $in_flight = 64;
my $worker = q{FROM pg_stat_activity WHERE backend_type = 'billing gateway'};

# ---- a provider --------------------------------------------------------------------------------------------------

my $directory = PostgreSQL::Test::Utils::tempdir();
my $provider = IPC::Run::start(
	[ "$FindBin::Bin/../gateway/provider", '--port-file', "$directory/port", '--journal', "$directory/journal" ],
	'<', \undef, '>', "$directory/provider.log", '2>&1');
my $patience = 300;
Time::HiRes::sleep(0.1) while !-s "$directory/port" && $patience--;
my $port = slurp_file("$directory/port");
chomp $port;

sub control
{
	my ($name, $document) = @_;
	my $url = "http://127.0.0.1:$port/_control/$name";
	my $http = HTTP::Tiny->new(timeout => 30);
	my $answer = $document ? $http->post($url, { content => encode_json($document) }) : $http->get($url);
	die "$name: $answer->{status} $answer->{content}" unless $answer->{success};
	return decode_json($answer->{content});
}

# ---- a house -----------------------------------------------------------------------------------------------------

# A file outside of the data directory, where the environment counts.
my $outside = "$directory/outside.conf";
append_to_file($outside, "billing.environment = 'test'\n");

sub house
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(allows_streaming => 1);
	$node->append_conf('postgresql.conf', join "\n", "shared_preload_libraries = 'billing'", "include '$outside'",
		'restart_after_crash = on', "billing.gateway_url = 'http://127.0.0.1:$port'", "billing.gateway_max_in_flight = $in_flight",
		'billing.gateway_max_queued = 10000', "billing.gateway_timeout = '60s'", "billing.gateway_lookup_delays = '100ms'",
		"billing.gateway_retry_delay = '20ms'", 'billing.breaker_slow_call_rate = 100', 'billing.breaker_minimum_calls = 1000',
		'billing.breaker_window = 1000', @settings, '');
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE house');
	return $node;
}

# Orders of customers, each being paid by card; nothing of it is decided when this returns.
sub pay
{
	my ($node, $count) = @_;
	return $node->safe_psql('house', qq{SELECT p.payment_id FROM generate_series(1, $count) n,
		LATERAL billing.place_order('customer-' || n, 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 100}]') o,
		LATERAL billing.pay_order(o.order_id, 'CARD') p});
}

sub until_true
{
	my ($node, $query, $name) = @_;
	ok($node->poll_query_until('house', "SELECT $query"), $name);
	return;
}

sub pid { return $_[0]->safe_psql('postgres', "SELECT pid $worker"); }

sub all_in_flight
{
	my ($node, $name) = @_;
	until_true($node, "COALESCE(sum(in_flight), 0) = $in_flight FROM billing.workers WHERE state = 'RUNNING'", $name);
	return;
}

# The leases of a worker that is gone are over at once: the test does not wait for them.
sub end_leases
{
	my ($node) = @_;
	$node->safe_psql('house', 'UPDATE billing.gateway_calls SET due_at = clock_timestamp() WHERE lease_token IS NOT NULL');
	$node->safe_psql('house', 'SELECT pg_reload_conf()');
	return;
}

sub a_new_worker
{
	my ($node, $old, $name) = @_;
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $worker AND pid <> $old"), $name);
	return;
}

# What the provider has charged is what this database knows, and no order was charged twice.
sub each_charged_once
{
	my ($node, $name) = @_;
	my @journal = grep { $_->{approved} } @{ control('journal') };
	my %orders;
	$orders{ $_->{order} }++ for @journal;
	is(scalar(grep { $_ > 1 } values %orders), 0, "$name: no order is charged twice");
	is(join(' ', sort map { $_->{key} } @journal),
		join(' ', sort split /\n/, $node->safe_psql('house', q{SELECT payment_id FROM billing.payments WHERE status = 'APPROVED'})),
		"$name: what was charged is what is known, by the same keys");
	return;
}

# ---- where there is a worker --------------------------------------------------------------------------------------

my $silent = house('silent');
$silent->safe_psql('house', 'CREATE EXTENSION billing; SELECT billing.enable_workers()');
is($silent->safe_psql('postgres', "SELECT count(*) $worker"), '0', 'without billing.database there is no worker');
is($silent->safe_psql('house', 'SELECT count(*) FROM billing.workers'), '0', 'and none is shown');
like(pay($silent, 1), qr/-/, 'payments are taken');
is($silent->safe_psql('house', 'SELECT status FROM billing.payments'), 'PENDING', 'and wait');
$silent->stop;

my $node = house('house', "billing.database = 'house'");
until_true($node, 'count(*) = 1 ' . $worker, 'with billing.database there is one');
$node->safe_psql('house', 'CREATE EXTENSION billing');
until_true($node, q{(SELECT state FROM billing.workers) = 'RUNNING'}, 'it finds the extension that is created while it lives');
$node->safe_psql('house', 'SET billing.allow_drop = on; DROP EXTENSION billing');
my $first = pid($node);
$node->safe_psql('house', 'CREATE EXTENSION billing');
until_true($node, q{(SELECT state FROM billing.workers) = 'RUNNING'}, 'and the one that comes after a drop');
pay($node, 1);
is($node->safe_psql('house', q{SELECT status, attempts FROM billing.payments JOIN billing.gateway_calls ON subject_id = payment_id}),
	'PENDING|0', 'it calls nobody before it is enabled');
$node->safe_psql('house', 'SELECT billing.enable_workers(); SELECT pg_reload_conf()');
until_true($node, q{(SELECT status FROM billing.payments) = 'APPROVED'}, 'and then it does');
is(pid($node), $first, 'all the time it was the same process');
is($node->safe_psql('house', q{SELECT actor_type, actor_id FROM billing.audit_log WHERE action = 'PAYMENT_AUTHORIZED'}),
	'SYSTEM|payment-gateway', 'it is the actor of what it does');
is($node->safe_psql('house', q{SELECT state, last_error IS NULL, errors FROM billing.workers}), 'RUNNING|t|0', 'nothing failed');
is($node->safe_psql('house', "SELECT usename FROM pg_stat_activity WHERE backend_type = 'billing gateway'"), $node->safe_psql('postgres', 'SELECT current_user'),
	'it logs in as the owner of the cluster');

# ---- 64 calls in flight that nobody answers ------------------------------------------------------------------------

control('faults', { hang => JSON::PP::true, hold => 600 });
pay($node, $in_flight);
all_in_flight($node, '64 calls hang');

sub cpu
{
	my @fields = split / /, slurp_file('/proc/' . pid($node) . '/stat') =~ s/.*\) //sr;
	return $fields[11] + $fields[12];
}
my $cpu = cpu();
my $watched = $node->safe_psql('house', "SELECT pg_sleep(2); SELECT count(*) $worker AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)");
cmp_ok(cpu() - $cpu, '<', 10, 'they cost less than 5 % of a core'); # ticks of 10 ms in 2 s
like($watched, qr/^0$/m, 'and no transaction is open meanwhile');

my (undef, undef, $stderr) = $node->psql('postgres', q{SET statement_timeout = '20s'; CREATE DATABASE other;});
is($stderr, '', 'another database is created meanwhile');
(undef, undef, $stderr) = $node->psql('postgres', q{SET statement_timeout = '20s'; DROP DATABASE other;});
is($stderr, '', 'and dropped');

my $pid = pid($node);
$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
$node->safe_psql('postgres', 'SELECT pg_reload_conf()');
is(pid($node), $pid, 'a cancel ends no call');
all_in_flight($node, 'all of them still hang');
is($node->safe_psql('house', 'SELECT errors FROM billing.workers'), '0', 'nor is it a failure');

$node->append_conf('postgresql.conf', "billing.gateway_timeout = '300ms'\nbilling.gateway_max_in_flight = " . ($in_flight + 1) . "\n");
$node->reload;
my $late = pay($node, 1);
until_true($node, qq{EXISTS (SELECT FROM billing.payment_attempts WHERE payment_id = '$late' AND call = 'SEND' AND status = 'UNKNOWN')},
	'a reload gives room for one more, and it times out sooner');
$node->append_conf('postgresql.conf', "billing.gateway_timeout = '60s'\nbilling.gateway_max_in_flight = $in_flight\n");
$node->reload;
$node->safe_psql('house', "ALTER DATABASE house SET billing.gateway_timeout = '61s'; SELECT pg_reload_conf()");

# ---- the ends of a worker ------------------------------------------------------------------------------------------

$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $worker AND pid = $pid"), 'a worker that is terminated goes at once');
is($node->safe_psql('house', 'SELECT in_flight FROM billing.bulkheads'), '0', 'its permits are free');
a_new_worker($node, $pid, 'another comes after a while');
end_leases($node);
all_in_flight($node, 'and takes up its calls');
is($node->safe_psql('house', q{SELECT DISTINCT call FROM billing.payment_attempts WHERE attempt_no = 2 AND status = 'SENT'}),
	'LOOKUP', 'by asking what became of them, not by sending them again');

$pid = pid($node);
kill 'KILL', $pid;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $worker AND pid <> $pid"), 'one that is killed takes the server with it, and both come back');
end_leases($node);
all_in_flight($node, 'with all calls');

my $start = Time::HiRes::time();
$node->stop('fast');
cmp_ok(Time::HiRes::time() - $start, '<', 5, 'a fast stop does not wait for 64 calls');
$node->start;
until_true($node, "count(*) = 1 $worker", 'the worker is there after a start');
control('faults', { hang => JSON::PP::false });
end_leases($node);
until_true($node, q{count(*) = 0 FROM billing.payments WHERE status <> 'APPROVED'}, 'a provider that works again is told of everything');
each_charged_once($node, 'after four ends of a worker');
is($node->safe_psql('house', 'SELECT DISTINCT ok FROM billing.verify()'), 't', 'verify() is true');
is($node->safe_psql('house', q{SELECT count(*) FROM billing.gateway_calls}), '0', 'nothing is left to call');

# ---- a standby -----------------------------------------------------------------------------------------------------

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
control('faults', { hang => JSON::PP::true });
pay($node, $in_flight);
all_in_flight($node, '64 calls hang again');
$node->wait_for_catchup($standby);
is($standby->safe_psql('postgres', "SELECT count(*) $worker"), '0', 'a standby runs no worker');
my $row = $standby->safe_psql('house', q{SELECT payment_id FROM billing.payments WHERE status = 'APPROVED' LIMIT 1});
is($standby->safe_psql('house', "SELECT status FROM billing.wait_for_payment('$row')"), 'APPROVED', 'but sessions on it can wait');
$node->stop('immediate');
$standby->promote;
ok($standby->poll_query_until('postgres', "SELECT count(*) = 1 $worker"), 'once promoted, it has one');
control('faults', { hang => JSON::PP::false });
end_leases($standby);
until_true($standby, q{count(*) = 0 FROM billing.payments WHERE status <> 'APPROVED'}, 'which finishes what the other had begun');
each_charged_once($standby, 'after a failover');
is($standby->safe_psql('house', 'SELECT DISTINCT ok FROM billing.verify()'), 't', 'verify() is true there');
$standby->stop;

# ---- more than one worker ------------------------------------------------------------------------------------------

my $crew = house('crew', "billing.database = 'house'", 'billing.gateway_workers = 3', 'billing.gateway_max_in_flight = 10');
$crew->safe_psql('house', 'CREATE EXTENSION billing; SELECT billing.enable_workers()');
until_true($crew, q{count(*) = 3 FROM billing.workers WHERE state = 'RUNNING'}, 'three workers run');
control('faults', { hang => JSON::PP::true });
pay($crew, 300);
until_true($crew, q{in_flight = 10 FROM billing.bulkheads}, 'together they have no more in flight than one may');
is($crew->safe_psql('house', q{SELECT count(*) FROM billing.payment_attempts}), '10', 'and claim no more');
control('faults', { hang => JSON::PP::false, latency => 0.02 });
# what hangs is given up by its workers, and all that they may not send meanwhile waits for the others
$crew->safe_psql('postgres', "SELECT pg_terminate_backend(pid) $worker");
until_true($crew, q{count(*) = 3 FROM billing.workers WHERE starts = 2 AND pid IS NOT NULL}, 'all come back');
end_leases($crew);
until_true($crew, q{count(*) = 0 FROM billing.payments WHERE status <> 'APPROVED'}, 'three workers finish what three have begun');
my %sent = %{ control('requests')->{sent} };
is(join(' ', grep { ($sent{$_} // 0) != 1 } split /\n/, $crew->safe_psql('house', q{SELECT payment_id FROM billing.payments p
	WHERE NOT EXISTS (SELECT FROM billing.payment_attempts a WHERE a.payment_id = p.payment_id AND a.call = 'LOOKUP')})), '',
	'each call left once');
$crew->stop;
control('faults', { latency => 0 });

# ---- waiting -------------------------------------------------------------------------------------------------------

# Nobody decides these payments but the test.
my $waiting = house('waiting', "billing.gateway_url = ''", 'max_prepared_transactions = 2');
$waiting->safe_psql('house', 'CREATE EXTENSION billing');

sub undecided
{
	my ($key) = @_;
	return $waiting->safe_psql('house', qq{SELECT p.payment_id
		FROM billing.place_order('waiter', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 100}]') o,
		LATERAL billing.pay_order(o.order_id, 'CARD', idempotency_key => 'UNKNOWN_$key') p});
}
sub resolve { return "SELECT billing.resolve_payment('$_[0]', 'APPROVED', 'reference', 'a test')"; }

# A session that waits; when it sleeps, what it holds.
sub waiter
{
	my ($id, $begin) = @_;
	my $session = $waiting->background_psql('house', on_error_stop => 0);
	my $backend = $session->query_safe('SELECT pg_backend_pid()');
	$session->query_safe($begin) if $begin;
	$session->{stdin} .= "SELECT status FROM billing.wait_for_payment('$id', '2 min');\n\\echo over\n";
	$session->{run}->pump_nb;
	$waiting->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $backend AND wait_event_type = 'Extension'")
	  or die 'nobody waits';
	return ($session, $backend);
}
sub answer
{
	my ($session) = @_;
	my $text = $session->query_until(qr/over/, '');
	$text .= $session->{stderr};
	$session->{stderr} = '';
	return $text;
}

for my $begin ('', 'BEGIN', 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1', 'BEGIN ISOLATION LEVEL SERIALIZABLE; SELECT 1')
{
	my $name = $begin eq '' ? 'outside of a transaction' : $begin =~ s/;.*//r;
	my $id = undecided($name);
	my ($session, $backend) = waiter($id, $begin);
	is($waiting->safe_psql('postgres', "SELECT locktype, mode, relation FROM pg_locks WHERE pid = $backend AND locktype <> 'virtualxid' AND mode <> 'SIReadLock'"), '',
		"$name: asleep, it holds no lock that anybody could wait for");
	my $since = Time::HiRes::time();
	$waiting->safe_psql('house', resolve($id));
	like(answer($session), qr/APPROVED/, "$name: it answers when the payment is decided elsewhere");
	cmp_ok(Time::HiRes::time() - $since, '<', 5, "$name: at once"); # by itself it would look again after 10 s
	$session->quit;
}

my $id = undecided('timeout');
is($waiting->safe_psql('house', "SELECT status FROM billing.wait_for_payment('$id', '100 ms')"), 'PENDING', 'when the time is over it answers what is');
my ($session, $backend) = waiter($id);
$waiting->safe_psql('house', 'BEGIN; ' . resolve($id) . '; ROLLBACK');
is($waiting->safe_psql('postgres', "SELECT wait_event_type FROM pg_stat_activity WHERE pid = $backend"), 'Extension', 'what is rolled back wakes nobody');
$waiting->safe_psql('postgres', "SELECT pg_cancel_backend($backend)");
like(answer($session), qr/canceling statement/, 'it can be cancelled');
$session->quit;
($session, $backend) = waiter($id);
$waiting->safe_psql('postgres', "SELECT pg_terminate_backend($backend)");
ok($waiting->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $backend"), 'and terminated');
eval { $session->quit };
($session) = waiter($id);
$waiting->safe_psql('house', "BEGIN; " . resolve($id) . "; PREPARE TRANSACTION 'decided'");
$waiting->safe_psql('house', "COMMIT PREPARED 'decided'");
like(answer($session), qr/APPROVED/, 'a prepared transaction is seen in time');
$session->quit;

$id = undecided('plain');
$waiting->append_conf('postgresql.conf', "shared_preload_libraries = ''");
$waiting->restart;
my (undef, undef, $refusal) = $waiting->psql('house', "\\set VERBOSITY verbose\nSELECT billing.wait_for_payment('$id')");
like($refusal, qr/ZB202.*HINT: .*shared_preload_libraries/s, 'without preload nobody waits for what is not decided');
$waiting->safe_psql('house', resolve($id));
is($waiting->safe_psql('house', "SELECT status FROM billing.wait_for_payment('$id')"), 'APPROVED', 'what is decided is answered');
$waiting->stop;

$provider->signal('TERM');
eval { $provider->finish };
done_testing();
