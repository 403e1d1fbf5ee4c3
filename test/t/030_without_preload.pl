# The life of a database with the extension: no preload, dropped and made again, cloned, restarted,
# replicated and promoted.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $june_2 = '2026-06-02T00:00:00Z';
my $july_2 = '2026-07-02T00:00:00Z';

my $plan = q{SELECT billing.create_pricing_plan('Starter', 'KRW', '[
	{"resourceType": "API_CALL", "model": "graduated",
	 "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": null, "unitPrice": 1}]}]', '2026-01-01T00:00Z')};

# Runs SQL at a business time and gives back its rows.
sub at
{
	my ($node, $db, $now, $sql) = @_;
	return $node->safe_psql($db, "SET billing.now = '$now'; $sql");
}

sub usage
{
	my ($node, $db, $period) = @_;
	return $node->safe_psql($db, qq{
		SELECT c.customer_id, u.* FROM billing.customers c
		CROSS JOIN LATERAL billing.usage_of(c.customer_id, '$period') u ORDER BY 1, 2});
}

sub verified
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, 'SELECT count(*) > 0 AND bool_and(ok) FROM billing.verify()');
}

# What settlement made of a period, and what a preview says of an invoice to come.
sub billed
{
	my ($node, $db, $period) = @_;
	return $node->safe_psql($db, qq{
		SELECT i.customer_id, i.status, i.total, l.kind, l.service_period, l.quantity, l.net
		FROM billing.invoices i JOIN billing.invoice_lines l USING (customer_id, invoice_id)
		WHERE i.period = '$period' AND i.status <> 'CANCELLED' ORDER BY 1, l.line_no});
}

sub preview
{
	my ($node, $db, $now, $customer, $period) = @_;
	return at($node, $db, $now, qq{SELECT jsonb_pretty(billing.preview_invoice('$customer', '$period'))});
}

# ---- no preload ------------------------------------------------------------------------------------

my $primary = PostgreSQL::Test::Cluster->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', q{
max_prepared_transactions = 20
});
$primary->start;
is($primary->safe_psql('postgres', 'SHOW shared_preload_libraries'), '', 'nothing is preloaded');
$primary->safe_psql('postgres', 'CREATE DATABASE house');
$primary->safe_psql('house', 'CREATE EXTENSION billing');

at($primary, 'house', $june_2, qq{
	$plan;
	SELECT billing.ingest_usage('may-' || i, 'acme', 'API_CALL', 3000, '2026-05-10T00:00Z') FROM generate_series(1, 5) i});
is(usage($primary, 'house', '2026-05'), 'acme|API_CALL|15000|5', 'usage is read without preload');
is(at($primary, 'house', $june_2, q{
		SELECT already_processed, payment_status FROM billing.run_settlement('acme', '2026-05')}),
	'f|APPROVED', 'a month is settled without preload');
is(billed($primary, 'house', '2026-05'), 'acme|PAID|5000|USAGE|2026-05|15000|5000', 'and billed right');
is($primary->safe_psql('house', 'SELECT count(*) FROM billing.circuit_breakers UNION ALL SELECT count(*) FROM billing.bulkheads'),
	"0\n0", 'circuit breakers and bulkheads are in shared memory, so there are none');
my (undef, undef, $refusal) = $primary->psql('house', q{SELECT billing.open_circuit_breaker('gateway')}, on_error_stop => 1);
like($refusal, qr/there are no circuit breakers here.*shared_preload_libraries/s, 'and none to open');

