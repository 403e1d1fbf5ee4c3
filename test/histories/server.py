"""The server of the histories, and a connection to it through psql."""

import os
import queue
import subprocess
import threading

from operation import OPERATIONS
from sqltext import ATTEMPT

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEMPLATE = "histories_template"
TIMEOUT = 300  # seconds without a word from the server: it hangs

SETUP = """
CREATE EXTENSION billing;
CREATE SCHEMA histories;
SELECT billing.register_meter('H_MAX', 'piece', 'peak', 'MAX');
SELECT billing.register_meter('H_LAST', 'piece', 'level', 'LAST');
SELECT billing.register_meter('H_COUNT', 'piece', 'events', 'COUNT');
""" + ATTEMPT


class Server:
    """A private server in a directory of its own."""

    def __init__(self, directory):
        self.directory = directory
        self.tool = os.path.join(ROOT, "tools", "server")

    def start(self):
        subprocess.run([self.tool, "start", self.directory, "-c", "fsync=off",
                        "-c", "synchronous_commit=off", "-c", "full_page_writes=off",
                        "-c", "max_wal_size=4GB", "-c", "deadlock_timeout=20ms",
                        "-c", "autovacuum=off"], check=True)
        env = subprocess.run([self.tool, "env", self.directory], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        for line in env.splitlines():
            name, value = line.removeprefix("export ").split("=", 1)
            os.environ[name] = value
        self.database("postgres", f"CREATE DATABASE {TEMPLATE};")
        # a setup may use what others set up, so bodies of functions are looked at when they run
        self.database(TEMPLATE, "SET check_function_bodies = off;\n" + SETUP
                      + "".join(vars(type(operation)).get("setup", "")
                                for operation in OPERATIONS.values()))

    @staticmethod
    def database(name, script):
        subprocess.run(["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-d", name], input=script,
                       text=True, check=True, stdout=subprocess.DEVNULL)

    def make(self, name):
        self.database("postgres", f"CREATE DATABASE {name} TEMPLATE {TEMPLATE};")

    def drop(self, name):
        self.database("postgres", f"DROP DATABASE {name};")

    def remove(self):
        subprocess.run([self.tool, "remove", self.directory], check=True)


class Psql:
    """One connection through psql; a reader of its own, so that no pipe fills up."""

    def __init__(self, database):
        self.process = subprocess.Popen(
            ["psql", "-XAtq", "-d", database], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.answers = queue.Queue()
        self.marks = 0
        threading.Thread(target=self.read, daemon=True).start()
        self.run([(None, "SET client_min_messages = warning")])

    def read(self):
        for line in self.process.stdout:
            self.answers.put(line.rstrip("\n"))
        self.answers.put(None)

    def run(self, lines):
        """Answers of numbered statements by number, and everything else that was printed."""
        return self.collect(self.send(lines))

    def send(self, lines):
        """The mark that collect() has to wait for."""
        self.marks += 1
        mark = f"@{self.marks}@"
        text = []
        for index, statement in lines:
            if index is not None:
                text.append(f"\\echo #{index}\n")
            text.append(statement + ";\n")
        text.append(f"\\echo {mark}\nSELECT 1 WHERE false;\n\\echo\n")
        self.process.stdin.write("".join(text))
        self.process.stdin.flush()
        return mark

    def collect(self, mark):
        answers, noise, current = {}, [], None
        while True:
            line = self.answers.get(timeout=TIMEOUT)
            if line is None:
                raise RuntimeError("psql ended: " + " ".join(noise[-3:]))
            if line == mark:
                return answers, noise
            if line.startswith("#"):
                current = int(line[1:])
                answers[current] = ""
            elif current is not None and answers[current] == "":
                answers[current] = line
            elif line != "":
                noise.append(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
