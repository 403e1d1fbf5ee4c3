#!/usr/bin/env python3
"""No notes to self in src/ and sql/: what is unfinished is finished, or written down elsewhere."""

import re

import common

WORDS = re.compile(r"\b(?:TODO|FIXME|HACK|WIP)\b|\bXXX:|<{7} |>{7} ")


def check(root, findings):
    for folder in ("src", "sql"):
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".c", ".h", ".sql", ".txt", ".manifest"):
                continue
            for number, line in enumerate(path.read_text().splitlines(), 1):
                match = WORDS.search(line)
                if match:
                    findings.add(path, number, f"unfinished: {match.group(0).strip()}")


if __name__ == "__main__":
    common.run(check)
