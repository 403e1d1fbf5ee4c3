# What a dump carries: every row, every right, and usage that is counted exactly once on both sides.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $june_2 = '2026-06-02T00:00:00Z';
my $july_2 = '2026-07-02T00:00:00Z';

# ---- helpers ---------------------------------------------------------------------------------

# Runs SQL at a business time and gives back its rows.
sub at
{
	my ($node, $db, $now, $sql) = @_;
	return $node->safe_psql($db, "SET billing.now = '$now'; $sql");
}

# A row per table of the extension: name, rows, hash of the ordered rows.
sub table_contents
{
	my ($node, $db) = @_;
	my $tables = $node->safe_psql($db, q{
		SELECT c.relname FROM pg_class c
		JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e'
		JOIN pg_extension x ON x.oid = d.refobjid AND x.extname = 'billing'
		WHERE c.relkind = 'r' AND c.relname <> 'window_lineage' ORDER BY 1});
	my $sql = join ' UNION ALL ', map {
		"SELECT '$_', count(*), md5(string_agg(t::text, chr(10) ORDER BY t::text COLLATE \"C\")) FROM billing.$_ t"
	} split /\n/, $tables;
	return $node->safe_psql($db, "$sql ORDER BY 1");
}

# Every sequence: a row that comes next has a number that no row has.
sub sequence_states
{
	my ($node, $db) = @_;
	my $names = $node->safe_psql($db, q{
		SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'billing'::regnamespace ORDER BY 1});
	return $node->safe_psql($db, join ' UNION ALL ',
		map { "SELECT '$_', last_value, is_called FROM billing.$_" } split /\n/, $names);
}

# What stands in the catalogs: rights, owners, policies, triggers.
sub catalog_state
{
	my ($node, $db) = @_;
	my $acl = '(SELECT string_agg(a::text, chr(44) ORDER BY a::text) FROM unnest(%s) a)';
	my $relacl = sprintf $acl, 'c.relacl';
	my $proacl = sprintf $acl, 'p.proacl';
	return {
		relations => $node->safe_psql($db, qq{
			SELECT c.relname, c.relkind, c.relowner::regrole, c.relrowsecurity, c.relforcerowsecurity, $relacl
			FROM pg_class c WHERE c.relnamespace = 'billing'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'S')
			ORDER BY 1}),
		columns => $node->safe_psql($db, sprintf(q{
			SELECT a.attrelid::regclass, a.attname, %s FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
			WHERE c.relnamespace = 'billing'::regnamespace AND a.attacl IS NOT NULL ORDER BY c.relname, a.attname},
			sprintf $acl, 'a.attacl')),
		event_triggers => $node->safe_psql($db, q{
			SELECT evtname, evtevent, evtenabled, evttags, evtfoid::regproc FROM pg_event_trigger ORDER BY 1}),
		routines => $node->safe_psql($db, qq{
			SELECT p.oid::regprocedure, p.proowner::regrole, p.prosecdef, p.proconfig, $proacl
			FROM pg_proc p WHERE p.pronamespace = 'billing'::regnamespace ORDER BY p.oid::regprocedure::text}),
		policies => $node->safe_psql($db, q{
			SELECT p.polrelid::regclass, p.polname, p.polcmd, p.polpermissive,
				ARRAY(SELECT r::regrole::text FROM unnest(p.polroles) r ORDER BY 1),
				pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)
			FROM pg_policy p ORDER BY p.polrelid::regclass::text, p.polname}),
		triggers => $node->safe_psql($db, q{
			SELECT t.tgrelid::regclass, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid)
			FROM pg_trigger t WHERE NOT t.tgisinternal ORDER BY t.tgrelid::regclass::text, t.tgname}),
		schema => $node->safe_psql($db, sprintf(
			"SELECT $acl FROM pg_namespace WHERE nspname = 'billing'", 'nspacl')),
	};
}

# verify() as text, with a last line that says whether all is well.
sub verified
{
	my ($node, $db) = @_;
	my ($status, $rows) = $node->psql($db,
		'SELECT * FROM billing.verify() ORDER BY check_name;'
		  . ' SELECT count(*) > 0 AND bool_and(ok) FROM billing.verify()');
	return $status == 0 ? $rows : 'verify() failed';
}

sub usage
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT c.customer_id, m.period, u.* FROM billing.customers c
		CROSS JOIN (VALUES ('2026-05'), ('2026-06')) m(period)
		CROSS JOIN LATERAL billing.usage_of(c.customer_id, m.period) u ORDER BY 1, 2, 3});
}

