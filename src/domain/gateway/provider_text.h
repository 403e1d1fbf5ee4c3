/*
 * provider_text.h
 *	  What a text of the provider may be, in an answer or in a webhook. Pure C.
 */
#ifndef BILLING_PROVIDER_TEXT_H
#define BILLING_PROVIDER_TEXT_H

/* Bytes. A longer reference is no answer: it is never cut. A longer code or message is. */
#define PROVIDER_MAX_REFERENCE 256
#define PROVIDER_MAX_CODE 64
#define PROVIDER_MAX_MESSAGE 512

/* Whether a text stands for something: printable ASCII without blanks, since it goes into requests. */
extern bool provider_text_is_plain(const char *text);

/* The code of a decline, of at most PROVIDER_MAX_CODE bytes and plain; PG_REJECTED for NULL and "". */
extern void provider_code(const char *text, char *code);

#endif
