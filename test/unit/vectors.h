/*
 * vectors.h
 *	  The test vectors of oracle_decimal.py: one a line, "operation argument... = expected".
 */
#ifndef UNIT_VECTORS_H
#define UNIT_VECTORS_H

#define VECTOR_MAX_ARGUMENTS 3

/* Gives the answer to the arguments of one vector, in a form to compare with the expected one. */
typedef char *(*VectorAnswer)(char **arguments);

/*
 * Compares the answer to every vector of the operation with the expected one. An AMOUNT_OVERFLOW
 * raised is the answer "OVERFLOW". Fails the test if there are less than a thousand vectors.
 */
extern void vectors_check(const char *operation, VectorAnswer answer);

#endif
