/*
 * collection_state.h
 *	  The states of a collection and of a dead letter.
 */
#ifndef BILLING_COLLECTION_STATE_H
#define BILLING_COLLECTION_STATE_H

typedef enum CollectionStatus
{
	COLLECTION_ACTIVE,
	COLLECTION_COLLECTED,
	COLLECTION_STOPPED,
	COLLECTION_EXHAUSTED,
} CollectionStatus;

#define COLLECTION_STATUS_COUNT 4

extern const char *collection_status_name(CollectionStatus status);
extern CollectionStatus collection_status_of(const char *name);
extern bool collection_may_become(CollectionStatus from, CollectionStatus to);

typedef enum DeadLetterStatus
{
	DEAD_LETTER_OPEN,
	DEAD_LETTER_REPLAYED,
	DEAD_LETTER_DISCARDED,
} DeadLetterStatus;

#define DEAD_LETTER_STATUS_COUNT 3

extern const char *dead_letter_status_name(DeadLetterStatus status);
extern DeadLetterStatus dead_letter_status_of(const char *name);
extern bool dead_letter_may_become(DeadLetterStatus from, DeadLetterStatus to);

/* Raise ILLEGAL_STATE, naming both states, unless the transition is allowed. */
extern void collection_require_transition(CollectionStatus from, CollectionStatus to);
extern void dead_letter_require_transition(DeadLetterStatus from, DeadLetterStatus to);

#endif
