/*
 * collection_note.c
 *	  What follows from the end of a charge that the house made for an invoice.
 */
#include "postgres.h"

#include "domain/collection/collection.h"

void
collection_init(void)
{
}

void
collections_note(const CollectionNote *notes, int count)
{
}

void
collections_note_payments(const Payment *payments, int count)
{
}

int
collections_run(int most)
{
	return 0;
}
