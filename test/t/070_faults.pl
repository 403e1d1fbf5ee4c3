# Fault points: whatever goes wrong between two writes of an operation, all of it is done or nothing.
#
# A test build of the extension fails, dies or waits where billing.fault says (src/core/fault.c).
# Each scenario of FaultScenarios.pm is run once to learn the points that it passes, and then with
# a fault at each of them. Without BILLING_FAULTS_ALL=1 the crashes and waits, and all faults of
# settle_period(), are a seeded sample of the points. BILLING_FAULTS_ONLY=pay_invoice drives the
# scenarios whose names match, BILLING_SHARE=4 every fourth one.

use strict;
use warnings;

use Cwd ();
use FaultScenarios;
use FaultServer;
use List::Util qw(first shuffle);
use PostgreSQL::Test::Utils;
use Test::More;

my $all = $ENV{BILLING_FAULTS_ALL};
my $share = $ENV{BILLING_SHARE} // 1;
my $seed = $ENV{BILLING_FAULTS_SEED} // 1;
my $only = $ENV{BILLING_FAULTS_ONLY};
my %sample = (crash => 1, wait => 3, period => 10, period_crash => 2, period_wait => 2);
my $hold = 'SELECT pg_advisory_lock(6060)';
my $server = FaultServer->new;
my %driven = (error => 0, crash => 0, wait => 0);
my %statements;    # those that were passed
my $points = 0;
my %driven_functions;

srand $seed;

# ---- what a state is compared by ---------------------------------------------------------------------

# Rows of faults.state() with ids counted by their first appearance.
sub canonical
{
	my ($rows) = @_;
	my $id = qr/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;
	my %number;
	my @sorted = map { $_->[1] } sort { $a->[0] cmp $b->[0] } map { [ s/$id/<id>/gr, $_ ] } @$rows;
	return join("\n", map { s/($id)/'<' . ($number{$1} \/\/= 1 + keys %number) . '>'/ger } @sorted);
}

# The lines that differ, for a failed test.
sub difference
{
	my ($got, $expected) = map { my %h = map { $_ => 1 } split /\n/; \%h } @_;
	return join("\n", (map { "  + $_" } grep { !$expected->{$_} } sort keys %$got),
		(map { "  - $_" } grep { !$got->{$_} } sort keys %$expected));
}

