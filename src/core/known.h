/*
 * known.h
 *	  Names that this backend has seen in committed or own rows: a cache for hot paths.
 *
 * Everything is forgotten when a transaction or a savepoint aborts, when one is prepared, and
 * when a relation changes: a name that is known is in the table.
 */
#ifndef BILLING_KNOWN_H
#define BILLING_KNOWN_H

#define KNOWN_MAX_NAMES 8192     /* a fuller cache is emptied */
#define KNOWN_MAX_NAME_BYTES 256 /* a longer name is never known */

typedef struct KnownNames
{
	struct HTAB *table;
	uint64 generation;
} KnownNames;

extern void known_init(void);

/* Changes whenever what was known may not hold any more. */
extern uint64 known_generation(void);
extern bool known_find(KnownNames *names, const char *name, int *value);
extern void known_forget(KnownNames *names);
extern void known_add(KnownNames *names, const char *name, int value);

#endif
