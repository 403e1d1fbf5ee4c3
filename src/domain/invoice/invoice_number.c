/*
 * invoice_number.c
 *	  Giving invoices their ids, numbers and dates.
 */
#include "postgres.h"

#include "core/clock.h"
#include "core/ids.h"
#include "domain/invoice/document_number.h"
#include "domain/invoice/invoice_store.h"

void
invoices_number(Invoice **invoices, int count)
{
	DocumentNumber *documents = palloc0(sizeof(DocumentNumber) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		invoices[i]->invoice_id = id_new();
		documents[i].customer_id = invoices[i]->customer_id;
		documents[i].document_id = invoices[i]->invoice_id;
	}
	documents_number(SERIES_INVOICE, documents, count);
	for (int i = 0; i < count; i++)
	{
		Invoice *invoice = invoices[i];

		invoice->number = documents[i].number;
		invoice->issued_on = documents[i].issued_on;
		invoice->issued_at = clock_now();
		invoice->due_at = invoice->issued_at + (int64) invoice->net_days * USECS_PER_DAY;
	}
}
