/*
 * secret_api.c
 *	  Setting, dropping and encrypting anew what core/secret.c reads.
 *
 * Guarantees: of one name at most one value is present and one more is live, the one that it
 * replaced, until its overlap ends. No value goes into a statement, the audit log or an error; what
 * the caller's own statement says is in his hands. Locks: the advisory lock of the name, then the rows of
 * the secret, in their order.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/actor.h"
#include "core/args.h"
#include "core/audit.h"
#include "core/errors.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/secret.h"
#include "core/secret_box.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#define MAX_OVERLAP_DAYS 366

/* A name that has no row yet has no row to lock. */
static Stmt lock_name = {
	.name = "lock_secret_name",
	.sql = "SELECT FROM pg_catalog.pg_advisory_xact_lock("
		   "pg_catalog.hashtextextended('billing.secrets ' || $1, 0))",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt retire_present = {
	.name = "retire_present_secret",
	.sql = "UPDATE billing.secrets s SET retires_at = pg_catalog.clock_timestamp() + $2"
		   " WHERE s.name = $1 AND s.retires_at IS NULL RETURNING s.secret_id",
	.expect = SPI_OK_UPDATE_RETURNING,
	.nargs = 2,
	.argtypes = {TEXTOID, INTERVALOID},
	.by_index = true,
};

/* What was replaced before, and what is over already; never what is present. */
static Stmt delete_older = {
	.name = "delete_older_secrets",
	.sql = "DELETE FROM billing.secrets s WHERE s.name = $1 AND s.retires_at IS NOT NULL"
		   " AND (s.secret_id IS DISTINCT FROM $2"
		   " OR s.retires_at <= pg_catalog.clock_timestamp())",
	.expect = SPI_OK_DELETE,
	.nargs = 2,
	.argtypes = {TEXTOID, UUIDOID},
	.by_index = true,
};

static Stmt insert_secret = {
	.name = "insert_secret",
	.sql = "INSERT INTO billing.secrets (name, secret_id, key_id, nonce, ciphertext, created_at)"
		   " VALUES ($1, $2, $3, $4, $5, pg_catalog.clock_timestamp())"
		   " ON CONFLICT (name) WHERE retires_at IS NULL DO NOTHING",
	.expect = SPI_OK_INSERT,
	.nargs = 5,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, BYTEAOID, BYTEAOID},
};

static Stmt delete_secret = {
	.name = "delete_secret",
	.sql = "DELETE FROM billing.secrets s WHERE s.name = $1",
	.expect = SPI_OK_DELETE,
	.nargs = 1,
	.argtypes = {TEXTOID},
	.by_index = true,
};

static Stmt delete_expired = {
	.name = "delete_expired_secrets",
	.sql = "DELETE FROM billing.secrets s WHERE s.retires_at <= pg_catalog.clock_timestamp()",
	.expect = SPI_OK_DELETE,
};

static Stmt lock_other_keys = {
	.name = "lock_secrets_of_other_keys",
	.sql = "SELECT s.name, s.secret_id, s.key_id, s.nonce, s.ciphertext FROM billing.secrets s"
		   " WHERE s.key_id <> $1 ORDER BY s.name, s.secret_id FOR UPDATE",
	.expect = SPI_OK_SELECT,
	.nargs = 1,
	.argtypes = {TEXTOID},
};

static Stmt update_secret = {
	.name = "update_secret",
	.sql = "UPDATE billing.secrets s SET key_id = $3, nonce = $4, ciphertext = $5"
		   " WHERE s.name = $1 AND s.secret_id = $2",
	.expect = SPI_OK_UPDATE,
	.nargs = 5,
	.argtypes = {TEXTOID, UUIDOID, TEXTOID, BYTEAOID, BYTEAOID},
	.by_index = true,
};

static char *
arg_name(FunctionCallInfo fcinfo, int number)
{
	char *name = arg_text_required(fcinfo, number, "name", MAX_SECRET_NAME);

	if (strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(name))
		billing_error(INVALID_ARGUMENT, errmsg("name is not the name of a secret"),
					  errhint("It consists of a-z, 0-9 and _."));
	return name;
}

/* The value is in no message, whatever is wrong with it. */
static char *
arg_value(FunctionCallInfo fcinfo, int number)
{
	char *value = text_to_cstring(DatumGetTextPP(arg_required(fcinfo, number, "value")));

	if (text_is_blank(value))
		billing_error(INVALID_ARGUMENT, errmsg("value must not be blank"));
	if (strlen(value) > MAX_SECRET_BYTES)
		billing_error(INVALID_ARGUMENT, errmsg("value is too long"),
					  errdetail("It has %zu bytes, at most %d are allowed.", strlen(value),
								MAX_SECRET_BYTES));
	return value;
}

static Datum
arg_overlap(FunctionCallInfo fcinfo, int number)
{
	Datum overlap = arg_required(fcinfo, number, "overlap");
	Interval least = {0};
	Interval most = {.day = MAX_OVERLAP_DAYS};

	if (DatumGetInt32(DirectFunctionCall2(interval_cmp, overlap, IntervalPGetDatum(&least))) < 0 ||
		DatumGetInt32(DirectFunctionCall2(interval_cmp, overlap, IntervalPGetDatum(&most))) > 0)
		billing_error(INVALID_ARGUMENT, errmsg("overlap is out of range"),
					  errhint("It is from 0 to %d days.", MAX_OVERLAP_DAYS));
	return overlap;
}

