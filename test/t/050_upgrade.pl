# What a release owes to the ones before it: an updated install is a fresh install, to the byte in the
# catalogs, and the SQL of every release calls the present library without harm.
#
# Releases are the frozen scripts test/upgrade/billing--VERSION.sql, updates those of sql/updates. The
# comparison itself is proved on a version that is made up here, and on differences that are planted.

use strict;
use warnings;

use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my ($version) = slurp_file('billing.control') =~ /^default_version = '(.*)'$/m;
my $script = slurp_file("billing--$version.sql");

# ---- a server that finds its extensions in a folder of ours -----------------------------------------

my $node = PostgreSQL::Test::Cluster->new('node');
$node->init;
my $share = $node->config_data('--sharedir');
my $prefix = $node->basedir . '/prefix';
my $folder = "$prefix$share/extension";
make_path($folder);
# up to 17 a setting of Debian, from 18 on one of PostgreSQL
my $find = $node->pg_version >= 18
  ? "extension_control_path = '$prefix$share:\$system'" : "extension_destdir = '$prefix'";
$node->append_conf('postgresql.conf', qq{
shared_preload_libraries = 'billing'
restart_after_crash = on
$find
});
$node->start;

# ---- helpers ------------------------------------------------------------------------------------------

# Puts a script of the extension where the server finds it.
sub publish
{
	my ($name, $text) = @_;
	unlink "$folder/$name";
	append_to_file("$folder/$name", $text);
}

sub install
{
	my ($db, $which) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	return $node->psql($db, "CREATE EXTENSION billing VERSION '$which'");
}