sub folded_usage
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT customer_id, day, resource_type, quantity, event_count, last_at FROM billing.aggregated_usage
		WHERE event_count > 0 OR quantity <> 0 ORDER BY 1, 2, 3});
}

sub june_lines
{
	my ($node, $db) = @_;
	return $node->safe_psql($db, q{
		SELECT i.customer_id, i.period, i.status, i.net, i.tax, l.line_no, l.kind, l.code, l.service_period,
			l.quantity, l.net, l.tax, l.plan_id
		FROM billing.invoices i JOIN billing.invoice_lines l USING (customer_id, invoice_id)
		WHERE i.period = '2026-06' ORDER BY 1, l.line_no});
}

sub restore_custom
{
	my ($node, $db, $file, $name, @options) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok(
		[ 'pg_restore', '--exit-on-error', @options, '-d', $node->connstr($db), $file ], $name);
}

sub restore_plain
{
	my ($node, $db, $file, $name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db");
	$node->command_ok(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($db), '-f', $file ], $name);
}

# ---- a house with all that a dump has to carry -------------------------------------------------

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init;
$source->append_conf('postgresql.conf', q{
shared_preload_libraries = 'billing'
max_prepared_transactions = 20
});
$source->start;
$source->safe_psql('postgres', 'CREATE DATABASE house');
$source->safe_psql('house', 'CREATE EXTENSION billing');

# transaction ids far beyond those of a fresh cluster
$source->safe_psql('house',
	'DO $$ BEGIN FOR i IN 1..2000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$');

