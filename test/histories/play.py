"""Plays a history on the extension, and compares each answer with the oracle's."""

from draft import Draft
from house import House
from operation import of
from rule import Different, demand
from server import Psql
from sqltext import Names

HISTORIES_OF_A_DATABASE = 6  # verify() reads all of them
BAD_ANSWER = "cannot be read"


def first_difference(steps, answers, properties=True):
    """answers: by step, as read() gives them, or the error that read() raised."""
    house, memory = House(), {}
    for index, step in enumerate(steps):
        operation, answer = of(step), answers.get(index)
        try:
            expected = operation.expect(house, *step[1:])
            if not operation.answers:
                continue
            if isinstance(answer, Exception):
                raise answer
            if operation.predicted:
                demand(expected, answer)
            for rule in operation.properties if properties else ():
                if (what := rule.check(answer, memory)) is not None:
                    raise Different(f"{rule.name}: {what}")
        except Exception as error:  # pylint: disable=broad-except
            what = str(error) if isinstance(error, Different) else f"{BAD_ANSWER}: {error!r}"
            return f"step {index + 1} ({brief(step)}): {what}"
    return None


def brief(step):
    return " ".join(str(part) for part in step if not isinstance(part, (list, dict)))


def with_verify(steps):
    """Every step that writes is followed by verify()."""
    result = []
    for step in steps:
        result.append(step)
        if of(step).writes:
            result.append(("verify",))
    return result


class Script:
    """The statements of a history, one after another: what the shortest one is printed as."""

    def __init__(self, names):
        self.names = names
        self.inside = False  # a transaction

    def statement(self, step):
        """None where there is nothing to do."""
        if step[0] in ("begin", "commit"):
            if self.inside == (step[0] == "begin"):
                return None
            self.inside = not self.inside
        sql = of(step).sql(self.names, *step[1:])
        if of(step).top_level and self.inside:
            self.inside = False
            sql = "COMMIT;\n" + sql
        return sql

    def text(self, steps):
        for step in steps:
            if of(step).sessions:
                for n, session in enumerate(step[-1]):
                    for sql in of(step).session_sql(self.names, session):
                        yield f"/* session {n + 1} */ {sql};"
            sql = self.statement(step)
            if sql is not None:
                yield sql + ";"


class Database:
    """A database with the helpers, a session, and the other sessions of crowds."""

    def __init__(self, server, name):
        self.server = server
        self.name = name
        self.histories = 0
        self.others = []
        server.make(name)
        self.psql = Psql(name)

    def play(self, names, steps):
        """(answers as read, what else was printed)"""
        script, lines, answers, noise = Script(names), [(None, "RESET billing.now")], {}, []
        clock = None
        self.histories += 1

        def flush():
            part, more = self.psql.run(lines)
            answers.update(part)
            noise.extend(more)
            lines.clear()

        for index, step in enumerate(steps):
            operation, sql = of(step), script.statement(step)
            clock = sql if step[0] == "clock" else clock
            if operation.sessions:
                if sql.startswith("COMMIT"):
                    lines.append((None, "COMMIT"))
                    sql = sql.split("\n", 1)[1]
                flush()
                parts = self.together(names, clock, step)
                rest, more = self.psql.run([(index, sql)])
                answers[index] = parts + [rest[index]]
                noise.extend(more)
            elif sql is not None:
                lines.append((index if operation.answers else None, sql))
        if script.inside:
            lines.append((None, "COMMIT"))
        flush()
        return {index: self.read(steps[index], answer) for index, answer in answers.items()}, noise

    @staticmethod
    def read(step, answer):
        try:
            return of(step).read(answer)
        except (ValueError, TypeError, KeyError, IndexError) as error:
            return ValueError(f"{str(answer)[:300]}: {error!r}")

    def together(self, names, clock, step):
        """[(step of a session, its answer)]: all sessions get their steps, then answers are taken."""
        sessions = step[-1]
        while len(self.others) < len(sessions):
            self.others.append(Psql(self.name))
        marks = []
        for psql, steps in zip(self.others, sessions):
            statements = of(step).session_sql(names, steps)
            marks.append(psql.send([(None, clock)] + list(enumerate(statements))))
        parts = []
        for psql, steps, mark in zip(self.others, sessions, marks):
            answers, noise = psql.collect(mark)
            if noise:
                raise RuntimeError("unexpected output of a session: " + " / ".join(noise[:3]))
            parts += [(part, answers[n]) for n, part in enumerate(steps)]
        return parts

    def verify(self):
        """By the extension's own function."""
        answers, _ = self.psql.run([(0, "SELECT COALESCE(jsonb_agg(v), '[]') FROM billing.verify() v"
                                        " WHERE v.ok IS NOT TRUE")])
        return None if answers[0] == "[]" else f"verify() of {self.name}: {answers[0]}"

    def drop(self):
        for psql in [self.psql, *self.others]:
            psql.close()
        self.server.drop(self.name)


class Player:
    """Plays histories, in databases that hold few of them."""

    def __init__(self, server, number):
        self.server = server
        self.number = number
        self.databases = 0
        self.database = None
        self.plays = 0

    def new_database(self):
        self.databases += 1
        return Database(self.server, f"histories_{self.number}_{self.databases}")

    def names(self, customers):
        self.plays += 1
        return Names(f"h{self.plays}", customers)

    def execute(self, draft, steps):
        """What differs first, or None; the answers, too."""
        if draft.kind.alone or any(of(step).alone for step in steps):
            database = self.new_database()
            try:
                return self.compare(database, draft, steps)
            finally:
                database.drop()
        if self.database is None:
            self.database = self.new_database()
        result = self.compare(self.database, draft, steps)
        if self.database.histories >= HISTORIES_OF_A_DATABASE:
            self.close()
        return result

    def compare(self, database, draft, steps):
        answers, noise = database.play(self.names(draft.customers), steps)
        difference = first_difference(steps, answers)
        if difference is None and noise:
            difference = "unexpected output: " + " / ".join(noise[:3])
        return difference, answers

    def history(self, seed):
        """The draft, its steps as played, and what differs first, or None."""
        draft = Draft(seed).write()
        steps = with_verify(draft.steps)
        return draft, steps, self.execute(draft, steps)[0]

    def close(self):
        """Ends the database; verify() has to be true of all that happened there."""
        if self.database is None:
            return
        difference = self.database.verify()
        self.database.drop()
        self.database = None
        if difference is not None:
            raise Different(difference)


