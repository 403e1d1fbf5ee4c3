/*
 * spi.c
 *	  Statements and rows: the one way in which billing talks SQL.
 *
 * A Stmt is a static struct beside the function that uses it, prepared at first use and kept for
 * the life of the backend. Rows are read by column name and type, so that a changed column is an
 * error at the reader and never garbage.
 *
 * Guarantees: a statement answers the kind of result that it declares, or raises; a reader
 * answers a value of the type that it names, or raises. No SQL text is ever built from values.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/errors.h"
#include "core/fault.h"
#include "core/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

void
spi_begin(void)
{
	int result = SPI_connect();

	Ensure(result == SPI_OK_CONNECT, "SPI_connect failed: %s", SPI_result_code_string(result));
}

void
spi_begin_nonatomic(void)
{
	int result = SPI_connect_ext(SPI_OPT_NONATOMIC);

	Ensure(result == SPI_OK_CONNECT, "SPI_connect_ext failed: %s", SPI_result_code_string(result));
}

/* Ends the transaction of a procedure and begins the next; rows and locks are gone. */
void
spi_commit(void)
{
	SPI_commit();
}

void
spi_end(void)
{
	int result = SPI_finish();

	Ensure(result == SPI_OK_FINISH, "SPI_finish failed: %s", SPI_result_code_string(result));
}

void
arg_datum(StmtArgs *args, Datum value)
{
	Ensure(args->count < STMT_MAX_ARGS, "too many statement arguments");
	args->values[args->count] = value;
	args->nulls[args->count++] = ' ';
}

void
arg_null(StmtArgs *args)
{
	arg_datum(args, (Datum) 0);
	args->nulls[args->count - 1] = 'n';
}

/* A text argument; a C NULL is an SQL NULL. */
void
arg_text(StmtArgs *args, const char *value)
{
	if (value == NULL)
		arg_null(args);
	else
		arg_datum(args, CStringGetTextDatum(value));
}

void
arg_array(StmtArgs *args, const ArrayArg *array)
{
	int lower_bound = 1;
	int count = array->count;
	int16 length;
	bool by_value;
	char align;
	ArrayType *result;

	get_typlenbyvalalign(array->type, &length, &by_value, &align);
	result = construct_md_array(array->values, array->nulls, 1, &count, &lower_bound, array->type,
								length, by_value, align);
	arg_datum(args, PointerGetDatum(result));
}

/* An array of texts; a C NULL in it is an SQL NULL. */
void
arg_text_array(StmtArgs *args, char **values, int count)
{
	Datum *datums = palloc(sizeof(Datum) * Max(count, 1));
	bool *nulls = palloc(sizeof(bool) * Max(count, 1));

	for (int i = 0; i < count; i++)
	{
		nulls[i] = values[i] == NULL;
		datums[i] = nulls[i] ? (Datum) 0 : CStringGetTextDatum(values[i]);
	}
	arg_array(args, &(ArrayArg){datums, nulls, count, TEXTOID});
}

static const Stmt *running = NULL; /* the innermost statement that is executed */

/* The statement of this library that is executed now, the innermost; NULL outside of all. */
const Stmt *
stmt_running(void)
{
	return running;
}

static void
stmt_prepare(Stmt *stmt)
{
	SPIPlanPtr plan =
		SPI_prepare_cursor(stmt->sql, stmt->nargs, stmt->argtypes,
						   stmt->by_index || stmt->by_hash ? CURSOR_OPT_GENERIC_PLAN : 0);

	Ensure(plan != NULL, "could not prepare statement \"%s\": %s", stmt->name,
		   SPI_result_code_string(SPI_result));
	SPI_keepplan(plan);
	stmt->plan = plan;
}

static int
stmt_execute(Stmt *stmt, StmtArgs *args)
{
	const Stmt *outer = running;
	int result = 0;

	running = stmt;
	PG_TRY();
	{
		FAULT_POINT("before", stmt->name);
		result = SPI_execute_plan(stmt->plan, args ? args->values : NULL, args ? args->nulls : NULL,
								  stmt->read_only, 0);
		FAULT_POINT("after", stmt->name);
	}
	PG_FINALLY();
	{
		running = outer;
	}
	PG_END_TRY();
	return result;
}

/*
 * Runs a statement and answers its rows, which live until spi_end().
 *
 * A plan is made once and kept, also when it was made over tables that were still empty: a scan of
 * a whole table or index chosen then would make every later call linear in the table. Statements
 * that find their rows by key say by_index: they have one plan, made as if all tables were large.
 * Those that join very many rows say by_hash: they have one plan without nested loops.
 */
Rows
stmt_run(Stmt *stmt, StmtArgs *args)
{
	Rows rows = {0};
	int result;

	Ensure((args ? args->count : 0) == stmt->nargs, "statement \"%s\" has another argument count",
		   stmt->name);
	if (stmt->plan == NULL)
		stmt_prepare(stmt);
	result = stmt_execute(stmt, args);
	Ensure(result == stmt->expect, "statement \"%s\" answered %s", stmt->name,
		   SPI_result_code_string(result));
	rows.table = SPI_tuptable;
	rows.count = SPI_processed;
	return rows;
}

/* Steps to the next row; false after the last. */
bool
row_next(Rows *rows)
{
	if (rows->table == NULL || rows->next >= rows->count)
		return false;
	rows->tuple = rows->table->vals[rows->next++];
	return true;
}

/* Frees rows before spi_end(), where a connection lives long. */
void
rows_free(Rows *rows)
{
	SPI_freetuptable(rows->table);
	rows->table = NULL;
}

/* The value of a column, which must exist and have the type. */
Datum
row_datum(Rows *rows, const char *column, Oid type, bool *isnull)
{
	TupleDesc desc = rows->table->tupdesc;
	int number = SPI_fnumber(desc, column);

	Ensure(number > 0, "result has no column \"%s\"", column);
	Ensure(SPI_gettypeid(desc, number) == type, "column \"%s\" has type %u, not %u", column,
		   SPI_gettypeid(desc, number), type);
	return SPI_getbinval(rows->tuple, desc, number, isnull);
}

static Datum
row_datum_not_null(Rows *rows, const char *column, Oid type)
{
	bool isnull;
	Datum value = row_datum(rows, column, type, &isnull);

	Ensure(!isnull, "column \"%s\" is null", column);
	return value;
}

char *
row_text(Rows *rows, const char *column)
{
	return TextDatumGetCString(row_datum_not_null(rows, column, TEXTOID));
}

char *
row_text_or_null(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, TEXTOID, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

int64
row_int64(Rows *rows, const char *column)
{
	return DatumGetInt64(row_datum_not_null(rows, column, INT8OID));
}

int32
row_int32(Rows *rows, const char *column)
{
	return DatumGetInt32(row_datum_not_null(rows, column, INT4OID));
}

bool
row_bool(Rows *rows, const char *column)
{
	return DatumGetBool(row_datum_not_null(rows, column, BOOLOID));
}

/* A whole-row column, copied so that it outlives spi_end(). */
Datum
row_composite(Rows *rows, const char *column)
{
	TupleDesc desc = rows->table->tupdesc;
	int number = SPI_fnumber(desc, column);
	bool isnull;
	Datum value;

	Ensure(number > 0 && type_is_rowtype(SPI_gettypeid(desc, number)), "\"%s\" is not a row",
		   column);
	value = SPI_getbinval(rows->tuple, desc, number, &isnull);
	Ensure(!isnull, "row \"%s\" is null", column);
	return SPI_datumTransfer(value, false, -1);
}