static void
box_args(const SecretBox *box, StmtArgs *args)
{
	arg_text(args, box->name);
	arg_datum(args, box->secret_id);
	arg_text(args, box->key_id);
	arg_datum(args, PointerGetDatum(box->nonce));
	arg_datum(args, PointerGetDatum(box->ciphertext));
}

static void
audit_secret(const char *action, const char *name, const char *key_id)
{
	AuditEntry entry = {.action = action, .target_type = "Secret", .target_id = name};
	JsonWriter json;

	if (key_id != NULL)
	{
		json_init(&json);
		json_open(&json, '{');
		json_key(&json, "keyId");
		json_string(&json, key_id);
		json_close(&json, '}');
		entry.after = json_to_jsonb(&json);
	}
	audit_append(&entry, 1);
}

static void
secret_lock(const char *name)
{
	StmtArgs args = {0};

	arg_text(&args, name);
	stmt_run(&lock_name, &args);
}

/* What was present retires, and nothing else stays. */
static void
retire(const char *name, Datum overlap)
{
	StmtArgs args = {0};
	StmtArgs older = {0};
	Rows rows;
	bool isnull;

	arg_text(&args, name);
	arg_datum(&args, overlap);
	rows = stmt_run(&retire_present, &args);
	arg_text(&older, name);
	if (row_next(&rows))
		arg_datum(&older, row_datum(&rows, "secret_id", UUIDOID, &isnull));
	else
		arg_null(&older);
	stmt_run(&delete_older, &older);
}

/* set_secret(name text, value text, overlap interval) -> void */
PG_FUNCTION_INFO_V1(billing_set_secret);
Datum
billing_set_secret(PG_FUNCTION_ARGS)
{
	SecretBox box = {0};
	SecretKeys keys;
	StmtArgs args = {0};
	char *value;
	Datum overlap;

	actor_require_admin();
	box.name = arg_name(fcinfo, 0);
	value = arg_value(fcinfo, 1);
	overlap = arg_overlap(fcinfo, 2);
	box.secret_id = id_new();
	secret_keys_load(&keys);
	PG_TRY();
	{
		secret_box_close(&box, &keys, value);
	}
	PG_FINALLY();
	{
		secret_keys_wipe(&keys);
		explicit_bzero(value, strlen(value));
	}
	PG_END_TRY();
	spi_begin();
	secret_lock(box.name);
	retire(box.name, overlap);
	box_args(&box, &args);
	if (stmt_run(&insert_secret, &args).count == 0)
		billing_retry(errmsg("secret \"%s\" was set by another transaction", box.name));
	audit_secret("SECRET_SET", box.name, box.key_id);
	spi_end();
	PG_RETURN_VOID();
}

/* drop_secret(name text) -> boolean, whether there was one */
PG_FUNCTION_INFO_V1(billing_drop_secret);
Datum
billing_drop_secret(PG_FUNCTION_ARGS)
{
	StmtArgs args = {0};
	char *name;
	bool found;

	actor_require_admin();
	name = arg_name(fcinfo, 0);
	spi_begin();
	secret_lock(name);
	arg_text(&args, name);
	found = stmt_run(&delete_secret, &args).count > 0;
	if (found)
		audit_secret("SECRET_DROPPED", name, NULL);
	spi_end();
	PG_RETURN_BOOL(found);
}

/* Encrypts under the current key what is not yet. */
static int64
rotate(const SecretKeys *keys)
{
	StmtArgs args = {0};
	int64 count = 0;
	Rows rows;

	stmt_run(&delete_expired, NULL);
	arg_text(&args, keys->keys[0].id);
	rows = stmt_run(&lock_other_keys, &args);
	while (row_next(&rows))
	{
		SecretBox box = secret_box_row(&rows, row_text(&rows, "name"));
		char *value = secret_box_open(&box, keys);
		StmtArgs update = {0};

		secret_box_close(&box, keys, value);
		explicit_bzero(value, strlen(value));
		box_args(&box, &update);
		stmt_run(&update_secret, &update);
		count++;
	}
	if (count > 0)
		audit_secret("SECRETS_ROTATED", "all", keys->keys[0].id);
	return count;
}

/* rotate_secrets() -> bigint, how many rows were encrypted anew */
PG_FUNCTION_INFO_V1(billing_rotate_secrets);
Datum
billing_rotate_secrets(PG_FUNCTION_ARGS)
{
	SecretKeys keys;
	volatile int64 count = 0;

	actor_require_admin();
	secret_keys_load(&keys);
	spi_begin();
	PG_TRY();
	{
		count = rotate(&keys);
	}
	PG_FINALLY();
	{
		secret_keys_wipe(&keys);
	}
	PG_END_TRY();
	spi_end();
	PG_RETURN_INT64(count);
}
