/*
 * known.c
 *	  Names that this backend has seen: a cache for hot paths.
 */
#include "postgres.h"

#include "access/xact.h"
#include "core/known.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

typedef struct KnownName
{
	char name[KNOWN_MAX_NAME_BYTES + 1];
	int value;
} KnownName;

static uint64 generation = 1;

static void
forget_on_relation_change(Datum arg, Oid relid)
{
	(void) arg;
	(void) relid;
	generation++;
}

static void
forget_at_end(XactEvent event, void *arg)
{
	(void) arg;
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		generation++;
}

static void
forget_at_subabort(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
	(void) mine;
	(void) parent;
	(void) arg;
	if (event == SUBXACT_EVENT_ABORT_SUB)
		generation++;
}

void
known_init(void)
{
	CacheRegisterRelcacheCallback(forget_on_relation_change, (Datum) 0);
	RegisterXactCallback(forget_at_end, NULL);
	RegisterSubXactCallback(forget_at_subabort, NULL);
}

uint64
known_generation(void)
{
	return generation;
}

static void
known_reset(KnownNames *names)
{
	HASHCTL control = {0};

	if (names->table != NULL)
		hash_destroy(names->table);
	control.keysize = KNOWN_MAX_NAME_BYTES + 1;
	control.entrysize = sizeof(KnownName);
	control.hcxt = TopMemoryContext;
	names->table =
		hash_create("billing known names", 256, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	names->generation = generation;
}

bool
known_find(KnownNames *names, const char *name, int *value)
{
	KnownName *found;

	if (names->table == NULL || names->generation != generation ||
		strlen(name) > KNOWN_MAX_NAME_BYTES)
		return false;
	found = hash_search(names->table, name, HASH_FIND, NULL);
	if (found == NULL)
		return false;
	if (value != NULL)
		*value = found->value;
	return true;
}

void
known_forget(KnownNames *names)
{
	if (names->table != NULL)
		known_reset(names);
}

void
known_add(KnownNames *names, const char *name, int value)
{
	KnownName *entry;

	if (strlen(name) > KNOWN_MAX_NAME_BYTES)
		return;
	if (names->table == NULL || names->generation != generation ||
		hash_get_num_entries(names->table) >= KNOWN_MAX_NAMES)
		known_reset(names);
	entry = hash_search(names->table, name, HASH_ENTER, NULL);
	entry->value = value;
}
