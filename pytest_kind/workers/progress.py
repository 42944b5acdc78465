"""Progress of work that somebody else may break off: it does so at the next sign of life."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from pytest_kind.errors import KindError
from pytest_kind.progress import Progress


class RunEnds(KindError):
    """The run ends before this was done."""

    def __init__(self) -> None:
        super().__init__("the run ends")


class StoppableProgress(Progress):
    """Shows in another one.

    Args:
        shown: where; with lines that stay, since several may write at once.
        prefix: before each line.
    """

    def __init__(self, shown: Progress, prefix: str = "") -> None:
        super().__init__()
        self._shown, self._prefix, self._stopped = shown, prefix, threading.Event()

    def stop(self) -> None:
        """The work is to end."""
        self._stopped.set()

    def note(self, text: str) -> None:
        self._shown.note(f"{self._prefix}{text}")

    def tick(self, detail: str = "") -> None:
        if self._stopped.is_set():
            raise RunEnds
        self._shown.tick(detail)

    def _begin(self, what: str, usual: float | None) -> None:
        if self._stopped.is_set():
            raise RunEnds
        self._shown._begin(f"{self._prefix}{what}", usual)  # noqa: SLF001 - the same class

    def _end(self, what: str, seconds: float, ended: str, details: Sequence[str]) -> None:
        self._shown._end(f"{self._prefix}{what}", seconds, ended, details)  # noqa: SLF001

    def _forget(self) -> None:
        self._shown._forget()  # noqa: SLF001
