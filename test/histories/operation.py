"""What an operation and a kind of history are, and how theirs are found.

Each file of operations/ holds a word of the business: its steps as classes of Operation, the rules
of the oracle for it, and the properties of its answers. Each file of kinds/ holds a Kind. A file
that is there takes part; nothing else has to be told of it.
"""

import importlib
import os

HERE = os.path.dirname(os.path.abspath(__file__))
OPERATIONS = {}
KINDS = {}


class Operation:
    """A kind of step. A step is a tuple: the word, then the arguments of sql() and expect()."""

    word = None
    weight = 0  # among the random steps of a history
    alone = False  # it touches all customers of a database, so its history gets one of its own
    writes = True  # verify() follows it
    answers = True  # sql() gives one row of one column
    top_level = False  # it cannot run inside a transaction block
    money = False  # it is of the movement of money: only in histories of it
    sessions = False  # its last argument are steps of sessions, which session_sql() gives the SQL of
    predicted = True  # the answer has to be that of the oracle
    setup = ""  # SQL for the template of the databases
    properties = ()

    def draw(self, draft, key):
        """Adds a step, or several, to a draft; mostly about one customer."""

    def sql(self, names, *arguments):
        """The statement; None for nothing to do."""
        raise NotImplementedError

    def expect(self, house, *arguments):
        """Applies the step to the oracle's house: what read() has to give."""

    def read(self, answer):
        """The text that psql printed, in the form of expect()."""
        return answer

    def events(self, *arguments):
        """The events in it."""
        return []

    def without(self, ids, *arguments):
        """Its arguments without some events; None when nothing is left of it."""
        return arguments

    def __init_subclass__(cls):
        if cls.word is not None:
            OPERATIONS[cls.word] = cls()


class Kind:
    """A way to put steps together."""

    name = None
    weight = 0
    alone = False  # see Operation
    kept = ()  # words that make it a history of this kind: shrinking leaves them

    def write(self, draft):
        """Adds the steps."""
        raise NotImplementedError

    def keeps(self, steps, index):
        """Whether shrinking has to leave a step."""
        return steps[index][0] in self.kept

    def __init_subclass__(cls):
        KINDS[cls.name] = cls()


def load():
    for package in ("operations", "kinds"):
        for name in sorted(os.listdir(os.path.join(HERE, package))):
            if name.endswith(".py"):
                importlib.import_module(f"{package}.{name[:-3]}")


def of(step):
    return OPERATIONS[step[0]]
