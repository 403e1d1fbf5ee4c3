#!/usr/bin/env python3
"""Shows that each checker can fail: feeds it bad samples, demands the finding; good ones pass.

A case: the checker, its samples (path -> text), and what one of its findings must say, or None
where nothing may be found. GOOD_C and GOOD_SQL are what a bad sample is made from.
"""

import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent

LAYERS = "0 core/\n10 domain/a/\n12 domain/b/\n40 edge/\n50 worker/\n55 api/\n60 billing.c\n"

GOOD_C = """/*
 * a.c
 *	  "sleep(1)", malloc(1) and SPI_connect() are words of a comment here.
 */
#include "postgres.h"

#include <string.h>

#include "core/a.h"
#include "utils/builtins.h"

static const char *const text = "sprintf(atoi(rand()))";

int
a_sum(int a, int (*b)(int, int, int, int, int))
{
	list->free(text);
	return a + b(1, 2, 3, 4, 5);
}
"""

GOOD_SQL = """
CREATE TABLE billing.wallets (
	customer_id text NOT NULL,
	wallet_id uuid NOT NULL, -- a comment; create table x (y)
	balance numeric NOT NULL DEFAULT 0 CONSTRAINT wallets_balance_check CHECK (balance >= 0),
	plan text,
	position bigint GENERATED ALWAYS AS IDENTITY,
	CONSTRAINT wallets_pkey PRIMARY KEY (customer_id, wallet_id),
	CONSTRAINT wallets_customer_fkey FOREIGN KEY (customer_id) REFERENCES billing.customers
);
COMMENT ON TABLE billing.wallets IS 'Money paid in advance; select from where';
SELECT pg_catalog.pg_extension_config_dump('billing.wallets', '');
SELECT pg_catalog.pg_extension_config_dump('billing.wallets_position_seq', '');
CREATE UNIQUE INDEX wallets_plan_key ON billing.wallets (customer_id, plan) WHERE plan IS NOT NULL;

CREATE TABLE billing.customers (
	customer_id text CONSTRAINT customers_pkey PRIMARY KEY
) PARTITION BY HASH (customer_id);
COMMENT ON TABLE billing.customers IS 'Who pays';
CREATE TABLE billing.customers_0 PARTITION OF billing.customers FOR VALUES WITH (MODULUS 1, REMAINDER 0);
SELECT pg_catalog.pg_extension_config_dump('billing.customers_0', '');
"""

GOOD_API = """
CREATE FUNCTION billing.pay(customer_id text, amount numeric(20, 2) DEFAULT 0, OUT at timestamptz)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'billing_pay'
LANGUAGE C SECURITY DEFINER SET search_path = pg_catalog, pg_temp;
COMMENT ON FUNCTION billing.pay(text, numeric) IS 'Pays';

CREATE FUNCTION billing.one() RETURNS integer LANGUAGE sql
BEGIN ATOMIC
	SELECT CASE WHEN true THEN 1 ELSE 2 END;
	SELECT 2;
END;
COMMENT ON FUNCTION billing.one() IS 'One; or two';

CREATE VIEW billing.payments AS SELECT 1 AS one;
COMMENT ON VIEW billing.payments IS 'Payments';
GRANT SELECT ON billing.payments TO billing_reader;
"""


def c(old="", new="", path="src/domain/a/a.c"):
    assert old in GOOD_C
    return {"src/layers.txt": LAYERS, path: GOOD_C.replace(old, new, 1) if old else GOOD_C + new}


def sql(old="", new=""):
    assert old in GOOD_SQL
    return {"sql/a.tables.sql": GOOD_SQL.replace(old, new, 1) if old else GOOD_SQL + new}


def api(old="", new=""):
    assert old in GOOD_API
    return {"sql/a.api.sql": GOOD_API.replace(old, new, 1) if old else GOOD_API + new}


def banned(line, path="src/domain/a/a.c"):
    return c("\treturn a", "\t" + line + "\n\treturn a", path)


