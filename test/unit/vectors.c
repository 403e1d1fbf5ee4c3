/*
 * vectors.c
 *	  Reads the file of vectors, whose path the Makefile gives.
 */
#include "postgres.h"

#include <stdio.h>

#include "core/errors.h"
#include "harness.h"
#include "vectors.h"

#define MAX_LINE 8192
#define LEAST_COUNT 1000

static char *
answer_or_error(VectorAnswer answer, char **arguments)
{
	char *volatile text = NULL;

	unit_error.sqlerrcode = 0;
	if (sigsetjmp(*harness_catch(), 0) == 0)
	{
		text = answer(arguments);
		harness_release();
	}
	if (text != NULL)
		return text;
	if (unit_error.sqlerrcode == ERRCODE_BILLING_AMOUNT_OVERFLOW)
		return "OVERFLOW";
	return unit_error.message;
}

/* Splits "operation a b = expected" in place; false if it is of another operation. */
static bool
split_line(char *line, const char *operation, char **arguments, char **expected)
{
	char *rest = NULL;
	char *word = strtok_r(line, " \n", &rest);
	int count = 0;

	if (word == NULL || strcmp(word, operation) != 0)
		return false;
	while ((word = strtok_r(NULL, " \n", &rest)) != NULL && strcmp(word, "=") != 0)
	{
		CHECK(count < VECTOR_MAX_ARGUMENTS);
		arguments[count++] = word;
	}
	*expected = strtok_r(NULL, " \n", &rest);
	CHECK(*expected != NULL);
	return true;
}

void
vectors_check(const char *operation, VectorAnswer answer)
{
	static char line[MAX_LINE];
	FILE *file = fopen(UNIT_VECTORS, "r");
	int count = 0;
	int number = 0;

	CHECK(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
	{
		char *arguments[VECTOR_MAX_ARGUMENTS] = {NULL};
		char *expected;
		char *actual;

		number++;
		if (!split_line(line, operation, arguments, &expected))
			continue;
		count++;
		actual = answer_or_error(answer, arguments);
		if (strcmp(actual, expected) != 0)
		{
			fclose(file);
			harness_fail(UNIT_VECTORS, number, "%s %s %s: got %s, expected %s", operation,
						 arguments[0], arguments[1] == NULL ? "" : arguments[1], actual, expected);
		}
	}
	fclose(file);
	CHECK(count >= LEAST_COUNT);
}
