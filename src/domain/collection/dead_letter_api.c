/*
 * dead_letter_api.c
 *	  replay_dead_letter() and discard_dead_letter(): an operator ends a dead letter.
 *
 * Guarantees: a letter ends once; a replay begins the schedule of its invoice anew. Locks: the
 * invoice, the letter, its collection.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/clock.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/outbox.h"
#include "domain/collection/collection_rows.h"
#include "utils/timestamp.h"

static Stmt find_letter = {
	.name = "find_dead_letter",
	.sql = "SELECT d.customer_id, d.subject_id FROM billing.dead_letters d"
		   " WHERE d.dead_letter_id = $1",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {UUIDOID},
	.by_index = true,
};

static Stmt lock_invoice = {
	.name = "lock_dead_invoice",
	.sql = "SELECT FROM billing.invoice_headers h"
		   " WHERE h.customer_id = $1 AND h.invoice_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt lock_letter = {
	.name = "lock_dead_letter",
	.sql = "SELECT d.status, d.source, d.subject_type FROM billing.dead_letters d"
		   " WHERE d.customer_id = $1 AND d.dead_letter_id = $2 FOR NO KEY UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt end_letter = {
	.name = "end_dead_letter",
	.sql = "UPDATE billing.dead_letters d SET status = $3, resolved_at = $4, resolved_by = $5,"
		   " resolution = $6 WHERE d.customer_id = $1 AND d.dead_letter_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 6,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, TIMESTAMPTZOID, TEXTOID, TEXTOID},
	.by_index = true,
};

static Stmt select_letter = {
	.name = "select_dead_letter",
	.sql = "SELECT d AS letter FROM billing.dead_letters d"
		   " WHERE d.customer_id = $1 AND d.dead_letter_id = $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

typedef struct DeadLetter
{
	StmtArgs key;
	Datum dead_letter_id;
	char *customer_id;
	Datum subject_id;
	DeadLetterStatus status;
	char *source;
	char *subject_type;
	char *reason;
} DeadLetter;

/* A way in which a letter ends. */
typedef struct LetterEnd
{
	DeadLetterStatus status;
	const char *event;
	const char *action; /* of the audit log */
	void (*act)(const DeadLetter *letter);
} LetterEnd;

/* Due at once, on the whole schedule again. */
static void
collection_begin_anew(const DeadLetter *letter)
{
	Collection collection = {
		.customer_id = letter->customer_id,
		.invoice_id = letter->subject_id,
	};

	collections_load(&collection, 1);
	Ensure(collection.last_payment_id != 0, "a dead letter has no collection");
	collection_require_transition(collection.status, COLLECTION_ACTIVE);
	collection.status = COLLECTION_ACTIVE;
	collection.step = 0;
	collection.next_attempt_at = clock_now();
	collection.announced = true;
	collections_settle(&collection, 1);
}

static const LetterEnd replay = {DEAD_LETTER_REPLAYED, "DeadLetterReplayed", "DEAD_LETTER_REPLAYED",
								 collection_begin_anew};
static const LetterEnd discard = {DEAD_LETTER_DISCARDED, "DeadLetterDiscarded",
								  "DEAD_LETTER_DISCARDED", NULL};

static void
letter_lock(DeadLetter *letter)
{
	StmtArgs args = {0};
	Rows rows;
	bool isnull;

	arg_datum(&args, letter->dead_letter_id);
	rows = stmt_run(&find_letter, &args);
	if (!row_next(&rows))
		billing_error(DEAD_LETTER_NOT_FOUND,
					  errmsg("dead letter %s does not exist", id_text(letter->dead_letter_id)));
	letter->customer_id = row_text(&rows, "customer_id");
	letter->subject_id = row_datum(&rows, "subject_id", UUIDOID, &isnull);
	args = (StmtArgs){0};
	arg_text(&args, letter->customer_id);
	arg_datum(&args, letter->subject_id);
	stmt_run(&lock_invoice, &args);
	arg_text(&letter->key, letter->customer_id);
	arg_datum(&letter->key, letter->dead_letter_id);
	rows = stmt_run(&lock_letter, &letter->key);
	Ensure(row_next(&rows), "dead letter vanished");
	letter->status = dead_letter_status_of(row_text(&rows, "status"));
	letter->source = row_text(&rows, "source");
	letter->subject_type = row_text(&rows, "subject_type");
}