# What the catalogs say, after a change that is then taken back.
sub facts
{
	my ($db, $change) = @_;
	return $node->safe_psql($db, 'BEGIN; ' . ($change // '') . ";\n\\i test/upgrade/catalog.sql\nROLLBACK;");
}

# The lines that only one of two texts has, cut to what can be read.
sub difference
{
	my ($old, $new) = @_;
	my %old = map { $_ => 1 } split /\n/, $old;
	my %new = map { $_ => 1 } split /\n/, $new;
	return join "\n", map { substr $_, 0, 300 }
	  (map { "- $_" } grep { !$new{$_} } sort keys %old), (map { "+ $_" } grep { !$old{$_} } sort keys %new);
}

# C functions as SQL declares them: symbol, arguments, result, whether NULLs come through.
sub declarations
{
	my ($db) = @_;
	return split /\n/, $node->safe_psql($db, q{
		SELECT DISTINCT p.prosrc || ' ' || pg_get_function_identity_arguments(p.oid) || ' -> '
			|| pg_get_function_result(p.oid) || CASE WHEN p.proisstrict THEN ' strict' ELSE '' END
		FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
		WHERE l.lanname = 'c' AND p.prokind = 'f' AND p.pronamespace = 'billing'::regnamespace ORDER BY 1});
}

# Symbols that an old version declares otherwise than the present one: new arguments take a new symbol.
sub redeclared
{
	my ($old, $new) = @_;
	my %new = map { $_ => 1 } declarations($new);
	my %symbols = map { (split / /)[0] => 1 } keys %new;
	return join "\n", grep { !$new{$_} && $symbols{(split / /)[0]} } declarations($old);
}

# 'alive' if the server survives a call of everything that the SQL of the extension declares.
sub call_all
{
	my ($db) = @_;
	my ($status, $answer) =
	  $node->psql($db, slurp_file('test/upgrade/calls.sql'), on_error_stop => 0);
	return $answer;
}

# ---- the present version ------------------------------------------------------------------------------

publish('billing.control', slurp_file('billing.control'));
publish("billing--$version.sql", $script);
publish(basename($_), slurp_file($_)) for glob 'sql/updates/billing--*--*.sql';

install('fresh', $version);
install('other', $version);
my $fresh = facts('fresh');
like($fresh, qr/^routine billing\.run_settlement/m, 'the catalogs are read');
unlike($fresh, qr/^not described/m, 'every kind of member is described');
is(difference(facts('other'), $fresh), '', 'two fresh installs are the same');
is(call_all('other'), 'alive', 'the server survives every call with NULLs and with likely values');

# ---- every release before it --------------------------------------------------------------------------

for my $frozen (sort glob 'test/upgrade/billing--*.sql')
{
	my ($old) = $frozen =~ /billing--(.*)\.sql$/;
	(my $db = "from_$old") =~ s/\W/_/g;
	if ($old eq $version)
	{
		is($script, slurp_file($frozen), "$old was released: raise default_version, and leave its script alone");
		next;
	}
	publish(basename($frozen), slurp_file($frozen));
	is((install($db, $old))[0], 0, "$old: its SQL finds every symbol in the present library");
	is(redeclared($db, 'fresh'), '', "$old: no symbol has other arguments than it had");
	is(call_all($db), 'alive', "$old: the server survives every call of its SQL");
	is($node->psql($db, 'ALTER EXTENSION billing UPDATE'), 0, "$old: it is updated");
	is(difference(facts($db), $fresh), '', "$old: after its update nothing tells it from a fresh install");
	is($node->safe_psql($db, 'SELECT bool_and(ok) FROM billing.verify()'), 't',
		"$old: after its update every invariant holds");
}

# ---- a made-up release proves the comparison -------------------------------------------------------------

publish('billing--before.sql', $script . q{
	CREATE TABLE billing.made_up (id int NOT NULL, gone text, CONSTRAINT made_up_pkey PRIMARY KEY (id));
	CREATE FUNCTION billing.made_up_count() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM billing.made_up';
});
my $after = $script . q{
	CREATE TABLE billing.made_up (id int NOT NULL, note text DEFAULT 'none', CONSTRAINT made_up_pkey PRIMARY KEY (id));
	SELECT pg_catalog.pg_extension_config_dump('billing.made_up', '');
	COMMENT ON TABLE billing.made_up IS 'Made up.';
	GRANT SELECT ON billing.made_up TO billing_service;
	CREATE INDEX made_up_note ON billing.made_up (note) WHERE id > 0;
	CREATE FUNCTION billing.made_up_count() RETURNS bigint LANGUAGE sql STABLE
		AS 'SELECT count(note) FROM billing.made_up';
	CREATE FUNCTION billing.made_up_version() RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'billing_version';
	CREATE VIEW billing.made_up_notes AS SELECT note FROM billing.made_up;
};
my $update = q{
	ALTER TABLE billing.made_up DROP COLUMN gone, ADD COLUMN note text DEFAULT 'none';
	SELECT pg_catalog.pg_extension_config_dump('billing.made_up', '');
	COMMENT ON TABLE billing.made_up IS 'Made up.';
	GRANT SELECT ON billing.made_up TO billing_service;
	CREATE INDEX made_up_note ON billing.made_up (note) WHERE id > 0;
	CREATE OR REPLACE FUNCTION billing.made_up_count() RETURNS bigint LANGUAGE sql STABLE
		AS 'SELECT count(note) FROM billing.made_up';
	CREATE FUNCTION billing.made_up_version() RETURNS text LANGUAGE c AS 'MODULE_PATHNAME', 'billing_version';
	CREATE VIEW billing.made_up_notes AS SELECT note FROM billing.made_up;
};
publish('billing--after.sql', $after);
publish('billing--before--after.sql', $update);
install('after', 'after');
my $complete = facts('after');
install('before', 'before');
isnt(difference(facts('before'), $complete), '', 'before its update a made-up release is another');
is(redeclared('before', 'after'), '', 'its symbols are declared as they were');
is(call_all('before'), 'alive', 'the server survives every call of its SQL');
$node->safe_psql('before', q{ALTER EXTENSION billing UPDATE TO 'after'});
is(difference(facts('before'), $complete), '', 'after its update nothing tells it from a fresh install');

# an update script that leaves one thing out
for my $part (split /(?<=;)\n/, $update =~ s/^\s+//r)
{
	my ($what) = $part =~ /^\s*(\S+ \S+(?: \S+)?)/;
	next if $what =~ /^ALTER|^$/ || $part !~ /\S/;
	(my $short = $update) =~ s/\Q$part\E//;
	publish('billing--before--after.sql', $short);
	$node->safe_psql('postgres', 'DROP DATABASE before');
	install('before', 'before');
	$node->safe_psql('before', q{ALTER EXTENSION billing UPDATE TO 'after'});
	isnt(difference(facts('before'), $complete), '', "an update without its \"$what\" is noticed");
}

# ---- every sort of fact is compared ------------------------------------------------------------------------

my %planted = (
	'the body of a function' => q{CREATE OR REPLACE FUNCTION billing.made_up_count() RETURNS bigint LANGUAGE sql
		STABLE AS 'SELECT 1'},
	'volatility' => 'ALTER FUNCTION billing.made_up_count() IMMUTABLE',
	'a setting of a function' => 'ALTER FUNCTION billing.made_up_count() SET jit = off',
	'rights on a function' => 'GRANT EXECUTE ON FUNCTION billing.version() TO billing_authenticator',
	'the owner of a function' => 'ALTER FUNCTION billing.version() OWNER TO billing_admin',
	'the comment on a function' => q{COMMENT ON FUNCTION billing.version() IS 'other'},
	'membership' => 'ALTER EXTENSION billing DROP FUNCTION billing.version()',
	'a default' => q{ALTER TABLE billing.made_up ALTER note SET DEFAULT 'some'},
	'not null' => 'ALTER TABLE billing.made_up ALTER note SET NOT NULL',
	'a type' => 'ALTER TABLE billing.made_up ALTER id TYPE bigint',
	'rights on a column' => 'GRANT SELECT (note) ON billing.made_up TO billing_admin',
	'the comment on a column' => q{COMMENT ON COLUMN billing.made_up.note IS 'other'},
	'storage' => 'ALTER TABLE billing.made_up ALTER note SET STORAGE plain',
	'the order of columns' => q{ALTER TABLE billing.meter_definitions RENAME unit TO x;
		ALTER TABLE billing.meter_definitions RENAME resource_type TO unit;
		ALTER TABLE billing.meter_definitions RENAME x TO resource_type},
	'a constraint' => 'ALTER TABLE billing.made_up ADD CONSTRAINT positive CHECK (id > 0)',
	'the name of a constraint' => 'ALTER TABLE billing.made_up RENAME CONSTRAINT made_up_pkey TO other',
	'an index' => 'CREATE INDEX ON billing.made_up (id DESC)',
	'a trigger that is off' => 'ALTER TABLE billing.audit_entries DISABLE TRIGGER append_only',
	'an event trigger that is off' => 'ALTER EVENT TRIGGER billing_guard_drop DISABLE',
	'the roles of a policy' => 'ALTER POLICY house ON billing.customers TO billing_admin',
	'the rule of a policy' => 'ALTER POLICY house ON billing.customers USING (false)',
	'row security' => 'ALTER TABLE billing.customers DISABLE ROW LEVEL SECURITY',
	'options of a table' => 'ALTER TABLE billing.made_up SET (fillfactor = 70)',
	'a view' => 'CREATE OR REPLACE VIEW billing.made_up_notes AS SELECT note FROM billing.made_up WHERE id > 1',
	'options of a view' => 'ALTER VIEW billing.made_up_notes SET (security_barrier = true)',
	'a rule' => 'CREATE RULE still AS ON DELETE TO billing.made_up DO INSTEAD NOTHING',
	'a sequence' => 'ALTER SEQUENCE billing.outbox_position_seq INCREMENT 2',
	'the owner of a sequence' => 'ALTER SEQUENCE billing.outbox_position_seq OWNED BY NONE; '
	  . 'ALTER SEQUENCE billing.outbox_position_seq OWNER TO billing_admin',
	'what is dumped' => q{UPDATE pg_extension SET extcondition[1] = 'WHERE true' WHERE extname = 'billing'},
	'rights at the creation' => q{UPDATE pg_init_privs SET initprivs = '{}'
		WHERE objoid = 'billing.made_up'::regclass},
	'rights on the schema' => 'REVOKE ALL ON SCHEMA billing FROM billing_customer',
	'rights by default' => 'ALTER DEFAULT PRIVILEGES IN SCHEMA billing GRANT SELECT ON TABLES TO billing_admin',
	'the rights on a type' => 'REVOKE ALL ON TYPE billing.made_up FROM public',
	'a member of an unknown kind' => 'CREATE COLLATION billing.other FROM "C"; '
	  . 'ALTER EXTENSION billing ADD COLLATION billing.other',
);
for my $what (sort keys %planted)
{
	isnt(difference(facts('after', $planted{$what}), $complete), '', "noticed: $what");
}
like(facts('after', $planted{'a member of an unknown kind'}), qr/^not described: collation/m,
	'a kind of member that is not described is named');

# ---- SQL that does not fit the library is noticed ----------------------------------------------------------

publish('billing--lost.sql', "$script CREATE FUNCTION billing.lost() RETURNS int LANGUAGE c"
	  . " AS 'MODULE_PATHNAME', 'billing_lost';");
my ($status, undef, $error) = install('lost', 'lost');
is($status, 3, 'SQL that names a symbol which the library lacks is not installed');
like($error, qr/could not find function "billing_lost"/, 'and the symbol is named');

publish('billing--unfit.sql', "$script CREATE FUNCTION billing.unfit(number bigint) RETURNS smallint STRICT"
	  . " LANGUAGE c AS 'MODULE_PATHNAME', 'billing_bucket_of';");
install('unfit', 'unfit');
is(redeclared('unfit', 'fresh'), 'billing_bucket_of number bigint -> smallint strict',
	'a symbol that is declared with other arguments is named');
isnt(call_all('unfit'), 'alive', 'a call that kills the server is noticed');
ok($node->poll_query_until('postgres', 'SELECT true'), 'and the server comes back');

$node->stop;
done_testing();
