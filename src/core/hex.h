/*
 * hex.h
 *	  Bytes written as hexadecimal digits.
 */
#ifndef BILLING_HEX_H
#define BILLING_HEX_H

/* The value of a hexadecimal digit, or -1. */
static inline int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Reads 2 * `count` digits; false at the first character that is none, such as the end of the text. */
static inline bool
hex_to_bytes(const char *hex, uint8 *bytes, int count)
{
	for (int i = 0; i < count; i++)
	{
		int high = hex_value(hex[2 * i]);
		int low = high < 0 ? -1 : hex_value(hex[2 * i + 1]);

		if (low < 0)
			return false;
		bytes[i] = (uint8) (high << 4 | low);
	}
	return true;
}

#endif