# 180 customers are three chunks. The caller waits in its first one until a helper has settled another,
# so the helper is seen at work.
$primary->safe_psql('postgres', 'CREATE DATABASE month');
$primary->safe_psql('month', q{
	CREATE EXTENSION billing;
	CREATE TABLE settlers (pid int, kind text, business_time timestamptz, UNIQUE (pid));
	CREATE FUNCTION note_settler() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	DECLARE
		mine text := (SELECT backend_type FROM pg_stat_activity WHERE pid = pg_backend_pid());
	BEGIN
		INSERT INTO public.settlers VALUES (pg_backend_pid(), mine, billing.business_now()) ON CONFLICT DO NOTHING;
		IF NOT FOUND OR mine <> 'client backend' THEN
			RETURN NEW;
		END IF;
		FOR attempt IN 1 .. 3000 LOOP
			EXIT WHEN EXISTS (SELECT FROM public.settlers WHERE kind <> 'client backend');
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN NEW;
	END;
	$$;
	CREATE TRIGGER note_settler BEFORE UPDATE ON billing.customers FOR EACH ROW EXECUTE FUNCTION note_settler();
});
at($primary, 'month', $june_2, qq{
	$plan;
	SELECT billing.ingest_usage('may', 'c-' || i, 'API_CALL', 10000 + i, '2026-05-10T00:00Z')
	FROM generate_series(1, 180) i});
my $log_offset = -s $primary->logfile;
at($primary, 'month', $june_2, q{CALL billing.settle_period('2026-05', 2)});
is($primary->safe_psql('month', 'SELECT count(*), sum(total) FROM billing.invoices'), '180|16290',
	'settle_period bills everybody once, with a helper');
is($primary->safe_psql('month', 'SELECT count(*), count(DISTINCT kind) FROM settlers'), '2|2',
	'the caller and its helper both settled customers');
is($primary->safe_psql('month', 'SELECT DISTINCT extract(epoch FROM business_time)::bigint FROM settlers'),
	'1780358400', 'the helper has the business time of its caller');
is($primary->safe_psql('month', q{SELECT count(*) = max(number) FROM billing.document_numbers}), 't',
	'their numbers have no gap');
unlike(slurp_file($primary->logfile, $log_offset), qr/background worker "billing.* exited with exit code [1-9]/,
	'the helper ends without an error');
is(verified($primary, 'month'), 't', 'every invariant holds after a settlement by two');
is($primary->safe_psql('month', q{SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'billing%'}), '0',
	'no helper is left behind');

# ---- dropped and made again, in sessions that go on -----------------------------------------------------

$primary->safe_psql('postgres', 'CREATE DATABASE again');
my $dropper = $primary->background_psql('again', on_error_stop => 1);
my $bystander = $primary->background_psql('again', on_error_stop => 1);
my $round = q{
	SELECT billing.ingest_usage('e1', 'acme', 'API_CALL', 12000, '2026-05-10T00:00Z');
	SELECT billing.aggregate_usage();
	SELECT quantity FROM billing.usage_of('acme', '2026-05');
	SELECT billing.rate('{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 2}', 3);
	SELECT billing.preview_invoice('acme', '2026-05') ->> 'total';
	SELECT message FROM billing.run_settlement('acme', '2026-05');
	SELECT count(*) FROM billing.invoices;};
my $answer = "t\n1\n12000\n6\n2000\npaid\n1";

for my $session ($dropper, $bystander)
{
	$session->query_safe('\set QUIET on');
	$session->query_safe("SET billing.now = '$june_2'");
}
$dropper->query_safe("CREATE EXTENSION billing; SELECT FROM ($plan) p");
is($dropper->query_safe($round), $answer, 'a session makes the extension and bills a month');
is($bystander->query_safe(q{SELECT quantity FROM billing.usage_of('acme', '2026-05')}), '12000',
	'another session reads it');
