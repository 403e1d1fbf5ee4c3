/*
 * stubs.c
 *	  What the pure modules need of the server, over the C library.
 *
 * Every palloc'd chunk is in a list: pfree() takes it out, and the end of a test frees the rest,
 * as the end of a transaction does. A report of level ERROR or above fills unit_error and jumps;
 * one below says nothing.
 */
#include "postgres.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "harness.h"
#include "lib/stringinfo.h"
#include "utils/memutils.h"

#undef fprintf
#undef qsort
#undef snprintf
#undef strerror
#undef vsnprintf

typedef struct Chunk
{
	struct Chunk *previous;
	struct Chunk *next;
	Size size;
	Size unused; /* keeps what follows aligned to 16 */
} Chunk;

static Chunk chunks = {&chunks, &chunks, 0, 0};

MemoryContext CurrentMemoryContext = NULL;
MemoryContext TopMemoryContext = NULL;

void *
palloc(Size size)
{
	Chunk *chunk = malloc(sizeof(Chunk) + size);

	if (chunk == NULL)
		abort();
	chunk->size = size;
	chunk->next = chunks.next;
	chunk->previous = &chunks;
	chunks.next->previous = chunk;
	chunks.next = chunk;
	memset(chunk + 1, 0x7F, size); /* as a server with assertions does */
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk *chunk = (Chunk *) pointer - 1;

	chunk->previous->next = chunk->next;
	chunk->next->previous = chunk->previous;
	free(chunk);
}

void
stubs_free_all(void)
{
	while (chunks.next != &chunks)
		pfree(chunks.next + 1);
}

void *
palloc0(Size size)
{
	return memset(palloc(size), 0, size);
}

void *
repalloc(void *pointer, Size size)
{
	Size old_size = ((Chunk *) pointer - 1)->size;
	void *copy = memcpy(palloc(size), pointer, Min(old_size, size));

	pfree(pointer);
	return copy;
}

void *
palloc_extended(Size size, int flags)
{
	return (flags & MCXT_ALLOC_ZERO) != 0 ? palloc0(size) : palloc(size);
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return palloc(size);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return palloc0(size);
}

char *
pnstrdup(const char *text, Size size)
{
	Size length = strnlen(text, size);
	char *copy = palloc0(length + 1);

	return memcpy(copy, text, length);
}

char *
pstrdup(const char *text)
{
	return pnstrdup(text, strlen(text));
}

char *
MemoryContextStrdup(MemoryContext context, const char *text)
{
	return pstrdup(text);
}

static char *
print_to_memory(const char *format, va_list args)
{
	va_list again;
	char *text;
	int length;

	va_copy(again, args);
	length = vsnprintf(NULL, 0, format, again);
	va_end(again);
	text = palloc((Size) length + 1);
	(void) vsnprintf(text, (size_t) length + 1, format, args);
	return text;
}

char *
psprintf(const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = print_to_memory(format, args);
	va_end(args);
	return text;
}

int
pg_vsnprintf(char *buffer, size_t size, const char *format, va_list args)
{
	return vsnprintf(buffer, size, format, args);
}

int
pg_snprintf(char *buffer, size_t size, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(buffer, size, format, args);
	va_end(args);
	return length;
}

char *
pg_strerror(int errnum)
{
	return strerror(errnum);
}

void
pg_qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *))
{
	qsort(base, count, size, compare);
}

#if !HAVE_DECL_STRLCPY
size_t
strlcpy(char *target, const char *source, size_t size)
{
	size_t length = strlen(source);

	if (size > 0)
	{
		size_t copied = Min(length, size - 1);

		memcpy(target, source, copied);
		target[copied] = '\0';
	}
	return length;
}
#endif

StringInfo
makeStringInfo(void)
{
	StringInfo str = palloc(sizeof(StringInfoData));

	initStringInfo(str);
	return str;
}

void
initStringInfo(StringInfo str)
{
	str->maxlen = 1024;
	str->data = palloc((Size) str->maxlen);
	resetStringInfo(str);
}

void
resetStringInfo(StringInfo str)
{
	str->data[0] = '\0';
	str->len = 0;
	str->cursor = 0;
}

void
enlargeStringInfo(StringInfo str, int needed)
{
	if (str->len + needed < str->maxlen)
		return;
	str->maxlen = 2 * (str->len + needed) + 1;
	str->data = repalloc(str->data, (Size) str->maxlen);
}

/* appendBinaryStringInfo() is not here: its signature is another in every other major. */
static void
append_bytes(StringInfo str, const char *data, int length)
{
	enlargeStringInfo(str, length);
	memcpy(str->data + str->len, data, (size_t) length);
	str->len += length;
	str->data[str->len] = '\0';
}

void
appendStringInfoString(StringInfo str, const char *text)
{
	append_bytes(str, text, (int) strlen(text));
}

void
appendStringInfoChar(StringInfo str, char c)
{
	append_bytes(str, &c, 1);
}

void
appendStringInfo(StringInfo str, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	text = print_to_memory(format, args);
	va_end(args);
	appendStringInfoString(str, text);
	pfree(text);
}

bool
errstart(int level, const char *domain)
{
	if (level < ERROR)
		return false;
	memset(&unit_error, 0, sizeof(unit_error));
	unit_error.sqlerrcode = ERRCODE_INTERNAL_ERROR;
	return true;
}

bool
errstart_cold(int level, const char *domain)
{
	return errstart(level, domain);
}

void
errfinish(const char *file, int line, const char *function)
{
	harness_throw();
}

int
errcode(int sqlerrcode)
{
	unit_error.sqlerrcode = sqlerrcode;
	return 0;
}

/* Defines one of the functions that give a field of the error its text. */
#define DEFINE_ERROR_TEXT(function, field)                                                         \
	int function(const char *format, ...)                                                          \
	{                                                                                              \
		va_list args;                                                                              \
                                                                                                   \
		va_start(args, format);                                                                    \
		(void) vsnprintf(unit_error.field, sizeof(unit_error.field), format, args);                \
		va_end(args);                                                                              \
		return 0;                                                                                  \
	}

DEFINE_ERROR_TEXT(errmsg, message)
DEFINE_ERROR_TEXT(errmsg_internal, message)
DEFINE_ERROR_TEXT(errdetail, detail)
DEFINE_ERROR_TEXT(errdetail_internal, detail)
DEFINE_ERROR_TEXT(errhint, hint)

/* What a failed Assert() calls, where the server's headers were built with assertions. */
void
unit_assertion_failed(void)
{
	abort();
}
