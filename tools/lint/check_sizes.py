#!/usr/bin/env python3
"""Limits of size: C file, header, function body, parameters. Beyond the soft limit: a note only.

Trusts the layout that check_format.sh demands: a function's braces stand in the first column.
"""

import re
import sys

import common

FILE_SOFT = 300
FILE_HARD = 500
HEADER_HARD = 60
BODY_HARD = 70
PARAMETERS_HARD = 4

# path or path:function -> (limit, why it may be larger)
EXCEPTIONS = {
    "src/core/errors.h": (150, "the registry of errors: its length is the number of errors"),
}

# path:function -> the hook of PostgreSQL or of a library that gives it its parameters
HOOKS = {
    "src/edge/http.c:watch_socket": "CURLMOPT_SOCKETFUNCTION",
    "src/core/drop_guard.c:guard_object": "object_access_hook",
    "src/edge/http_transfer.c:before_request": "CURLOPT_PREREQFUNCTION",
}

FUNCTION = re.compile(r"^(\w+)(\((?:[^(){};]|\([^(){};]*\))*\))[^(){};]*\n\{(.*?)^\}",
                      re.MULTILINE | re.DOTALL)


def limit_of(key, default):
    return EXCEPTIONS[key][0] if key in EXCEPTIONS else default


def count_parameters(arguments):
    """Top-level commas of a parenthesised list, plus one; (void) and () have none."""
    inner = arguments[1:-1].strip()
    if inner in ("", "void"):
        return 0
    while True:
        flat = re.sub(r"\([^()]*\)", "", inner)
        if flat == inner:
            return inner.count(",") + 1
        inner = flat


def check_functions(name, code, findings):
    for match in FUNCTION.finditer(common.without_directives(code)):
        function, arguments, body = match.groups()
        line = common.line_of(code, match.start())
        lines = body.count("\n") - 1
        limit = limit_of(f"{name}:{function}", BODY_HARD)
        if lines > limit:
            findings.add(name, line, f"body of {function}: {lines} lines, limit {limit}")
        parameters = count_parameters(arguments)
        if parameters > PARAMETERS_HARD and f"{name}:{function}" not in EXCEPTIONS | HOOKS:
            findings.add(name, line, f"{function}: {parameters} parameters, limit "
                                     f"{PARAMETERS_HARD}: pass a struct")


def check(root, findings):
    for path in common.c_files(root, "src"):
        name = path.relative_to(root).as_posix()
        text = path.read_text()
        lines = text.count("\n")
        limit = limit_of(name, HEADER_HARD if path.suffix == ".h" else FILE_HARD)
        if lines > limit:
            findings.add(name, lines, f"{lines} lines, limit {limit}")
        elif path.suffix == ".c" and lines > FILE_SOFT:
            print(f"note: {name}: {lines} lines, soft limit {FILE_SOFT}", file=sys.stderr)
        check_functions(name, common.c_code(text), findings)
    for key in EXCEPTIONS:
        if (root / "src").exists() and not (root / key.split(":")[0]).exists():
            findings.add(key.split(":")[0], 0, "listed as an exception, but does not exist")


if __name__ == "__main__":
    common.run(check)
