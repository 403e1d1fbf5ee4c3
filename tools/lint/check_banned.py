#!/usr/bin/env python3
"""Names that are banned, or that belong to one place only."""

import dataclasses
import re

import common


@dataclasses.dataclass(frozen=True)
class Rule:
    pattern: str    # searched in C text without comments and literals
    only_in: tuple  # patterns of paths below src/ where it is allowed
    instead: str    # what to do instead


def call(*names):
    """Calls of a function, not of a struct's member of the same name."""
    return r"(?<![\w.>])(?:" + "|".join(names) + r")\s*\("


RULES = (
    Rule(call("malloc", "calloc", "realloc", "free", "strdup", "strndup"), (),
         "memory comes from palloc and its contexts"),
    Rule(call("sprintf", "vsprintf", "strcpy", "strncpy", "strcat", "strncat", "gets"), (),
         "use snprintf, strlcpy or a StringInfo"),
    Rule(call("atoi", "atol", "atoll", "atof"), (), "they hide errors: use strtol and check it"),
    Rule(call("sleep", "usleep", "nanosleep", "pg_usleep"), (), "wait on a latch"),
    Rule(call("rand", "srand", "random", "srandom", "drand48"), (), "use pg_strong_random"),
    Rule(call("system", "popen", "fork", "execl", "execv", "execvp"), (),
         "a server process starts no other"),
    Rule(call("setjmp", "longjmp", "sigsetjmp", "siglongjmp", "alloca", "strtok"), (),
         "not in a server process"),
    Rule(call("time", "gettimeofday", "clock_gettime", "localtime", "gmtime", "mktime",
              "GetCurrentTimestamp", "GetCurrentTransactionStartTimestamp",
              "GetCurrentStatementStartTimestamp"),
         (r"core/clock\.[ch]", r"core/ids\.[ch]", r"worker/.*"),
         "time comes from core/clock, identity from core/ids"),
    Rule(call("GetUserId", "GetOuterUserId", "GetSessionUserId", "GetAuthenticatedUserId"),
         (r"core/.*",), "who calls is asked in core/actor only"),
    Rule(r"\b(?:float|double|float4|float8|DatumGetFloat\d|Float\dGetDatum|FLOAT\dOID)\b",
         (r"(?!core/(?:money|decimal|currency))(?!domain/).*",), "money and quantities are exact"),
    Rule(r"\bPG_VERSION_NUM\b", (r"core/compat\.h",), "add a shim to core/compat.h"),
    Rule(r"\bSPI_OK_\w+",
         (r"core/.*", r".*_store\.c", r"worker/.*", r".*_api\.c"),
         "a Stmt belongs to core/, a *_store.c, an entry point *_api.c or worker/"),
    Rule(r"\bSPI_(?!OK_)\w+",
         (r"core/spi\.[ch]", r".*_store\.c", r"worker/.*", r".*_api\.c"),
         "SQL belongs to core/spi, a *_store.c, an entry point *_api.c or worker/"),
    Rule(r"#\s*include\s*[<\"]curl/", (r"edge/http.*",), "curl is known to edge/http only"),
    Rule(r"#\s*include\s*[<\"](?:librdkafka/)?rdkafka", (r"edge/kafka.*",),
         "librdkafka is known to edge/kafka only"),
    Rule(r"#\s*include\s*[<\"]openssl/", (r"core/secret_crypto\.c",),
         "libcrypto is known to core/secret_crypto only"),
    Rule(r"#\s*include\s*[<\"]jansson", (r"domain/gateway/gateway_reply\.c",),
         "jansson is known to domain/gateway/gateway_reply only; core/json writes JSON"),
    Rule(r"#\s*include\s*[<\"]pthread\.h", (r"edge/.*",), "no thread outside edge/"),
    Rule(r"\b(?:ereport|elog)\s*\(\s*ERROR\b", (r"core/.*",),
         "raise by billing_error(SYMBOL, ...); for what cannot happen: Ensure()"),
)

# (path, text of the match): why it is allowed there
EXCEPTIONS = {}


def searchable(text):
    """Code without comments and literals, but with the names of included files."""
    code = common.c_code(text)
    for match in re.finditer(r'#\s*include\s*"[^"\n]*"', text):
        code = code[:match.start()] + match.group(0) + code[match.end():]
    return code


def check(root, findings):
    for path in common.c_files(root, "src"):
        below_src = path.relative_to(root / "src").as_posix()
        name = "src/" + below_src
        text = searchable(path.read_text())
        for rule in RULES:
            if any(re.fullmatch(place, below_src) for place in rule.only_in):
                continue
            for match in re.finditer(rule.pattern, text):
                found = match.group(0).rstrip(" (")
                if (name, found) not in EXCEPTIONS:
                    findings.add(name, common.line_of(text, match.start()),
                                 f"{found}: {rule.instead}")


if __name__ == "__main__":
    common.run(check)
