# kill -9 of the postmaster, backends, settle workers and server processes while clients bill: what was
# acknowledged is there, once, and the end is that of the same work undisturbed. See test/torture/run.

use strict;
use warnings;

use FindBin;

# A fixed seed: the same work and the same kills each time. make torture takes others.
my $kills = int(20 / ($ENV{BILLING_SHARE} // 1));
exec("$FindBin::Bin/../torture/run", '--kills', $kills, '--seed', 'check') or die "cannot run the torture: $!";
