/*
 * secret_keys_parse.c
 *	  The text of a key file: a line `key_id 64-hex-digits` a key, the current one first. Blank
 *	  lines and lines that begin with # say nothing.
 *
 * Guarantees: what is wrong is named by its line, and never shown. Knows no file and no server.
 */
#include "postgres.h"

#include "core/hex.h"
#include "core/secret_keys.h"

#define BLANKS " \t\r"

static bool
is_id_character(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		   c == '-' || c == '.';
}

static bool
hex_bytes(const char *hex, size_t length, uint8 *bytes)
{
	return length == 2 * SECRET_KEY_BYTES && hex_to_bytes(hex, bytes, SECRET_KEY_BYTES);
}

/* A line without blanks at either end, and not empty. */
static const char *
parse_line(const char *line, size_t length, SecretKeys *keys)
{
	size_t id_length = 0;
	size_t at;
	SecretKey *key = &keys->keys[keys->count];

	while (id_length < length && is_id_character(line[id_length]))
		id_length++;
	at = id_length;
	while (at < length && strchr(BLANKS, line[at]) != NULL)
		at++;
	if (id_length == 0 || id_length > MAX_KEY_ID || at == id_length)
		return "It does not begin with the id of a key: 1 to 64 of the characters A-Z a-z 0-9 _ . -";
	if (keys->count == MAX_SECRET_KEYS)
		return "There are more than 16 keys.";
	memcpy(key->id, line, id_length);
	key->id[id_length] = '\0';
	if (secret_key_find(keys, key->id) != NULL)
		return "Its id is that of a key above.";
	if (!hex_bytes(line + at, length - at, key->bytes))
		return "The key is not 64 hexadecimal digits.";
	keys->count++;
	return NULL;
}

const char *
secret_keys_parse(const char *text, SecretKeys *keys, int *line)
{
	keys->count = 0;
	*line = 0;
	while (*text != '\0')
	{
		const char *end = strchr(text, '\n');
		size_t length = end == NULL ? strlen(text) : (size_t) (end - text);
		const char *start = text;
		const char *problem;

		(*line)++;
		text += length + (end != NULL ? 1 : 0);
		while (length > 0 && strchr(BLANKS, start[length - 1]) != NULL)
			length--;
		while (length > 0 && strchr(BLANKS, *start) != NULL)
			start++, length--;
		if (length == 0 || *start == '#')
			continue;
		problem = parse_line(start, length, keys);
		if (problem != NULL)
			return problem;
	}
	*line = 0;
	return keys->count > 0 ? NULL : "It has no key.";
}

const SecretKey *
secret_key_find(const SecretKeys *keys, const char *id)
{
	for (int i = 0; i < keys->count; i++)
	{
		if (strcmp(keys->keys[i].id, id) == 0)
			return &keys->keys[i];
	}
	return NULL;
}

void
secret_keys_wipe(SecretKeys *keys)
{
	explicit_bzero(keys, sizeof(*keys));
}
