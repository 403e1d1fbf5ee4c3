#!/usr/bin/env python3
"""A server that answers well and badly, for test_http.c.

Prints its ports, one a line: http, https (certificate of localhost), https (of another name), one
that takes connections and says nothing, and one that after its second request resets the connection
and listens no more. It ends when its standard input does. Argument: the folder of the certificates.
"""

import json
import os
import socket
import ssl
import struct
import sys
import threading
import time

connections = 0
resets = 0


def answer(body, status="200 OK", kind="application/json"):
    return (f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}").encode()


def reset(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def read_request(stream):
    """Method, path, headers and body; or None when there is no more."""
    first = stream.readline().split()
    if not first:
        return None
    headers = {}
    while True:
        line = stream.readline().decode().strip()
        if not line:
            break
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = stream.read(int(headers.get("content-length", 0)))
    return first[0].decode(), first[1].decode(), headers, body.decode()


def send_without_end(client, first, chunk):
    client.sendall(first)
    while True:
        client.sendall(chunk)


def respond(client, request):
    """Answers one request. False: the connection is gone."""
    global resets
    method, path, headers, body = request
    if path == "/ok":
        client.sendall(answer('{"approved":true}'))
    elif path == "/echo":
        client.sendall(answer(json.dumps({"method": method, "headers": headers, "body": body})))
    elif path == "/connections":
        client.sendall(answer(str(connections), kind="text/plain"))
    elif path == "/declined":
        client.sendall(answer('{"approved":false}', "402 Payment Required"))
    elif path == "/nothing":
        client.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
    elif path == "/redirect":
        client.sendall(b"HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n")
    elif path == "/wait":
        time.sleep(0.05)
        client.sendall(answer("{}"))
    elif path == "/hang":
        client.recv(1)
        return False
    elif path == "/drip":
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            client.sendall(b"x")
            time.sleep(0.02)
    elif path == "/resets":
        client.sendall(answer(str(resets), kind="text/plain"))
    elif path == "/reset":
        resets += 1
        reset(client)
        return False
    elif path == "/close":
        return False
    elif path == "/truncated":
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"appro")
        return False
    elif path == "/garbage":
        client.sendall(b"good day\r\n\r\n")
        return False
    elif path == "/large":
        client.sendall(answer("x" * 10_000_000))
    elif path == "/endless":
        send_without_end(client, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                         b"1000\r\n" + b"x" * 4096 + b"\r\n")
    elif path == "/headers":
        send_without_end(client, b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 100 + b"\r\n")
    return True


def serve(client, context):
    try:
        if context:
            client = context.wrap_socket(client, server_side=True)
        stream = client.makefile("rb")
        while True:
            request = read_request(stream)
            if request is None or not respond(client, request):
                break
        stream.close()
        client.close()
    except OSError:
        client.close()


def accept(listener, context):
    global connections
    while True:
        client, _ = listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections += 1
        threading.Thread(target=serve, args=(client, context), daemon=True).start()


def accept_once(listener, _):
    """Two requests of one connection; the second is answered by a reset, and nobody listens."""
    client, _ = listener.accept()
    stream = client.makefile("rb")
    read_request(stream)
    client.sendall(answer("{}"))
    read_request(stream)
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    stream.close()
    reset(client)


def tls(folder, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/{name}.crt", f"{folder}/{name}.key")
    return context


def main():
    folder = sys.argv[1]
    for handler, context in ((accept, None), (accept, tls(folder, "localhost")),
                             (accept, tls(folder, "elsewhere")), (None, None), (accept_once, None)):
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        print(listener.getsockname()[1], flush=True)
        if handler:
            threading.Thread(target=handler, args=(listener, context), daemon=True).start()
        else:
            silent = listener
    sys.stdin.read()
    silent.close()
    os._exit(0)


main()
