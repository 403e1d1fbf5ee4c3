# Real sessions that say more of themselves than they may: connection options, settings of their role, roles that they
# would like to be. With and without preload: without it the library comes late, and finds settings that were made before.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $june_2 = '2026-06-02T00:00:00Z';
my $nothing = 'USER: 0 invoices, FORBIDDEN, acts for nobody';

# What a session sees of bob and may do for him, in the words above.
sub gains
{
	my ($node, $user, $before) = @_;
	my $connstr = $node->connstr('house') . " user=$user";
	my ($status, $stdout, $stderr) = $node->psql('house', "$before\n" . q{
		SELECT 'USER: ' || count(*) || ' invoices' FROM billing.invoices;
		\set VERBOSITY sqlstate
		SELECT quantity FROM billing.usage_of('bob', '2026-05');
		SELECT 'acts for ' || COALESCE(billing.current_customer(), 'nobody');}, connstr => $connstr, on_error_stop => 0);
	return 'no session' if $status == 2;
	my ($invoices) = $stdout =~ /^(USER: \d+ invoices)$/m;
	my ($acts) = $stdout =~ /^(acts for \w+)$/m;
	my $usage = $stderr =~ /ZB401/ ? 'FORBIDDEN' : $stderr =~ /42501/ ? 'no right' : 'usage';
	return join ', ', map { $_ // '-' } $invoices, $usage, $acts;
}

for my $preload ('', "shared_preload_libraries = 'billing'\n")
{
	my $name = $preload ? 'preloaded' : 'plain';
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init;
	$node->append_conf('postgresql.conf', $preload);
	$node->start;
	$node->safe_psql('postgres', 'CREATE DATABASE house');
	$node->safe_psql('house', qq{
		CREATE EXTENSION billing;
		CREATE ROLE direct LOGIN IN ROLE billing_customer;
		CREATE ROLE gateway LOGIN NOINHERIT IN ROLE billing_authenticator, billing_customer;
		CREATE ROLE app LOGIN IN ROLE billing_service;
		CREATE ROLE outsider LOGIN;
		SET billing.now = '$june_2';
		SELECT billing.create_pricing_plan('one', 'KRW',
			'[{"resourceType": "API_CALL", "model": "per_unit", "unitPrice": 1}]', '2026-01-01');
		SELECT billing.register_customer(c, collection => 'SEND_INVOICE') FROM unnest(ARRAY['alice', 'bob']) c;
		SELECT billing.ingest_usage('e', c, 'API_CALL', 100, '2026-05-10T00:00Z') FROM unnest(ARRAY['alice', 'bob']) c;
		SELECT billing.run_settlement(c, '2026-05') FROM unnest(ARRAY['alice', 'bob']) c;});
	my $claim = q{request.jwt.claims={"customer_id":"bob","sub":"root"}};

	# ---- said by the connection
	for my $option ($claim, 'billing.actor=OPERATOR:root', 'role=billing_service', 'session_authorization=app',
		'row_security=off', 'search_path=billing')
	{
		local $ENV{PGOPTIONS} = "-c $option";
		my $got = gains($node, 'direct', '');
		my $refused = $option =~ /^(?:role|session)/ ? 'no session' : $option =~ /^row/ ? '-, FORBIDDEN, acts for nobody' : $nothing;
		is($got, $refused, "$name: a direct session gains nothing by the option $option");
	}

	# ---- said by the session
	for my $before (
		qq{SET $claim} =~ s/=(.*)/ = '$1';/r, q{SET billing.actor = 'SYSTEM:root';},
		'SET ROLE billing_service;', 'SET ROLE app;', 'SET SESSION AUTHORIZATION app;', 'SET SESSION AUTHORIZATION postgres;',
		'ALTER ROLE direct SUPERUSER;', 'GRANT billing_service TO direct;', 'SET session_replication_role = replica;')
	{
		is(gains($node, 'direct', $before), $nothing, "$name: nor by $before");
	}
	is(gains($node, 'outsider', q{SET request.jwt.claims = '{"customer_id":"bob"}';}), '-, no right, -',
		"$name: a role outside of billing has no right at all");
	is(gains($node, 'gateway', q{SET request.jwt.claims = '{"customer_id":"bob"}';}), '-, no right, -',
		"$name: nor has the gateway before SET ROLE");
	is(gains($node, 'gateway', q{SET ROLE billing_service; SET request.jwt.claims = '{"customer_id":"bob"}';}),
		'-, no right, -', "$name: which may become a customer only");
	is(gains($node, 'gateway', q{SET ROLE billing_customer; SET request.jwt.claims = '{"customer_id":"alice"}';}),
		'USER: 1 invoices, FORBIDDEN, acts for alice', "$name: and whose token is believed, for its customer alone");
	is(gains($node, 'gateway', q{BEGIN; SET LOCAL ROLE billing_customer;
			SET LOCAL request.jwt.claims = '{"customer_id":"alice"}'; COMMIT; SET ROLE billing_customer;}),
		$nothing, "$name: a token of the transaction before is over");

	# ---- said by the role
	$node->safe_psql('house', q{ALTER ROLE direct SET request.jwt.claims = '{"customer_id":"bob"}';
		ALTER ROLE direct SET billing.actor = 'OPERATOR:root'});
	is(gains($node, 'direct', ''), $nothing, "$name: nor by settings of its role");
	$node->safe_psql('house', 'ALTER ROLE direct RESET ALL');

	# ---- the clock and the guards are a superuser's
	my $app = $node->connstr('house') . ' user=app';
	for my $setting ('billing.now=2030-01-01', 'billing.settlement_grace=0', 'billing.allow_drop=on')
	{
		my ($variable, $value) = split /=/, $setting;
		my $asked = q{SELECT 'before'; SELECT billing.version() IS NULL; SHOW } . $variable;
		my $default = $node->safe_psql('house', $asked);
		my (undef, $stdout) = $node->psql('house', "SET $variable = '$value';\n$asked", connstr => $app, on_error_stop => 0);
		is($stdout, $default, "$name: a member of the service cannot SET $variable");
		local $ENV{PGOPTIONS} = "-c $setting";
		(undef, $stdout) = $node->psql('house', $asked, connstr => $app, on_error_stop => 0);
		is($stdout, $preload ? '' : $default, "$name: nor bring it along");
	}

	# ---- who acted
	my $pay = q{SELECT status FROM billing.pay_invoice((SELECT invoice_id FROM billing.invoices WHERE customer_id = 'alice'))};
	{
		local $ENV{PGOPTIONS} = '-c billing.actor=OPERATOR:root';
		is($node->safe_psql('house', q{SET ROLE billing_customer;
				SET request.jwt.claims = '{"customer_id":"alice","sub":"u-1"}'; } . $pay,
				connstr => $node->connstr('house') . ' user=gateway'), 'APPROVED', "$name: a customer pays");
	}
	is($node->safe_psql('house', q{SELECT DISTINCT actor_type, actor_id FROM billing.ledger_transfers
			WHERE kind = 'PAYMENT_CAPTURED'}), 'USER|u-1', "$name: as who the token says, whatever he says");
	$node->stop;
}
done_testing();
