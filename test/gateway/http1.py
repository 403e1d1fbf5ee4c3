"""As much of HTTP/1.1 as the provider needs, by hand, since it shall answer thousands of requests a second:
requests with a Content-Length, keep-alive, one at a time on a connection."""

import asyncio
import socket
import struct

REASONS = {200: b"OK", 204: b"No Content", 400: b"Bad Request", 401: b"Unauthorized", 402: b"Payment Required",
           404: b"Not Found", 405: b"Method Not Allowed", 409: b"Conflict", 422: b"Unprocessable Content",
           429: b"Too Many Requests", 500: b"Internal Server Error", 503: b"Service Unavailable"}
MOST = 1 << 20  # bytes of a request


def header_of(head, name):
    """name: in lower case. None: it is not there."""
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return None
    start += len(name) + 3
    return head[start:head.find(b"\r\n", start)].strip()


class Request:
    """One request, and the connection to answer it on."""

    __slots__ = ("method", "path", "head", "body", "connection")

    def __init__(self, connection, head, body):
        line = head.split(b"\r\n", 1)[0].decode("ascii", "replace").split(" ")
        self.method, self.path = (line + ["", ""])[:2]
        self.connection, self.head, self.body = connection, head, body

    def header(self, name):
        value = header_of(self.head, name)
        return None if value is None else value.decode("latin-1")

    @property
    def gone(self):
        """Whether nobody waits for the answer any more."""
        return self.connection.transport is None

    def answer(self, status, body, cut=None):
        """Sends a body of JSON; cut: only so many bytes of it, and then the connection ends."""
        head = (b"HTTP/1.1 %d %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (status, REASONS.get(status, b"-"), len(body)))
        self.connection.send(head + (body if cut is None else body[:cut]), ends=cut is not None)

    def reset(self):
        self.connection.reset()


class Connection(asyncio.Protocol):
    """handle(request) answers it at once or later; the next request is read after that."""

    def __init__(self, handle):
        self.handle = handle
        self.transport, self.rest, self.busy = None, b"", False

    def connection_made(self, transport):
        self.transport = transport

    def connection_lost(self, exc):
        self.transport = None

    def data_received(self, data):
        self.rest += data
        self.read()

    def read(self):
        while not self.busy and self.transport is not None:
            end = self.rest.find(b"\r\n\r\n")
            if end < 0:
                if len(self.rest) > MOST:
                    self.reset()
                return
            total = end + 4 + int(header_of(self.rest[:end + 2], b"content-length") or 0)
            if total > MOST:
                self.reset()
                return
            if len(self.rest) < total:
                return
            request = Request(self, self.rest[:end + 2], self.rest[end + 4:total])
            self.rest = self.rest[total:]
            self.busy = True
            self.handle(request)

    def send(self, data, ends=False):
        if self.transport is None:
            return
        self.transport.write(data)
        self.busy = False
        if ends:
            self.transport.close()
        elif self.rest:
            # not from here: answers of a long pipeline would nest
            asyncio.get_running_loop().call_soon(self.read)

    def reset(self):
        """Ends the connection by RST."""
        if self.transport is not None:
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
