"""The two directions of an attached command at once, over the engine's hijacked connection."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterable
from typing import IO, Any

_HEADER = 8  # bytes: which stream, and how long its next piece is
_STDOUT = 1
_GRACE_SECONDS = 5.0


def talk(connection: Any, chunks: Iterable[bytes], seconds: float) -> tuple[bytes, bytes]:  # noqa: ANN401 - docker-py gives a SocketIO
    """Sends the chunks and reads until the command ends.

    A thread sends, so that a command that writes much before it has read all does not wait for us while we wait for it. When
    ``chunks`` raises, the command meets the end of its input there, and the error is raised once it has ended.

    Returns:
        What it wrote to standard output, and to both streams.

    Raises:
        OSError: the connection broke, or nothing moved for ``seconds``.
    """
    raw: socket.socket = getattr(connection, "_sock", connection)
    raw.settimeout(seconds + _GRACE_SECONDS)
    trouble: list[BaseException] = []

    def send() -> None:
        try:
            for chunk in chunks:
                raw.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            return  # the command ended early: how is in its output and exit code
        except BaseException as error:  # noqa: BLE001 - raised by the caller's thread
            trouble.append(error)
        finally:
            with contextlib.suppress(OSError):  # the command ended already
                raw.shutdown(socket.SHUT_WR)

    sender = threading.Thread(target=send, name="pytest-kind-stdin", daemon=True)
    sender.start()
    try:
        stdout, output = _frames(_reader(connection, raw))
    except BaseException:
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)  # lets go of a sender that waits for room
        raise
    with contextlib.suppress(OSError):
        raw.shutdown(socket.SHUT_RDWR)  # the same for a command that ended without having read all
    sender.join()
    if trouble:
        raise trouble[0]
    return stdout, output


def _reader(connection: Any, raw: socket.socket) -> IO[bytes]:  # noqa: ANN401 - as above
    """Where to read from: what came together with the engine's answer is in that answer's buffer, not in the socket any more."""
    response = getattr(connection, "_response", None)
    return raw.makefile("rb") if response is None else response.raw._fp.fp  # noqa: SLF001 - docker-py's own way


def _frames(reader: IO[bytes]) -> tuple[bytes, bytes]:
    stdout, output = bytearray(), bytearray()
    while header := reader.read(_HEADER):
        if len(header) < _HEADER:
            raise ConnectionError("the engine's stream ended within a header")
        stream, length = struct.unpack(">BxxxL", header)
        piece = reader.read(length)
        if len(piece) < length:
            raise ConnectionError("the engine's stream ended within a piece")
        output += piece
        if stream == _STDOUT:
            stdout += piece
    return bytes(stdout), bytes(output)
