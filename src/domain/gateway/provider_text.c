/*
 * provider_text.c
 *	  What a text of the provider may be, in an answer or in a webhook. Pure C.
 */
#include "postgres.h"

#include "domain/gateway/provider_text.h"

#define DEFAULT_CODE "PG_REJECTED"

static bool
is_plain(char c)
{
	return c > ' ' && c <= '~';
}

bool
provider_text_is_plain(const char *text)
{
	while (is_plain(*text))
		text++;
	return *text == '\0';
}

void
provider_code(const char *text, char *code)
{
	strlcpy(code, text != NULL && text[0] != '\0' ? text : DEFAULT_CODE, PROVIDER_MAX_CODE + 1);
	for (char *c = code; *c != '\0'; c++)
	{
		if (!is_plain(*c))
			*c = '?';
	}
}
