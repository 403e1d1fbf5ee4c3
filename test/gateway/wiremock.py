"""A WireMock with the mappings of this folder, and what it was asked.

What it answers to an authorization is chosen by customerId in the body; what a lookup says then, by the state of
the scenario "outcome", which the authorization had set."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PATIENCE = 120  # seconds for a Java machine to start
LARGE = 10 << 20  # bytes of the large answer


class WireMock:
    def __init__(self, directory):
        self.directory = os.path.join(directory, "wiremock")
        self.port, self.process = None, None

    def start(self):
        jar = subprocess.run([os.path.join(ROOT, "tools", "wiremock")], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.strip()
        shutil.copytree(os.path.join(HERE, "mappings"), os.path.join(self.directory, "mappings"))
        os.mkdir(os.path.join(self.directory, "__files"))
        with open(os.path.join(self.directory, "__files", "large.json"), "w", encoding="ascii") as file:
            file.write('{"approved": true, "pgTransactionId": "wm-tx-large", "padding": "' + "x" * LARGE + '"}')
        log = os.path.join(self.directory, "log")
        with open(log, "wb") as output:
            self.process = subprocess.Popen(
                ["java", "-XX:TieredStopAtLevel=1", "-Xmx256m", "-jar", jar, "--port", "0",
                 "--bind-address", "127.0.0.1", "--root-dir", self.directory, "--disable-banner",
                 "--max-request-journal-entries", "20000"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        deadline = time.monotonic() + PATIENCE
        while self.port is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"WireMock did not start: see {log}")
            time.sleep(0.05)
            with open(log, encoding="utf-8", errors="replace") as file:
                found = re.search(r"^port: +(\d+)$", file.read(), re.MULTILINE)
            if found:
                self.port = int(found[1])
        return self

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(PATIENCE)
            self.process = None

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def admin(self, method, path, document=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, "/__admin/" + path, None if document is None else json.dumps(document),
                               {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in (200, 201):
                raise RuntimeError(f"WireMock: {method} {path}: {answer.status} {text[:500]}")
            return json.loads(text) if text else None
        finally:
            connection.close()

    def warm_up(self):
        """Its first answers take as long as a slow one's."""
        for _ in range(20):
            for method, path, body in (("POST", "authorize", "{}"), ("POST", "refund", "{}"), ("GET", "lookup/x", None)):
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
                connection.request(method, "/v1/payments/" + path, body, {"Content-Type": "application/json"})
                connection.getresponse().read()
                connection.close()

    def state(self, state="Started"):
        """Puts the scenario of the outcomes into a state."""
        self.admin("PUT", "scenarios/outcome/state", {"state": state})

    def forget(self):
        self.admin("DELETE", "requests")

    def requests(self):
        """What it was asked since forget(), oldest first."""
        found = self.admin("GET", "requests")["requests"]
        return [Asked(entry["request"]) for entry in reversed(found)]


class Asked:
    """A request that WireMock got."""

    def __init__(self, request):
        self.method, self.path, self.text = request["method"], request["url"], request["body"]
        self.headers = {name.lower(): value for name, value in request["headers"].items()}

    @property
    def body(self):
        return json.loads(self.text) if self.text else None

    @property
    def what(self):
        """authorize, refund or lookup."""
        return self.path.split("/")[3]

    @property
    def key(self):
        return self.headers.get("idempotency-key")
