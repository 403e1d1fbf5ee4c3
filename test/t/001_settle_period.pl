# CALL settle_period(): chunks of 60 customers, each in a transaction of its own; failures stay with
# their customer; whatever ends it, the next start goes on, and no number is lost or given twice.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $june_2 = '2026-06-02T00:00:00Z';

my $node = PostgreSQL::Test::Cluster->new('house');
$node->init;
$node->append_conf('postgresql.conf', "restart_after_crash = on\nbilling.now = '$june_2'");
$node->start;

my $plan = q{SELECT billing.create_pricing_plan('standard', 'KRW',
	'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01T00:00Z')};
my $settle = q{CALL billing.settle_period('2026-05')};

# A database with 150 customers, c-001 to c-150, of whom each used 1000 + his number of API calls in May.
sub house
{
	my ($db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->safe_psql($db, 'CREATE EXTENSION billing');
	$node->safe_psql($db, qq{
		$plan;
		SELECT billing.ingest_usage('may', 'c-' || lpad(i::text, 3, '0'), 'API_CALL', 1000 + i, '2026-05-10T00:00Z')
		FROM generate_series(1, 150) i});
	return;
}

sub ask
{
	my ($db, $sql) = @_;
	return $node->safe_psql($db, $sql);
}

# What psql says when it fails, with the SQLSTATE.
sub refusal
{
	my ($db, $sql) = @_;
	my (undef, undef, $stderr) = $node->psql($db, "\\set VERBOSITY verbose\n$sql", on_error_stop => 1);
	return $stderr;
}

sub sqlstate
{
	my ($db, $symbol) = @_;
	return ask($db, "SELECT sqlstate FROM billing.error_codes WHERE symbol = '$symbol'");
}

# given | first | last: without a gap when given = last
my $numbers = 'SELECT count(*), min(number), max(number) FROM billing.document_numbers';
my $once = q{SELECT count(*), count(DISTINCT customer_id), sum(net) FROM billing.invoices WHERE status <> 'CANCELLED'};
my $runs = q{SELECT status, count(*) FROM billing.settlement_runs GROUP BY 1 ORDER BY 1};
my $jobs = q{SELECT status, workers, finished_at IS NOT NULL, total, done, failed, pending FROM billing.job_progress ORDER BY started_at, job_run_id};

# Invoices by transaction, in the order of their numbers. One chunk writes in one subtransaction.
my $chunks = q{SELECT string_agg(n::text, ' ' ORDER BY first) FROM (SELECT count(*) AS n, min(number) AS first
	FROM billing.invoice_headers WHERE period = '2026-05' GROUP BY xmin) c};

sub all_verified
{
	my ($db, $name) = @_;
	is(ask($db, q{SELECT string_agg(check_name || ' ' || COALESCE(detail::text, ''), E'\n') FROM billing.verify() WHERE NOT ok}),
		'', "$name: every invariant holds");
	return;
}

# Makes the write of an invoice run a statement, for some customers.
sub trap
{
	my ($db, $who, $body) = @_;
	ask($db, qq{
		CREATE OR REPLACE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $body; RETURN NEW; END \$\$;
		CREATE TRIGGER trap BEFORE INSERT ON billing.invoice_headers FOR EACH ROW WHEN ($who) EXECUTE FUNCTION trap()});
	return;
}

sub untrap
{
	my ($db) = @_;
	ask($db, 'DROP TRIGGER trap ON billing.invoice_headers');
	return;
}

# A session that holds what the trap waits for.
sub hold
{
	my ($db) = @_;
	my $holder = $node->background_psql($db, on_error_stop => 1);
	$holder->query_safe('SELECT pg_advisory_lock(42)');
	return $holder;
}

my $wait_for_holder = 'PERFORM pg_advisory_xact_lock_shared(42)';
my $trapped = q{FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted};

# Starts a statement in a session of its own and goes on when it is in the trap; its process id.
sub start_and_trap
{
	my ($db, $session, $sql) = @_;
	$session->query_until(qr/started/, "\\echo started\n$sql;\n");
	$node->poll_query_until($db, "SELECT count(*) = 1 $trapped") or die 'nothing came into the trap';
	return ask($db, "SELECT pid $trapped");
}

# ---- refusals ------------------------------------------------------------------------------------------

house('refusals');
like(refusal('refusals', "BEGIN; $settle"), qr/ERROR:  2D000: settle_period cannot run inside a transaction block/,
	'inside a transaction block it is refused with 2D000');
ask('refusals', qq{CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS \$\$ BEGIN $settle; END \$\$});
like(refusal('refusals', 'SELECT inside()'), qr/ERROR:  2D000: /, 'inside a function too');
my $not_closed = sqlstate('refusals', 'PERIOD_NOT_CLOSED');
like(refusal('refusals', q{CALL billing.settle_period('2026-06')}), qr/ERROR:  $not_closed: /, 'an open month is PERIOD_NOT_CLOSED');
my $invalid_period = sqlstate('refusals', 'INVALID_PERIOD');
like(refusal('refusals', q{CALL billing.settle_period('2026-13')}), qr/ERROR:  $invalid_period: /, 'a month 13 is INVALID_PERIOD');
my $invalid = sqlstate('refusals', 'INVALID_ARGUMENT');
for my $workers (0, 65, 'NULL')
{
	like(refusal('refusals', "CALL billing.settle_period('2026-05', $workers)"), qr/ERROR:  $invalid: /,
		"workers => $workers is INVALID_ARGUMENT");
}
ask('refusals', 'CREATE ROLE stranger LOGIN');
like(refusal('refusals', "SET SESSION AUTHORIZATION stranger; $settle"), qr/ERROR:  42501: /, 'a stranger may not call it');
is(ask('refusals', 'SELECT count(*) FROM billing.job_runs'), '0', 'no refusal leaves a job');
is(ask('refusals', 'SELECT count(*) FROM billing.settlement_runs'), '0', 'nor a run');

# ---- chunks, and customers who cannot be rated -------------------------------------------------------------

house('chunks');
ask('chunks', q{SELECT billing.ingest_usage('disk', c, 'STORAGE_GB_HOUR', 1, '2026-05-11T00:00Z') FROM unnest('{c-020,c-070,c-149}'::text[]) c});
ask('chunks', $settle);
is(ask('chunks', $chunks), '59 59 29', 'chunks of 60 customers are written one transaction each');
is(ask('chunks', q{SELECT customer_id, status, invoice_id IS NULL, failure_code,
		failure_reason LIKE '%STORAGE_GB_HOUR%', attempts FROM billing.settlement_runs WHERE status <> 'COMPLETED' ORDER BY 1}),
	join("\n", map { "$_|FAILED|t|RESOURCE_NOT_PRICED|t|1" } 'c-020', 'c-070', 'c-149'),
	'who has usage without a price fails alone, with the code and the resource type');
is(ask('chunks', $once), '147|147|158086', 'everybody else is billed');
is(ask('chunks', $numbers), '147|1|147', 'without a gap in the numbers');
is(ask('chunks', $jobs), 'COMPLETED|1|t|150|147|3|0', 'job_progress counts them');
is(ask('chunks', q{SELECT job, period, status FROM billing.job_runs}), 'settle_period|2026-05|COMPLETED', 'job_runs has the start');
all_verified('chunks', 'failed customers');

my $fingerprint = q{SELECT md5(string_agg(h::text, ',' ORDER BY h.number)) FROM billing.invoice_headers h WHERE h.number <= 'INV-2026-000147'};
my $before = ask('chunks', $fingerprint);
ask('chunks', $settle);
is(ask('chunks', "$runs;$numbers"), "COMPLETED|147\nFAILED|3\n147|1|147", 'a second start bills nobody again');
ask('chunks', q{SELECT billing.create_pricing_plan('with disk', 'KRW', '[
	{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1},
	{"resourceType": "STORAGE_GB_HOUR", "model": "per_unit", "unitPrice": 0}]', '2026-02-01T00:00Z')});
ask('chunks', $settle);
is(ask('chunks', "$runs;$numbers"), "COMPLETED|150\n150|1|150", 'a third start, once there is a price, bills those who failed');
is(ask('chunks', q{SELECT count(*) FROM billing.settlement_runs WHERE failure_code IS NOT NULL}), '0', 'and their failures are gone');
is(ask('chunks', $fingerprint), $before, 'the invoices of the first start have not changed');
is(ask('chunks', q{SELECT count(*), count(DISTINCT job_run_id), bool_and(status = 'COMPLETED') FROM billing.job_runs}), '3|3|t',
	'each start is a job');
all_verified('chunks', 'three starts');

# ---- a customer whose invoice cannot be written ----------------------------------------------------------------

house('writes');
trap('writes', q{NEW.customer_id = 'c-030'}, q{RAISE EXCEPTION 'no ink for %', NEW.customer_id});
ask('writes', $settle);
is(ask('writes', q{SELECT customer_id, status, failure_code, failure_reason FROM billing.settlement_runs WHERE status <> 'COMPLETED'}),
	'c-030|FAILED|P0001|no ink for c-030', 'a customer whose invoice cannot be written fails alone');
is(ask('writes', "$once;$numbers"), "149|149|160295\n149|1|149", 'the others are billed, without a gap');
is(ask('writes', $chunks), join(' ', (1) x 59, 60, 30), 'his chunk was redone one customer a transaction, the others were not');
is(ask('writes', $jobs), 'COMPLETED|1|t|150|149|1|0', 'job_progress counts him');
all_verified('writes', 'failed write');
untrap('writes');
ask('writes', $settle);
is(ask('writes', "$once;$numbers;$runs"), "150|150|161325\n150|1|150\nCOMPLETED|150", 'the next start bills him');
all_verified('writes', 'mended write');

# ---- failures that pass ------------------------------------------------------------------------------------------

house('retries');
ask('retries', 'CREATE SEQUENCE tries; GRANT ALL ON SEQUENCE tries TO PUBLIC');
trap('retries', q{NEW.customer_id = 'c-040'},
	q{IF nextval('public.tries') < 4 THEN RAISE EXCEPTION 'not now' USING ERRCODE = 'serialization_failure'; END IF});
ask('retries', $settle);
is(ask('retries', "$once;$numbers;$runs"), "150|150|161325\n150|1|150\nCOMPLETED|150", 'a failure that passes is retried in the same start');
is(ask('retries', q{SELECT attempts > 1, failure_code IS NULL FROM billing.settlement_runs WHERE customer_id = 'c-040'}), 't|t',
	'its attempts are counted');
ask('retries', q{SET billing.now = '2026-07-02T00:00:00Z';
	SELECT billing.ingest_usage('june', c, 'API_CALL', 1, '2026-06-10T00:00Z') FROM unnest('{c-040,c-041}'::text[]) c});
untrap('retries');
trap('retries', q{NEW.customer_id = 'c-040'}, q{RAISE EXCEPTION 'never' USING ERRCODE = 'serialization_failure'});
ask('retries', q{SET billing.now = '2026-07-02T00:00:00Z'; CALL billing.settle_period('2026-06')});
is(ask('retries', q{SELECT customer_id, status, failure_code IS NOT NULL, attempts BETWEEN 2 AND 5 FROM billing.settlement_runs
		WHERE period = '2026-06' ORDER BY 1}), "c-040|PENDING|t|t\nc-041|COMPLETED|f|f",
	'one that does not pass stays queued after some attempts, with its reason, and holds up nobody');
untrap('retries');
ask('retries', q{SET billing.now = '2026-07-02T00:00:00Z'; CALL billing.settle_period('2026-06')});
is(ask('retries', "$numbers;" . q{SELECT count(*) FROM billing.settlement_runs WHERE status <> 'COMPLETED'}), "152|1|152\n0",
	'the next start bills it');
all_verified('retries', 'retried customers');

# ---- ended in the middle ---------------------------------------------------------------------------------------------

# Stops a settlement in its second chunk, ends it, and starts again.
sub ended_in_the_middle
{
	my ($db, $name, $end) = @_;
	house($db);
	trap($db, q{NEW.customer_id = 'c-090'}, $wait_for_holder);
	my $holder = hold($db);
	my $session = $node->background_psql($db, on_error_stop => 0);
	my $pid = start_and_trap($db, $session, $settle);
	is(ask($db, $jobs), 'RUNNING|1|f|150|60|0|90', "$name: job_progress shows how far it is");
	$end->($pid, $db);
	eval { $holder->quit };
	$node->poll_query_until($db, "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid AND state = 'active'") or die 'it did not end';
	is(ask($db, "$once;$numbers;$runs"), "60|60|61830\n60|1|60\nCOMPLETED|60\nPENDING|90", "$name: the chunks before it are billed, without a gap");
	my $first = ask($db, $fingerprint);
	all_verified($db, "$name, half way");
	untrap($db);
	ask($db, $settle);
	is(ask($db, "$once;$numbers;$runs"), "150|150|161325\n150|1|150\nCOMPLETED|150", "$name: the next start bills the rest, without a gap");
	is(ask($db, $fingerprint =~ s/000147/000060/r), $first, "$name: the first invoices have not changed");
	is(ask($db, q{SELECT status, message, finished_at IS NOT NULL FROM billing.job_runs ORDER BY job_run_id}), "FAILED|interrupted|t\nCOMPLETED||t",
		"$name: the next start is completed, and says of the first that it was interrupted");
	eval { $session->quit };
	all_verified($db, $name);
	return;
}

ended_in_the_middle('cancelled', 'cancelled', sub { ask($_[1], "SELECT pg_cancel_backend($_[0])") });
ended_in_the_middle('terminated', 'terminated', sub { ask($_[1], "SELECT pg_terminate_backend($_[0])") });
ended_in_the_middle('killed', 'killed with signal 9', sub {
		my ($pid, $db) = @_;
		my $crashes = qr/all server processes terminated; reinitializing/;
		my $offset = -s $node->logfile;
		kill 'KILL', $pid or die "cannot kill $pid";
		$node->wait_for_log($crashes, $offset);
		$node->poll_query_until('postgres', 'SELECT true');
	});

# ---- two sessions ------------------------------------------------------------------------------------------------------

house('two');
# before the numbers are taken, so that the others can take theirs
ask('two', qq{
	CREATE FUNCTION trap() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $wait_for_holder; RETURN NEW; END \$\$;
	CREATE TRIGGER trap BEFORE UPDATE ON billing.customers FOR EACH ROW WHEN (NEW.customer_id = 'c-030') EXECUTE FUNCTION trap()});
my $holder = hold('two');
my $one = $node->background_psql('two', on_error_stop => 0);
start_and_trap('two', $one, $settle);
my (undef, undef, $blocked) = $node->psql('two', "SET lock_timeout = '20s'; $settle", on_error_stop => 1);
is($blocked, '', 'a second session does not wait for the first');
is(ask('two', "$once;$numbers"), "90|90|99495\n90|1|90", 'a second session settles the rest while the first is held in a chunk');
$holder->quit;
$one->query_safe('SELECT 1');
is(ask('two', "$once;$numbers;$runs"), "150|150|161325\n150|1|150\nCOMPLETED|150", 'each customer is billed once, without a gap');
is(ask('two', q{SELECT count(*) FROM billing.settlement_runs WHERE attempts <> 1}), '0', 'nobody is settled twice');
is(ask('two', q{SELECT count(*), bool_and(status = 'COMPLETED') FROM billing.job_runs}), '2|t', 'both jobs are completed');
$one->quit;
all_verified('two', 'two sessions');

# both at once, with nothing that holds them
house('race');
my @racers = map { $node->background_psql('race', on_error_stop => 0) } 1 .. 3;
$_->query_until(qr/started/, "\\echo started\n$settle;\n") for @racers;
$_->query_safe('SELECT 1') for @racers;
$_->quit for @racers;
is(ask('race', "$once;$numbers;$runs"), "150|150|161325\n150|1|150\nCOMPLETED|150", 'three sessions that race bill each customer once');
all_verified('race', 'three sessions');

$node->stop;
done_testing();
