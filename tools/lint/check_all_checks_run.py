#!/usr/bin/env python3
"""Every check_* of this folder is run by tools/lint/run and shown by selftest.py to be able to fail."""

import re

import common


def check(root, findings):
    folder = root / "tools/lint"
    run = re.sub(r"^\s*#.*", "", (folder / "run").read_text(), flags=re.MULTILINE)
    selftest = (folder / "selftest.py").read_text()
    for path in sorted(folder.glob("check_*")):
        if not re.search(rf"\b{re.escape(path.name)}", run):
            findings.add(path, 1, "is not called by tools/lint/run")
        if f'"{path.name}"' not in selftest:
            findings.add(path, 1, "has no case in tools/lint/selftest.py")


if __name__ == "__main__":
    common.run(check)