def include(line, path="src/domain/a/a.c"):
    return c('#include "core/a.h"', line, path)


def manifest(*lines):
    return {"sql/install.manifest": "\n".join(lines) + "\n", "sql/a.api.sql": "",
            "sql/a.tables.sql": ""}


REGISTRY = {"src/core/errors.h": "\n" * 100}

CASES = [
    ("check_layers.py", c(), None),
    ("check_layers.py", include('#include "domain/b/b.h"'), "of rank 12"),
    ("check_layers.py", include('#include "edge/http.h"'), "domain/ never includes edge/"),
    ("check_layers.py", include('#include "domain/a/a.h"', "src/edge/http.c"),
     "edge/ never includes domain/"),
    ("check_layers.py", include('#include "domain/a/a.h"', "src/worker/a_worker.c"), None),
    ("check_layers.py", include('#include "domain/a/a.h"', "src/core/x.c"), "of rank 10"),
    ("check_layers.py", include('#include "domain/b/b.h"', "src/domain/b/c.c"), None),
    ("check_layers.py", include('#include "a.c"'), "write the path from src/"),
    ("check_layers.py", c(path="src/other/a.c"), "belongs to no part"),
    ("check_layers.py", {"src/layers.txt": LAYERS + "12 domain/c/\n"}, "listed twice"),

    ("check_sizes.py", {**c(), **REGISTRY}, None),
    ("check_sizes.py", {**c("", "\n" * 500), **REGISTRY}, "limit 500"),
    ("check_sizes.py", {**c("", "\n" * 60, "src/core/a.h"), **REGISTRY}, "limit 60"),
    ("check_sizes.py", {**c("\treturn", "\tx();\n" * 69 + "\treturn"), **REGISTRY},
     "body of a_sum: 71 lines"),
    ("check_sizes.py", {**c("\treturn", "\tx();\n" * 68 + "\treturn"), **REGISTRY}, None),
    ("check_sizes.py", {**c("(int a,", "(int a, int c, int d, int e,"), **REGISTRY},
     "5 parameters"),
    ("check_sizes.py", c(), "does not exist"),

    ("check_banned.py", c(), None),
    ("check_banned.py", banned("p = malloc(1);"), "malloc"),
    ("check_banned.py", banned("sprintf(p, x);"), "sprintf"),
    ("check_banned.py", banned("strncpy(p, q, 1);"), "strncpy"),
    ("check_banned.py", banned("x = atoi(p);"), "atoi"),
    ("check_banned.py", banned("pg_usleep (1);"), "pg_usleep"),
    ("check_banned.py", banned("x = rand();"), "rand"),
    ("check_banned.py", banned("x = time(NULL);"), "time"),
    ("check_banned.py", banned("x = GetCurrentTimestamp();"), "GetCurrentTimestamp"),
    ("check_banned.py", banned("x = GetCurrentTimestamp();", "src/core/clock.c"), None),
    ("check_banned.py", banned("x = GetUserId();"), "GetUserId"),
    ("check_banned.py", banned("system(p);"), "system"),
    ("check_banned.py", banned("double x;"), "double"),
    ("check_banned.py", banned("double x;", "src/core/money.c"), "double"),
    ("check_banned.py", banned("double x;", "src/core/metrics.c"), None),
    ("check_banned.py", banned("SPI_connect();"), "SPI_connect"),
    ("check_banned.py", banned("SPI_connect();", "src/domain/a/a_store.c"), None),
    ("check_banned.py", banned("SPI_connect();", "src/domain/a/a_api.c"), None),
    ("check_banned.py", banned("x = SPI_OK_SELECT;"), "SPI_OK_SELECT"),
    ("check_banned.py", banned("x = SPI_OK_SELECT;", "src/core/audit.c"), None),
    ("check_banned.py", banned("SPI_connect();", "src/core/audit.c"), "SPI_connect"),
    ("check_banned.py", banned("ereport(\n\t\tERROR, errmsg(p));"), "ereport"),
    ("check_banned.py", banned("ereport(LOG, errmsg(p));"), None),
    ("check_banned.py", c("", "#if PG_VERSION_NUM >= 160000\n#endif\n"), "PG_VERSION_NUM"),
    ("check_banned.py", include("#include <curl/curl.h>"), "curl"),
    ("check_banned.py", include("#include <curl/curl.h>", "src/edge/http.c"), None),
    ("check_banned.py", include("#include <openssl/evp.h>"), "libcrypto"),
    ("check_banned.py", include("#include <openssl/evp.h>", "src/core/secret_crypto.c"), None),
    ("check_banned.py", include("#include <jansson.h>"), "jansson"),
    ("check_banned.py", include("#include <jansson.h>", "src/domain/gateway/gateway_reply.c"), None),
    ("check_banned.py", include("#include <librdkafka/rdkafka.h>", "src/edge/http.c"), "kafka"),
    ("check_banned.py", include('#include "rdkafka.h"'), "kafka"),

    ("check_unfinished.py", {**c(), **sql()}, None),
    ("check_unfinished.py", c("", "/* TODO: more */\n"), "TODO"),
    ("check_unfinished.py", c("", "/* XXX: why */\n"), "XXX:"),
    ("check_unfinished.py", sql("", "-- FIXME\n"), "FIXME"),

    ("check_manifest.py", manifest("a.tables.sql", "a.api.sql # last"), None),
    ("check_manifest.py", manifest("a.tables.sql"), "a.api.sql is not listed"),
    ("check_manifest.py", manifest("a.api.sql", "a.tables.sql"), "comes before"),
    ("check_manifest.py", manifest("a.tables.sql", "a.api.sql", "a.api.sql"), "twice"),
    ("check_manifest.py", manifest("a.tables.sql", "a.api.sql", "b.api.sql"), "does not exist"),
    ("check_manifest.py", sql(), "is missing"),

    ("check_sql.py", {**sql(), **api()}, None),
    ("check_sql.py", sql("COMMENT ON TABLE billing.wallets", "COMMENT ON TABLE billing.other"),
     "wallets has no COMMENT"),
    ("check_sql.py", sql("_dump('billing.wallets'", "_dump('billing.other'"),
     "table billing.wallets has no pg_extension_config_dump"),
    ("check_sql.py", sql("wallets_position_seq", "other_seq"), "sequence billing.wallets_position"),
    ("check_sql.py", sql("'billing.wallets_position_seq'",
                         "pg_catalog.pg_get_serial_sequence('billing.wallets', 'position')"), None),
    ("check_sql.py", sql("_dump('billing.customers_0'", "_dump('billing.customers_1'"),
     "customers_0 has no pg_extension"),
    ("check_sql.py", sql("customers_0 PARTITION OF billing.customers",
                         "customers_0 PARTITION OF billing.other"), "has no partition"),
    ("check_sql.py", sql("", "CREATE SEQUENCE billing.numbers;\n"), "sequence billing.numbers"),
    ("check_sql.py", sql("", "DO $$ BEGIN EXECUTE 'CREATE TABLE billing.x ()'; END $$;\n"),
     "DO creates tables"),
    ("check_sql.py", sql("", "SELECT pg_extension_config_dump('billing.window_lineage', '');\n"),
     "listed as one that is not"),
    ("check_sql.py", sql("bigint GENERATED ALWAYS AS IDENTITY", "bigserial"), "IDENTITY"),
    ("check_sql.py", sql("CONSTRAINT wallets_balance_check ", ""), "CHECK without CONSTRAINT"),
    ("check_sql.py", sql("CONSTRAINT wallets_pkey ", ""), "PRIMARY KEY without CONSTRAINT"),
    ("check_sql.py", sql("CONSTRAINT wallets_customer_fkey ", ""), "FOREIGN KEY without"),
    ("check_sql.py", sql("", "ALTER TABLE billing.wallets ADD UNIQUE (customer_id);\n"),
     "UNIQUE without CONSTRAINT"),
    ("check_sql.py", sql("", "CREATE DOMAIN billing.x AS text CHECK (VALUE <> '');\n"), "domain"),
    ("check_sql.py", sql("(customer_id, wallet_id)", "(wallet_id)"),
     "PRIMARY KEY wallets_pkey lacks customer_id"),
    ("check_sql.py", sql("ON billing.wallets (customer_id, plan)", "ON billing.wallets (plan)"),
     "unique index wallets_plan_key lacks"),
    ("check_sql.py", sql("plan text,",
                         "plan text CONSTRAINT wallets_plan_fkey REFERENCES billing.plans,"),
     "REFERENCES wallets_plan_fkey lacks"),
    ("check_sql.py", sql("REFERENCES billing.customers", "REFERENCES billing.customers (id)"),
     "FOREIGN KEY wallets_customer_fkey lacks"),
    ("check_sql.py", sql("CREATE TABLE billing.customers (", "create table billing.customers ("),
     "lower case"),
    ("check_sql.py", api("SELECT CASE WHEN", "SELECT CASE when"), "lower case: when"),
    ("check_sql.py", api("billing.pay(text, numeric)", "billing.pay(text)"),
     "pay(text, numeric) has no COMMENT"),
    ("check_sql.py", api("COMMENT ON VIEW billing.payments IS 'Payments'",
                         "COMMENT ON VIEW billing.payments IS ''"), "view billing.payments has no"),
    ("check_sql.py", api(" SET search_path = pg_catalog, pg_temp", ""), "SECURITY DEFINER"),
    ("check_sql.py", api("= pg_catalog, pg_temp", "= billing, pg_temp"), "SECURITY DEFINER"),
    ("check_sql.py", api("", "CREATE INDEX x ON billing.y (z);\n"), "CREATE INDEX: not in"),
    ("check_sql.py", api("", "INSERT INTO billing.y VALUES (1);\n"), "INSERT INTO: not in"),

    ("check_format.sh", c(), None),
    ("check_format.sh", c("\treturn", "    return"), "--fix"),
    ("check_format.sh", c("int\na_sum", "int a_sum"), "--fix"),
    ("check_format.sh", c('#include "core/a.h"\n#include "utils/builtins.h"',
                          '#include "utils/builtins.h"\n#include "core/a.h"'),
     "--fix"),

    ("check_all_checks_run.py",
     {"tools/lint/run": "check check_x.py\n", "tools/lint/selftest.py": '"check_x.py"',
      "tools/lint/check_x.py": ""}, None),
    ("check_all_checks_run.py",
     {"tools/lint/run": "# check_x.py\n", "tools/lint/selftest.py": '"check_x.py"',
      "tools/lint/check_x.py": ""}, "is not called"),
    ("check_all_checks_run.py",
     {"tools/lint/run": "check check_x.py\n", "tools/lint/selftest.py": "",
      "tools/lint/check_x.py": ""}, "has no case"),
]


def findings_of(checker, samples):
    """Exit status and output of a checker over a tree of samples."""
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        for name, text in samples.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        (root / ".clang-format").write_text((HERE.parents[1] / ".clang-format").read_text())
        command = [sys.executable] if checker.endswith(".py") else ["bash"]
        done = subprocess.run([*command, str(HERE / checker), "--root", folder],
                              capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr


def main():
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(lambda case: findings_of(case[0], case[1]), CASES))
    for number, ((checker, _, expected), (status, output)) in enumerate(zip(CASES, results), 1):
        if expected is None:
            right = status == 0
        else:
            right = status != 0 and expected in output and "Traceback" not in output
        if not right:
            failed += 1
            print(f"case {number}, {checker}: expected "
                  f"{'nothing' if expected is None else repr(expected)}, got status {status}:")
            print(output)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
