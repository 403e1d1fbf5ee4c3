"""For tests: a provider in a process of its own, and requests to it."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 30  # seconds for a provider to start or to end


class Provider:
    """A provider in a directory: its journal survives a kill(), the next start() goes on at the same port."""

    def __init__(self, directory, *options):
        self.directory, self.options = directory, options
        self.port, self.process = 0, None

    def start(self):
        path = os.path.join(self.directory, "provider.port")
        if os.path.exists(path):
            os.unlink(path)
        with open(os.path.join(self.directory, "provider.log"), "ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, os.path.join(HERE, "provider"), "--port", str(self.port), "--port-file", path,
                 "--journal", os.path.join(self.directory, "provider.journal"), *self.options],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not os.path.exists(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the provider did not start: see {self.directory}/provider.log")
            time.sleep(0.01)
        with open(path, encoding="ascii") as file:
            self.port = int(file.read())
        return self

    def stop(self, how=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE)
            self.process = None

    def kill(self):
        self.stop(signal.SIGKILL)

    def connection(self, timeout):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method, path, document=None, headers=None, timeout=PATIENCE):
        """(status, what the body says)."""
        connection = self.connection(timeout)
        try:
            connection.request(method, path, None if document is None else json.dumps(document), headers or {})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def control(self, name, document=None):
        method = "GET" if document is None else "POST"
        status, answer = self.request(method, "/_control/" + name, document)
        if status != 200:
            raise RuntimeError(f"{name}: {status} {answer}")
        return answer
