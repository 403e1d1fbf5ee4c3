# CALL settle_period(workers => n): helpers share the queue with the caller, as the caller, and end
# with him.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $settle = q{CALL billing.settle_period('2026-05', workers => 3)};
my $plan = q{SELECT billing.create_pricing_plan('standard', 'KRW',
	'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01T00:00Z')};

sub cluster
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "billing.now = '2026-06-02T00:00:00Z'\n$conf");
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE roles; CREATE ROLE clerk LOGIN; CREATE ROLE stranger LOGIN');
	$node->safe_psql('roles', 'CREATE EXTENSION billing');
	$node->safe_psql('postgres', 'GRANT billing_service TO clerk');
	return $node;
}

# A database with 240 customers, four chunks, who used 1000 + their number of API calls in May. The first
# chunk of a session waits, for a bounded time, until three sessions are in theirs: so each of them is seen at work.
sub house
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, q{
		CREATE EXTENSION billing;
		CREATE TABLE settlers (pid int, kind text, login text, role text, business_time timestamptz);
		CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
		BEGIN
			IF EXISTS (SELECT FROM public.settlers WHERE pid = pg_backend_pid()) THEN
				RETURN NULL;
			END IF;
			INSERT INTO public.settlers SELECT a.pid, a.backend_type, session_user, current_setting('role'), billing.business_now()
				FROM pg_stat_activity a WHERE a.pid = pg_backend_pid();
			PERFORM pg_advisory_lock(7, pg_backend_pid());
			FOR attempt IN 1 .. 1000 LOOP
				EXIT WHEN (SELECT count(DISTINCT objid) >= 3 FROM pg_locks WHERE locktype = 'advisory' AND classid = 7
					AND database = (SELECT oid FROM pg_database WHERE datname = current_database()));
				PERFORM pg_sleep(0.01);
			END LOOP;
			RETURN NULL;
		END;
		$$;
		CREATE TRIGGER gate BEFORE UPDATE ON billing.customers FOR EACH STATEMENT EXECUTE FUNCTION gate()});
	$node->safe_psql($db, qq{
		$plan;
		SELECT billing.ingest_usage('may', 'c-' || lpad(i::text, 3, '0'), 'API_CALL', 1000 + i, '2026-05-10T00:00Z')
		FROM generate_series(1, 240) i});
	return;
}

my $billed = q{SELECT count(*), count(DISTINCT customer_id), sum(net) FROM billing.invoices;
	SELECT count(*), min(number), max(number) FROM billing.document_numbers;
	SELECT status, count(*) FROM billing.settlement_runs GROUP BY 1};
my $all = "240|240|268920\n240|1|240\nCOMPLETED|240";
my $helpers = q{FROM pg_stat_activity WHERE backend_type = 'billing settlement'};

sub all_verified
{
	my ($node, $db, $name) = @_;
	is($node->safe_psql($db, q{SELECT string_agg(check_name || ' ' || COALESCE(detail::text, ''), E'\n') FROM billing.verify() WHERE NOT ok}),
		'', "$name: every invariant holds");
	return;
}

# A settlement by three in a fresh database, called after some statements, as a role.
sub settled_by_three
{
	my ($node, $db, $name, $user, $role, $before) = @_;
	house($node, $db);
	my $offset = -s $node->logfile;
	my (undef, undef, $stderr) = $node->psql($db, "$before; $settle", extra_params => [ '-U', $user ], on_error_stop => 1);
	is($stderr, '', "$name: settles without a word");
	is($node->safe_psql($db, $billed), $all, "$name: everybody is billed once, without a gap");
	is($node->safe_psql($db, q{SELECT count(DISTINCT pid) FILTER (WHERE kind = 'client backend'),
			count(DISTINCT pid) FILTER (WHERE kind = 'billing settlement') FROM settlers}), '1|2', "$name: the caller and two helpers settled");
	is($node->safe_psql($db, 'SELECT DISTINCT login, role FROM settlers'), "$user|$role", "$name: the helpers are who the caller is");
	is($node->safe_psql($db, q{SELECT count(DISTINCT business_time) FROM settlers}), '1', "$name: and have his business time");
	is($node->safe_psql($db, q{SELECT count(DISTINCT (a.actor_type, a.actor_id, a.trace_id)) FROM billing.audit_log a WHERE a.action = 'INVOICE_ISSUED'}), '1',
		"$name: what helpers write has the actor and the trace of the caller");
	is($node->safe_psql($db, q{SELECT status, workers FROM billing.job_runs}), 'COMPLETED|3', "$name: the job is completed");
	is($node->safe_psql('postgres', "SELECT count(*) $helpers"), '0', "$name: no helper is left");
	unlike(slurp_file($node->logfile, $offset), qr/(ERROR|FATAL|PANIC|WARNING):/, "$name: nothing is logged as an error");
	all_verified($node, $db, $name);
	return;
}