static Datum
letter_json(const DeadLetter *letter)
{
	JsonWriter json;

	json_init(&json);
	json_open(&json, '{');
	json_key(&json, "deadLetterId");
	json_string(&json, id_text(letter->dead_letter_id));
	json_key(&json, "customerId");
	json_string(&json, letter->customer_id);
	json_key(&json, "source");
	json_string(&json, letter->source);
	json_key(&json, "subjectType");
	json_string(&json, letter->subject_type);
	json_key(&json, "subjectId");
	json_string(&json, id_text(letter->subject_id));
	json_key(&json, "reason");
	json_string(&json, letter->reason);
	json_key(&json, "occurredAt");
	json_timestamp(&json, clock_now());
	json_close(&json, '}');
	return json_to_jsonb(&json);
}

static void
letter_announce(const DeadLetter *letter, const LetterEnd *end)
{
	OutboxEvent event = {
		.aggregate_type = "DeadLetter",
		.aggregate_id = id_text(letter->dead_letter_id),
		.type = end->event,
		.customer_id = letter->customer_id,
		.payload = letter_json(letter),
	};
	AuditEntry entry = {
		.customer_id = letter->customer_id,
		.action = end->action,
		.target_type = "DeadLetter",
		.target_id = event.aggregate_id,
		.before = json_status(dead_letter_status_name(letter->status)),
		.after = json_status(dead_letter_status_name(end->status)),
		.reason = letter->reason,
	};

	outbox_append(&event, 1);
	audit_append(&entry, 1);
}

static void
letter_write(const DeadLetter *letter, const LetterEnd *end)
{
	StmtArgs args = letter->key;

	arg_text(&args, dead_letter_status_name(end->status));
	arg_datum(&args, TimestampTzGetDatum(clock_now()));
	arg_text(&args, actor_current().id); /* at most 128 bytes */
	arg_text(&args, letter->reason);
	stmt_run(&end_letter, &args);
}

/* Ends a letter; one that has ended so already is answered as it is. */
static Datum
letter_end(FunctionCallInfo fcinfo, const LetterEnd *end)
{
	DeadLetter letter = {
		.dead_letter_id = arg_required(fcinfo, 0, "dead_letter_id"),
		.reason = arg_text_required(fcinfo, 1, "reason", MAX_REASON),
	};
	Rows rows;
	Datum result;

	actor_require_admin();
	spi_begin();
	letter_lock(&letter);
	if (letter.status != end->status)
	{
		dead_letter_require_transition(letter.status, end->status);
		letter_write(&letter, end);
		letter_announce(&letter, end);
		if (end->act != NULL)
			end->act(&letter);
	}
	rows = stmt_run(&select_letter, &letter.key);
	Ensure(row_next(&rows), "dead letter vanished");
	result = row_composite(&rows, "letter");
	spi_end();
	return result;
}

/* replay_dead_letter(dead_letter_id uuid, reason text) -> billing.dead_letters */
PG_FUNCTION_INFO_V1(billing_replay_dead_letter);
Datum
billing_replay_dead_letter(PG_FUNCTION_ARGS)
{
	return letter_end(fcinfo, &replay);
}

/* discard_dead_letter(dead_letter_id uuid, reason text) -> billing.dead_letters */
PG_FUNCTION_INFO_V1(billing_discard_dead_letter);
Datum
billing_discard_dead_letter(PG_FUNCTION_ARGS)
{
	return letter_end(fcinfo, &discard);
}
