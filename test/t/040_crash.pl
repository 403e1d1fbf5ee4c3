# kill -9 of the postmaster, backends, settle workers and server processes while clients bill: what was
# acknowledged is there, once, and the end is that of the same work undisturbed. See test/torture/run.

use strict;
use warnings;

use FindBin;

# A fixed seed: the same work and the same kills each time. make torture takes others.
exec("$FindBin::Bin/../torture/run", '--kills', '20', '--seed', 'check') or die "cannot run the torture: $!";
