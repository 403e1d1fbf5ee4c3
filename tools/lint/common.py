"""What the checkers share: finding files, C text without comments and strings, reporting."""

import argparse
import pathlib
import re
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Findings:
    """Collects what a checker found, each with its place."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.lines = []

    def add(self, path, line, message):
        place = pathlib.Path(path)
        if place.is_absolute():
            place = place.relative_to(self.root)
        self.lines.append(f"{place}:{line}: {message}")


def c_files(root, *folders):
    """The .c and .h files below the folders, sorted."""
    found = []
    for folder in folders:
        found += [path for path in (root / folder).rglob("*") if path.suffix in (".c", ".h")]
    return sorted(found)


_C_LEXEME = re.compile(
    r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def c_code(text):
    """C text with comments and the insides of literals blanked; every line keeps its number."""

    def replace(match):
        lexeme = match.group(0)
        if lexeme[0] == "/":
            return _blank(lexeme)
        return lexeme[0] + " " * (len(lexeme) - 2) + lexeme[0]

    return _C_LEXEME.sub(replace, text)


def without_directives(code):
    """c_code() with the preprocessor lines blanked, their continuation lines too."""
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: _blank(m.group(0)), code,
                  flags=re.MULTILINE)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def run(check):
    """Runs check(root, findings) as a program: prints the findings, exit status 1 if any."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=pathlib.Path, default=REPOSITORY,
                        help="the tree to check; default: the one this script is in")
    root = parser.parse_args().root.resolve()
    findings = Findings(root)
    check(root, findings)
    for line in findings.lines:
        print(line)
    sys.exit(1 if findings.lines else 0)
