/*
 * secret.c
 *	  Secrets at rest: API keys and signing keys, encrypted in billing.secrets.
 *
 * Guarantees: a value stands in the database only encrypted, by AES-256-GCM under a key of
 * billing.secret_key_file, with a nonce of its own, bound to its name and row: a row that was changed
 * or moved is an error, never another value. Keys are wiped from memory after each use. A value that
 * was replaced stays live until its overlap ends, by the real clock. Locks nothing.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "core/compat.h"
#include "core/errors.h"
#include "core/secret.h"
#include "core/secret_box.h"
#include "utils/builtins.h"

/* What a ciphertext is bound to: the name, then the id, which has a fixed length. */
typedef struct BoxAbout
{
	uint8 bytes[MAX_SECRET_NAME + UUID_LEN];
	int length;
} BoxAbout;

static Stmt select_live = {
	.name = "select_live_secrets",
	.sql = "SELECT s.secret_id, s.key_id, s.nonce, s.ciphertext FROM billing.secrets s"
		   " WHERE s.name = $1 AND (s.retires_at IS NULL"
		   " OR s.retires_at > pg_catalog.clock_timestamp())"
		   " ORDER BY s.retires_at DESC NULLS FIRST LIMIT $2",
	.expect = SPI_OK_SELECT,
	.nargs = 2,
	.argtypes = {TEXTOID, INT4OID},
	.by_index = true,
};

void
secret_init(void)
{
	secret_keys_init();
}

static BoxAbout
box_about(const SecretBox *box)
{
	BoxAbout about;

	about.length = (int) strlen(box->name);
	Ensure(about.length <= MAX_SECRET_NAME, "name of a secret is too long");
	memcpy(about.bytes, box->name, about.length);
	memcpy(about.bytes + about.length, DatumGetUUIDP(box->secret_id)->data, UUID_LEN);
	about.length += UUID_LEN;
	return about;
}

static bytea *
bytea_new(int length)
{
	bytea *result = palloc0(VARHDRSZ + length);

	SET_VARSIZE(result, VARHDRSZ + length);
	return result;
}

static bytea *
row_bytea(Rows *rows, const char *column)
{
	bool isnull;
	Datum value = row_datum(rows, column, BYTEAOID, &isnull);

	Ensure(!isnull, "column \"%s\" is null", column);
	return DatumGetByteaPCopy(value);
}

SecretBox
secret_box_row(Rows *rows, const char *name)
{
	bool isnull;

	return (SecretBox){
		.name = name,
		.secret_id = row_datum(rows, "secret_id", UUIDOID, &isnull),
		.key_id = row_text(rows, "key_id"),
		.nonce = row_bytea(rows, "nonce"),
		.ciphertext = row_bytea(rows, "ciphertext"),
	};
}

void
secret_box_close(SecretBox *box, const SecretKeys *keys, const char *value)
{
	BoxAbout about = box_about(box);
	int length = (int) strlen(value);
	SecretSeal seal;

	box->key_id = pstrdup(keys->keys[0].id);
	box->nonce = bytea_new(SECRET_NONCE_BYTES);
	box->ciphertext = bytea_new(length + SECRET_TAG_BYTES);
	Ensure(pg_strong_random(VARDATA(box->nonce), SECRET_NONCE_BYTES), "no random numbers");
	seal =
		(SecretSeal){keys->keys[0].bytes, (uint8 *) VARDATA(box->nonce), about.bytes, about.length};
	Ensure(secret_encrypt(&seal, (const uint8 *) value, length, (uint8 *) VARDATA(box->ciphertext)),
		   "could not encrypt a secret");
}

static void
not_authentic(const SecretBox *box)
{
	ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED),
			errmsg("secret \"%s\" cannot be decrypted", box->name),
			errdetail("Its row is not as it was written, or key \"%s\" is not the one that it was"
					  " encrypted with.",
					  box->key_id),
			errhint("Put the right key into billing.secret_key_file, or set the secret anew with"
					" overlap => '0'."));
}

char *
secret_box_open(const SecretBox *box, const SecretKeys *keys)
{
	BoxAbout about = box_about(box);
	const SecretKey *key = secret_key_find(keys, box->key_id);
	int length = (int) VARSIZE(box->ciphertext) - VARHDRSZ - SECRET_TAG_BYTES;
	SecretSeal seal;
	char *value;

	if (key == NULL)
		billing_error(ILLEGAL_STATE, errmsg("secret \"%s\" cannot be decrypted", box->name),
					  errdetail("Its key \"%s\" is not in billing.secret_key_file.", box->key_id),
					  errhint("Put the key back into the file, or set the secret anew with"
							  " overlap => '0'."));
	if (length < 0 || VARSIZE(box->nonce) != VARHDRSZ + SECRET_NONCE_BYTES)
		not_authentic(box);
	value = palloc(length + 1);
	seal = (SecretSeal){key->bytes, (uint8 *) VARDATA(box->nonce), about.bytes, about.length};
	if (!secret_decrypt(&seal, (uint8 *) VARDATA(box->ciphertext), length + SECRET_TAG_BYTES,
						(uint8 *) value))
		not_authentic(box);
	value[length] = '\0';
	return value;
}

/* Opens rows of one secret under keys that are wiped whatever happens. */
static int
open_rows(Rows *rows, const char *name, char **out)
{
	SecretKeys keys;
	volatile int count = 0;

	secret_keys_load(&keys);
	PG_TRY();
	{
		while (row_next(rows))
		{
			SecretBox box = secret_box_row(rows, name);

			out[count] = secret_box_open(&box, &keys);
			count++;
		}
	}
	PG_FINALLY();
	{
		secret_keys_wipe(&keys);
	}
	PG_END_TRY();
	return count;
}

int
secrets_read_live(const char *name, char **out, int most)
{
	StmtArgs args = {0};
	Rows rows;

	arg_text(&args, name);
	arg_datum(&args, Int32GetDatum(most));
	rows = stmt_run(&select_live, &args);
	return rows.count == 0 ? 0 : open_rows(&rows, name, out);
}

char *
secret_read(const char *name)
{
	char *value;

	return secrets_read_live(name, &value, 1) == 0 ? NULL : value;
}
