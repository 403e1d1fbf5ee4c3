/*
 * batch.c
 *	  Rows for one set-based statement: one array argument a column.
 */
#include "postgres.h"

#include "core/batch.h"
#include "core/errors.h"
#include "core/numeric.h"
#include "utils/builtins.h"

#define BATCH_FIRST_CAPACITY 64

Batch *
batch_new(const Oid *types, int columns)
{
	Batch *batch = palloc0(sizeof(Batch));

	batch->columns = columns;
	batch->types = types;
	batch->filled = columns;
	batch->capacity = BATCH_FIRST_CAPACITY;
	batch->values = palloc(sizeof(Datum *) * columns);
	batch->nulls = palloc(sizeof(bool *) * columns);
	for (int i = 0; i < columns; i++)
	{
		batch->values[i] = palloc(sizeof(Datum) * batch->capacity);
		batch->nulls[i] = palloc(sizeof(bool) * batch->capacity);
	}
	return batch;
}

/* Starts a row; the row before must have all its values. */
void
batch_row(Batch *batch)
{
	Ensure(batch->filled == batch->columns, "row %d of a batch has %d of %d values", batch->rows,
		   batch->filled, batch->columns);
	if (batch->rows == batch->capacity)
	{
		batch->capacity *= 2;
		for (int i = 0; i < batch->columns; i++)
		{
			batch->values[i] = repalloc(batch->values[i], sizeof(Datum) * batch->capacity);
			batch->nulls[i] = repalloc(batch->nulls[i], sizeof(bool) * batch->capacity);
		}
	}
	batch->rows++;
	batch->filled = 0;
}

void
batch_datum(Batch *batch, Datum value)
{
	Ensure(batch->filled < batch->columns, "too many values in a row of a batch");
	batch->values[batch->filled][batch->rows - 1] = value;
	batch->nulls[batch->filled++][batch->rows - 1] = false;
}

void
batch_null(Batch *batch)
{
	batch_datum(batch, (Datum) 0);
	batch->nulls[batch->filled - 1][batch->rows - 1] = true;
}

/* A value by reference, 0 standing for null. */
void
batch_datum_or_null(Batch *batch, Datum pointer)
{
	if (pointer == (Datum) 0)
		batch_null(batch);
	else
		batch_datum(batch, pointer);
}

void
batch_text(Batch *batch, const char *value)
{
	if (value == NULL)
		batch_null(batch);
	else
		batch_datum(batch, CStringGetTextDatum(value));
}

void
batch_decimal(Batch *batch, const Decimal *value)
{
	batch_datum(batch, decimal_to_numeric(value));
}

void
batch_money(Batch *batch, Money money)
{
	batch_datum(batch, money_to_numeric(money));
}

void
batch_args(Batch *batch, StmtArgs *args)
{
	Ensure(batch->filled == batch->columns, "the last row of a batch is not full");
	for (int i = 0; i < batch->columns; i++)
		arg_array(args,
				  &(ArrayArg){batch->values[i], batch->nulls[i], batch->rows, batch->types[i]});
}
