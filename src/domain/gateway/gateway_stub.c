#include "postgres.h"

#include "domain/gateway/gateway.h"
#include "utils/memutils.h"

int
gateway_claim(int most, MemoryContext keep, GatewayWork ***works)
{
	return 0;
}
void
gateway_free(GatewayWork *work)
{
	MemoryContextDelete(work->context);
}
GatewayAddress
gateway_address(void)
{
	return (GatewayAddress){0};
}
void
gateway_address_wipe(GatewayAddress *address)
{
}
void
gateway_record(const GatewayResult *results, int count)
{
}
void
gateway_unclaim(GatewayWork *const *works, int count, TimestampTz due_at)
{
}
bool
gateway_next_due(TimestampTz *when)
{
	return false;
}
int
gateway_upkeep(int most)
{
	return 0;
}
