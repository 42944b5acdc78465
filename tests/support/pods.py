"""A pod's port as the API server serves it: a WebSocket server on loopback that echoes, refuses, or breaks off."""

from __future__ import annotations

import base64
import hashlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from support.credentials import PKI

REFUSED = "failed to connect to localhost:80 inside namespace: dial tcp4 127.0.0.1:80: connect: connection refused"


@dataclass(slots=True)
class Pods:
    """What the next connections meet, one word each; after the last word everything is echoed.

    ``refuse``: nothing listens. ``lose``: an error in the middle. ``break``: the end without a word, after the first data.
    ``404``: no such pod. ``other``: another protocol. ``greet``: a ping, a message in two frames, and the end.

    Attributes:
        says: messages that a command answers with, the channel first, when it has read its input.
        heard: what it read.
        patience: what it waits for after that.
    """

    port: int
    script: list[str] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    open: int = 0
    says: list[bytes] = field(default_factory=list)
    heard: bytes = b""
    patience: threading.Event | None = None

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"


@contextmanager
def serving() -> Iterator[Pods]:
    """One that runs in threads of this process until the block ends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(PKI / "peer.crt", PKI / "peer.key")
    context.load_verify_locations(PKI / "authority.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pods = Pods(listener.getsockname()[1])

        def accept() -> None:
            while True:
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=_serve, args=(pods, context, raw))
                thread.start()
                threads.append(thread)

        accepting = threading.Thread(target=accept)
        accepting.start()
        yield pods
        listener.shutdown(socket.SHUT_RDWR)
        accepting.join()
    for thread in threads:
        thread.join()


def _serve(pods: Pods, context: ssl.SSLContext, raw: socket.socket) -> None:
    with suppress(OSError), context.wrap_socket(raw, server_side=True) as peer:
        pods.open += 1
        try:
            _answer(pods, peer)
        finally:
            pods.open -= 1


def _answer(pods: Pods, peer: ssl.SSLSocket) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    lines = head.decode().split("\r\n")
    pods.paths.append(lines[0].split()[1])
    headers = dict(line.split(": ", 1) for line in lines[1:] if line)
    behaviour = pods.script.pop(0) if pods.script else "echo"
    if behaviour == "404":
        body = json.dumps({"message": 'pods "web" not found'}).encode()
        peer.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        return
    key = headers["Sec-WebSocket-Key"].encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
    accept = base64.b64encode(hashlib.sha1(key).digest()).decode()  # noqa: S324 - the protocol's
    protocol = "something.else" if behaviour == "other" else headers["Sec-WebSocket-Protocol"]
    peer.sendall(f"HTTP/1.1 101 OK\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode())
    if "/exec?" in pods.paths[-1]:
        _run(pods, peer)
        return
    for channel in (0, 1):
        peer.sendall(_frame(0x82, bytes([channel]) + struct.pack("<H", 80)))
    if behaviour == "refuse":
        peer.sendall(_frame(0x82, b"\x01" + REFUSED.encode()))
        return
    if behaviour == "greet":
        peer.sendall(_frame(0x89, b"?") + _frame(0x02, b"\x00hel") + _frame(0x80, b"lo") + _frame(0x88, b""))
        assert _read(peer) == (0xA, b"?")
        return
    while (message := _read(peer))[0] == 0x2:
        if behaviour == "lose":
            peer.sendall(_frame(0x82, b"\x01lost connection to pod"))
            return
        if behaviour == "break":
            return
        peer.sendall(_frame(0x82, message[1]))


def _run(pods: Pods, peer: ssl.SSLSocket) -> None:
    if "stdin=true" in pods.paths[-1]:
        while (message := _read(peer)[1]) != b"\xff\x00":
            pods.heard += message[1:]
    for message in pods.says:
        peer.sendall(_frame(0x82, message))
    if pods.patience is not None:
        pods.patience.wait(30)
    peer.sendall(_frame(0x88, b""))


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    return bytes([first, 126]) + struct.pack("!H", size) + payload if size < 1 << 16 else bytes([first, 127]) + struct.pack("!Q", size) + payload


def _exactly(peer: ssl.SSLSocket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = peer.recv(size - len(data))
        if not piece:
            raise ConnectionError
        data += piece
    return bytes(data)


def _read(peer: ssl.SSLSocket) -> tuple[int, bytes]:
    first, second = _exactly(peer, 2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", _exactly(peer, 2))
    elif size == 127:
        (size,) = struct.unpack("!Q", _exactly(peer, 8))
    mask = _exactly(peer, 4)
    payload = _exactly(peer, size)
    return first & 0xF, (int.from_bytes(payload) ^ int.from_bytes((mask * (size // 4 + 1))[:size])).to_bytes(size)
