# Nothing is charged twice and nothing that was captured is lost: thousands of payments and refunds through a
# provider that loses every fourth answer, while workers and the server are killed. See test/gateway/prove.

use strict;
use warnings;

use FindBin;

# A fixed seed: the same work, the same faults, the same kills. Majors other than the first take a share.
my $share = $ENV{BILLING_SHARE} || 1;
my %size = (payments => 5000, refunds => 1000, kills => 20);
exec("$FindBin::Bin/../gateway/prove", '--seed', 'check', map { ("--$_", int($size{$_} / $share)) } sort keys %size)
  or die "cannot run the proof: $!";
