"""The server that is killed: its processes, kill -9 of one of them, and how it comes back."""

import os
import signal
import subprocess
import time

from wire import Lost, Session

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TIMEOUT = 120  # seconds for a server to die or to come back
POLL = 0.005

SETTINGS = (
    "shared_preload_libraries=billing",
    "max_worker_processes=12",
    # kill -9 leaves the kernel's page cache as it is, so what was written is written
    "fsync=off",
    "synchronous_commit=on",
    # checkpoints and vacuums shall be at work when a kill comes
    "checkpoint_timeout=30s",
    "max_wal_size=32MB",
    "autovacuum_naptime=1s",
    "log_checkpoints=off",
)

# kind of victim -> what its process title holds; a postmaster has no title
TITLES = {
    "backend": ("[local]",),
    "settle worker": ("billing settlement",),
    "server process": ("checkpointer", "background writer", "walwriter", "autovacuum"),
}


class Process:
    """A process by its id and its start: an id alone may be given again."""

    def __init__(self, pid):
        self.pid = pid
        self.started = self.stat()[19]

    def stat(self):
        with open(f"/proc/{self.pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()

    def title(self):
        with open(f"/proc/{self.pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace").strip()

    def exists(self):
        """Whether it is there, be it as a zombie: pg_ctl takes that for a server that runs."""
        try:
            return self.stat()[19] == self.started
        except (FileNotFoundError, ProcessLookupError):
            return False

    def kill(self):
        """Whether it was there to be killed."""
        try:
            if self.stat()[0] == "Z" or not self.exists():
                return False
            os.kill(self.pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True


def processes_in(directory):
    """All processes that work in a directory: what belongs to a server, orphans too."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                if os.readlink(f"/proc/{name}/cwd") == directory:
                    found.append(Process(int(name)))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                pass  # ended while we looked, or another user's
    return found


def wait_until(condition, what):
    deadline = time.monotonic() + TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{what}: not within {TIMEOUT} seconds")
        time.sleep(POLL)


class Server:
    def __init__(self, directory):
        self.directory = directory
        self.tool = os.path.join(ROOT, "tools", "server")
        self.socket = self.data = None
        self.restarts = {"by itself": 0, "by hand": 0}

    def start(self):
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        subprocess.run([self.tool, "start", self.directory, *settings], check=True)
        env = subprocess.run([self.tool, "env", self.directory], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        self.data = os.path.realpath(os.path.join(self.directory, "data"))
        values = dict(line.removeprefix("export ").split("=", 1) for line in env.splitlines())
        self.socket = f"{values['PGHOST']}/.s.PGSQL.{values['PGPORT']}"

    def stop(self):
        subprocess.run([self.tool, "stop", self.directory], check=True)

    def remove(self):
        subprocess.run([self.tool, "remove", self.directory], check=True)

    def session(self, database, settings=None):
        return Session(self.socket, database, settings or {})

    def postmaster(self):
        with open(os.path.join(self.data, "postmaster.pid"), encoding="utf-8") as file:
            return Process(int(file.readline()))

    def victims(self, kind):
        """The live processes of a kind; of the backends those that are in a call."""
        found = []
        for process in processes_in(self.data):
            try:
                title = process.title()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if any(word in title for word in TITLES[kind]) and not title.endswith("idle"):
                found.append(process)
        return found

    def kill_child(self, process):
        """Kills a process of the server; true once the server has restarted by itself. False when the
        process was ending by itself: a postmaster that lost one lets nobody in until all are gone, so
        a witness of the time before would be gone, too."""
        witness = self.session("postgres")
        try:
            if not process.kill():
                return False
            wait_until(lambda: not process.exists(), "end of a killed process")
            wait_until(self.answers, "restart of the server by itself")
            witness.ask("SELECT 1")
            return False
        except Lost:
            self.restarts["by itself"] += 1
            return True
        finally:
            witness.close()

    def kill_postmaster(self, postmaster, random):
        """As when a machine's memory runs out: the postmaster first, its orphans a moment later."""
        postmaster.kill()
        time.sleep(random.uniform(0, 0.05))
        wait_until(lambda: self.orphans_are_gone() and not postmaster.exists(), "end of the server")
        self.start()
        self.restarts["by hand"] += 1
        return True

    def orphans_are_gone(self):
        return not any([process.kill() for process in processes_in(self.data)])

    def answers(self):
        try:
            self.session("postgres").close()
            return True
        except Lost:
            return False