for my $count (1, 2)
{
	# whatever setting guards the drop of an extension with data
	$dropper->query_safe(
		q{SELECT FROM (SELECT set_config(name, 'on', false) FROM pg_settings WHERE name ~ '^billing\..*drop') s});
	$dropper->query_safe("DROP EXTENSION billing CASCADE; CREATE EXTENSION billing; SELECT FROM ($plan) p");
	is($bystander->query_safe(q{SELECT count(*) FROM billing.usage_events}), '0',
		"drop $count: another session sees the empty tables");
	my ($first, $second) = $count == 1 ? ($dropper, $bystander) : ($bystander, $dropper);
	is($first->query_safe($round), $answer,
		"drop $count: a session with plans and caches from before bills the month again");
	is($second->query_safe(q{
			SELECT billing.ingest_usage('e1', 'acme', 'API_CALL', 12000, '2026-05-10T00:00Z');
			SELECT billing.ingest_usage('e2', 'acme', 'API_CALL', 500, '2026-06-01T12:00Z');
			SELECT quantity FROM billing.usage_of('acme', '2026-06');
			SELECT billing.aggregate_usage();
			SELECT message <> 'paid' FROM billing.run_settlement('acme', '2026-05');}),
		"f\nt\n500\n1\nt", "drop $count: so does the other, and finds what the first one did");
	is($dropper->query_safe('SELECT count(*) FROM billing.window_eras'), '1', "drop $count: one era of its own");
	is(verified($primary, 'again'), 't', "drop $count: every invariant holds");
}
$_->quit for $dropper, $bystander;

# ---- a clone by CREATE DATABASE ... TEMPLATE ---------------------------------------------------------------

at($primary, 'house', $july_2, q{
	SELECT billing.ingest_usage('folded', 'acme', 'API_CALL', 9000, '2026-06-10T00:00Z');
	BEGIN;
	SELECT billing.ingest_usage('prepared', 'acme', 'API_CALL', 2000, '2026-06-11T00:00Z');
	PREPARE TRANSACTION 'usage';
	SELECT billing.aggregate_usage();
	COMMIT PREPARED 'usage';
	SELECT billing.ingest_usage('unfolded', 'acme', 'API_CALL', 1000, '2026-06-12T00:00Z');
});
$primary->safe_psql('postgres', 'CREATE DATABASE clone TEMPLATE house');
is(usage($primary, 'clone', '2026-06'), 'acme|API_CALL|12000|3', 'a clone has the usage, folded or not');
is(at($primary, 'clone', $july_2, q{
		SELECT billing.ingest_usage('clone', 'acme', 'API_CALL', 500, '2026-06-13T00:00Z');
		SELECT billing.aggregate_usage(); SELECT billing.aggregate_usage();}), "t\n3\n0",
	'a clone folds what its template had not folded, and its own, once');
is(at($primary, 'clone', $july_2, q{SELECT message FROM billing.run_settlement('acme', '2026-06')}), 'paid',
	'a clone settles the month');
is(billed($primary, 'clone', '2026-06'), 'acme|PAID|2500|USAGE|2026-06|12500|2500', 'and bills its own usage');
is(verified($primary, 'clone'), 't', 'every invariant holds in the clone');
is(usage($primary, 'house', '2026-06'), 'acme|API_CALL|12000|3', 'its template has not changed');

# ---- restart and crash -----------------------------------------------------------------------------------------

$primary->restart;
is(usage($primary, 'house', '2026-06'), 'acme|API_CALL|12000|3', 'usage is the same after a restart');
$primary->stop('immediate');
$primary->start;
is(usage($primary, 'house', '2026-06'), 'acme|API_CALL|12000|3', 'and after a crash');
is($primary->safe_psql('house', 'SELECT count(*) FROM billing.window_eras'), '1', 'neither begins an era');
is(verified($primary, 'house'), 't', 'every invariant holds after both');

# ---- a standby ---------------------------------------------------------------------------------------------------

