# What each answer of a payment gateway comes to, from a WireMock that answers well and badly.

use strict;
use warnings;

use FindBin;
use Test::More;

# tools/check brings it along wherever there is Java, and fails where it cannot be had
plan skip_all => 'WireMock takes Java' unless glob "$FindBin::Bin/../../.build/wiremock/*.jar";
exec("$FindBin::Bin/../gateway/try_wiremock") or die "cannot run the trial: $!";