at($source, 'house', $june_2, q{
	SELECT billing.register_meter('PEAK', 'seat', 'Most seats', 'MAX');
	SELECT billing.register_meter('GAUGE', 'GB', 'Last level', 'LAST');
	SELECT billing.register_tax_rate('VAT', 10);
	SELECT billing.create_pricing_plan('Starter', 'KRW', '[
		{"resourceType": "API_CALL", "model": "graduated",
		 "tiers": [{"upTo": 10000, "unitPrice": 0}, {"upTo": null, "unitPrice": 1}]},
		{"resourceType": "PEAK", "model": "per_unit", "unitPrice": 10},
		{"resourceType": "GAUGE", "model": "per_unit", "unitPrice": 1}]', '2026-01-01T00:00Z');
	SELECT billing.register_customer('acme', currency => 'KRW', tax_code => 'VAT', time_zone => 'Asia/Seoul');
	SELECT billing.register_customer('globex', currency => 'KRW', collection => 'SEND_INVOICE');
	SELECT billing.register_customer('initech', currency => 'USD');
	SELECT billing.create_pricing_plan('Own', 'USD', '[
		{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": "0.015"}]', '2026-01-01T00:00Z',
		customer_id => 'initech');
	SELECT billing.ingest_usage('may-' || i, 'acme', 'API_CALL', 3000, '2026-05-10T00:00Z') FROM generate_series(1, 5) i;
	SELECT billing.ingest_usage('may', 'globex', 'API_CALL', 11000, '2026-05-11T00:00Z');
	SELECT billing.ingest_usage('may', 'initech', 'API_CALL', 333.3, '2026-05-12T00:00Z');
	SELECT billing.ingest_usage('may', 'FAIL_co', 'API_CALL', 10005, '2026-05-13T00:00Z');
	SELECT billing.ingest_usage_batch(
		'[{"eventId": "bad", "customerId": "acme", "resourceType": "API_CALL", "quantity": -1}]');
});
at($source, 'house', $june_2, q{CALL billing.settle_period('2026-05')});
is($source->safe_psql('house', q{SELECT customer_id, status, total FROM billing.invoices ORDER BY customer_id}),
	"FAIL_co|ISSUED|5\nacme|PAID|5500\nglobex|ISSUED|1000\ninitech|PAID|5.00",
	'May is billed: paid, declined and open invoices');
at($source, 'house', $june_2,
	q{SELECT billing.cancel_invoice(invoice_id, 'wrong') FROM billing.invoices WHERE customer_id = 'globex'});

# folded: late usage of May, usage of June, two events that will be corrected
at($source, 'house', $july_2, q{
	SELECT billing.ingest_usage('late-1', 'acme', 'API_CALL', 1500, '2026-05-20T00:00Z');
	SELECT billing.ingest_usage('june-1', 'acme', 'API_CALL', 9000, '2026-06-10T00:00Z');
	SELECT billing.ingest_usage('wrong', 'acme', 'API_CALL', 1000, '2026-06-10T00:00Z');
	SELECT billing.ingest_usage('peak-5', 'acme', 'PEAK', 5, '2026-06-12T00:00Z');
	SELECT billing.ingest_usage('peak-9', 'acme', 'PEAK', 9, '2026-06-12T00:00Z');
	SELECT billing.ingest_usage('gauge-4', 'acme', 'GAUGE', 4, '2026-06-13T00:00Z');
});
# prepared before the fold, committed after it: its id is among the running ones of the cursor
at($source, 'house', $july_2, q{
	BEGIN;
	SELECT billing.ingest_usage('prepared', 'acme', 'API_CALL', 3000, '2026-06-14T00:00Z');
	PREPARE TRANSACTION 'usage';
});
at($source, 'house', $july_2, 'SELECT billing.aggregate_usage()');
$source->safe_psql('house', q{COMMIT PREPARED 'usage'});
# not folded: more late usage, corrections of folded events, a later gauge, a seat more
at($source, 'house', $july_2, q{
	SELECT billing.ingest_usage('late-2', 'acme', 'API_CALL', 500, '2026-05-21T00:00Z');
	SELECT billing.correct_usage('acme', 'wrong', 'sent by a test');
	SELECT billing.correct_usage('acme', 'peak-9', 'sent by a test');
	SELECT billing.ingest_usage('peak-7', 'acme', 'PEAK', 7, '2026-06-12T06:00Z');
	SELECT billing.ingest_usage('gauge-3', 'acme', 'GAUGE', 3, '2026-06-13T01:00Z');
});

my $usage = usage($source, 'house');
like($usage, qr/^acme\|2026-05\|API_CALL\|17000\|7$/m, 'source: May holds its late usage');
like($usage, qr/^acme\|2026-06\|API_CALL\|12000\|2$/m, 'source: June holds the prepared and not the corrected event');
like($usage, qr/^acme\|2026-06\|PEAK\|7\|2$/m, 'source: the maximum is without the corrected event');
like($usage, qr/^acme\|2026-06\|GAUGE\|3\|2$/m, 'source: the last value is the later one');

# ---- dump -------------------------------------------------------------------------------------

my $contents = table_contents($source, 'house');
my $sequences = sequence_states($source, 'house');
my $catalog = catalog_state($source, 'house');
my $verified = verified($source, 'house');
like($verified, qr/^t\z/m, 'source: every invariant holds');

my $custom = $source->backup_dir . '/house.dump';
my $plain = $source->backup_dir . '/house.sql';
mkdir $source->backup_dir;
$source->command_ok([ 'pg_dump', '-Fc', '-f', $custom, $source->connstr('house') ], 'pg_dump, custom format');
$source->command_ok([ 'pg_dump', '-f', $plain, $source->connstr('house') ], 'pg_dump, plain format');

my $script = slurp_file($plain);
unlike($script, qr/^(?:GRANT|REVOKE) .* ON (?!SCHEMA)/m,
	'the dump leaves rights to the extension: it has no GRANT or REVOKE on what belongs to it');
unlike($script, qr/^COPY billing\.window_lineage/m, 'the dump leaves out window_lineage');

# a dump while an ingest is in flight, and a fold has noted it as running
my $flight = $source->background_psql('house', on_error_stop => 1);
$flight->query_safe("SET billing.now = '$july_2'");
$flight->query_safe('BEGIN');
$flight->query_safe(
	q{SELECT billing.ingest_usage('in-flight', 'acme', 'API_CALL', 70000, '2026-06-15T00:00Z')});
my $in_flight = $source->backup_dir . '/in-flight.dump';
$source->command_ok([ 'pg_dump', '-Fc', '-f', $in_flight, $source->connstr('house') ],
	'pg_dump while an ingest is in flight');

# prepared, late-2, two corrections, peak-7, gauge-3
is(at($source, 'house', $july_2, 'SELECT billing.aggregate_usage()'), '6',
	'source: what was not folded is folded, and what is in flight is not');
$flight->query_safe('ROLLBACK');
$flight->quit;

# ---- restore into another cluster ---------------------------------------------------------------

my $target = PostgreSQL::Test::Cluster->new('target');
$target->init;
$target->append_conf('postgresql.conf', q{shared_preload_libraries = 'billing'});
$target->start;

restore_custom($target, 'restored', $custom, 'the custom dump is restored without an error');
restore_plain($target, 'restored_too', $plain, 'the plain dump is restored beside it, under another name');
restore_custom($target, 'parallel', $custom, 'the custom dump is restored by two jobs', '-j', '2');

for my $db ('restored', 'restored_too', 'parallel')
{
	is(table_contents($target, $db), $contents, "$db: every table has the same rows");
	is(sequence_states($target, $db), $sequences, "$db: sequences stand where they stood");
	is(verified($target, $db), $verified, "$db: verify() says the same");
	is(usage($target, $db), $usage, "$db: usage is the same before anything is folded or written");
	my $there = catalog_state($target, $db);
	is($there->{$_}, $catalog->{$_}, "$db: $_ are as in the source") for sort keys %$catalog;
}

is($target->safe_psql('restored', q{
		SELECT count(*) FROM pg_stat_activity
		WHERE backend_type ~ 'billing' OR (backend_type !~ 'client' AND datname LIKE 'restored%')}),
	'0', 'no worker of the extension runs in the restored cluster');

# ---- usage is folded exactly once -----------------------------------------------------------------

is($target->safe_psql('restored', 'SELECT count(*) FROM billing.window_eras'), '1',
	'reading starts no era');

is(at($target, 'restored', $july_2, 'SELECT billing.aggregate_usage()'), '6',
	'the restored database folds the same events');
is(at($target, 'restored', $july_2, 'SELECT billing.aggregate_usage()'), '0', 'and only once');
is(folded_usage($target, 'restored'), folded_usage($source, 'house'), 'the folded sums are those of the source');
is(usage($target, 'restored'), $usage, 'usage is the same after the fold');
is($target->safe_psql('restored', 'SELECT array_agg(era ORDER BY era) FROM billing.window_eras'), '{1,2}',
	'the first write has begun a new era');

# ingest, fold, ingest in one transaction, as the first write after the restore
is(at($target, 'restored_too', $july_2, q{
	BEGIN;
	SELECT billing.ingest_usage('after-1', 'acme', 'API_CALL', 1, '2026-06-16T00:00Z');
	SELECT billing.aggregate_usage();
	SELECT billing.ingest_usage('after-2', 'acme', 'API_CALL', 1, '2026-06-16T00:00Z');
	COMMIT;}), "t\n6\nt", 'a fold inside the first transaction takes the old events and not its own');
like(usage($target, 'restored_too'), qr/^acme\|2026-06\|API_CALL\|12002\|4$/m,
	'a read counts old and new events once before they are folded');
is(at($target, 'restored_too', $july_2, 'SELECT billing.aggregate_usage()'), '2',
	'the next fold takes what that transaction wrote around its fold');
is(at($target, 'restored_too', $july_2, 'SELECT billing.aggregate_usage()'), '0', 'once');
like(usage($target, 'restored_too'), qr/^acme\|2026-06\|API_CALL\|12002\|4$/m,
	'a read counts them once after they are folded');
is($target->safe_psql('restored_too', 'SELECT array_agg(era ORDER BY era) FROM billing.window_eras'), '{1,2}',
	'all of it in one new era');
is(at($target, 'restored_too', $july_2,
		q{SELECT billing.ingest_usage('late-1', 'acme', 'API_CALL', 1500, '2026-05-20T00:00Z')}),
	'f', 'an event from before the dump is known after it');

# ---- the same cluster, another name ------------------------------------------------------------------

restore_custom($source, 'house_copy', $custom, 'the dump is restored beside its own source');
is(usage($source, 'house_copy'), $usage, 'copy in the same cluster: the same usage');
is(at($source, 'house_copy', $july_2, q{
	SELECT billing.ingest_usage('after-1', 'acme', 'API_CALL', 1, '2026-06-16T00:00Z');
	SELECT billing.aggregate_usage();}), "t\n7", 'copy in the same cluster: old and new events are folded once');
is($source->safe_psql('house_copy', 'SELECT array_agg(era ORDER BY era) FROM billing.window_eras'), '{1,2}',
	'copy in the same cluster: it has an era of its own');
is($source->safe_psql('house', 'SELECT array_agg(era ORDER BY era) FROM billing.window_eras'), '{1}',
	'its source goes on in the first');

# ---- a dump while an ingest was in flight --------------------------------------------------------------

restore_custom($target, 'in_flight', $in_flight, 'the dump from the middle of an ingest is restored');
is($target->safe_psql('in_flight', q{SELECT count(*) FROM billing.usage_events WHERE event_id = 'in-flight'}), '0',
	'an ingest in flight is not in the dump');
is(usage($target, 'in_flight'), $usage, 'nor in its usage');
is(verified($target, 'in_flight'), $verified, 'and the dump is consistent');
is(at($target, 'in_flight', $july_2, q{
	SELECT billing.ingest_usage('in-flight', 'acme', 'API_CALL', 70000, '2026-06-15T00:00Z');
	SELECT billing.aggregate_usage();}), "t\n7", 'the event is accepted when it comes again, and folded once');

# ---- the next month ---------------------------------------------------------------------------------------

for my $place ([ $source, 'house' ], [ $target, 'restored' ])
{
	my ($node, $db) = @$place;
	is(at($node, $db, $july_2, q{
			SELECT already_processed, payment_status FROM billing.run_settlement('globex', '2026-05')}),
		'f|NONE', "$db: a month whose invoice was cancelled is billed again");
	at($node, $db, $july_2, q{CALL billing.settle_period('2026-06')});
	like(verified($node, $db), qr/^t\z/m, "$db: every invariant holds after June");
}
my $lines = june_lines($target, 'restored');
is(june_lines($source, 'house'), $lines, 'June is billed alike in the source and in the restored database');
is($target->safe_psql('restored', q{
		SELECT kind, code, service_period, quantity, l.net FROM billing.invoices i
		JOIN billing.invoice_lines l USING (customer_id, invoice_id)
		WHERE customer_id = 'acme' AND period = '2026-06' ORDER BY kind DESC, code}),
	"USAGE|API_CALL|2026-06|12000|2000\nUSAGE|GAUGE|2026-06|3|3\nUSAGE|PEAK|2026-06|7|70\n"
	  . "LATE_USAGE|API_CALL|2026-05|2000|2000",
	'late usage from both sides of the dump is billed once, with its month');
is($target->safe_psql('restored', q{
		SELECT n.customer_id FROM billing.invoices n JOIN billing.invoices o
		ON o.invoice_id = n.replaces_invoice_id AND o.customer_id = n.customer_id AND o.status = 'CANCELLED'}),
	'globex', 'the new invoice of May names the one it replaces');
at($target, 'restored', $july_2, q{CALL billing.settle_period('2026-06')});
is(june_lines($target, 'restored'), $lines, 'a second settlement bills nothing more');
is($target->safe_psql('restored',
		q{SELECT count(*), count(DISTINCT number), max(number) FROM billing.document_numbers WHERE series = 'INV'}),
	'6|6|6', 'invoice numbers go on without a gap');

# ---- positions go on, guards hold ----------------------------------------------------------------------------

at($target, 'restored', $july_2, q{
	SELECT billing.ingest_usage_batch(
		'[{"eventId": "worse", "customerId": "acme", "resourceType": "API_CALL", "quantity": -2}]');
	SELECT billing.ingest_usage('more', 'acme', 'API_CALL', 1, '2026-07-01T00:00Z');
	SELECT billing.create_pricing_plan('Next', 'KRW', '[{"model": "flat", "code": "BASE", "amount": 1}]',
		'2027-01-01T00:00Z', idempotency_key => 'next');});
for my $table ('usage_events', 'ledger_transfers', 'audit_entries', 'outbox', 'pricing_plans', 'rejected_usage')
{
	my $old = $target->safe_psql('parallel', "SELECT count(*) FROM billing.$table");
	is($target->safe_psql('restored', "SELECT count(*) > $old, count(*) = count(DISTINCT position) FROM billing.$table"),
		't|t', "$table: new rows have positions that no old one has");
}
for my $table ('ledger_transfers', 'audit_entries', 'invoice_lines')
{
	my (undef, undef, $stderr) = $target->psql('restored', "\\set VERBOSITY verbose\nDELETE FROM billing.$table");
	like($stderr, qr/ZB208/, "$table: rows cannot be deleted in the restored database");
}
my (undef, undef, $denied) = $target->psql('restored',
	'SET ROLE billing_service; SELECT count(*) FROM billing.customers; DELETE FROM billing.customers');
like($denied, qr/permission denied for table customers/, 'the service cannot write tables in the restored database');
is($target->safe_psql('restored', 'SET ROLE billing_customer; SELECT count(*) FROM billing.customers'), '0',
	'a customer without a token sees no customer in the restored database');

$target->stop;
$source->stop;
done_testing();
