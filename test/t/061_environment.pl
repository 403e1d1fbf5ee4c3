# Silence of clones: workers may talk to the outside only where the server's environment, given from outside of its
# data directory, is the one that this very database was enabled for.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $preload = "shared_preload_libraries = 'billing'\n";

# Starts a server with more on its command line.
sub start_with
{
	my ($node, @settings) = @_;
	my $options = join ' ', '--cluster-name=' . $node->name, map { "-c $_" } @settings;
	$node->stop if $node->{_pid};
	system_or_bail('pg_ctl', '--wait', '-D', $node->data_dir, '-l', $node->logfile, '-o', $options, 'start');
	$node->_update_pid(1);
	return;
}

sub state
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, 'SELECT allowed, state FROM billing.workers_allowed()');
}

sub enable
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, 'SELECT billing.enable_workers()');
}

sub refusal
{
	my ($node, $db, $sql) = @_;
	my (undef, undef, $stderr) = $node->psql($db, "\\set VERBOSITY verbose\n$sql");
	return $stderr;
}

# ---- a setting that counts, and those that do not ---------------------------------------------------------

my $house = PostgreSQL::Test::Cluster->new('house');
$house->init(allows_streaming => 1);
$house->start;
$house->safe_psql('postgres', 'CREATE DATABASE house');
$house->safe_psql('house', 'CREATE EXTENSION billing');
is(state($house, 'house'), 'f|NOT_PRELOADED', 'without preload a server is silent');
{
	local $ENV{PGOPTIONS} = '-c billing.environment=production';
	is(state($house, 'house'), 'f|NOT_PRELOADED', 'and no session can say otherwise');
}

$house->append_conf('postgresql.conf', $preload);
$house->restart;
is(state($house, 'house'), 'f|NOT_SET', 'a fresh server is silent');
like(refusal($house, 'house', 'SELECT billing.enable_workers()'),
	qr/ZB202: +the server has no environment.*DETAIL: +The server was started without billing\.environment/s,
	'and cannot be enabled');
like(refusal($house, 'house', q{SET billing.environment = 'production'}), qr/55P02/, 'no session can set it');

my $conf = $house->data_dir . '/postgresql.conf';
my $original = slurp_file($conf);
my $outside = $house->basedir . '/outside.conf';
my $inside = $house->data_dir . '/inside.conf';
append_to_file($_, "billing.environment = 'production'\n") for $outside, $inside;
symlink $inside, $house->basedir . '/into.conf' or die $!;
symlink $outside, $house->data_dir . '/out.conf' or die $!;
my $base = $house->basedir;
for my $case (
	[ "billing.environment = 'production'", 'IN_DATA_DIRECTORY', 'in postgresql.conf of the data directory' ],
	[ "include 'inside.conf'", 'IN_DATA_DIRECTORY', 'in a file that it includes' ],
	[ "include '$base/into.conf'", 'IN_DATA_DIRECTORY', 'by a link from outside into the data directory' ],
	[ "include '$outside'\nbilling.environment = 'production'", 'IN_DATA_DIRECTORY', 'inside, after one outside' ],
	[ "include '$outside'", 'NOT_ENABLED', 'in a file outside of it' ],
	[ "include 'out.conf'", 'NOT_ENABLED', 'in a file outside, by a link' ])
{
	my ($line, $state, $name) = @$case;
	unlink $conf;
	append_to_file($conf, "$original\n$line\n");
	$house->restart;
	is(state($house, 'house'), "f|$state", "set $name");
}
unlink $conf;
append_to_file($conf, $original);
$house->safe_psql('house', q{ALTER SYSTEM SET billing.environment = 'production'});
$house->restart;
is(state($house, 'house'), 'f|IN_DATA_DIRECTORY', 'ALTER SYSTEM does not count');
like(refusal($house, 'house', 'SELECT billing.enable_workers()'), qr/ZB202.*in the data directory/s,
	'it cannot be enabled so');

# ---- enabled, disabled, audited -----------------------------------------------------------------------------

