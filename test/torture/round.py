"""One round: a fresh database, the plan's phases by concurrent clients, and kills while they work."""

import threading
import time

from journal import Violation
from wire import Lost, Refused

RETRIABLE = ("40001", "40P01", "55P03")
TIMEOUT = 300  # seconds for what the clients do between two kills


class Client:
    """Sends its calls in their order, each until it is acknowledged."""

    def __init__(self, calls):
        self.calls = list(calls)
        self.error = None

    def work(self, connect, journal, stop):
        try:
            session = connect()
            try:
                while self.calls and not stop.is_set():
                    self.send(session, journal, self.calls[0])
            finally:
                session.close()
        except Lost as error:
            self.error = error
        except Exception as error:  # a thread's exception would be lost
            self.error = error

    def send(self, session, journal, call):
        call.prepare(session.ask)
        session.ask(f"SET billing.trace_id = '{call.id}/{call.attempts + 1}'")
        journal.intend(call)
        try:
            rows = session.ask(call.statement())
        except Refused as error:
            if error.sqlstate not in RETRIABLE:
                raise
            journal.refuse(call, error)
            return
        journal.acknowledge(call, rows)
        self.calls.pop(0)


class Round:
    def __init__(self, server, database, plan, journal):
        self.server, self.database = server, database
        self.plan, self.journal = plan, journal

    def run(self, killer=None):
        for phase in self.plan.phases:
            clients = [Client(calls) for calls in phase.calls]
            kills = phase.kills if killer is not None else 0
            while any(client.calls for client in clients):
                kills -= self.stretch(phase, clients, killer if kills > 0 else None)
        self.examine(self.plan.phases[-1])

    def stretch(self, phase, clients, killer):
        """Lets the clients work until they are done, or a kill ends it: then all is examined. Whether
        somebody was killed."""
        stop = threading.Event()
        threads = [threading.Thread(target=client.work, daemon=True, args=(
            lambda: self.session(phase), self.journal, stop)) for client in clients if client.calls]
        for thread in threads:
            thread.start()

        def busy():
            return any(thread.is_alive() for thread in threads)

        def left():
            return sum(len(client.calls) for client in clients)

        struck = killer is not None and killer.strike(phase.name, busy, left)
        if struck:
            stop.set()
        deadline = time.monotonic() + TIMEOUT
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        if busy():
            raise Violation(f"a client of {phase.name} hangs")
        for client in clients:
            error, client.error = client.error, None
            if error is not None and not (struck and isinstance(error, Lost)):
                raise error
        if struck:
            self.examine(phase)
            killer.survived(phase.name)
        return struck

    def session(self, phase):
        return self.server.session(self.database, {"billing.now": phase.now})

    def examine(self, phase):
        session = self.session(phase)
        try:
            self.journal.check(session.ask)
            broken = session.ask("SELECT check_name, detail FROM billing.verify() WHERE ok IS NOT TRUE")
            self.journal.counts["runs of verify()"] += 1
        finally:
            session.close()
        if broken:
            raise Violation(f"verify(): {broken}")
