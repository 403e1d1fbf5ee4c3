/*
 * batch.h
 *	  Rows for one set-based statement: values are given row by row, in column order, and
 *	  become one array argument a column.
 */
#ifndef BILLING_BATCH_H
#define BILLING_BATCH_H

#include "core/money.h"
#include "core/spi.h"

typedef struct Batch
{
	int columns;
	const Oid *types;
	int rows;
	int capacity;
	int filled; /* columns of the last row that have a value */
	Datum **values;
	bool **nulls;
} Batch;

extern Batch *batch_new(const Oid *types, int columns);
extern void batch_row(Batch *batch);
extern void batch_datum(Batch *batch, Datum value);
extern void batch_null(Batch *batch);
extern void batch_datum_or_null(Batch *batch, Datum pointer);
extern void batch_text(Batch *batch, const char *value);
extern void batch_decimal(Batch *batch, const Decimal *value);
extern void batch_money(Batch *batch, Money money);
extern void batch_args(Batch *batch, StmtArgs *args);

#endif
