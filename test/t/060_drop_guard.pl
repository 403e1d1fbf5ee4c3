# The extension is not dropped while it holds data, whichever command would do it, preloaded or not.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $event = q{SELECT billing.ingest_usage('e', 'acme', 'API_CALL', 1, '2026-05-10T00:00Z')};

# A server with a database whose extension was made by the role keeper.
sub make_node
{
	my ($name, $conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\n$conf");
	$node->start;
	$node->safe_psql('postgres', 'CREATE ROLE keeper SUPERUSER LOGIN; CREATE DATABASE house OWNER keeper');
	return $node;
}

# Each statement in a session of its own, so that none has loaded the library before.
sub refused
{
	my ($node, $sql, $test, @params) = @_;
	my (undef, undef, $stderr) = $node->psql('house', "\\set VERBOSITY verbose\n$sql", @params);
	like($stderr, qr/ZB209.*DETAIL: +These tables have rows: .*usage_events_\d/s, "refused, with what it holds: $test");
	is($node->safe_psql('house', 'SELECT count(*) FROM billing.usage_events'), '1', "nothing is lost: $test");
}

my @drops = (
	'DROP EXTENSION billing',
	'DROP EXTENSION IF EXISTS billing CASCADE',
	'DROP SCHEMA billing CASCADE',
	'DROP OWNED BY keeper CASCADE',
	'ALTER TABLE billing.invoice_headers DROP COLUMN deleted_at CASCADE',
	'DO $$ BEGIN EXECUTE $s$DROP EXTENSION billing$s$; END $$',
	'SET session_replication_role = replica; DROP EXTENSION billing',
	"BEGIN; SET LOCAL billing.allow_drop = on; COMMIT; DROP EXTENSION billing",
);

for my $place ([ 'plain', '' ], [ 'preloaded', "shared_preload_libraries = 'billing'" ])
{
	my ($name, $conf) = @$place;
	my $node = make_node($name, $conf);
	my $as_keeper = $node->connstr('house') . ' user=keeper';

	# ---- without data it goes
	for my $drop ('DROP EXTENSION billing', 'DROP SCHEMA billing CASCADE')
	{
		$node->safe_psql('house', 'CREATE EXTENSION billing');
		$node->safe_psql('house', $drop);
		is($node->safe_psql('house', q{SELECT count(*) FROM pg_extension WHERE extname = 'billing'}), '0',
			"$name: without data it goes: $drop");
	}
	is($node->safe_psql('house', 'SELECT count(*) FROM pg_event_trigger'), '0', "$name: and its event trigger with it");

	# ---- with data it stays
	$node->safe_psql('house', 'CREATE EXTENSION billing', connstr => $as_keeper);
	$node->safe_psql('house', $event);
	refused($node, $_, "$name: $_") for @drops;

	# ---- an owner who is no superuser
	$node->safe_psql('house', 'ALTER ROLE keeper NOSUPERUSER; GRANT CREATE ON DATABASE house TO keeper');
	refused($node, "SET billing.allow_drop = on;\nDROP EXTENSION billing", "$name: its owner, who sets what he may not",
		connstr => $as_keeper, on_error_stop => 0);
	if (!$conf)
	{
		# a preloaded server does not even let him in
		local $ENV{PGOPTIONS} = '-c billing.allow_drop=on';
		refused($node, 'DROP EXTENSION billing', "$name: its owner, who connects with what he may not",
			connstr => $as_keeper);
	}

	# ---- data that another session is writing
	$node->safe_psql('postgres', 'CREATE DATABASE busy');
	$node->safe_psql('busy', 'CREATE EXTENSION billing');
	my $writer = $node->background_psql('busy', on_error_stop => 1);
	$writer->query_safe("BEGIN; $event");
	my $dropper = $node->background_psql('busy', on_error_stop => 0);
	$dropper->query_until(qr/dropping/, "\\echo dropping\nDROP EXTENSION billing;\n\\echo dropped\n");
	ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity
			WHERE datname = 'busy' AND wait_event_type = 'Lock' AND query LIKE 'DROP EXTENSION%'}),
		"$name: a drop waits for a session that writes");
	$writer->query_safe('COMMIT');
	$writer->quit;
	$dropper->quit;
	is($node->safe_psql('busy', 'SELECT count(*) FROM billing.usage_events'), '1',
		"$name: and then sees what it wrote");

	# ---- other databases, and the whole one
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('other', 'CREATE EXTENSION billing; DROP EXTENSION billing; CREATE EXTENSION billing');
	is($node->safe_psql('other', 'SELECT count(*) FROM billing.usage_events'), '0',
		"$name: another database makes and drops its own");
	$node->safe_psql('postgres', 'DROP DATABASE busy');
	is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_database WHERE datname = 'busy'}), '0',
		"$name: DROP DATABASE is not guarded");

	# ---- a restore that first drops what is there
	my $dump = $node->basedir . '/house.dump';
	$node->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('house') ], "$name: pg_dump");
	my @restore = ('pg_restore', '--clean', '--if-exists', '--exit-on-error', '-d', $node->connstr('house'), $dump);
	$node->command_fails_like(\@restore, qr/cannot drop extension "billing" because it holds data/,
		"$name: pg_restore --clean is refused");
	{
		local $ENV{PGOPTIONS} = '-c billing.allow_drop=on';
		$node->safe_psql('house', $event =~ s/'e'/'later'/r);
		$node->command_ok(\@restore, "$name: pg_restore --clean of a superuser who allows it");
	}
	is($node->safe_psql('house', q{SELECT string_agg(event_id, ',') FROM billing.usage_events}), 'e',
		"$name: the restored database has what the dump has");
	refused($node, 'DROP EXTENSION billing', "$name: the restored one is guarded");

	# ---- with leave
	is($node->safe_psql('house', q{
			SET client_min_messages = error;
			BEGIN; SET LOCAL billing.allow_drop = on; DROP SCHEMA billing CASCADE; ROLLBACK;
			SELECT count(*) FROM billing.usage_events}), '1', "$name: a superuser may allow it, and change his mind");
	$node->safe_psql('house', 'SET billing.allow_drop = on; DROP EXTENSION billing');
	is($node->safe_psql('house', q{SELECT count(*) FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid
			WHERE n.nspname = 'billing'}), '0', "$name: then it goes with its data");

	# ---- what stands without the event trigger
	if ($name eq 'preloaded')
	{
		$node->safe_psql('house', "CREATE EXTENSION billing; $event; ALTER EVENT TRIGGER billing_guard_drop DISABLE");
		refused($node, 'DROP EXTENSION billing', 'preloaded, its event trigger disabled');
	}
	$node->stop;
}
done_testing();
