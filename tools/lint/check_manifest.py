#!/usr/bin/env python3
"""sql/install.manifest lists every part of the install script once, tables before their functions."""

import re

import common


def check(root, findings):
    manifest = root / "sql/install.manifest"
    parts = {path.name for path in (root / "sql").glob("*.sql")
             if not re.match(r"billing--", path.name)}
    if not manifest.exists():
        if parts:
            findings.add(manifest, 0, "is missing")
        return
    listed = {}
    for number, line in enumerate(manifest.read_text().splitlines(), 1):
        name = line.split("#")[0].strip()
        if not name:
            continue
        name = re.sub(r"^sql/", "", name)
        if name in listed:
            findings.add(manifest, number, f"{name} is listed twice")
        elif name not in parts:
            findings.add(manifest, number, f"{name} does not exist")
        listed.setdefault(name, number)
    for name in sorted(parts - listed.keys()):
        findings.add(manifest, 0, f"{name} is not listed")
    for name, number in listed.items():
        tables = name.replace(".api.sql", ".tables.sql")
        if name != tables and listed.get(tables, 0) > number:
            findings.add(manifest, number, f"{name} comes before {tables}")


if __name__ == "__main__":
    common.run(check)
