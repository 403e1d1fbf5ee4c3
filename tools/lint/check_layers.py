#!/usr/bin/env python3
"""The arrows of the architecture: every #include goes to the own part or to a lower rank.

Reads src/layers.txt. Beyond the ranks: domain and edge know nothing of each other (a worker joins
them), and the REST face speaks to the domain only.
"""

import re

import common

# (from, to): never, whatever the ranks say
NEVER = (("domain/", "edge/"), ("edge/", "domain/"), ("api/", "edge/"), ("api/", "worker/"))

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)


def read_layers(root, findings):
    """The parts: prefix -> rank. Two parts of one rank would leave room for a circle."""
    ranks = {}
    path = root / "src/layers.txt"
    for number, line in enumerate(path.read_text().splitlines(), 1):
        fields = line.split("#")[0].split()
        if not fields:
            continue
        if len(fields) != 2 or not fields[0].isdigit():
            findings.add(path, number, "expected: rank and path prefix")
            continue
        rank, prefix = int(fields[0]), fields[1]
        if prefix in ranks or rank in ranks.values():
            findings.add(path, number, f"rank {rank} or prefix {prefix} is listed twice")
        ranks[prefix] = rank
    return ranks


def part_of(name, ranks):
    """The part that a path below src/ belongs to, or None."""
    fitting = [prefix for prefix in ranks if name.startswith(prefix)]
    return max(fitting, key=len, default=None)


def check_include(own, included, ranks):
    """Why the include is refused, or None."""
    other = part_of(included, ranks)
    if other is None or other == own:
        return None
    for source, target in NEVER:
        if own.startswith(source) and other.startswith(target):
            return f"{source} never includes {target}"
    if ranks[other] > ranks[own]:
        return f"{own} (rank {ranks[own]}) includes {included} of rank {ranks[other]}"
    return None


def check(root, findings):
    ranks = read_layers(root, findings)
    for path in common.c_files(root, "src"):
        name = path.relative_to(root / "src").as_posix()
        own = part_of(name, ranks)
        if own is None:
            findings.add(path, 1, "belongs to no part of src/layers.txt")
            continue
        text = path.read_text()
        for match in INCLUDE.finditer(text):
            line = common.line_of(text, match.start(1))
            included = match.group(1)
            if ".." in included or ("/" not in included and (path.parent / included).exists()):
                findings.add(path, line, f'"{included}": write the path from src/')
                continue
            reason = check_include(own, included, ranks)
            if reason:
                findings.add(path, line, reason)


if __name__ == "__main__":
    common.run(check)
