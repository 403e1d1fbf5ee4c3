"""The measured server: sessions through psql, loads through pgbench, and what they cost."""

import contextlib
import json
import os
import re
import statistics
import subprocess
import tempfile
import time

QUICK = os.environ.get("QUICK", "") not in ("", "0")
PAIRS = 3 if QUICK else 7
TICK = os.sysconf("SC_CLK_TCK")


class Failed(Exception):
    """A statement or a load ended with an error."""


def stat_of(pid):
    """The fields of /proc/PID/stat after the command's name."""
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        return file.read().rsplit(")", 1)[1].split()


def ran_for(pid):
    """Seconds that a process ran on a processor."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0]) / 1e9


class Server:
    """The processes of one server; `data` is its data directory."""

    def __init__(self, data):
        with open(os.path.join(data, "postmaster.pid"), encoding="ascii") as file:
            self.postmaster = int(file.readline())

    def children(self):
        path = f"/proc/{self.postmaster}/task/{self.postmaster}/children"
        with open(path, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def cpu(self):
        """Seconds of processor time that the server used since it started, ended backends too."""
        seconds = ran_for(self.postmaster)
        seconds += sum(int(field) for field in stat_of(self.postmaster)[13:15]) / TICK
        for pid in self.children():
            try:
                seconds += ran_for(pid)
            except FileNotFoundError:
                pass
        return seconds

    def pin(self, core):
        """Binds every process of the server, and those it will start, to a core; None frees them."""
        cores = {core} if core is not None else set(range(os.cpu_count()))
        for pid in [self.postmaster] + self.children():
            os.sched_setaffinity(pid, cores)


class Session:
    """One connection, driven through psql."""

    END = "-- end of answer --"

    def __init__(self, database):
        self.psql = subprocess.Popen(
            ["psql", "-XqAt", "-d", database], text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.run("\\set VERBOSITY terse")
        self.run("SET client_min_messages = warning")

    def run(self, statement):
        """Runs a statement and answers its rows, each a text."""
        end = "" if statement.startswith("\\") else ";"
        self.psql.stdin.write(f"{statement}{end}\n\\echo {self.END}\n")
        self.psql.stdin.flush()
        rows = []
        for line in self.psql.stdout:
            line = line.rstrip("\n")
            if line == self.END:
                return rows
            if re.match(r"(psql: )?(ERROR|FATAL|PANIC|error):", line):
                raise Failed(f"{line}\nin: {statement[:300]}")
            rows.append(line)
        raise Failed(f"the session ended\nin: {statement[:300]}")

    def value(self, statement):
        return self.run(statement)[0]

    def close(self):
        self.psql.stdin.close()
        self.psql.wait()


class Cost:
    """What a piece of work took: seconds, processor seconds of the server, bytes of WAL."""

    def __init__(self, seconds, cpu, wal, calls):
        self.seconds = seconds
        self.cpu = cpu
        self.wal = wal
        self.calls = calls

    @property
    def rate(self):
        return self.calls / self.seconds

    @property
    def cpu_us(self):
        return self.cpu / self.calls * 1e6

    @property
    def wal_bytes(self):
        return self.wal / self.calls


def wal_position(session):
    return int(session.value("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"))


def measure(server, session, calls, work):
    """The cost of work(), which does `calls` calls."""
    wal, cpu, start = wal_position(session), server.cpu(), time.perf_counter()
    work()
    seconds = time.perf_counter() - start
    return Cost(seconds, server.cpu() - cpu, wal_position(session) - wal, calls)


class Load:
    """A script for pgbench, each statement prepared, by `clients` sessions of a database."""

    def __init__(self, database, script, clients=1, variables=()):
        self.database = database
        self.script = script
        self.clients = clients
        self.variables = variables

    def start(self, folder, options):
        path = os.path.join(folder, "script.sql")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.script)
        command = ["pgbench", "-n", "-M", "prepared", "-c", str(self.clients),
                   "-j", str(min(self.clients, 2)), "-f", path] + options
        for name, value in self.variables:
            command += ["-D", f"{name}={value}"]
        return subprocess.Popen(command + [self.database], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)

    def finish(self, process):
        output, errors = process.communicate()
        failed = re.search(r"number of failed transactions: (\d+)", output)
        if process.returncode != 0 or not failed or failed[1] != "0":
            raise Failed(f"pgbench: {output[-500:]}{errors[-1000:]}\nin: {self.script}")

    def latencies(self, calls):
        """The milliseconds of each of so many calls a client."""
        with tempfile.TemporaryDirectory(prefix="billing-bench-") as folder:
            self.finish(self.start(folder, ["-t", str(calls), "-l", "--log-prefix",
                                            os.path.join(folder, "log")]))
            result = []
            for name in os.listdir(folder):
                if name.startswith("log"):
                    with open(os.path.join(folder, name), encoding="ascii") as file:
                        result += [int(line.split()[2]) / 1000 for line in file]
            return result

    def steady(self, server, session, counter, ready, seconds):
        """
        The cost of running for `seconds` once all clients are warm: `ready` is a statement that
        answers how many are, `counter` one that answers how many calls were done so far.
        """
        with self.running(session, ready):
            return window(server, session, counter, seconds)

    @contextlib.contextmanager
    def running(self, session, ready):
        """The load runs inside, all clients warm."""
        with tempfile.TemporaryDirectory(prefix="billing-bench-") as folder:
            process = self.start(folder, ["-T", "600"])
            try:
                patience = time.monotonic() + 120
                while int(session.value(ready)) < self.clients:
                    if process.poll() is not None:
                        self.finish(process)
                        raise Failed("pgbench ended too early")
                    if time.monotonic() > patience:
                        raise Failed(f"the clients did not get warm\nin: {self.script}")
                    time.sleep(0.05)
                time.sleep(0.5)
                yield
                if process.poll() is not None:
                    self.finish(process)
                    raise Failed("pgbench ended too early")
            finally:
                process.terminate()
                process.communicate()


def window(server, session, counter, seconds):
    """The cost of what others do meanwhile."""
    before = int(session.value(counter))
    wal, cpu, start = wal_position(session), server.cpu(), time.perf_counter()
    time.sleep(seconds)
    calls = int(session.value(counter)) - before
    took = time.perf_counter() - start
    return Cost(took, server.cpu() - cpu, wal_position(session) - wal, calls)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values):
    return statistics.median(values)


def buffers(session, statement):
    """Shared buffers that a statement touches, with all that it runs inside."""
    plan = json.loads("".join(session.run(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}")))
    top = plan[0]["Plan"]
    return sum(top[f"Shared {kind} Blocks"] for kind in ("Hit", "Read"))
