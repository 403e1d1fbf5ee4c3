# Payments are sent over TLS to who proves that he is the provider, and to nobody else.

use strict;
use warnings;

use FindBin;

exec("$FindBin::Bin/../gateway/try_tls") or die "cannot run the trial: $!";
