# The provider that the gateway is tested against charges a key once, and does what its faults say.

use strict;
use warnings;

use FindBin;

exec("$FindBin::Bin/../gateway/check_provider") or die "cannot run the tests of the provider: $!";
