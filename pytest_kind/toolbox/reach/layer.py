"""What is between a client's bytes and a server's: nothing, or TLS that ends here. No input or output of its own."""

from __future__ import annotations

import contextlib
import ssl
from typing import Protocol

_CHUNK = 64 << 10


class Layer(Protocol):
    """One connection's."""

    @property
    def ready(self) -> bool:
        """Whether the server's bytes can be encoded."""

    def decode(self, content: bytes) -> bytes:
        """What the client's bytes are to the server. Raises ``ssl.SSLError``."""

    def encode(self, content: bytes) -> None:
        """Takes what the server said; :meth:`take` has what it is to the client."""

    def end(self) -> None:
        """The server says no more."""

    def take(self, count: int) -> bytes:
        """So many of the bytes that are to go to the client, at most; nothing when there are none."""


class Nothing:
    """Bytes as they are."""

    ready = True

    def __init__(self) -> None:
        self._out = bytearray()

    def decode(self, content: bytes) -> bytes:
        return content

    def encode(self, content: bytes) -> None:
        self._out += content

    def end(self) -> None: ...

    def take(self, count: int) -> bytes:
        content = bytes(self._out[:count])
        del self._out[:count]
        return content


class ServerTls:
    """The server's side of TLS."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_side=True)
        self.ready = False

    def decode(self, content: bytes) -> bytes:
        self._in.write(content)
        found = bytearray()
        with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLZeroReturnError):  # both have said goodbye: the server before the client
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            while piece := self._tls.read(_CHUNK):
                found += piece
        return bytes(found)

    def encode(self, content: bytes) -> None:
        self._tls.write(content)

    def end(self) -> None:
        with contextlib.suppress(ssl.SSLError):  # the client has not said so yet, or not even shaken hands
            self._tls.unwrap()

    def take(self, count: int) -> bytes:
        return self._out.read(count)
