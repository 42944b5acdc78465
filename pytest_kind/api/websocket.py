"""The client's side of the WebSocket protocol (RFC 6455), over asyncio: as much as Kubernetes' streams take.

Not ``websocket-client``, which blocks: two directions at once on one TLS connection then take two threads that share it,
or stop each other when both sides' buffers are full.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import ssl
import struct
from typing import Final
from urllib.parse import urlsplit

from pytest_kind.api.http import ApiError
from pytest_kind.api.reasons import failure, refusal
from pytest_kind.errors import KindError

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_GUID: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_FINAL, _MASKED = 0x80, 0x80
_SHORT, _MEDIUM = 125, 0xFFFF
_HEAD = 64 << 10  # more than any answer's headers
_SWITCHING = 101
_GOODBYE = 1.0


class Refused(ApiError):
    """The server did not switch to the protocol."""


class Broken(KindError):
    """The connection was lost in the middle."""


class WebSocket:
    """An open one. For one task that reads and one that writes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def connect(cls, server: str, path: str, protocol: str, context: ssl.SSLContext) -> WebSocket:
        """Opens one.

        Args:
            server: the API server's URL.
            protocol: the subprotocol that it must agree to.

        Raises:
            Refused: it cannot be reached, or answers with something else.
        """
        where = urlsplit(server)
        try:
            reader, writer = await asyncio.open_connection(where.hostname, where.port, ssl=context, limit=_HEAD)
        except OSError as error:
            raise Refused(0, failure(error), f"GET {server}{path}") from error
        try:
            await _shake_hands(reader, writer, (where.netloc, path, protocol))
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            writer.transport.abort()
            raise Refused(0, f"the server ended the connection: {failure(error)}", f"GET {server}{path}") from error
        except BaseException:
            writer.transport.abort()
            raise
        return cls(reader, writer)

    async def send(self, payload: bytes) -> None:
        """Sends a binary message, and waits while the server does not keep up.

        Raises:
            Broken: the connection is.
        """
        try:
            self._writer.write(frame(BINARY, payload))
            await self._writer.drain()
        except OSError as error:
            raise Broken(f"the connection to the API server broke: {error}") from error

    async def receive(self) -> bytes | None:
        """The next message; nothing when the server closed it, in whatever way.

        Raises:
            Broken: the connection is.
        """
        message = b""
        while True:
            try:
                kind, final, payload = await self._frame()
            except asyncio.IncompleteReadError:
                return None
            except OSError as error:
                raise Broken(f"the connection to the API server broke: {error}") from error
            if kind == CLOSE:
                return None
            if kind == PING:
                self._writer.write(frame(PONG, payload))
            elif kind != PONG:
                message += payload
                if final:
                    return message

    async def close(self) -> None:
        """Says so, delivers what is still to be sent, and ends the connection; within a second, whatever the server does."""
        try:
            if not self._writer.is_closing():
                self._writer.write(frame(CLOSE, struct.pack("!H", 1000)))
                self._writer.close()
            async with asyncio.timeout(_GOODBYE):
                await self._writer.wait_closed()
        except (OSError, TimeoutError):
            pass  # it is over either way
        finally:
            self._writer.transport.abort()

    async def _frame(self) -> tuple[int, bool, bytes]:
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length > _SHORT:
            form = "!H" if length == _SHORT + 1 else "!Q"
            (length,) = struct.unpack(form, await self._reader.readexactly(struct.calcsize(form)))
        return first & 0x0F, bool(first & _FINAL), await self._reader.readexactly(length)


def frame(kind: int, payload: bytes) -> bytes:
    """A whole message in one frame, masked as a client's must be (section 5.3)."""
    size = len(payload)
    if size <= _SHORT:
        length = bytes([_MASKED | size])
    elif size <= _MEDIUM:
        length = bytes([_MASKED | (_SHORT + 1)]) + struct.pack("!H", size)
    else:
        length = bytes([_MASKED | (_SHORT + 2)]) + struct.pack("!Q", size)
    key = os.urandom(4)
    mask = (key * (size // 4 + 1))[:size]
    # One long number at a time: a loop over bytes would be a thousand times slower.
    masked = (int.from_bytes(payload) ^ int.from_bytes(mask)).to_bytes(size)
    return bytes([_FINAL | kind]) + length + key + masked


async def _shake_hands(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: tuple[str, str, str]) -> None:
    host, path, protocol = request
    key = base64.b64encode(os.urandom(16))
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key.decode()}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n".encode()
    )
    status_line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(status_line.split()[1])
    if status != _SWITCHING:
        length = int(headers.get("content-length", 0))
        raise Refused(status, refusal(status, await reader.readexactly(min(length, _HEAD))), f"GET {path}")
    wanted = base64.b64encode(hashlib.sha1(key + _GUID).digest()).decode()  # noqa: S324 - the protocol's choice, no secret
    if headers.get("sec-websocket-accept") != wanted or headers.get("sec-websocket-protocol") != protocol:
        raise Refused(status, f"the server does not speak {protocol}", f"GET {path}")