for my $preload ('', 'billing')
{
	my $with = $preload eq '' ? 'without preload' : 'with preload';
	my $node = cluster($preload eq '' ? 'plain' : 'preloaded', "shared_preload_libraries = '$preload'\nmax_worker_processes = 8\n");
	my $superuser = $node->safe_psql('postgres', 'SELECT current_user');

	settled_by_three($node, 'superuser', "$with, a superuser", $superuser, 'none',
		q{SET billing.now = '2026-06-03T00:00:00Z'});
	settled_by_three($node, 'member', "$with, a member of billing_service", 'clerk', 'none',
		q{SET billing.actor = 'OPERATOR:kim'; SET billing.trace_id = 'trace-1'});
	settled_by_three($node, 'set_role', "$with, a member after SET ROLE", 'clerk', 'billing_service',
		q{SET ROLE billing_service; SET billing.actor = 'OPERATOR:kim'});

	my (undef, undef, $denied) = $node->psql('roles', $settle, extra_params => [ '-U', 'stranger' ]);
	like($denied, qr/permission denied/, "$with: a stranger is refused");
	$node->stop;
}

# ---- more workers than the server has room for -------------------------------------------------------------

my $small = cluster('small', "max_worker_processes = 2\n");
house($small, 'crowd');
$small->safe_psql('crowd', 'DROP TRIGGER gate ON billing.customers');
my (undef, undef, $notice) = $small->psql('crowd', q{CALL billing.settle_period('2026-05', workers => 8)}, on_error_stop => 1);
like($notice, qr/NOTICE:  settling with [12] of 8 workers/, 'more workers than max_worker_processes: a notice tells how many there are');
is($small->safe_psql('crowd', $billed), $all, 'more workers than max_worker_processes: everybody is billed once');
all_verified($small, 'crowd', 'more workers than max_worker_processes');

# ---- the caller is cancelled, or terminated ------------------------------------------------------------------

my $node = cluster('cancelled', "max_worker_processes = 8\n");

# The series is held, so that all three stop in the middle of a chunk.
sub ended_with_the_caller
{
	my ($db, $name, $end) = @_;
	house($node, $db);
	my $holder = $node->background_psql($db, on_error_stop => 1);
	$holder->query_safe('BEGIN; LOCK TABLE billing.document_series');
	my $caller = $node->background_psql($db, on_error_stop => 0);
	my $pid = $caller->query_safe('SELECT pg_backend_pid()');
	$caller->query_until(qr/started/, "\\echo started\n$settle;\n");
	$node->poll_query_until($db, qq{SELECT count(*) = 3 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
		AND (pid = $pid OR backend_type = 'billing settlement')}) or die 'the settlement does not stop';

	$node->safe_psql('postgres', "CREATE DATABASE other_$db");
	my (undef, undef, $stderr) = $node->psql('postgres', "SET statement_timeout = '60s'; DROP DATABASE other_$db", on_error_stop => 1);
	is($stderr, '', "$name: meanwhile another database can be dropped");

	$node->safe_psql('postgres', "SELECT $end($pid)");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 $helpers"), "$name: the helpers end with the caller");
	$holder->query_safe('COMMIT');
	$holder->quit;
	is($node->safe_psql($db, 'SELECT count(*) FROM billing.invoices'), '0', "$name: nothing was billed");
	all_verified($node, $db, "$name, half way");
	if ($end eq 'pg_cancel_backend')
	{
		is($caller->query("SELECT 'alive'"), 'alive', "$name: his session goes on");
		$caller->query("$settle");
		is($node->safe_psql($db, $billed), $all, "$name: and settles everybody with the same call");
	}
	else
	{
		$node->safe_psql($db, $settle);
		is($node->safe_psql($db, $billed), $all, "$name: the next start settles everybody");
	}
	eval { $caller->quit };
	is($node->safe_psql('postgres', "SELECT count(*) $helpers"), '0', "$name: no helper is left");
	all_verified($node, $db, $name);
	return;
}

ended_with_the_caller('cancelled', 'a caller who is cancelled', 'pg_cancel_backend');
ended_with_the_caller('terminated', 'a caller who is terminated', 'pg_terminate_backend');

$_->stop for $small, $node;
done_testing();
