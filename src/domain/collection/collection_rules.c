/*
 * collection_rules.c
 *	  When a declined invoice is charged again, and when not any more. Pure C.
 */
#include "postgres.h"

#include "domain/collection/collection_rules.h"

#define CODE_MAX_LENGTH 64
#define MAX_DAY_DIGITS 3

static const char *
skip_blanks(const char *text)
{
	while (*text == ' ' || *text == '\t')
		text++;
	return text;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The number that `*text` begins with, which is moved beyond it; -1: none, or too long. */
static int
day_read(const char **text)
{
	int day = 0;
	int digits = 0;

	for (; is_digit(**text); (*text)++)
	{
		if (++digits > MAX_DAY_DIGITS)
			return -1;
		day = day * 10 + (**text - '0');
	}
	return digits == 0 ? -1 : day;
}

const char *
schedule_parse(const char *text, RetrySchedule *schedule)
{
	schedule->count = 0;
	text = skip_blanks(text);
	while (*text != '\0')
	{
		int day = day_read(&text);
		int before = schedule->count > 0 ? schedule->days[schedule->count - 1] : 0;

		if (day < 1 || day > SCHEDULE_MAX_DAY)
			return "A day is a whole number from 1 to 365.";
		if (day <= before)
			return "Each day must be later than the one before it.";
		if (schedule->count == SCHEDULE_MAX_STEPS)
			return "At most 20 days are allowed.";
		schedule->days[schedule->count++] = day;
		text = skip_blanks(text);
		if (*text == '\0')
			break;
		if (*text != ',')
			return "Days are separated by commas.";
		text = skip_blanks(text + 1);
		if (*text == '\0')
			return "A day is missing after the last comma.";
	}
	return NULL;
}

bool
schedule_next(const RetrySchedule *schedule, const Declines *declines, TimestampTz *next)
{
	int day;
	int before;

	if (declines->count > schedule->count)
		return false;
	day = schedule->days[declines->count - 1];
	before = declines->count > 1 ? schedule->days[declines->count - 2] : 0;
	*next = declines->first + day * USECS_PER_DAY;
	if (*next <= declines->now)
		*next = declines->now + (day - before) * USECS_PER_DAY;
	return true;
}

static bool
is_code_character(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' ||
		   c == '-' || c == '.';
}

/* The length of the code that `text` begins with. */
static size_t
code_length(const char *text)
{
	size_t length = 0;

	while (is_code_character(text[length]))
		length++;
	return length;
}

const char *
codes_check(const char *text)
{
	int count = 0;

	text = skip_blanks(text);
	while (*text != '\0')
	{
		size_t length = code_length(text);

		if (length == 0 || length > CODE_MAX_LENGTH)
			return "A code has 1 to 64 letters, digits, underscores, hyphens and dots.";
		if (++count > CODES_MAX)
			return "At most 100 codes are allowed.";
		text = skip_blanks(text + length);
		if (*text == '\0')
			break;
		if (*text != ',')
			return "Codes are separated by commas.";
		text = skip_blanks(text + 1);
		if (*text == '\0')
			return "A code is missing after the last comma.";
	}
	return NULL;
}

bool
codes_hold(const char *text, const char *code)
{
	size_t wanted = strlen(code);

	for (text = skip_blanks(text); *text != '\0';)
	{
		size_t length = code_length(text);

		if (length == wanted && strncmp(text, code, length) == 0)
			return true;
		text = skip_blanks(text + length);
		if (*text == '\0')
			break;
		text = skip_blanks(text + 1);
	}
	return false;
}

CollectionDecision
collection_decide(const CollectionFacts *facts, const char **reason)
{
	if (facts->pending)
		return COLLECTION_WAIT;
	if (facts->status == INVOICE_PAID)
		*reason = "PAID";
	else if (facts->status == INVOICE_CANCELLED)
		*reason = "CANCELLED";
	else if (facts->due.minor <= 0)
		*reason = "NOTHING_DUE";
	else if (!facts->automatic)
		*reason = "SEND_INVOICE";
	else
		return COLLECTION_CHARGE;
	return COLLECTION_STOP;
}
