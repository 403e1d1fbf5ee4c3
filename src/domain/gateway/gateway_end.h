/*
 * gateway_end.h
 *	  What everybody calls who ends payments by what the provider said.
 */
#ifndef BILLING_GATEWAY_END_H
#define BILLING_GATEWAY_END_H

#include "domain/payment/payment_end.h"

/* payments_ending_apply(), then collection is told. Needs spi_begin(). */
extern void gateway_payments_end(PaymentEnding *endings, int count);

#endif