$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# running beside the fold: prepared ones that end after it, and one that never will
at($primary, 'house', $july_2, q{
	BEGIN;
	SELECT billing.ingest_usage('prepared-2', 'acme', 'API_CALL', 100, '2026-06-20T00:00Z');
	PREPARE TRANSACTION 'usage';
	BEGIN;
	SELECT billing.ingest_usage('prepared-3', 'acme', 'API_CALL', 10, '2026-06-21T00:00Z');
	PREPARE TRANSACTION 'later';
});
my $lost = $primary->background_psql('house', on_error_stop => 1);
$lost->query_safe("BEGIN; SELECT billing.ingest_usage('lost', 'acme', 'API_CALL', 70000, '2026-06-22T00:00Z')");
is(at($primary, 'house', $july_2, 'SELECT billing.aggregate_usage()'), '2', 'the primary folds what has ended');
at($primary, 'house', $july_2, q{
	COMMIT PREPARED 'usage';
	SELECT billing.ingest_usage('tail', 'acme', 'API_CALL', 1, '2026-06-23T00:00Z');
	SELECT billing.ingest_usage('late', 'acme', 'API_CALL', 200, '2026-05-23T00:00Z');
	SELECT billing.ingest_usage('new', 'globex', 'API_CALL', 10007, '2026-06-24T00:00Z');
});
$primary->wait_for_catchup($standby);

my $june = "acme|API_CALL|12101|5\nglobex|API_CALL|10007|1";
is(usage($primary, 'house', '2026-06'), $june, 'primary: folded usage and tail');
is(usage($standby, 'house', '2026-06'), $june, 'standby: folded usage and tail');
for my $customer ('acme', 'globex')
{
	is(preview($standby, 'house', $july_2, $customer, '2026-06'),
		preview($primary, 'house', $july_2, $customer, '2026-06'),
		"standby: the preview for $customer is that of the primary");
}
like(preview($standby, 'house', $july_2, 'acme', '2026-06'), qr/^    "total": 2301,$/m,
	'standby: the preview has 2101 of June and 200 of May');
my (undef, undef, $refused) = $standby->psql('house',
	q{SELECT billing.ingest_usage('no', 'acme', 'API_CALL', 1, '2026-06-23T00:00Z')});
like($refused, qr/read-only/, 'standby: usage is not taken');
is($standby->safe_psql('house', 'SELECT bool_and(ok) FROM billing.verify()'), 't',
	'standby: verify() runs and every invariant holds');

# ---- promotion -----------------------------------------------------------------------------------------------------

$primary->stop('immediate');
eval { $lost->quit };
$standby->promote;

is(usage($standby, 'house', '2026-06'), $june, 'promoted: the same usage, without what had not ended');
is(at($standby, 'house', $july_2, q{
	BEGIN;
	SELECT billing.ingest_usage('promoted-1', 'acme', 'API_CALL', 1000, '2026-06-25T00:00Z');
	SELECT billing.aggregate_usage();
	SELECT billing.ingest_usage('promoted-2', 'acme', 'API_CALL', 2000, '2026-06-25T00:00Z');
	COMMIT;}), "t\n4\nt", 'promoted: a fold takes the tail of the old primary and not its own transaction');
$standby->safe_psql('house', q{COMMIT PREPARED 'later'});
is(usage($standby, 'house', '2026-06'), "acme|API_CALL|15111|8\nglobex|API_CALL|10007|1",
	'promoted: what was prepared on the old primary counts when it is committed');
is(at($standby, 'house', $july_2, 'SELECT billing.aggregate_usage()'), '3', 'promoted: the next fold takes the rest');
is(at($standby, 'house', $july_2, 'SELECT billing.aggregate_usage()'), '0', 'promoted: once');
is(usage($standby, 'house', '2026-06'), "acme|API_CALL|15111|8\nglobex|API_CALL|10007|1",
	'promoted: the folded usage is the same');
is($standby->safe_psql('house', 'SELECT array_agg(era) FROM billing.window_eras'), '{1}',
	'promoted: the era goes on');
at($standby, 'house', $july_2, q{CALL billing.settle_period('2026-06', 2)});
is(billed($standby, 'house', '2026-06'),
	"acme|PAID|5311|USAGE|2026-06|15111|5111\nacme|PAID|5311|LATE_USAGE|2026-05|200|200\n"
	  . "globex|PAID|7|USAGE|2026-06|10007|7",
	'promoted: the month is settled, the late usage is billed once');
is(verified($standby, 'house'), 't', 'promoted: every invariant holds');

$standby->stop;
done_testing();
