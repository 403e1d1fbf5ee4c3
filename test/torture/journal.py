"""The journal outside of the server: what was sent, what was acknowledged, and the check of both
against what the database holds.

The rules, after every crash:
  - what was acknowledged, or read once, is there, once, with the content of the answer;
  - a call in doubt was done wholly or not at all; sent again, it answers as it was found;
  - nothing is there that nobody sent.
"""

import collections
import json
import threading

from operations import stored_kinds


class Violation(Exception):
    """The database breaks a rule."""


class Journal:
    def __init__(self, path):
        self.file = open(path, "a", encoding="utf-8")
        self.lock = threading.Lock()
        self.kinds = stored_kinds()
        self.known = {kind: {} for kind in self.kinds}  # id -> content
        self.sent = {}  # call -> what it intends: not acknowledged
        self.counts = collections.Counter()

    def write(self, *words):
        self.file.write(json.dumps(words) + "\n")
        self.file.flush()

    def intend(self, call):
        """Before each time that the call is sent."""
        with self.lock:
            call.attempts += 1
            self.sent[call] = call.intent()
            self.write("sent", call.id, call.attempts, self.sent[call])

    def refuse(self, call, error):
        """The server rolled it back and the client may repeat it."""
        with self.lock:
            del self.sent[call]
            self.counts["refused " + error.sqlstate] += 1
            self.write("refused", call.id, str(error))

    def acknowledge(self, call, rows):
        with self.lock:
            self.write("answered", call.id, rows)
            del self.sent[call]
            self.counts["acknowledged " + type(call).__name__] += 1
            was_known = call.known(rows)
            if was_known is not None and was_known != bool(call.was_there):
                raise Violation(f"{call.id} answered {rows}, and had been found"
                                f" {'done' if call.was_there else 'not done'}")
            for key, content in call.effects(rows).items():
                before = self.known[call.kind].setdefault(key, content)
                if before != content:
                    raise Violation(f"{call.id} answered {content}, known was {before}")

    def check(self, ask):
        """Compares all with the database; raises Violation. Nobody else may be at work."""
        stored = {kind: self.read(ask, kind) for kind in self.kinds}
        for call, intent in self.sent.items():
            if call.kind is None:
                self.counts["in doubt, without an effect of its own"] += 1
            else:
                self.settle_doubt(call, intent, stored[call.kind])
        for kind in self.kinds:
            self.compare(kind, stored[kind])

    def check_kind(self, ask, kind):
        self.compare(kind, self.read(ask, kind))

    def read(self, ask, kind):
        found = {}
        for key, content in ask(self.kinds[kind][0]):
            if key in found:
                raise Violation(f"{kind} {key} is there twice: {found[key]}, {content}")
            if content is None:
                raise Violation(f"{kind} {key} is there by half")
            found[key] = content
        return found

    def settle_doubt(self, call, intent, found):
        """A call in doubt is done wholly or not at all; from now on it is known which."""
        there = [key for key in intent if key in found]
        if 0 < len(there) < len(intent):
            raise Violation(f"{call.id} was done by half: {len(there)} of {len(intent)}")
        call.was_there = bool(there) or bool(call.was_there)
        self.counts["in doubt, " + ("done" if there else "not done")] += 1
        for key in there:
            if intent[key] not in (None, found[key]):
                raise Violation(f"{call.id} wrote {found[key]} instead of {intent[key]}")
            self.known[call.kind].setdefault(key, found[key])

    def compare(self, kind, found):
        known, foreign = self.known[kind], self.kinds[kind][1]
        for key, content in known.items():
            if found.get(key) != content:
                raise Violation(f"{kind} {key} was {content} and is {found.get(key)}")
        if foreign:
            known.update(found)
        elif len(found) > len(known):
            nobodys = next(key for key in found if key not in known)
            raise Violation(f"{kind} {nobodys} is there and nobody sent it")
