/*
 * secret_keys.c
 *	  The file of keys, billing.secret_key_file.
 *
 * Guarantees: the file is read each time that a key is needed, so that a new key counts at once; it
 * is refused where others than the server could read it, by the rules of ssl_key_file; its content is
 * wiped from memory, and no error shows any of it. Locks nothing.
 */
#include "postgres.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/errors.h"
#include "core/secret_keys.h"
#include "storage/fd.h"
#include "utils/guc.h"

#define KEY_FILE_FORM                                                                              \
	"Each line is the id of a key, a blank and 64 hexadecimal digits; the first is used for what"  \
	" is set from now on. Make a key with openssl rand -hex 32."

static char *key_file = NULL;

void
secret_keys_init(void)
{
	DefineCustomStringVariable("billing.secret_key_file",
							   "Sets the file with the keys that secrets are encrypted with.",
							   "Lines of a key's id and 64 hexadecimal digits, the current key"
							   " first. Empty: secrets are refused.",
							   &key_file, "", PGC_SUSET, GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
}

/* Who may read it, as be_tls_init() asks of a private key: a file of root may be for the group. */
static const char *
permission_problem(const struct stat *status)
{
	if (!S_ISREG(status->st_mode))
		return "It is not a regular file.";
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return "It belongs neither to the user of the server nor to root.";
	if (status->st_uid == geteuid() ? (status->st_mode & (S_IRWXG | S_IRWXO)) != 0
									: (status->st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) != 0)
		return "Others than the user of the server may read or write it.";
	if (status->st_size > MAX_KEY_FILE_BYTES)
		return "It is too large.";
	return NULL;
}

/* Reads the file into `text`, MAX_KEY_FILE_BYTES + 1 long; not by stdio, whose buffer would keep it. */
static void
file_read(char *text)
{
	int file = OpenTransientFile(key_file, O_RDONLY | PG_BINARY);
	struct stat status;
	const char *problem;
	ssize_t length;

	if (file < 0 || fstat(file, &status) != 0)
		billing_error(ILLEGAL_STATE, errmsg("could not read the file of secret keys: %m"),
					  errhint("billing.secret_key_file must name a file that the server can read"
							  " and nobody else."));
	problem = permission_problem(&status);
	if (problem != NULL)
		billing_error(
			ILLEGAL_STATE, errmsg("file of secret keys is refused"), errdetail("%s", problem),
			errhint("Give it to the user of the server with mode 0600, or to root with 0640."));
	length = read(file, text, MAX_KEY_FILE_BYTES);
	if (length != status.st_size)
		billing_error(ILLEGAL_STATE, errmsg("could not read the file of secret keys"));
	text[length] = '\0';
	CloseTransientFile(file);
}

static void
parse_or_raise(const char *text, SecretKeys *keys)
{
	int line;
	const char *problem = secret_keys_parse(text, keys, &line);

	if (problem == NULL)
		return;
	if (line == 0)
		billing_error(ILLEGAL_STATE, errmsg("file of secret keys is malformed"),
					  errdetail("%s", problem), errhint(KEY_FILE_FORM));
	billing_error(ILLEGAL_STATE, errmsg("file of secret keys is malformed"),
				  errdetail("Line %d: %s", line, problem), errhint(KEY_FILE_FORM));
}

void
secret_keys_load(SecretKeys *keys)
{
	char text[MAX_KEY_FILE_BYTES + 1];

	if (key_file == NULL || key_file[0] == '\0')
		billing_error(ILLEGAL_STATE, errmsg("there is no file of secret keys"),
					  errhint("Set billing.secret_key_file to a file of keys. " KEY_FILE_FORM));
	PG_TRY();
	{
		file_read(text);
		parse_or_raise(text, keys);
	}
	PG_CATCH();
	{
		secret_keys_wipe(keys);
		explicit_bzero(text, sizeof(text));
		PG_RE_THROW();
	}
	PG_END_TRY();
	explicit_bzero(text, sizeof(text));
}
