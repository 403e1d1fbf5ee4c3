/* spi.h: statements and rows, the one way in which billing talks SQL. See spi.c. */
#ifndef BILLING_SPI_H
#define BILLING_SPI_H

#include "executor/spi.h"

#define STMT_MAX_ARGS 32
typedef struct Stmt
{
	const char *name;
	const char *sql;
	int expect; /* SPI_OK_* that the statement must answer */
	int nargs;
	Oid argtypes[STMT_MAX_ARGS];
	bool read_only; /* runs in the active snapshot, the caller's or one that was pushed */
	bool by_index;  /* finds its rows by key: see stmt_run() */
	bool by_hash;   /* joins many rows: see stmt_run() */
	SPIPlanPtr plan;
} Stmt;
typedef struct StmtArgs
{
	int count;
	Datum values[STMT_MAX_ARGS];
	char nulls[STMT_MAX_ARGS];
} StmtArgs;
typedef struct ArrayArg
{
	Datum *values;
	bool *nulls;
	int count;
	Oid type;
} ArrayArg;
typedef struct Rows
{
	SPITupleTable *table;
	uint64 count, next;
	HeapTuple tuple;
} Rows;

extern void spi_begin(void);
extern void spi_begin_nonatomic(void); /* of a procedure that commits */
extern void spi_commit(void);
extern void spi_end(void);
extern void arg_datum(StmtArgs *args, Datum value);
extern void arg_null(StmtArgs *args);
extern void arg_text(StmtArgs *args, const char *value);
extern void arg_text_array(StmtArgs *args, char **values, int count);
extern void arg_array(StmtArgs *args, const ArrayArg *array);
extern Rows stmt_run(Stmt *stmt, StmtArgs *args);
extern const Stmt *stmt_running(void);
extern bool row_next(Rows *rows);
extern void rows_free(Rows *rows);
extern Datum row_datum(Rows *rows, const char *column, Oid type, bool *isnull);
extern char *row_text(Rows *rows, const char *column);
extern char *row_text_or_null(Rows *rows, const char *column);
extern int64 row_int64(Rows *rows, const char *column);
extern int32 row_int32(Rows *rows, const char *column);
extern bool row_bool(Rows *rows, const char *column);
extern Datum row_composite(Rows *rows, const char *column);
#endif
