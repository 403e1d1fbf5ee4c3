/*
 * harness.h
 *	  Unit tests of the pure modules, without a server.
 *
 * A test is a function without arguments. It fails at the first check that does not hold, or
 * when an error is raised that no EXPECT_ERROR awaits. What it palloc()s is freed at its end.
 * The answer is TAP on the standard output; harness_run() is what main() returns.
 */
#ifndef UNIT_HARNESS_H
#define UNIT_HARNESS_H

#include <setjmp.h>

typedef struct UnitTest
{
	const char *name; /* the rule that the test proves */
	void (*run)(void);
} UnitTest;

/* The last error raised. */
typedef struct UnitError
{
	int sqlerrcode;
	char message[1024];
	char detail[1024];
	char hint[1024];
} UnitError;

extern UnitError unit_error;

extern int harness_run(const UnitTest *tests, int count);
extern void
harness_fail(const char *file, int line, const char *format, ...) pg_attribute_printf(3, 4);
extern void harness_check_int64(const char *place, int64 actual, int64 expected);
extern void harness_check_text(const char *place, const char *actual, const char *expected);
extern void harness_check_error(const char *place, int sqlerrcode, const char *symbol);

/* A generator that gives the same numbers in every run on every machine. */
extern void harness_seed(uint64 seed);
extern uint64 harness_random(void);
extern uint64 harness_random_below(uint64 limit);

/* For the stubs and the macros below only. */
extern sigjmp_buf *harness_catch(void);
extern void harness_release(void);
extern void harness_throw(void);
extern void stubs_free_all(void);

#define UNIT_STRING_OF(x) #x
#define UNIT_STRING(x) UNIT_STRING_OF(x)
#define UNIT_PLACE __FILE__ ":" UNIT_STRING(__LINE__)

#define CHECK(condition)                                                                           \
	do                                                                                             \
	{                                                                                              \
		if (!(condition))                                                                          \
			harness_fail(__FILE__, __LINE__, "%s", #condition);                                    \
	} while (0)

#define CHECK_INT(actual, expected) harness_check_int64(UNIT_PLACE, (actual), (expected))
#define CHECK_TEXT(actual, expected) harness_check_text(UNIT_PLACE, (actual), (expected))

/* The statement raises this SQLSTATE; unit_error then holds the message, detail and hint. */
#define EXPECT_ERROR(code, ...)                                                                    \
	do                                                                                             \
	{                                                                                              \
		unit_error.sqlerrcode = 0;                                                                 \
		if (sigsetjmp(*harness_catch(), 0) == 0)                                                   \
		{                                                                                          \
			__VA_ARGS__;                                                                           \
			harness_release();                                                                     \
		}                                                                                          \
		harness_check_error(UNIT_PLACE, (code), #code);                                            \
	} while (0)

#define UNIT_MAIN(tests)                                                                           \
	int main(void)                                                                                 \
	{                                                                                              \
		return harness_run((tests), lengthof(tests));                                              \
	}

#endif
