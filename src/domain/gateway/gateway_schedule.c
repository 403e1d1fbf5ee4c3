#include "postgres.h"

#include "domain/gateway/gateway_schedule.h"
