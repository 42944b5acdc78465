"""The two directions of an attached command at once, over the engine's hijacked connection."""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from typing import IO, Any

from pytest_kind.errors import EngineError

_HEADER = 8  # bytes: which stream, and how long its next piece is
_STDOUT = 1
_GRACE_SECONDS = 5.0
_COMPLAINTS = 4096  # bytes
_PIECE = 1 << 18


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
        with _reader(connection, raw) as reader:
            stdout, output = _frames(reader)
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


def heard(connection: Any, seconds: float) -> tuple[bytes, bytes]:  # noqa: ANN401 - as above
    """Reads until the command ends. (docker-py reads beside the answer's buffer, and loses what came together with the answer.).

    Returns:
        What it wrote to standard output, and to both streams.

    Raises:
        OSError: the connection broke, or nothing moved for ``seconds``.
    """
    raw: socket.socket = getattr(connection, "_sock", connection)
    raw.settimeout(seconds + _GRACE_SECONDS)
    with _reader(connection, raw) as reader:
        return _frames(reader)


class Attached:
    """A command that lasts (see :class:`~pytest_kind.provision.provider.Conversation`)."""

    def __init__(self, connection: Any) -> None:  # noqa: ANN401 - as above
        self._connection = connection
        self._raw: socket.socket = getattr(connection, "_sock", connection)
        self._closing = contextlib.ExitStack()
        self._reader: Any = self._closing.enter_context(_reader(connection, self._raw))
        self._rest, self._complaints = bytearray(), bytearray()
        # A TLS connection bears one call at a time: so its calls do not wait, and waiting is done outside of them.
        tls = isinstance(self._raw, ssl.SSLSocket)
        self._raw.settimeout(0.0 if tls else None)
        self._turn: contextlib.AbstractContextManager[Any] = threading.Lock() if tls else contextlib.nullcontext()

    def send(self, content: bytes) -> None:
        left = memoryview(content)
        try:
            while left:
                try:
                    with self._turn:
                        left = left[self._raw.send(left) :]
                except ssl.SSLWantWriteError:
                    select.select([], [self._raw], [])
        except (OSError, ValueError) as error:  # the second: it was closed here
            raise EngineError(f"the command's connection is over: {error}") from error

    def receive(self) -> bytes:
        while piece := self._piece():
            self._rest += piece
            found = bytearray()
            while len(self._rest) >= _HEADER:
                stream, length = struct.unpack_from(">BxxxL", self._rest)
                if len(self._rest) < _HEADER + length:
                    break
                content = self._rest[_HEADER : _HEADER + length]
                del self._rest[: _HEADER + length]
                if stream == _STDOUT:
                    found += content
                else:
                    self._complaints = (self._complaints + content)[-_COMPLAINTS:]
            if found:
                return bytes(found)
        return b""

    def _piece(self) -> bytes:
        try:
            while True:
                try:
                    with self._turn:
                        return bytes(self._reader.read1(_PIECE))
                except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    select.select([self._raw], [], [])
        except (OSError, ValueError):
            return b""  # the end as well: of a connection that broke, or was closed here

    @property
    def complaints(self) -> str:
        return self._complaints.decode(errors="replace").strip()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # it is over already
            self._raw.shutdown(socket.SHUT_RDWR)  # wakes whoever receives; only then can it be closed
        self._closing.close()
        getattr(self._connection, "_response", self._connection).close()


def _reader(connection: Any, raw: socket.socket) -> contextlib.AbstractContextManager[IO[bytes]]:  # noqa: ANN401 - as above
    """Where to read from: what came together with the engine's answer is in that answer's buffer, not in the socket any more."""
    response = getattr(connection, "_response", None)
    return raw.makefile("rb") if response is None else contextlib.nullcontext(response.raw._fp.fp)  # noqa: SLF001 - docker-py's own way


def _frames(reader: IO[bytes]) -> tuple[bytes, bytes]:
    stdout, output = bytearray(), bytearray()
    while header := _header(reader):
        stream, length = struct.unpack(">BxxxL", header)
        piece = reader.read(length)
        if len(piece) < length:
            raise ConnectionError("the engine's stream ended within a piece")
        output += piece
        if stream == _STDOUT:
            stdout += piece
    return bytes(stdout), bytes(output)


def _header(reader: IO[bytes]) -> bytes:
    try:
        header = reader.read(_HEADER)
    except ConnectionResetError:
        return b""  # the end too: that of a connection whose other side had not read all that was sent
    if 0 < len(header) < _HEADER:
        raise ConnectionError("the engine's stream ended within a header")
    return header
