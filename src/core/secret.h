/*
 * secret.h
 *	  Secrets at rest: API keys and signing keys, encrypted in billing.secrets. See secret.c.
 */
#ifndef BILLING_SECRET_H
#define BILLING_SECRET_H

#define MAX_SECRET_NAME 64
#define MAX_SECRET_BYTES 4096
#define MAX_LIVE_SECRETS 2

extern void secret_init(void);

/*
 * The present value of a secret, in the current memory context; NULL: it is not set. Raises when it
 * cannot be decrypted. Needs spi_begin().
 */
extern char *secret_read(const char *name);

/* The same for all values that are live, the present one first; answers how many, at most `most`. */
extern int secrets_read_live(const char *name, char **out, int most);

#endif
