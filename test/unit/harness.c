/*
 * harness.c
 *	  Runs the tests of one program and writes TAP.
 *
 * Every raised error, and every failed check, jumps to the innermost catch point: that of an
 * EXPECT_ERROR, else that of the running test.
 */
#include "postgres.h"

#include <stdarg.h>
#include <stdio.h>

#include "harness.h"

#undef fprintf
#undef printf
#undef snprintf
#undef vprintf

#define MAX_CATCH_DEPTH 8

UnitError unit_error;

static sigjmp_buf catch_points[MAX_CATCH_DEPTH];
static int catch_depth;
static bool test_failed;
static uint64 random_state;

sigjmp_buf *
harness_catch(void)
{
	if (catch_depth >= MAX_CATCH_DEPTH)
		abort();
	return &catch_points[catch_depth++];
}

void
harness_release(void)
{
	catch_depth--;
}

void
harness_throw(void)
{
	if (catch_depth == 0)
		abort();
	catch_depth--;
	siglongjmp(catch_points[catch_depth], 1);
}

/* Ends the test, even from inside an EXPECT_ERROR. */
void
harness_fail(const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("# %s:%d: ", file, line);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	test_failed = true;
	catch_depth = 1;
	harness_throw();
}

static void
fail_at(const char *place, const char *what)
{
	printf("# %s: %s\n", place, what);
	test_failed = true;
	catch_depth = 1;
	harness_throw();
}

void
harness_check_int64(const char *place, int64 actual, int64 expected)
{
	char text[128];

	if (actual == expected)
		return;
	(void) snprintf(text, sizeof(text), "got %lld, expected %lld", (long long) actual,
					(long long) expected);
	fail_at(place, text);
}

void
harness_check_text(const char *place, const char *actual, const char *expected)
{
	char text[4096];

	if (actual != NULL && expected != NULL && strcmp(actual, expected) == 0)
		return;
	(void) snprintf(text, sizeof(text), "got \"%s\", expected \"%s\"",
					actual == NULL ? "(null)" : actual, expected == NULL ? "(null)" : expected);
	fail_at(place, text);
}

void
harness_check_error(const char *place, int sqlerrcode, const char *symbol)
{
	char text[2048];

	if (unit_error.sqlerrcode == sqlerrcode)
		return;
	(void) snprintf(text, sizeof(text), "expected %s, got %s", symbol,
					unit_error.sqlerrcode == 0 ? "no error" : unit_error.message);
	fail_at(place, text);
}

void
harness_seed(uint64 seed)
{
	random_state = seed;
}

/* splitmix64 */
uint64
harness_random(void)
{
	uint64 z = (random_state += UINT64CONST(0x9E3779B97F4A7C15));

	z = (z ^ (z >> 30)) * UINT64CONST(0xBF58476D1CE4E5B9);
	z = (z ^ (z >> 27)) * UINT64CONST(0x94D049BB133111EB);
	return z ^ (z >> 31);
}

uint64
harness_random_below(uint64 limit)
{
	return harness_random() % limit;
}

static bool
run_one(const UnitTest *test)
{
	test_failed = false;
	harness_seed(20260504);
	catch_depth = 0;
	if (sigsetjmp(*harness_catch(), 0) == 0)
		test->run();
	else if (!test_failed)
	{
		printf("# unexpected error: %s\n", unit_error.message);
		test_failed = true;
	}
	stubs_free_all();
	return !test_failed;
}

/* Runs all tests; returns the status for exit(). */
int
harness_run(const UnitTest *tests, int count)
{
	int failed = 0;

	for (int i = 0; i < count; i++)
	{
		bool ok = run_one(&tests[i]);

		printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 1, tests[i].name);
		fflush(stdout);
		failed += ok ? 0 : 1;
	}
	printf("1..%d\n", count);
	return failed == 0 && count > 0 ? 0 : 1;
}
