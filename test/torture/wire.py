"""A client that speaks PostgreSQL's protocol itself, to know exactly what was acknowledged.

A call is acknowledged when the server said ReadyForQuery after it: for it, the transaction is
committed. Anything less raises Lost, and the call is in doubt.
"""

import socket
import struct

TIMEOUT = 120  # seconds for one message: a server that hangs is a failure


class Lost(Exception):
    """The connection ended, or never came about."""


class Refused(Exception):
    """The server answered with an error; the transaction was rolled back."""

    def __init__(self, fields):
        super().__init__(fields.get("C", "") + " " + fields.get("M", ""))
        self.sqlstate = fields.get("C", "")


class Session:
    """One connection over a unix socket that trusts everybody."""

    def __init__(self, path, database, settings):
        self.rest = b""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(TIMEOUT)
        parameters = {"user": "postgres", "database": database, **settings}
        body = b"".join(name.encode() + b"\0" + value.encode() + b"\0"
                        for name, value in parameters.items()) + b"\0"
        try:
            self.socket.connect(path)
            self.socket.sendall(struct.pack("!ii", len(body) + 8, 3 << 16) + body)
            self.answer()
        except OSError as error:
            raise Lost(str(error)) from error
        except Refused as error:
            raise Lost(str(error)) from error

    def ask(self, sql):
        """The rows of a statement, each a tuple of texts and None."""
        body = sql.encode() + b"\0"
        try:
            self.socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
            return self.answer()
        except TimeoutError:
            raise
        except OSError as error:
            raise Lost(str(error)) from error

    def answer(self):
        rows, error = [], None
        while True:
            kind, body = self.message()
            if kind == b"D":
                rows.append(self.row(body))
            elif kind == b"E":
                error = Refused(self.fields(body))
            elif kind == b"Z":
                if error is not None:
                    raise error
                return rows

    def message(self):
        head = self.bytes(5)
        return head[:1], self.bytes(struct.unpack("!i", head[1:])[0] - 4)

    def bytes(self, size):
        while len(self.rest) < size:
            piece = self.socket.recv(65536)
            if piece == b"":
                raise Lost("the connection was closed")
            self.rest += piece
        taken, self.rest = self.rest[:size], self.rest[size:]
        return taken

    @staticmethod
    def row(body):
        values, place = [], 2
        for _ in range(struct.unpack_from("!h", body)[0]):
            size = struct.unpack_from("!i", body, place)[0]
            place += 4
            values.append(None if size < 0 else body[place:place + size].decode())
            place += max(size, 0)
        return tuple(values)

    @staticmethod
    def fields(body):
        parts = body.decode(errors="replace").split("\0")
        return {part[0]: part[1:] for part in parts if part}

    def close(self):
        self.socket.close()
