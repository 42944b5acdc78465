"""The two directions of an attached command at once, over the engine's hijacked connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable
from typing import Any

_HEADER = 8  # bytes: which stream, and how long its next piece is
_STDOUT = 1


def talk(connection: Any, chunks: Iterable[bytes], seconds: float) -> tuple[bytes, bytes]:  # noqa: ANN401 - docker-py gives a SocketIO or an SSL socket
    """Sends the chunks and reads until the command ends.

    Returns:
        What it wrote to standard output, and to both streams.

    Raises:
        OSError: the connection broke, or nothing moved for ``seconds``.
    """
    raw: socket.socket = getattr(connection, "_sock", connection)
    raw.settimeout(seconds + 5)
    trouble: list[Exception] = []

    def send() -> None:
        try:
            for chunk in chunks:
                raw.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return  # the command ended early: how is in its output and exit code
        except Exception as error:  # noqa: BLE001 - raised by the caller's thread
            trouble.append(error)
        finally:
            with contextlib.suppress(OSError):  # the command ended already
                raw.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, name="pytest-kind-stdin", daemon=True)
    sender.start()
    stdout, output = bytearray(), bytearray()
    while header := _exactly(raw, _HEADER):
        stream, length = struct.unpack(">BxxxL", header)
        piece = _exactly(raw, length)
        output += piece
        if stream == _STDOUT:
            stdout += piece
    sender.join()
    if trouble:
        raise trouble[0]
    return bytes(stdout), bytes(output)


def _exactly(raw: socket.socket, length: int) -> bytes:
    found = bytearray()
    while len(found) < length:
        piece = raw.recv(length - len(found))
        if not piece:
            return b""
        found += piece
    return bytes(found)
