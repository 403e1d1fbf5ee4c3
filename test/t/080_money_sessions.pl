# Calls that move money, inside whatever transaction a caller may have: many keyed calls in one, savepoints,
# exception blocks, prepared transactions, REPEATABLE READ and SERIALIZABLE from many sessions.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('money');
my $db = 'money';
my $now = q{SET billing.now = '2026-06-02T00:00:00Z';};

$node->init;
$node->append_conf('postgresql.conf', "max_prepared_transactions = 10\nfsync = off\nmax_connections = 40");
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE $db");
$node->safe_psql($db, 'CREATE EXTENSION billing');

sub sql { return $node->safe_psql($db, "$now $_[0]") }

# The SQLSTATE that a script ends with, 00000 when it ends well.
sub state_of
{
	my ($script) = @_;
	my ($status, $out, $err) = $node->psql($db, "\\set ON_ERROR_STOP on\n\\set VERBOSITY sqlstate\n$now $script");
	return $err =~ /ERROR:\s+(\w{5})/ ? $1 : $status == 0 ? '00000' : "status $status: $err";
}

sub broken { return sql('SELECT string_agg(check_name || detail::text, E\'\n\') FROM billing.verify() WHERE NOT ok') }
sub balance { return sql("SELECT balance || ' ' || held FROM billing.wallets WHERE customer_id = '$_[0]'") }

# ---- one transaction, many calls --------------------------------------------------------------------

sql(q{SELECT billing.top_up_wallet('many', 20000, 'KRW')});
sql(q{DO $$ BEGIN
	FOR i IN 1 .. 10000 LOOP PERFORM billing.charge_wallet('many', 1, 'KRW', idempotency_key => 'k' || i); END LOOP;
END $$});
is(balance('many'), '10000 0', '10 000 keyed calls in one transaction');
is(sql(q{SELECT count(*) FILTER (WHERE (billing.charge_wallet('many', 1, 'KRW', idempotency_key => 'k' || i)).replayed)
	FROM generate_series(1, 10000) i}), 10000, 'and each is known afterwards');
is(balance('many'), '10000 0', 'with one effect');
is(sql(q{SELECT count(DISTINCT o.order_id) FROM generate_series(1, 500) i,
	billing.place_order('many', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 1}]', 'o' || i % 250) o}),
	250, 'a key that comes twice in one statement has one order');

# ---- savepoints and exception blocks ------------------------------------------------------------------

sql(q{SELECT billing.top_up_wallet('nested', 100, 'KRW')});
sql(q{BEGIN;
	SELECT billing.charge_wallet('nested', 10, 'KRW', idempotency_key => 'a');
	SAVEPOINT s;
	SELECT billing.charge_wallet('nested', 20, 'KRW', idempotency_key => 'b');
	SELECT billing.hold_wallet('nested', 30, 'KRW', idempotency_key => 'c');
	ROLLBACK TO s;
	SELECT billing.charge_wallet('nested', 40, 'KRW', idempotency_key => 'b');
	COMMIT});
is(balance('nested'), '50 0', 'what a savepoint takes back never was, and its keys are free');
sql(q{DO $$ BEGIN
	PERFORM billing.charge_wallet('nested', 5, 'KRW');
	BEGIN
		PERFORM billing.top_up_wallet('nested', 1000, 'KRW');
		PERFORM billing.charge_wallet('nested', 5000, 'KRW');
	EXCEPTION WHEN SQLSTATE 'ZB210' THEN
		PERFORM billing.charge_wallet('nested', 1, 'KRW');
	END;
END $$});
is(balance('nested'), '44 0', 'a refused charge undoes its block alone');
is(state_of(q{DO $$ BEGIN
	PERFORM billing.charge_wallet('nested', 5, 'KRW');
	RAISE 'no';
END $$}), 'P0001', 'an error of the caller');
is(balance('nested'), '44 0', 'undoes the charge');

# ---- prepared transactions ------------------------------------------------------------------------------

sql(q{SELECT billing.top_up_wallet('two-phase', 100, 'KRW')});
my $pay = q{SELECT billing.charge_wallet('two-phase', 60, 'KRW', idempotency_key => 'p');
	SELECT p.status FROM billing.place_order('two-phase', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 30}]', 'p') o,
		billing.pay_order(o.order_id, 'WALLET', idempotency_key => 'p') p;};
