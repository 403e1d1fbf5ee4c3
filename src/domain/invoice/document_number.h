/*
 * document_number.h
 *	  Gap-free numbers of documents: invoices and what corrects them.
 */
#ifndef BILLING_DOCUMENT_NUMBER_H
#define BILLING_DOCUMENT_NUMBER_H

#include "utils/date.h"

#define SERIES_INVOICE "INV"
#define SERIES_CREDIT_NOTE "CN"

/* One document that wants a number. */
typedef struct DocumentNumber
{
	const char *customer_id;
	Datum document_id;
	char *number;      /* given: INV-2026-000001 */
	DateADT issued_on; /* given: never before that of the number before */
} DocumentNumber;

/*
 * Gives documents the next numbers of a series in one short counter update. Locks the series until
 * the transaction ends, so it comes last before the writing. Needs spi_begin().
 */
extern void documents_number(const char *series, DocumentNumber *documents, int count);

#endif