sub quoted { return "'" . $_[0] =~ s/'/''/gr . "'" }

# Whatever waits for ever would hang the suite.
sub begin_session { return "SET billing.now = '$_[0]{now}'; SET statement_timeout = '120s';\n" }

# Parts of a script: a call, of which only the SQLSTATE counts, and a question.
sub answered { my ($name, $sql) = @_; return "\\echo \@call\n$sql;\n\\echo \@$name :SQLSTATE\n" }
sub asked { my ($name, $sql) = @_; return "\\echo \@$name\n$sql;\n" }

sub digest { return asked($_[0], 'SELECT faults.digest()') }

sub rows { my ($parts, $name) = @_; my $part = first { $_->[0] eq $name } @$parts; return $part ? $part->[2] : [] }
sub text { return join("\n", @{ rows(@_) }) }
sub state { my ($parts, $name) = @_; my $part = first { $_->[0] eq $name } @$parts; return $part ? $part->[1] : 'none' }

# Collects what is not as expected.
sub expect
{
	my ($problems, $name, $got, $expected) = @_;
	return if $got eq $expected;
	push @$problems, "$name:\n" . (length $got . $expected > 60 ? difference($got, $expected) : "  got $got, not $expected");
	return;
}

# ---- an undisturbed run -------------------------------------------------------------------------------

# The points of a recorded run, in their order: the pass of each, and how deep its transaction was.
sub passed
{
	my ($log) = @_;
	my %seen;
	return map { /fault point (\d+): (.*)/ ? { depth => $1, name => $2 . '#' . ++$seen{$2} } : () } split /\n/, $log;
}

# Runs a scenario without a fault: its points and what it comes to.
sub record
{
	my ($scenario) = @_;
	my $recording = "SET client_min_messages = log; SET billing.fault = 'record';\n";
	my $db = $server->clone('house');
	my $done = asked('done', "SELECT $scenario->{done}");
	my ($before, $failed) = $server->run($db, "\\set ON_ERROR_STOP on\n$scenario->{before};\n" . digest('before') . $done
		  . asked('broken', 'SELECT faults.broken()'));
	my $clone = $server->clone($db);
	my ($parts, $log) = $server->run($clone,
		begin_session($scenario) . $recording . answered('answer', $scenario->{call}) . "RESET billing.fault; RESET client_min_messages;\n" . $done
		  . asked('state', 'SELECT faults.state()') . asked('outcome', 'SELECT faults.outcome()')
		  . ($scenario->{repeats} ? answered('again', $scenario->{call}) . asked('repeated', 'SELECT faults.state()') : '')
		  . asked('broken', 'SELECT faults.broken()'));
	$server->drop($clone);

	my $name = $scenario->{name};
	is($failed, '', "$name: set up");
	is(text($before, 'done'), 'f', "$name: not done yet");
	is(text($before, 'broken'), 'nothing', "$name: every invariant holds before");
	is(state($parts, 'answer'), '00000', "$name: undisturbed");
	is(text($parts, 'done'), 't', "$name: does what it says") or diag($log);
	is(text($parts, 'broken'), 'nothing', "$name: and keeps every invariant");
	is(canonical(rows($parts, 'repeated')), canonical(rows($parts, 'state')), "$name: a second call has no effect")
	  if $scenario->{repeats} && !$scenario->{procedure};
	my @points = passed($log);
	$statements{$_} = 1 for map { $_->{name} =~ /^after (.*)#/ ? $1 : () } @points;
	$points += @points;
	# what a session that made the call before still knows, it does not ask again
	if (!$scenario->{procedure})
	{
		my $call = "BEGIN;\n$scenario->{call};\nROLLBACK;\n";
		my (undef, $warm) = $server->run($db, begin_session($scenario) . $call . $recording . $call);
		my %warm = map { $_->{name} => 1 } passed($warm);
		$_->{cold} = !$warm{ $_->{name} } && $_->{name} ne 'commit#1' for @points;
	}
	@$scenario{qw(db points before_digest done_state outcome)} =
	  ($db, \@points, text($before, 'before'), canonical(rows($parts, 'state')), text($parts, 'outcome'));
	return;
}

sub fault { my ($action, $point) = @_; return "SET LOCAL billing.fault = " . quoted("$action\@$point->{name}") . ";\n" }
sub fresh { my ($scenario, $point) = @_; return $point->{cold} ? "\\c -\n" . begin_session($scenario) : '' }
sub session_fault { return fault(@_) =~ s/SET LOCAL/SET/r }

# ---- errors -----------------------------------------------------------------------------------------------

# An error at each point: the call raises it, nothing is left of it, and the same session goes on; then
# the same inside a savepoint of a caller, who calls again in the same transaction.
sub errors
{
	my ($scenario, @points) = @_;
	my $script = begin_session($scenario);
	my @problems;
	for my $point (@points)
	{
		$script .= fresh($scenario, $point) . session_fault('error', $point) . answered('answer', $scenario->{call})
		  . "SET billing.fault = '';\n" . digest('left') . "BEGIN;\n";
		$script .= "SAVEPOINT call;\n" . fault('error', $point) . answered('inside', $scenario->{call})
		  . "ROLLBACK TO call;\n" . digest('inside_left')
		  if $point->{name} ne 'commit#1';
		$script .= answered('again', $scenario->{call}) . asked('state', 'SELECT faults.state()') . "ROLLBACK;\n\\echo \@end\n";
	}
	my @runs = $server->runs($scenario->{db}, $script);
	is(scalar @runs, scalar @points, "$scenario->{name}: one session stands " . @points . ' errors');
	while (my ($n, $parts) = each @runs)
	{
		my $at = "error\@$points[$n]{name}";
		expect(\@problems, "$at is raised", state($parts, 'answer'), '38000');
		expect(\@problems, "$at leaves", text($parts, 'left'), $scenario->{before_digest});
		expect(\@problems, "called again after $at", state($parts, 'again'), '00000');
		expect(\@problems, "called again after $at it is as undisturbed", canonical(rows($parts, 'state')), $scenario->{done_state});
		next if $points[$n]{name} eq 'commit#1';
		expect(\@problems, "$at in a savepoint is raised", state($parts, 'inside'), '38000');
		expect(\@problems, "$at in a savepoint leaves", text($parts, 'inside_left'), $scenario->{before_digest});
	}
	$driven{error} += @points;
	is(join("\n", @problems), '', "$scenario->{name}: an error at any of " . @points . ' points leaves nothing, and the next call does all');
	return;
}

# An error inside of what the operation isolates: it is recorded and not raised, nothing half done is
# left, and what makes up for it comes to what an undisturbed call does.
sub recorded_errors
{
	my ($scenario, @points) = @_;
	my @problems;
	my $script = begin_session($scenario);
	$script .= fresh($scenario, $_) . "BEGIN;\n" . fault('error', $_) . answered('answer', $scenario->{call})
	  . "SET LOCAL billing.fault = '';\n" . asked('recorded', "SELECT $scenario->{recorded}")
	  . asked('broken', 'SELECT faults.broken()') . answered('retry', $scenario->{retry})
	  . asked('outcome', 'SELECT faults.outcome()') . asked('broken_after', 'SELECT faults.broken()') . "ROLLBACK;\n\\echo \@end\n"
	  for @points;
	my @runs = $server->runs($scenario->{db}, $script);
	is(scalar @runs, scalar @points, "$scenario->{name}: one session stands " . @points . ' isolated errors');
	while (my ($n, $parts) = each @runs)
	{
		my $at = "error\@$points[$n]{name}";
		expect(\@problems, "$at is not raised", state($parts, 'answer'), '00000');
		expect(\@problems, "$at is recorded", text($parts, 'recorded'), 't');
		expect(\@problems, "$at breaks", text($parts, 'broken'), 'nothing');
		expect(\@problems, "called again after $at", state($parts, 'retry'), '00000');
		expect(\@problems, "called again after $at it is as undisturbed", text($parts, 'outcome'), $scenario->{outcome});
		expect(\@problems, "called again after $at breaks", text($parts, 'broken_after'), 'nothing');
	}
	$driven{error} += @points;
	is(join("\n", @problems), '', "$scenario->{name}: an isolated error at any of " . @points . ' points is recorded, and made up for');
	return;
}

# ---- waits ------------------------------------------------------------------------------------------------

# Stops the call at each point: another session sees every row as before, when every invariant held.
# Then it is cancelled, or its session terminated, in turn.
sub waits
{
	my ($scenario, @points) = @_;
	my $db = $scenario->{db};
	my $holder = $server->node->background_psql($db, on_error_stop => 1);
	my @ends = ([ 'pg_cancel_backend', '57014' ], [ 'pg_terminate_backend', 'none' ]);
	my @problems;
	$holder->query_safe($hold);
	for my $point (@points)
	{
		my ($end, $sqlstate) = @{ $ends[ $driven{wait}++ % 2 ] };
		my $session = $server->start($db, begin_session($scenario) . session_fault('wait', $point)
			  . answered('answer', $scenario->{call}) . "SET billing.fault = '';\n" . digest('left'));
		my ($seen) = $server->run($db, begin_session($scenario) . "SELECT faults.waiter() AS pid \\gset\n"
			  . digest('seen') . asked('ended', "SELECT $end(:pid)") . asked('gone', 'SELECT faults.gone(:pid)') . digest('left')
			  . "BEGIN;\n" . answered('again', $scenario->{call}) . asked('state', 'SELECT faults.state()') . "ROLLBACK;\n");
		my ($parts) = $server->finish($session);
		my $at = "wait\@$point->{name}, $end";
		expect(\@problems, "$at: it came there", text($seen, 'ended'), 't');
		expect(\@problems, "$at: it ends", state($parts, 'answer'), $sqlstate);
		expect(\@problems, "$at: another session sees", text($seen, 'seen'), $scenario->{before_digest});
		expect(\@problems, "$at leaves", text($seen, 'left'), $scenario->{before_digest});
		expect(\@problems, "$at: the same session goes on", text($parts, 'left'), $scenario->{before_digest}) if $sqlstate ne 'none';
		expect(\@problems, "called again after $at", state($seen, 'again'), '00000');
		expect(\@problems, "called again after $at it is as undisturbed", canonical(rows($seen, 'state')), $scenario->{done_state});
	}
	$holder->quit;
	is(join("\n", @problems), '', "$scenario->{name}: nobody sees anything at " . @points . ' points, and nothing is left when it is ended there');
	return;
}

# A second session makes the same call while the first stands at a point: it waits or answers, and
# together they have done it once.
sub twins
{
	my ($scenario, @points) = @_;
	my @problems;
	for my $point (@points)
	{
		my $db = $server->clone($scenario->{db});
		my $holder = $server->node->background_psql($db, on_error_stop => 1);
		$holder->query_safe($hold);
		my $first = $server->start($db, begin_session($scenario) . session_fault('wait', $point) . answered('answer', $scenario->{call}));
		$server->node->safe_psql($db, 'SELECT faults.waiter()');
		my $second = $server->start($db, begin_session($scenario) . "SET application_name = 'second';\n"
			  . answered('answer', $scenario->{call}) . "SELECT pg_advisory_lock_shared(6060);\n");
		my $blocked = $server->node->safe_psql($db, q{SELECT faults.blocked('second')});
		$holder->quit;
		my ($answer) = $server->finish($first);
		my ($other) = $server->finish($second);
		my ($parts) = $server->run($db, begin_session($scenario) . asked('done', "SELECT $scenario->{done}")
			  . asked('state', 'SELECT faults.state()') . asked('broken', 'SELECT faults.broken()'));
		$server->drop($db);
		my $at = "two calls, the first at $point->{name}";
		expect(\@problems, "$at: the second waits, in its call or after it", $blocked, 't');
		expect(\@problems, "$at: the first answers", state($answer, 'answer'), '00000');
		expect(\@problems, "$at: the second answers", state($other, 'answer'), '00000');
		expect(\@problems, "$at: done", text($parts, 'done'), 't');
		expect(\@problems, "$at: broken", text($parts, 'broken'), 'nothing');
		expect(\@problems, "$at: done once", canonical(rows($parts, 'state')), $scenario->{done_state}) if $scenario->{repeats};
	}
	$driven{wait} += @points;
	is(join("\n", @problems), '', "$scenario->{name}: two calls at a time do it once");
	return;
}

# ---- crashes -----------------------------------------------------------------------------------------------

# Kills the server process at each point. At "committed" the work is done and the client has not heard of it:
# he calls again, and it is done once.
sub crashes
{
	my ($scenario, @points) = @_;
	my @problems;
	for my $point (@points)
	{
		my $committed = $point->{name} =~ /^committed/;
		my $at = "crash\@$point->{name}";
		$server->crash($scenario->{db}, begin_session($scenario) . session_fault('crash', $point) . $scenario->{call} . ";\n")
		  or push @problems, "$at: did not crash";
		my ($parts) = $server->run($scenario->{db}, begin_session($scenario) . digest('left')
			  . asked('state_left', 'SELECT faults.state()') . "BEGIN;\n"
			  . answered('again', !$committed || $scenario->{repeats} ? $scenario->{call} : 'SELECT')
			  . asked('state', 'SELECT faults.state()') . "ROLLBACK;\n");
		expect(\@problems, "$at leaves", text($parts, 'left'), $scenario->{before_digest}) if !$committed;
		expect(\@problems, "$at leaves all", canonical(rows($parts, 'state_left')), $scenario->{done_state}) if $committed;
		expect(\@problems, "called again after $at", state($parts, 'again'), '00000');
		expect(\@problems, "called again after $at it is as undisturbed", canonical(rows($parts, 'state')), $scenario->{done_state});
	}
	$driven{crash} += @points;
	is(join("\n", @problems), '', "$scenario->{name}: a crash at " . @points . ' points leaves all or nothing');
	return;
}

# ---- procedures that commit ----------------------------------------------------------------------------------

# A fault in a copy of the database, and what comes of it when the call is made again.
sub procedure_fault
{
	my ($scenario, $action, $point, $problems) = @_;
	my $db = $server->clone($scenario->{db});
	my $script = begin_session($scenario) . session_fault($action, $point) . answered('answer', $scenario->{call});
	my $at = "$action\@$point->{name}";
	my $answer = 'none';
	if ($action eq 'crash')
	{
		$server->crash($db, $script) or push @$problems, "$at: did not crash";
	}
	elsif ($action eq 'wait')
	{
		my $holder = $server->node->background_psql($db, on_error_stop => 1);
		$holder->query_safe($hold);
		my $session = $server->start($db, $script);
		my ($seen) = $server->run($db, asked('broken', 'SELECT faults.broken()') . asked('ended', 'SELECT pg_cancel_backend(faults.waiter())'));
		my ($parts) = $server->finish($session);
		$holder->quit;
		expect($problems, "$at: another session finds broken", text($seen, 'broken'), 'nothing');
		expect($problems, "$at, pg_cancel_backend", state($parts, 'answer'), '57014');
	}
	else
	{
		my ($parts) = $server->run($db, $script);
		expect($problems, "$at is raised, or recorded", state($parts, 'answer'), $point->{depth} == 1 ? '38000' : '00000');
	}
	my ($parts) = $server->run($db, begin_session($scenario) . asked('broken', 'SELECT faults.broken()')
		  . answered('again', $scenario->{call}) . asked('outcome', 'SELECT faults.outcome()')
		  . asked('broken_after', 'SELECT faults.broken()'));
	$server->drop($db);
	expect($problems, "$at breaks", text($parts, 'broken'), 'nothing');
	expect($problems, "called again after $at", state($parts, 'again'), '00000');
	expect($problems, "called again after $at it is as undisturbed", text($parts, 'outcome'), $scenario->{outcome});
	expect($problems, "called again after $at breaks", text($parts, 'broken_after'), 'nothing');
	$driven{$action}++;
	return;
}

sub procedure_faults
{
	my ($scenario) = @_;
	my %counts = (error => 'period', crash => 'period_crash', wait => 'period_wait');
	for my $action (sort keys %counts)
	{
		my @points = chosen($counts{$action}, grep { $action eq 'crash' || $_->{name} !~ /^committed/ } @{ $scenario->{points} });
		my @problems;
		procedure_fault($scenario, $action, $_, \@problems) for @points;
		is(join("\n", @problems), '', "$scenario->{name}: $action at " . @points . ' points, and another start comes to the same');
	}
	return;
}

# A helper that fails or dies holds up nobody. The setting of the database is his alone: his points
# are passed by no other process.
sub helper_faults
{
	my ($scenario) = @_;
	for my $place ('before helper', 'after helper')
	{
		for my $action ('error', 'crash')
		{
			my $db = $server->clone($scenario->{db});
			my $call = begin_session($scenario) . answered('answer', $scenario->{call} =~ s/\)$/, 2)/r);
			my @problems;
			$server->node->safe_psql('postgres', "ALTER DATABASE $db SET billing.fault = '$action\@$place'");
			if ($action eq 'crash')
			{
				$server->crash($db, $call) or push @problems, 'the helper did not crash';
				$server->node->safe_psql('postgres', "ALTER DATABASE $db RESET billing.fault");
			}
			else
			{
				my $offset = -s $server->node->logfile;
				my ($parts) = $server->run($db, $call);
				expect(\@problems, 'the caller answers', state($parts, 'answer'), '00000');
				expect(\@problems, 'the helper fails', slurp_file($server->node->logfile, $offset) =~ /fault at "$place"/ ? 1 : 0, 1);
			}
			my ($parts) = $server->run($db, ($action eq 'crash' ? $call : '') . asked('outcome', 'SELECT faults.outcome()')
				  . asked('broken', 'SELECT faults.broken()'));
			expect(\@problems, 'the month', text($parts, 'outcome'), $scenario->{outcome});
			expect(\@problems, 'broken', text($parts, 'broken'), 'nothing');
			$server->drop($db);
			$driven{$action}++;
			is(join("\n", @problems), '', "$scenario->{name}: $action $place, and everybody is billed once");
		}
	}
	return;
}

