# What each answer of a payment gateway comes to, from a WireMock that answers well and badly.

use strict;
use warnings;

use FindBin;

exec("$FindBin::Bin/../gateway/try_wiremock") or die "cannot run the trial: $!";
