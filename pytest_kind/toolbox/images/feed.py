"""One stream for several readers at their own pace, none more than a few pieces behind."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from pytest_kind.errors import ImageError

_PIECES = 8  # of up to a mebibyte: what one reader may be behind


class Abandoned(ImageError):
    """What a reader meets when the stream it reads from broke off."""


class Feed:
    """What one node's command reads. One thread puts, another iterates; either may go first."""

    def __init__(self) -> None:
        self._pieces: deque[bytes] = deque()
        self._change = threading.Condition()
        self._ended = self._left = False
        self._broken: str | None = None

    @property
    def wanted(self) -> bool:
        """Whether anybody still reads."""
        return not self._left

    def put(self, piece: bytes) -> None:
        """Waits while the reader is behind; does nothing when it is gone."""
        with self._change:
            self._change.wait_for(lambda: self._left or len(self._pieces) < _PIECES)
            if not self._left:
                self._pieces.append(piece)
                self._change.notify_all()

    def end(self, broken: str | None = None) -> None:
        """No more comes: all is there, or the stream broke off."""
        with self._change:
            self._ended, self._broken = True, broken
            self._change.notify_all()

    def leave(self) -> None:
        """The reader needs no more."""
        with self._change:
            self._left = True
            self._pieces.clear()
            self._change.notify_all()

    def __iter__(self) -> Iterator[bytes]:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._pieces or self._ended or self._left)
                if self._broken is not None:
                    raise Abandoned(self._broken)
                if not self._pieces:
                    return
                piece = self._pieces.popleft()
                self._change.notify_all()
            yield piece
