/*
 * gateway_end.c
 *	  What everybody calls who ends payments by what the provider said.
 *
 * Locks: what collection does, after what payments_ending_lock() and payments_ending_apply() say.
 */
#include "postgres.h"

#include "domain/collection/collection.h"
#include "domain/gateway/gateway_end.h"

/* A charge that the house made, not a person: nobody else tries it again. */
static bool
is_collected(const Payment *payment)
{
	return strcmp(payment->target_type, TARGET_INVOICE) == 0 && payment_by_house(payment);
}

void
gateway_payments_end(PaymentEnding *endings, int count)
{
	Payment *payments = palloc(sizeof(Payment) * (count + 1));
	int n = 0;

	payments_ending_apply(endings, count);
	for (int i = 0; i < count; i++)
	{
		if (endings[i].result == PAYMENT_ENDED && is_collected(&endings[i].payment))
			payments[n++] = endings[i].payment;
	}
	collections_note(payments, n);
}
