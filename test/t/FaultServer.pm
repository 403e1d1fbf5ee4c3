# A server with the test build of the extension, whose fault points billing.fault drives.

package FaultServer;

use strict;
use warnings;

use Cwd ();
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

my $tables = q{FROM pg_class WHERE relnamespace = 'billing'::regnamespace AND relkind = 'r' ORDER BY relname};

# What the test asks of each database. The lock is FAULT_LOCK of src/core/fault.c.
my $helpers = qq{
	CREATE EXTENSION billing;
	CREATE SCHEMA faults;
	-- every row of every table: one line a table
	CREATE FUNCTION faults.digest() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
	DECLARE
		name text;
	BEGIN
		FOR name IN SELECT relname $tables LOOP
			RETURN QUERY EXECUTE format('SELECT %L || '' '' || count(*) || '' '' ||
				COALESCE(md5(string_agg(t::text, '','' ORDER BY t::text)), '''') FROM billing.%1\$I t', name);
		END LOOP;
	END \$\$;
	-- every row of every table, as far as two runs of the same make the same: one line a row
	CREATE FUNCTION faults.state() RETURNS SETOF text LANGUAGE plpgsql AS \$\$
	DECLARE
		name text;
		volatile text[];
		rank text;
	BEGIN
		FOR name IN SELECT relname $tables LOOP
			SELECT array_agg(attname) FILTER (WHERE atttypid IN ('xid8'::regtype, 'pg_snapshot'::regtype)
					OR attname IN ('attempts', 'lock_wait_us', 'last_position', 'database_name', 'database_oid', 'row_digest')
					-- what is of the real clock, random, or a hash of ids
					OR name || '.' || attname IN ('secrets.nonce', 'secrets.ciphertext', 'secrets.created_at', 'secrets.retires_at',
						'gateway_webhooks.received_at', 'gateway_webhooks.body_digest', 'gateway_calls.created_at', 'gateway_calls.due_at',
						'gateway_calls.stuck_since')),
				CASE WHEN bool_or(attname = 'position')
					THEN 'jsonb_build_object(''position'', row_number() OVER (ORDER BY position))' ELSE '''{}''' END
			INTO volatile, rank
			FROM pg_attribute WHERE attrelid = ('billing.' || name)::regclass AND attnum > 0 AND NOT attisdropped;
			RETURN QUERY EXECUTE format('SELECT %L || '' '' || regexp_replace(regexp_replace((to_jsonb(t) - %L::text[] || %s)::text,'
				' ''"house(_[0-9]+)?"'', ''"a database of this test"'', ''g''), ''"since": "[^"]*"'', ''"since": "then"'') FROM billing.%1\$I t',
				name, COALESCE(volatile, '{}'), rank);
		END LOOP;
	END \$\$;
	-- what customers and the house see of it, in whatever order it was done
	CREATE FUNCTION faults.outcome() RETURNS SETOF text LANGUAGE sql AS \$\$
		SELECT concat_ws(' ', 'invoice', i.customer_id, i.period, i.status, i.net, i.tax, i.total, i.amount_due,
			(SELECT string_agg(concat_ws(' ', l.kind, l.code, l.service_period, l.quantity, l.net), ', ' ORDER BY l.line_no)
				FROM billing.invoice_lines l WHERE l.customer_id = i.customer_id AND l.invoice_id = i.invoice_id))
		FROM billing.invoices i
		UNION ALL SELECT concat_ws(' ', 'payment', customer_id, status, amount) FROM billing.payments
		UNION ALL SELECT concat_ws(' ', 'transfer', customer_id, kind, debit_account, credit_account, amount)
			FROM billing.ledger_transfers
		UNION ALL SELECT concat_ws(' ', 'event', customer_id, type) FROM billing.outbox
		UNION ALL SELECT concat_ws(' ', 'audit', customer_id, action) FROM billing.audit_log
		UNION ALL SELECT concat_ws(' ', 'usage', a.*) FROM billing.aggregated_usage a
		UNION ALL SELECT concat_ws(' ', 'unbilled', customer_id, month) FROM billing.unbilled_usage
		UNION ALL SELECT concat_ws(' ', 'run', customer_id, period, status, failure_code) FROM billing.settlement_runs
		UNION ALL SELECT concat_ws(' ', 'numbers', count(*), min(number), max(number)) FROM billing.document_numbers
		ORDER BY 1
	\$\$;
	CREATE FUNCTION faults.broken() RETURNS text LANGUAGE sql AS \$\$
		SELECT COALESCE(string_agg(check_name || ' ' || detail, '; '), 'nothing') FROM billing.verify() WHERE NOT ok
	\$\$;
	-- the session that waits at a fault point
	CREATE FUNCTION faults.waiter() RETURNS int LANGUAGE plpgsql AS \$\$
	DECLARE
		found int;
	BEGIN
		FOR attempt IN 1 .. 6000 LOOP
			SELECT l.pid INTO found FROM pg_locks l WHERE l.locktype = 'advisory' AND l.objid = 6060 AND NOT l.granted
			AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database());
			EXIT WHEN found IS NOT NULL;
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN found;
	END \$\$;
	-- true when a session has left what it did
	CREATE FUNCTION faults.gone(session int) RETURNS boolean LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR attempt IN 1 .. 6000 LOOP
			PERFORM pg_stat_clear_snapshot();
			IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = session AND backend_xid IS NOT NULL)
				AND NOT EXISTS (SELECT FROM pg_locks WHERE pid = session AND locktype = 'virtualxid' AND mode = 'ExclusiveLock') THEN
				RETURN true;
			END IF;
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN false;
	END \$\$;
	-- true when a session waits for a lock
	CREATE FUNCTION faults.blocked(name text) RETURNS boolean LANGUAGE plpgsql AS \$\$
	BEGIN
		FOR attempt IN 1 .. 6000 LOOP
			PERFORM pg_stat_clear_snapshot();
			IF EXISTS (SELECT FROM pg_stat_activity a WHERE a.application_name = name AND a.wait_event_type = 'Lock') THEN
				RETURN true;
			END IF;
			PERFORM pg_sleep(0.01);
		END LOOP;
		RETURN false;
	END \$\$;
	CREATE FUNCTION faults.volatile_routines() RETURNS SETOF text LANGUAGE sql AS \$\$
		SELECT p.proname FROM pg_proc p
		JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e'
		JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
		-- triggers cannot be called: what they do belongs to the statement that fires them
		WHERE p.provolatile = 'v' AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
		GROUP BY 1 ORDER BY 1
	\$\$;
};

# Builds in a copy of the sources, and installs beside what is installed on this machine.
sub build
{
	my $copy = PostgreSQL::Test::Utils::tempdir();
	my $source = Cwd::getcwd();
	my $dest = "$copy/dest";
	my $config = $ENV{PG_CONFIG} // 'pg_config';
	my @make = ('make', '-s', '-C', $copy, 'FAULTS=1', "PG_CONFIG=$config", 'COPT=-O1');
	local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};

	PostgreSQL::Test::Utils::system_or_bail('sh', '-c',
		'cd "$1" && tar -cf - --exclude="*.o" --exclude="*.d" --exclude="*.so" Makefile billing.control sql src | tar -C "$2" -xf -',
		'sh', $source, $copy);
	PostgreSQL::Test::Utils::system_or_bail(@make, '-j2');
	PostgreSQL::Test::Utils::system_or_bail(@make, 'install', "DESTDIR=$dest");
	return $dest;
}

sub new
{
	my ($class) = @_;
	my $dest = build();
	my $config = $ENV{PG_CONFIG} // 'pg_config';
	my $library = $dest . `$config --pkglibdir` =~ s/\s+$//r;
	my $share = $dest . `$config --sharedir` =~ s/\s+$//r;
	my $node = PostgreSQL::Test::Cluster->new('faults');
	my $place = $node->pg_version < 18 ? "extension_destdir = '$dest'" : "extension_control_path = '$share:\$system'";

	$node->init;
	# outside of the data directory, so that it counts
	append_to_file($node->basedir . '/environment.conf', "billing.environment = 'faults'\n");
	for my $keys ([ '', 'new ' . '22' x 32, 'old ' . '11' x 32 ], [ '_old', 'old ' . '11' x 32 ])
	{
		my ($suffix, @lines) = @$keys;
		my $file = $node->data_dir . "/billing_fault_keys$suffix";
		append_to_file($file, join "", map { "$_\n" } @lines);
		chmod 0600, $file or die "chmod $file: $!";
	}
	$node->append_conf('postgresql.conf',
		"restart_after_crash = on\nfsync = off\nautovacuum = off\nlog_statement = none\nmax_worker_processes = 4\n"
		  . "$place\ndynamic_library_path = '$library:\$libdir'\nshared_preload_libraries = '$library/billing.so'\n"
		  . "billing.secret_key_file = 'billing_fault_keys'\n"
		  . "include '" . $node->basedir . "/environment.conf'\n");
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE house');
	$node->safe_psql('house', $helpers);
	return bless { node => $node, clones => 0 }, $class;
}

sub node { return $_[0]->{node} }

# A database of its own that begins as another; nobody may be connected to that one.
sub clone
{
	my ($self, $template) = @_;
	my $name = 'house_' . ++$self->{clones};
	$self->{node}->safe_psql('postgres', "CREATE DATABASE $name TEMPLATE $template");
	return $name;
}

sub drop
{
	my ($self, $db) = @_;
	$self->{node}->safe_psql('postgres', "DROP DATABASE $db WITH (FORCE)");
	return;
}

# Runs a script in one session to its end, whatever fails in it. In the script a line
# "\echo @NAME ..." begins a part. Answers the parts in their order, [name, rest of the line, lines],
# and what was said on stderr.
sub run
{
	my ($self, $db, $script) = @_;
	my ($status, $out, $err) = $self->{node}->psql($db, $script, on_error_stop => 0);
	return (parts($out), $err);
}

# The same for a script of many runs, each of which ends with a line "\echo @end": their parts.
sub runs
{
	my ($self, $db, $script) = @_;
	my ($parts) = $self->run($db, $script);
	my @runs = ([]);
	for my $part (@$parts)
	{
		push @{ $runs[-1] }, $part;
		push @runs, [] if $part->[0] eq 'end';
	}
	pop @runs;
	return @runs;
}

sub parts
{
	my ($out) = @_;
	my @parts;
	for my $line (split /\n/, $out)
	{
		if ($line =~ /^@(\w+) ?(.*)$/)
		{
			push @parts, [ $1, $2, [] ];
		}
		elsif ($line ne '' && @parts)
		{
			push @{ $parts[-1][2] }, $line;
		}
	}
	return \@parts;
}

# Starts a script in a session of its own; finish() waits for its end and answers like run().
sub start
{
	my ($self, $db, $script) = @_;
	my %session = (in => $script, out => '', err => '');
	$session{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-d', $self->{node}->connstr($db), '-f', '-' ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err},
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	$session{run}->pump_nb;
	return \%session;
}

sub finish
{
	my ($self, $session) = @_;
	$session->{run}->finish;
	return (parts($session->{out}), $session->{err});
}

# Runs what kills its own session with signal 9, and waits until the server has started anew.
sub crash
{
	my ($self, $db, $script) = @_;
	my $node = $self->{node};
	my $offset = -s $node->logfile;
	my (undef, $err) = $self->run($db, $script);
	return 0 unless $err =~ /connection to server was lost|server closed the connection/;
	$node->wait_for_log(qr/all server processes terminated; reinitializing/, $offset);
	$node->poll_query_until('postgres', 'SELECT true') or return 0;
	return 1;
}

1;
