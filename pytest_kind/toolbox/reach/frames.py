"""What goes over a relay's standard input and output: frames of many connections. Pure.

A frame is the connection's number (4 bytes), its kind (1 byte), its content's length (4 bytes), and the content. Number 0 is the
relay itself. Each side may have :data:`WINDOW` bytes of a connection on their way, and more when the other one has taken some: so one
connection that nobody reads holds up no other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from pytest_kind.errors import KindError

WINDOW = 256 << 10
_HEADER = struct.Struct("!IBI")
_COUNT = struct.Struct("!I")


class Kind(IntEnum):
    """What a frame says."""

    OPEN = 1
    """From the relay: a client has connected; the content is its address."""
    DATA = 2
    END = 3
    """One direction has ended, and the other one goes on."""
    RESET = 4
    """The connection is broken."""
    TAKEN = 5
    """So many bytes have left for where they were to go."""
    LISTENING = 6
    """From the relay: on this port."""
    GO = 7
    """To the relay: from now on clients are to be passed on. From it: they are."""


_KINDS = frozenset(Kind)
_SHOWN = 300  # bytes


@dataclass(frozen=True, slots=True)
class Frame:
    """One of them."""

    stream: int
    kind: Kind
    content: bytes = b""

    def encode(self) -> bytes:
        """As it is sent."""
        return _HEADER.pack(self.stream, self.kind, len(self.content)) + self.content


def taken(stream: int, count: int) -> Frame:
    """A ``TAKEN`` frame."""
    return Frame(stream, Kind.TAKEN, _COUNT.pack(count))


def count_of(frame: Frame) -> int:
    """How many bytes a ``TAKEN`` frame is about."""
    return int(_COUNT.unpack(frame.content)[0])


class Decoder:
    """Frames out of pieces that begin and end anywhere."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, piece: bytes) -> Iterator[Frame]:
        """Those that are whole now.

        Raises:
            KindError: they are none.
        """
        self._rest += piece
        while len(self._rest) >= _HEADER.size:
            stream, kind, length = _HEADER.unpack_from(self._rest)
            if kind not in _KINDS:  # an engine's error, where it could not start the program
                raise KindError(f"the relay said {bytes(self._rest[:_SHOWN]).decode(errors='replace').strip()!r}")
            end = _HEADER.size + length
            if len(self._rest) < end:
                return
            content = bytes(self._rest[_HEADER.size : end])
            del self._rest[:end]
            yield Frame(stream, Kind(kind), content)
