"""One round: a fresh database, the plan's phases by concurrent clients, and kills while they work."""

import random
import threading
import time

from journal import Violation
from wire import Lost, Refused

RETRIABLE = ("40001", "40P01", "55P03")
LOSS = 0.3  # of answers on their way when a kill is near
TIMEOUT = 300  # seconds for what the clients do between two kills


class Client:
    """Sends its calls in their order, each until it is acknowledged."""

    def __init__(self, calls, seed):
        self.calls = list(calls)
        self.random = random.Random(seed)
        self.error = None

    def work(self, connect, journal, stretch):
        try:
            session = connect()
            try:
                while self.calls and not stretch.stop.is_set():
                    self.send(session, journal, stretch.storm)
            finally:
                session.close()
        except Exception as error:  # a thread's exception would be lost
            self.error = error

    def send(self, session, journal, storm):
        call = self.calls[0]
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
        if storm.is_set() and self.random.random() < LOSS:
            raise Lost("the answer was lost on its way")
        journal.acknowledge(call, rows)
        self.calls.pop(0)


class Stretch:
    """What the clients do at once until they are done, or until somebody is killed."""

    def __init__(self, phase, clients):
        self.phase = phase
        self.clients = [client for client in clients if client.calls]
        self.stop = threading.Event()
        self.storm = threading.Event()  # a kill is near: answers get lost, too
        self.threads = []

    def start(self, connect, journal):
        self.threads = [threading.Thread(target=client.work, args=(connect, journal, self), daemon=True)
                        for client in self.clients]
        for thread in self.threads:
            thread.start()

    def busy(self):
        return any(thread.is_alive() for thread in self.threads)

    def left(self):
        return sum(len(client.calls) for client in self.clients)

    def finish(self):
        """Waits for the clients; raises what one of them met, but for connections lost in a storm."""
        deadline = time.monotonic() + TIMEOUT
        for thread in self.threads:
            thread.join(max(0, deadline - time.monotonic()))
        if self.busy():
            raise Violation(f"a client of {self.phase.name} hangs")
        for client in self.clients:
            error, client.error = client.error, None
            if error is not None and not (self.storm.is_set() and isinstance(error, Lost)):
                raise error


class Round:
    def __init__(self, server, database, plan, journal):
        self.server, self.database = server, database
        self.plan, self.journal = plan, journal

    def run(self, killer=None):
        for phase in self.plan.phases:
            clients = [Client(calls, f"{self.plan.seed}/{phase.name}/{number}")
                       for number, calls in enumerate(phase.calls)]
            kills = phase.kills if killer is not None else 0
            while any(client.calls for client in clients):
                kills -= self.stretch(Stretch(phase, clients), killer if kills > 0 else None)
        self.examine(self.plan.phases[-1])

    def stretch(self, stretch, killer):
        """Whether somebody was killed. All is examined after that."""
        stretch.start(lambda: self.session(stretch.phase), self.journal)
        struck = killer is not None and killer.strike(stretch)
        if struck:
            stretch.stop.set()
        stretch.finish()
        if stretch.storm.is_set():
            self.examine(stretch.phase)
        if struck:
            killer.survived(stretch.phase.name)
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