start_with($house, 'billing.environment=production');
$house->safe_psql('house', 'CREATE ROLE service LOGIN IN ROLE billing_service;
	CREATE ROLE admin LOGIN IN ROLE billing_admin');
is(state($house, 'house'), 'f|NOT_ENABLED', 'an environment on the command line is not enough');
like(refusal($house, 'house', "SET ROLE service; SELECT billing.$_()"), qr/ZB401/, "the service may not call $_()")
  for 'enable_workers', 'disable_workers';
is($house->safe_psql('house', 'SET ROLE admin; SELECT billing.enable_workers()'), 'production',
	'an admin enables what the server says that it is');
is(state($house, 'house'), 't|ALLOWED', 'then workers may talk');
is($house->safe_psql('house', 'SET ROLE service; SELECT * FROM billing.workers_allowed()'),
	't|ALLOWED|production|production|Workers may talk to the outside.', 'the service sees why');
enable($house, 'house');
$house->safe_psql('house', 'SET ROLE admin; SELECT billing.disable_workers(); SELECT billing.disable_workers()');
is(state($house, 'house'), 'f|NOT_ENABLED', 'disabled, they are silent');
enable($house, 'house');
is($house->safe_psql('house', q{SELECT action, actor_id, target_type, target_id, before, after
		FROM billing.audit_log WHERE action LIKE 'WORKERS%' ORDER BY position}),
	qq{WORKERS_ENABLED|admin|Database|house||{"environment": "production"}\n}
	  . qq{WORKERS_DISABLED|admin|Database|house|{"environment": "production"}|\n}
	  . qq{WORKERS_ENABLED|postgres|Database|house||{"environment": "production"}},
	'each change is audited once');
$house->safe_psql('house', 'ALTER SYSTEM RESET billing.environment');
append_to_file($conf, "billing.environment = 'production'\n");
$house->reload;
is(state($house, 'house'), 't|ALLOWED', 'a file that comes later changes nothing');
unlink $conf;
append_to_file($conf, $original);
$house->reload;

# ---- copies of a database -------------------------------------------------------------------------------------

$house->safe_psql('postgres', 'CREATE DATABASE twin TEMPLATE house');
is(state($house, 'twin'), 'f|OTHER_DATABASE', 'a copy by TEMPLATE is silent');
is(enable($house, 'twin'), 'production', 'it is enabled for itself');
is(state($house, 'twin'), 't|ALLOWED', 'then it may talk');
is(state($house, 'house'), 't|ALLOWED', 'and so may the original');
$house->safe_psql('postgres', 'ALTER DATABASE house RENAME TO renamed');
is(state($house, 'renamed'), 't|ALLOWED', 'a new name is no copy');
$house->safe_psql('postgres', 'ALTER DATABASE renamed RENAME TO house');

my $dump = "$base/house.dump";
$house->command_ok([ 'pg_dump', '-Fc', '-f', $dump, $house->connstr('house') ], 'pg_dump');
sub restore
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr($db), $dump ], "restore of $db");
	return;
}
restore($house, 'restored');
is(state($house, 'restored'), 'f|NOT_ENABLED', 'a dump restored beside its source is silent');

my $elsewhere = PostgreSQL::Test::Cluster->new('elsewhere');
$elsewhere->init;
$elsewhere->append_conf('postgresql.conf', $preload);
start_with($elsewhere, 'billing.environment=production');
restore($elsewhere, 'house');
is(state($elsewhere, 'house'), 'f|NOT_ENABLED', 'and so in another server of the same environment');
$elsewhere->stop;

# ---- copies of a server, and failover ---------------------------------------------------------------------------

$house->backup('base');
my %copies;
for my $name ('clone', 'standby')
{
	$copies{$name} = PostgreSQL::Test::Cluster->new($name);
	$copies{$name}->init_from_backup($house, 'base', has_streaming => 1);
}
my ($clone, $standby) = @copies{ 'clone', 'standby' };
$clone->start;
is(state($clone, 'house'), 'f|NOT_SET', 'a base backup without an environment is silent');
$clone->promote;
is(state($clone, 'house'), 'f|NOT_SET', 'promoted, too');
start_with($clone, 'billing.environment=staging');
is(state($clone, 'house'), 'f|OTHER_ENVIRONMENT', 'and in another environment');
is(enable($clone, 'house'), 'staging', 'it is enabled for its own');
is(state($clone, 'house'), 't|ALLOWED', 'then it may talk');
start_with($clone, 'billing.environment=production');
is(state($clone, 'house'), 'f|OTHER_ENVIRONMENT', 'and not as the one that it was copied from');
start_with($clone);
is(state($clone, 'house'), 'f|NOT_SET', 'nor without a name');
$clone->stop;

start_with($standby, 'billing.environment=production');
is(state($standby, 'house'), 'f|STANDBY', 'a standby is silent');
like(refusal($standby, 'house', 'SELECT billing.enable_workers()'), qr/25006/, 'it cannot be enabled');
$house->stop;
$standby->promote;
is(state($standby, 'house'), 't|ALLOWED', 'promoted in the same environment it goes on: failover');
$standby->stop;
done_testing();