# ---- the run ----------------------------------------------------------------------------------------------------

# All points, or a seeded sample in their order.
sub chosen
{
	my ($kind, @from) = @_;
	my $last = min($#from, $sample{$kind} - 1);
	return @from if $all;
	return map { $from[$_] } sort { $a <=> $b } (shuffle 0 .. $#from)[ 0 .. $last ];
}

sub min { return $_[0] < $_[1] ? $_[0] : $_[1] }

sub drive
{
	my ($scenario) = @_;
	my @before_end = grep { $_->{name} !~ /^committed/ } @{ $scenario->{points} };
	my @after = grep { $_->{name} =~ /^after/ } @before_end;
	errors($scenario, grep { $_->{depth} == 1 } @before_end);
	recorded_errors($scenario, grep { $_->{depth} > 1 } @before_end) if $scenario->{recorded};
	waits($scenario, chosen('wait', @after));
	twins($scenario, $all ? @after : $after[-1]);
	crashes($scenario, chosen('crash', @before_end), $scenario->{points}[-1]);
	return;
}

# Every function that writes has a scenario, and every statement that writes is run by one.
sub complete
{
	my @routines = split /\n/, $server->node->safe_psql('house', 'SELECT faults.volatile_routines()');
	is(join(' ', grep { !$driven_functions{$_} && !$FaultScenarios::read_only{$_} } @routines), '',
		'every volatile function has a scenario in FaultScenarios.pm');
	my %is_routine = map { $_ => 1 } @routines;
	is(join(' ', grep { !$is_routine{$_} } sort keys %driven_functions, keys %FaultScenarios::read_only), '', 'and no other has');

	my %writing;
	for my $file (glob('src/core/*.c src/domain/*/*.c src/worker/*.c'))
	{
		my $source = slurp_file($file);
		$writing{$1} = $file while $source =~ /\.name = "(\w+)",(?:(?!\.name).)*?\.expect = SPI_OK_(?:INSERT|UPDATE|DELETE)/gs;
	}
	ok(scalar keys %writing > 20, 'the statements that write are found in the source');
	is(join(' ', map { "$_ of $writing{$_}" } grep { !$statements{$_} && !$FaultScenarios::by_sessions{$_} }
			sort keys %writing), '', 'a scenario runs every statement that writes');
	return;
}

# A normal build knows nothing of faults.
my $normal = slurp_file(Cwd::getcwd() . '/billing.so');
ok(length $normal > 100_000, 'the normal build is there');
unlike($normal, qr/billing\.fault|fault_point|fault at "/, 'a normal build has no fault points');

my @scenarios = grep { !$only || $_->{name} =~ /$only/ } @FaultScenarios::all;
@scenarios = @scenarios[ grep { $_ % $share == $seed % $share } 0 .. $#scenarios ];
for my $scenario (@scenarios)
{
	record($scenario);
	$driven_functions{ $scenario->{name} =~ /^(\w+)/ ? $1 : '' } = 1;
	if ($scenario->{procedure})
	{
		procedure_faults($scenario);
		helper_faults($scenario);
	}
	else
	{
		drive($scenario);
	}
	$server->drop($scenario->{db});
}
complete() if !$only && $share == 1;
note(sprintf '%d functions, %d scenarios, %d points; faults driven: %d errors, %d crashes, %d waits (seed %d%s)',
	scalar keys %driven_functions, scalar @scenarios, $points, @driven{qw(error crash wait)}, $seed, $all ? ', all points' : '');
$server->node->stop;
done_testing();
