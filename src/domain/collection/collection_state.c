/*
 * collection_state.c
 *	  The states of a collection and of a dead letter as tables. Pure C.
 */
#include "postgres.h"

#include "core/errors.h"
#include "domain/collection/collection_state.h"

static const char *const collection_names[COLLECTION_STATUS_COUNT] = {
	[COLLECTION_ACTIVE] = "ACTIVE",
	[COLLECTION_COLLECTED] = "COLLECTED",
	[COLLECTION_STOPPED] = "STOPPED",
	[COLLECTION_EXHAUSTED] = "EXHAUSTED",
};

static const char *const letter_names[DEAD_LETTER_STATUS_COUNT] = {
	[DEAD_LETTER_OPEN] = "OPEN",
	[DEAD_LETTER_REPLAYED] = "REPLAYED",
	[DEAD_LETTER_DISCARDED] = "DISCARDED",
};

typedef struct CollectionTransition
{
	CollectionStatus from;
	CollectionStatus to;
	const char *why;
} CollectionTransition;

/* A charge that is declined at once and for good makes a collection in its final state. */
static const CollectionTransition collection_transitions[] = {
	{COLLECTION_ACTIVE, COLLECTION_COLLECTED, "a charge was approved"},
	{COLLECTION_ACTIVE, COLLECTION_STOPPED, "there is nothing to charge any more"},
	{COLLECTION_ACTIVE, COLLECTION_EXHAUSTED, "the last try was declined, or one for good"},
	{COLLECTION_EXHAUSTED, COLLECTION_ACTIVE, "its dead letter was replayed"},
};

typedef struct LetterTransition
{
	DeadLetterStatus from;
	DeadLetterStatus to;
	const char *why;
} LetterTransition;

static const LetterTransition letter_transitions[] = {
	{DEAD_LETTER_OPEN, DEAD_LETTER_REPLAYED, "an operator began it anew"},
	{DEAD_LETTER_OPEN, DEAD_LETTER_DISCARDED, "an operator let it be"},
};

const char *
collection_status_name(CollectionStatus status)
{
	return collection_names[status];
}

CollectionStatus
collection_status_of(const char *name)
{
	for (int i = 0; i < COLLECTION_STATUS_COUNT; i++)
	{
		if (strcmp(name, collection_names[i]) == 0)
			return (CollectionStatus) i;
	}
	Ensure(false, "unknown collection status \"%s\"", name);
	return COLLECTION_ACTIVE; /* not reached */
}

bool
collection_may_become(CollectionStatus from, CollectionStatus to)
{
	for (size_t i = 0; i < lengthof(collection_transitions); i++)
	{
		if (collection_transitions[i].from == from && collection_transitions[i].to == to)
			return true;
	}
	return false;
}

void
collection_require_transition(CollectionStatus from, CollectionStatus to)
{
	if (!collection_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("collection cannot become %s", collection_names[to]),
					  errdetail("It is %s.", collection_names[from]));
}

const char *
dead_letter_status_name(DeadLetterStatus status)
{
	return letter_names[status];
}

DeadLetterStatus
dead_letter_status_of(const char *name)
{
	for (int i = 0; i < DEAD_LETTER_STATUS_COUNT; i++)
	{
		if (strcmp(name, letter_names[i]) == 0)
			return (DeadLetterStatus) i;
	}
	Ensure(false, "unknown dead letter status \"%s\"", name);
	return DEAD_LETTER_OPEN; /* not reached */
}

bool
dead_letter_may_become(DeadLetterStatus from, DeadLetterStatus to)
{
	for (size_t i = 0; i < lengthof(letter_transitions); i++)
	{
		if (letter_transitions[i].from == from && letter_transitions[i].to == to)
			return true;
	}
	return false;
}

void
dead_letter_require_transition(DeadLetterStatus from, DeadLetterStatus to)
{
	if (!dead_letter_may_become(from, to))
		billing_error(ILLEGAL_STATE, errmsg("dead letter cannot become %s", letter_names[to]),
					  errdetail("It is %s.", letter_names[from]));
}