sql("BEGIN; $pay PREPARE TRANSACTION 'one'");
is(balance('two-phase'), '100 0', 'nothing is seen of a prepared transaction');
is(state_of(q{SET lock_timeout = '100ms'; SELECT billing.charge_wallet('two-phase', 60, 'KRW')}), '55P03',
	'its wallet is locked');
is(state_of(q{SET lock_timeout = '100ms'; SELECT billing.charge_wallet('two-phase', 60, 'KRW', idempotency_key => 'p')}), 'ZB204',
	'its key is in use');
$node->restart;
sql("ROLLBACK PREPARED 'one'");
is(balance('two-phase'), '100 0', 'a restart keeps it, a rollback leaves nothing');
sql("BEGIN; $pay PREPARE TRANSACTION 'two'");
sql("COMMIT PREPARED 'two'");
is(balance('two-phase'), '10 0', 'a commit makes all of it at once');
is(sql("$pay") =~ s/.*\n//sr, 'APPROVED', 'and its keys are known');
is(balance('two-phase'), '10 0', 'with one effect');

# ---- snapshots that are older than what others did ---------------------------------------------------------

sql(q{SELECT billing.top_up_wallet('snapshot', 1000, 'KRW')});
for my $level ('REPEATABLE READ', 'SERIALIZABLE')
{
	my %call = (
		charge => q{SELECT billing.charge_wallet('snapshot', 10, 'KRW')},
		'the same key' => qq{SELECT billing.charge_wallet('snapshot', 10, 'KRW', idempotency_key => '$level')},
		hold => q{SELECT billing.hold_wallet('snapshot', 10, 'KRW')},
		'the same order' => qq{SELECT billing.place_order('snapshot', 'KRW', '[{"sku": "a", "quantity": 1, "unitPrice": 9}]', '$level')},
		'the same credit' => qq{SELECT billing.grant_credit('snapshot', 'PROMO', 10, 'KRW', NULL, idempotency_key => '$level')},
	);
	for my $name (sort keys %call)
	{
		my $session = $node->background_psql($db, on_error_stop => 0);
		$session->query("\\set VERBOSITY sqlstate\n$now BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM billing.wallets;");
		sql($call{$name});
		$session->query("$call{$name};");
		my $error = $session->{stderr};
		$session->query('ROLLBACK;');
		like($error, qr/ERROR:\s+40001/, "$level: $name, made by another session since, is to be retried");
		$session->quit;
	}
}
is(broken(), '', 'every invariant holds');

# ---- many sessions that retry ----------------------------------------------------------------------------

sql(q{SELECT billing.top_up_wallet('busy-' || i, 1000, 'KRW') FROM generate_series(1, 4) i});
my $script = PostgreSQL::Test::Utils::tempdir() . '/busy.sql';
append_to_file($script, q{\set w random(1, 4)
\set amount random(1, 40)
\set key random(1, 200)
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT sum(balance) FROM billing.wallets WHERE customer_id LIKE 'busy-%';
SELECT billing.top_up_wallet('busy-' || :w, :amount, 'KRW');
SELECT billing.charge_wallet('busy-' || :w, 1, 'KRW', idempotency_key => 'k' || :key);
COMMIT;
});
$node->command_ok([ 'pgbench', '-n', '-c', 8, '-t', 25, '--max-tries', 10000, '-f', $script, $db ],
	'SERIALIZABLE sessions on four wallets, retrying');
is(sql(q{SELECT count(*) FROM billing.ledger_transfers WHERE customer_id LIKE 'busy-%' AND kind = 'WALLET_TOP_UP'}), 204,
	'each top-up is booked once');
is(sql(q{SELECT count(*) - count(DISTINCT (customer_id, idempotency_key)) FROM billing.ledger_transfers
	WHERE customer_id LIKE 'busy-%' AND kind = 'WALLET_CHARGE'}), 0, 'each key once');
is(broken(), '', 'every invariant holds');

done_testing();
